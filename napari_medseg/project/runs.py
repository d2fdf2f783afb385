"""A training run as data: what the app asks for (:class:`RunSpec`) and what the trainer tells (events).

This is the whole contract between ``napari_medseg`` and ``src_train``: a folder with ``spec.json`` going in, and
``events.jsonl``, ``checkpoint.pt`` and ``weights.safetensors`` coming out.
A file ``cancel`` in it asks the trainer to end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from napari_medseg import fields
from napari_medseg.classes import class_labels
from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io.labels import LabelRule
from napari_medseg.plain import read_plain

SPEC_FILE = "spec.json"
EVENTS_FILE = "events.jsonl"
CHECKPOINT_FILE = "checkpoint.pt"
WEIGHTS_FILE = "weights.safetensors"
CANCEL_FILE = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An image and its mask on disk.

    Parameters
    ----------
    name : str
        Shown in reports.
    image, mask : str
        Paths; relative ones count from the run's folder.
    group : str
        Patient, sequence or the like; empty: the pair stands alone.
    weight : float
        How often it is drawn against others, where a run draws (``epoch_images``).
    focus : str
        Path of a mask of pixels that count for more: a rim that a person corrected; empty: all count alike.
    white : bool
        The mask is in black and white, whatever numbers the others have: white is the foreground.
    """

    name: str
    image: str
    mask: str
    group: str = ""
    weight: float = 1.0
    focus: str = ""
    white: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Some epochs at one size of the network's input, px: the side of a square, or (z, y, x) of a volume's window."""

    size: int | tuple[int, ...]
    epochs: int

    @property
    def sides(self) -> tuple[int, ...]:
        """(y, x) or (z, y, x)."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that decides the outcome of a training run.

    Parameters
    ----------
    network, task : str
    options : mapping
        Of the network, beside those it declares: ablations.
    train, val : tuple of Pair
        ``val`` may be empty; then the last weights are kept, else those that ``choose_best`` says.
    start_from : str or None
        Weights id or path to fine-tune from; None: fresh weights.
    keep_from : str or None
        Weights id or path; the result is the mean of these and of what training comes to, each tensor for itself, so
        that less is unlearned (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    keep_share : float
        Of ``keep_from`` in the mean, in [0, 1].
    pretrained : str or None
        Path of a file with the backbone's published weights, for fresh ones.
    pipeline : str or None
        How intensities go into a fresh network, as :mod:`napari_medseg.weights.pipeline` names it; None: as declared.
    stages : tuple of Stage
        In order; the weights that score best are chosen from all of them.
    batch_size : int
        Of all processes together.
    accumulate : int
        A batch goes through the network in so many parts, for less memory.
    precision : str
        ``auto``, ``no``, ``bf16`` or ``fp16``.
    patience : int or None
        Validations without a better score after which training stops; None: never.
    augmentation : str
        Name known to ``src_train.augment``.
    spacing : tuple of float or None
        Of voxels (z, y, x), mm: volumes are resampled to it.
    window : tuple of float or None
        Intensities of a volume that count as 0 and 1; None: its percentiles.
    learning_rate : float or None
        None: the recipe's.
    schedule : str or None
        None: the recipe's.
    encoder_rate : float
        Learning rate of the encoder as a share of the others': below 1 for one that is pretrained.
    clock : bool
        The schedule follows the time budget, over all sittings, instead of the epochs: when the time is used up, the
        learning rate has come to its end, however fast the machine.
    average : float or None
        Decay a step of a moving average of the weights, which is scored beside the weights themselves; None: there is
        none.
    seed : int
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    time_budget_minutes : float or None
        Stop after the epoch in which this is used up. Not part of what decides the outcome: a run that was stopped
        goes on from its checkpoint with more.
    fit_budget : bool
        Plan only as many epochs as the time budget allows, so that the learning rate comes down and the last weights
        are scored whatever the machine.
    augment : bool
    epoch_images : int or None
        Draw so many pairs an epoch, by weight and with replacement; None: each pair once.
    freeze_norm : bool
        Keep the statistics of batch norms as they are: for rounds on a handful of images.
    validate_every : int
        Epochs between validations.
    choose_best : bool
        Of the weights that were scored take the best; else the last. Few cases that also judge a run must not choose.
    classes : tuple of str
        Foreground classes.
    labels : tuple of int
        Their numbers, 1 to 255, ascending; none given: 1, 2, ...
    mapping : tuple of (first, last, number of the class)
        These numbers in the masks stand for that class.
    ignore : int or None
        Pixels of this number, as mapped, count neither in the loss nor in the scores.
    licence : str
    trained_on : tuple of str
        Names of training sets, for the weights' entry.
    version : int
        Of the resulting weights.
    nice : int
        Added to the process's niceness where the system has one, so that a viewer beside it stays quick.
    """

    network: str
    task: str
    train: tuple[Pair, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    val: tuple[Pair, ...] = ()
    start_from: str | None = None
    keep_from: str | None = None
    keep_share: float = 0.5
    pretrained: str | None = None
    pipeline: str | None = None
    stages: tuple[Stage, ...] = (Stage(size=256, epochs=300),)
    batch_size: int = 8
    accumulate: int = 1
    precision: str = "auto"
    patience: int | None = None
    augmentation: str = "full"
    spacing: tuple[float, ...] | None = None
    window: tuple[float, float] | None = None
    learning_rate: float | None = None
    schedule: str | None = None
    encoder_rate: float = 1.0
    clock: bool = False
    average: float | None = None
    seed: int = 0
    device: str = "auto"
    time_budget_minutes: float | None = None
    fit_budget: bool = False
    augment: bool = True
    epoch_images: int | None = None
    freeze_norm: bool = False
    validate_every: int = 1
    choose_best: bool = True
    classes: tuple[str, ...] = ("foreground",)
    labels: tuple[int, ...] = ()
    mapping: tuple[tuple[int, int, int], ...] = ()
    ignore: int | None = None
    licence: str = "local"
    trained_on: tuple[str, ...] = ()
    version: int = 1
    nice: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", class_labels(self.classes, self.labels))

    @property
    def rule(self) -> LabelRule:
        """How the numbers in masks are read."""
        return LabelRule(mapping=self.mapping, ignore=self.ignore)

    @property
    def named(self) -> dict[int, str]:
        """Names of the classes by their numbers."""
        return dict(zip(self.labels, self.classes, strict=True))

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "spec.json") -> RunSpec:
        """Parse field by field.

        Raises
        ------
        InputError
            If the text is no JSON object, or a field is unknown, missing or empty.
        """
        try:
            values = fields.parse_json(text)
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{where} is no JSON ({error}). {_AGAIN}") from error
        if not isinstance(values, dict):
            raise InputError(f"{where} is {type(values).__name__}; expected an object. {_AGAIN}")
        unknown = sorted(set(values) - {f.name for f in dataclass_fields(cls)})
        if unknown:
            raise InputError(f"{where} has an unknown field {fields.shown(unknown[0])}. Remove it or update medseg.")
        wrong = fields.wrong_field(values, _FIELDS, where, required=("network", "task", "train"))
        if wrong is not None:
            raise InputError(f"{wrong} {_AGAIN}")
        for key in ("train", "val"):
            values[key] = tuple(Pair(**pair) for pair in values.get(key, ()))
        if "stages" in values:
            values["stages"] = tuple(_stage(stage) for stage in values["stages"])
        for key in ("classes", "labels", "trained_on", "spacing", "window"):
            if values.get(key) is not None:
                values[key] = tuple(values[key])
        if "mapping" in values:
            values["mapping"] = tuple(tuple(part) for part in values["mapping"])
        try:
            spec = cls(**values)
            # says what is wrong with it
            _ = spec.rule
        except ValueError as error:
            raise InputError(f"labels in {where}: {error}. {_AGAIN}") from error
        if not spec.train:
            raise InputError(f"{where} has no training pairs; expected at least one. Accept a correction first.")
        if spec.clock and not spec.time_budget_minutes:
            raise InputError(
                f"clock in {where} is true without time_budget_minutes; expected minutes that the schedule can follow. "
                "Name them, or set clock to false."
            )
        return spec

    @classmethod
    def read(cls, path: str | Path) -> RunSpec:
        """From a run's file.

        Raises
        ------
        InputError
            If it cannot be read, or is none.
        """
        path = Path(path)
        try:
            return cls.from_json(read_plain(path), where=str(path))
        except OSError as error:
            raise ImageReadError(f"{path} cannot be read ({error.strerror}). Name a run's folder.") from error


def _stage(values: dict[str, Any]) -> Stage:
    size = values.get("size")
    return Stage(**{**values, "size": tuple(size) if isinstance(size, list) else size})


_AGAIN = "Write it again with medseg."
# more than anyone trains with, and few enough to be counted with
_EPOCHS, _BATCH, _COUNT = 1_000_000, 65_536, 10_000_000
_PAIR: Mapping[str, fields.Check] = {
    **dict.fromkeys(("name", "image", "mask", "group", "focus"), fields.TEXT),
    "weight": fields.number(0, 1e6),
    "white": fields.FLAG,
}


# of what the program counts with; the rest is shown
_EVENT: Mapping[str, fields.Check] = {
    "event": fields.TEXT,
    **dict.fromkeys(("epoch", "epochs"), fields.whole(0, _EPOCHS * 1000)),
}


def _of(cls: type, checks: Mapping[str, fields.Check], required: tuple[str, ...], value: object) -> bool:
    """Whether a list holds such objects and nothing else."""
    names = {f.name for f in dataclass_fields(cls)}
    return isinstance(value, list | tuple) and all(
        isinstance(one, Mapping) and set(one) <= names and fields.wrong_field(one, checks, "", required) is None
        for one in value
    )


def _pairs(value: object) -> bool:
    return _of(Pair, _PAIR, ("name", "image", "mask"), value)


def _size(value: object) -> bool:
    return fields.sides(value) if isinstance(value, list | tuple) else fields.sides((value, value))


_STAGE: Mapping[str, fields.Check] = {"size": (_size, ""), "epochs": fields.whole(1, _EPOCHS)}


def _stages(value: Any) -> bool:
    return _of(Stage, _STAGE, ("size", "epochs"), value) and 1 <= len(value) <= 1000


def _mapping(value: Any) -> bool:
    is_number = fields.whole(0, 65535)[0]
    return isinstance(value, list | tuple) and all(
        isinstance(part, list | tuple) and len(part) == 3 and all(is_number(one) for one in part) for part in value
    )


_FIELDS: Mapping[str, fields.Check] = {
    **dict.fromkeys(("network", "task", "precision", "augmentation", "device", "licence"), fields.TEXT),
    **dict.fromkeys(("start_from", "keep_from", "pretrained", "pipeline", "schedule"), fields.optional(fields.TEXT)),
    **dict.fromkeys(("train", "val"), (_pairs, "a list of pairs, each with name, image and mask")),
    "options": fields.OBJECT,
    "keep_share": fields.number(0, 1),
    "stages": (_stages, f"a list of stages, each of 1 epoch or more at 1 to {fields.LARGEST_SIDE[2]} px"),
    **dict.fromkeys(("batch_size", "accumulate"), fields.whole(1, _BATCH)),
    "patience": fields.optional(fields.whole(0, _EPOCHS)),
    "spacing": fields.optional(fields.SPACING),
    "window": fields.optional(fields.WINDOW),
    "learning_rate": fields.optional(fields.number(0, 1e6)),
    "encoder_rate": fields.number(0, 1e6),
    "average": (
        lambda value: value is None or (fields.number()[0](value) and 0 < value < 1),
        "a decay between 0 and 1",
    ),
    "seed": fields.whole(0, 2**63 - 1),
    "time_budget_minutes": fields.optional(fields.number(0, 1e9)),
    **dict.fromkeys(("fit_budget", "clock", "augment", "freeze_norm", "choose_best"), fields.FLAG),
    "epoch_images": fields.optional(fields.whole(1, _COUNT)),
    "validate_every": fields.whole(1, _EPOCHS),
    "classes": fields.NAMES,
    "labels": fields.CLASSES,
    "mapping": (_mapping, "a list of first number, last number and class"),
    "ignore": fields.optional(fields.whole(1, 255)),
    "trained_on": fields.TEXTS,
    "version": fields.whole(),
    "nice": fields.whole(0, 19),
}


def read_events(path: str | Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Read the events written since ``offset``.

    A last line that is still being written is left for the next call; a damaged line is skipped.

    Parameters
    ----------
    path : str or Path
        ``events.jsonl``; it need not exist yet.
    offset : int
        Bytes already read.

    Returns
    -------
    events : list of dict
        Each with ``event`` and ``time`` (seconds since the epoch).
    offset : int
        To pass next time.
    """
    path = Path(path)
    if not path.exists():
        return [], offset
    with path.open("rb") as stream:
        stream.seek(offset)
        blob = stream.read()
    whole = blob[: blob.rfind(b"\n") + 1]
    events: list[dict[str, Any]] = []
    for line in whole.splitlines():
        try:
            event = fields.parse_json(line)
        except ValueError:
            continue
        if isinstance(event, Mapping) and fields.wrong_field(event, _EVENT, "", ("event",)) is None:
            events.append(dict(event))
    return events, offset + len(whole)


def finished(folder: Path) -> bool:
    """Whether a run came to its end: the last event says so, and the weights are there."""
    events, _ = read_events(folder / EVENTS_FILE)
    return bool(events) and events[-1]["event"] == "done" and (folder / WEIGHTS_FILE).is_file()
