"""What is known of a weights file: it travels inside the file and, for bundled files, in the manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from math import isfinite
from typing import Any

from napari_medseg.errors import WeightsError
from napari_medseg.networks import InputSpec, full_options, get_spec, list_networks


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsEntry:
    """Facts about one weights file.

    Parameters
    ----------
    id : str
        ``network/task@version``.
    network, task : str
    version : int
        Counts from 1.
    licence : str
        ``cc0``, ``research-only``, ``local`` (trained by the user), ...
    trained_on : tuple of str
        Names of the training sets.
    classes : tuple of str
        Names of the foreground classes, in the order of the output.
    input_size : tuple of int
        Side lengths (y, x), of volumes (z, y, x), the network was trained at last, px.
    spacing : tuple of float or None
        Of the voxels (z, y, x) it was trained on, mm; other volumes are resampled to it.
    window : tuple of float or None
        Intensities of a volume that count as 0 and 1; None: its percentiles.
    options : mapping
        Of the network, all that it declares and others.
    intensity : mapping
        How intensities go in, as :class:`InputSpec` has ``mean``, ``std`` and ``order``; empty: as declared.
    metrics : mapping
        Scores with ``n`` and ``split``.
    training : mapping
        Seed, epochs and stages.
    size_bytes : int
        Of the file; 0 inside the file itself, where it cannot be known.
    sha256 : str
        Of the file; empty inside the file itself.
    file : str
        File name; empty inside the file itself.
    """

    id: str
    network: str
    task: str
    version: int = 1
    licence: str = "local"
    trained_on: tuple[str, ...] = ()
    classes: tuple[str, ...] = ("foreground",)
    input_size: tuple[int, ...] = (256, 256)
    spacing: tuple[float, ...] | None = None
    window: tuple[float, float] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    intensity: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    size_bytes: int = 0
    sha256: str = ""
    file: str = ""

    @property
    def output_channels(self) -> int:
        """Channels of the network's output: 1 (sigmoid) for one class, else one more than classes (softmax)."""
        return 1 if len(self.classes) == 1 else len(self.classes) + 1

    def declared_now(self) -> WeightsEntry:
        """The same, with what is declared today where a file that is written now would not tell it."""
        if self.intensity or self.network not in list_networks():
            return self
        spec = get_spec(self.network)
        return replace(self, options={**spec.options, **self.options}, intensity=intensity_of(spec.input))

    def declared_then(self) -> WeightsEntry:
        """The same, with what was declared when the file was written: one that tells no intensities is of before."""
        if self.intensity or self.network not in list_networks():
            return self
        spec = get_spec(self.network)
        before = spec.input if spec.earlier is None else spec.earlier
        return replace(self, options=full_options(self.network, self.options), intensity=intensity_of(before))

    def input_of(self, declared: InputSpec) -> InputSpec:
        """What the network takes, with this file's intensities."""
        return replace(declared, **self.intensity)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object, *, where: str) -> WeightsEntry:
        """Parse field by field.

        Parameters
        ----------
        values : mapping
            As :meth:`to_dict` gives it; unknown keys are ignored.
        where : str
            Named in the message.

        Raises
        ------
        WeightsError
            If a field is missing or cannot be what it is.
        """
        if not isinstance(values, Mapping):
            raise WeightsError(f"{where} tells of itself by {values!r:.40}; expected an object. {_AGAIN}")
        known = {f.name for f in fields(cls)}
        kept = {key: value for key, value in values.items() if key in known}
        for key, (fits, expected) in _FIELDS.items():
            if key in kept or key in ("id", "network", "task"):
                value = kept.get(key)
                if not fits(value):
                    raise WeightsError(f"'{key}' in {where} is {value!r:.80}; expected {expected}. {_AGAIN}")
                kept[key] = tuple(value) if isinstance(value, list) else value
        return cls(**kept).declared_then()


def intensity_of(source: Any) -> dict[str, Any]:
    """``mean``, ``std`` and ``order`` of an :class:`InputSpec`, or of what was declared earlier."""
    return {"mean": source.mean, "std": source.std, "order": getattr(source, "order", "rgb")}


_AGAIN = "Fetch or train the weights again."


def _text(value: object) -> bool:
    return isinstance(value, str)


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _whole(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _numbers(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, int | float) and isfinite(one) for one in value)


def _sides(value: Any) -> bool:
    return _numbers(value) and len(value) in (2, 3) and all(isinstance(one, int) and one > 0 for one in value)


def _spacing(value: Any) -> bool:
    return value is None or (_numbers(value) and len(value) == 3 and min(value) > 0)


def _window(value: Any) -> bool:
    return value is None or (_numbers(value) and len(value) == 2 and value[0] < value[1])


def _object(value: object) -> bool:
    return isinstance(value, Mapping)


def _number_or_three(value: Any) -> bool:
    return _numbers(value) and len(value) == 3 if isinstance(value, list | tuple) else _numbers([value])


def _intensity(value: Any) -> bool:
    if not isinstance(value, Mapping) or set(value) not in (set(), {"mean", "std", "order"}):
        return False
    if not value:
        return True
    spread = value["std"] if isinstance(value["std"], list | tuple) else [value["std"]]
    return (
        _number_or_three(value["mean"])
        and _number_or_three(value["std"])
        and min(spread) > 0
        and value["order"] in ("rgb", "bgr")
    )


# what a field may hold, and how that is called
_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("id", "network", "task", "licence", "sha256", "file"), (_text, "text")),
    "trained_on": (_texts, "a list of names"),
    "classes": (lambda value: _texts(value) and len(value) > 0, "a list of names, one at least"),
    **dict.fromkeys(("version", "size_bytes"), (_whole, "a whole number")),
    "input_size": (_sides, "a list of two or three sides in px"),
    "spacing": (_spacing, "a list of three sizes in mm, or null"),
    "window": (_window, "a list of two intensities, the lower one first, or null"),
    **dict.fromkeys(("options", "metrics", "training"), (_object, "an object")),
    "intensity": (_intensity, "an object with mean, std (above 0) and order ('rgb' or 'bgr'), or an empty one"),
}
