"""What is known of a weights file: it travels inside the file and, for bundled files, in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import Any

from napari_medseg import fields
from napari_medseg.classes import class_labels
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
    labels : tuple of int
        Their numbers in masks, 1 to 255, ascending; none given: 1, 2, ...
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
    notices : tuple of str
        Of works by others that are inside, such as a pretrained encoder: what it is, whose, and its licence.
    kinds : mapping
        Of a file that knows several kinds of images: ``dice`` on ``n`` images it had not seen, by kind, each named as
        the task of a specialist is. Measured with the finished file, and so in the manifest alone.
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
    labels: tuple[int, ...] = ()
    input_size: tuple[int, ...] = (256, 256)
    spacing: tuple[float, ...] | None = None
    window: tuple[float, float] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    intensity: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    size_bytes: int = 0
    sha256: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", class_labels(self.classes, self.labels))

    @property
    def dice(self) -> float | None:
        """What the file says of its Dice; None where that is nothing, or no score."""
        score = self.metrics.get("dice")
        fits, _ = fields.number(0, 1)
        return float(score) if score is not None and fits(score) else None

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it may be chosen for: its own task, and the kinds of images that it knows."""
        return (self.task, *(kind for kind in self.kinds if kind != self.task))

    def dice_on(self, task: str) -> float | None:
        """Its Dice on one of its tasks; None where nothing is known."""
        return float(self.kinds[task]["dice"]) if task in self.kinds else self.dice if task == self.task else None

    def merit_on(self, task: str) -> tuple[float, int, float]:
        """Its Dice on one of its tasks, to the hundredth that people read; the network's parameters; the whole Dice.

        Of networks that are level the larger one holds better on images of other devices: on those of PH2 and STU,
        which neither has seen, SGD-Net (small) has 0.90 and 0.89, CMUNeXt-XXS 0.88 and 0.77.
        """
        size = (get_spec(self.network).parameters or 0) if self.network in list_networks() else 0
        score = self.dice_on(task) or 0
        return round(score, 2), size, score

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
        known = {f.name for f in dataclass_fields(cls)}
        kept = {key: value for key, value in values.items() if key in known}
        wrong = fields.wrong_field(kept, _FIELDS, where, required=("id", "network", "task"))
        if wrong is not None:
            raise WeightsError(f"{wrong} {_AGAIN}")
        kept = {key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()}
        try:
            return cls(**kept).declared_then()
        except ValueError as error:
            raise WeightsError(f"'labels' in {where}: {error}. {_AGAIN}") from error


def intensity_of(source: Any) -> dict[str, Any]:
    """``mean``, ``std`` and ``order`` of an :class:`InputSpec`, or of what was declared earlier."""
    return {"mean": source.mean, "std": source.std, "order": getattr(source, "order", "rgb")}


_AGAIN = "Fetch or train the weights again."
# channels, repetitions: beyond, building the network would take for ever
_LARGEST = 4096


def _options(value: Any) -> bool:
    def small(one: object) -> bool:
        if isinstance(one, list | tuple):
            return len(one) <= 64 and all(small(each) for each in one)
        return one is None or isinstance(one, str | bool) or (isinstance(one, int | float) and abs(one) <= _LARGEST)

    # how many channels go in and come out is not the options' to say
    return (
        fields.plain(value)
        and all(small(one) for one in value.values())
        and not {"classes", "in_channels"} & set(value)
    )


def _number_or_three(value: Any) -> bool:
    return fields.numbers(value) and len(value) == 3 if isinstance(value, list | tuple) else fields.numbers([value])


def _intensity(value: Any) -> bool:
    if not isinstance(value, Mapping) or set(value) not in (set(), {"mean", "std", "order"}):
        return False
    if not value:
        return True
    if not (_number_or_three(value["mean"]) and _number_or_three(value["std"])):
        return False
    spread = value["std"] if isinstance(value["std"], list | tuple) else [value["std"]]
    return min(spread) > 0 and value["order"] in ("rgb", "bgr")


def _kinds(value: Any) -> bool:
    dice, count = fields.number(0, 1)[0], fields.whole(1)[0]
    return isinstance(value, Mapping) and all(
        fields.text(kind) and isinstance(score, Mapping) and dice(score.get("dice")) and count(score.get("n"))
        for kind, score in value.items()
    )


# what a field may hold, and how that is called
_FIELDS: Mapping[str, fields.Check] = {
    **dict.fromkeys(("id", "network", "task", "licence", "sha256", "file"), fields.TEXT),
    **dict.fromkeys(("trained_on", "notices"), fields.TEXTS),
    "classes": fields.NAMES,
    "labels": fields.CLASSES,
    "version": fields.whole(),
    "size_bytes": fields.whole(most=10**15),
    "input_size": fields.SIDES,
    "spacing": fields.optional(fields.SPACING),
    "window": fields.optional(fields.WINDOW),
    "options": (_options, f"an object of sizes up to {_LARGEST}"),
    **dict.fromkeys(("metrics", "training"), fields.OBJECT),
    "kinds": (_kinds, "an object that gives dice (0 to 1) and n for each kind"),
    "intensity": (_intensity, "an object with mean, std (above 0) and order ('rgb' or 'bgr'), or an empty one"),
}
