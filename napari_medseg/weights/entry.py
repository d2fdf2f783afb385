"""What is known of a weights file: it travels inside the file and, for bundled files, in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from typing import Any

from napari_medseg import fields
from napari_medseg.errors import WeightsError


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
        Of the network, beside those it declares.
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
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    size_bytes: int = 0
    sha256: str = ""
    file: str = ""

    @property
    def output_channels(self) -> int:
        """Channels of the network's output: 1 (sigmoid) for one class, else one more than classes (softmax)."""
        return 1 if len(self.classes) == 1 else len(self.classes) + 1

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
        return cls(**kept)


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


# what a field may hold, and how that is called
_FIELDS: Mapping[str, fields.Check] = {
    **dict.fromkeys(("id", "network", "task", "licence", "sha256", "file"), fields.TEXT),
    "trained_on": fields.TEXTS,
    "classes": fields.NAMES,
    "version": fields.whole(),
    "size_bytes": fields.whole(most=10**15),
    "input_size": fields.SIDES,
    "spacing": fields.optional(fields.SPACING),
    "window": fields.optional(fields.WINDOW),
    "options": (_options, f"an object of sizes up to {_LARGEST}"),
    **dict.fromkeys(("metrics", "training"), fields.OBJECT),
}
