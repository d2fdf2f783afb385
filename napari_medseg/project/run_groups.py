"""The groups of a run's settings, each checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from napari_medseg import fields
from napari_medseg.classes import class_labels
from napari_medseg.errors import InputError
from napari_medseg.io.labels import LabelRule
from napari_medseg.project.declared import Declared, check_made, list_of, told, tuple_of

# more than anyone trains with, and few enough to be counted with
MOST_EPOCHS = 1_000_000
# how a learning rate goes on: those that end with the run, and those that look at scores or at nothing
FALLING = ("cosine", "poly", "onecycle")
CURVES = (*FALLING, "plateau", "constant")
_BATCH, _COUNT = 65_536, 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Declared):
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
    as_proposed : bool
        The mask is what a network proposed, accepted without a change: no judge of whether another one is better.
    window : tuple of float or None
        Of a part of a large image: values that are black and white in the whole of it; None: as of any image.
    """

    name: str = field(metadata=told(fields.TEXT))
    image: str = field(metadata=told(fields.TEXT))
    mask: str = field(metadata=told(fields.TEXT))
    group: str = field(default="", metadata=told(fields.TEXT))
    weight: float = field(default=1.0, metadata=told(fields.number(0, 1e6), later=True))
    focus: str = field(default="", metadata=told(fields.TEXT, later=True))
    white: bool = field(default=False, metadata=told(fields.FLAG, later=True))
    as_proposed: bool = field(default=False, metadata=told(fields.FLAG, later=True, rare=True))
    window: tuple[float, float] | None = field(
        default=None, metadata=told(fields.optional(fields.WINDOW), read=tuple, later=True, rare=True)
    )


def _size(value: object) -> bool:
    return fields.sides(value) if isinstance(value, list | tuple) else fields.sides((value, value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Declared):
    """Some epochs at one size of the network's input.

    Parameters
    ----------
    size : int or tuple of int
        Side of a square, px, or (z, y, x) of a volume's window: what weights of this stage are scored and used at.
    epochs : int
    view : int or None
        Learn from square parts with this side, px, of images of that size. Of images only.

    Raises
    ------
    InputError
        If a field cannot be what it is, or a view is larger than the image, or of a volume.
    """

    size: int | tuple[int, ...] = field(
        metadata=told(
            (_size, f"1 to {fields.LARGEST_SIDE[2]} px"),
            read=lambda size: size if isinstance(size, int) else tuple(size),
        )
    )
    epochs: int = field(metadata=told(fields.whole(1, MOST_EPOCHS)))
    view: int | None = field(
        default=None,
        metadata=told(fields.optional(fields.whole(1, fields.LARGEST_SIDE[2])), later=True, rare=True),
    )

    def __post_init__(self) -> None:
        check_made(self)
        if self.view is not None and (len(self.sides) != 2 or self.view > min(self.sides)):
            raise InputError(
                f"a view has sides of {self.view} px in a stage of size {self.size}; expected no more than "
                "the sides of an image. Choose a smaller view."
            )

    @property
    def pixels(self) -> int:
        """Of one input that is learned from."""
        return prod(self.sides) if self.view is None else self.view**2

    @property
    def sides(self) -> tuple[int, ...]:
        """(y, x) or (z, y, x)."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size


_PAIRS: fields.Check = (list_of(Pair), "a list of pairs, each with name, image and mask")
_STAGES: fields.Check = (
    lambda value: list_of(Stage)(value) and 1 <= len(value) <= 1000,
    f"a list of stages, each of 1 epoch or more at 1 to {fields.LARGEST_SIDE[2]} px",
)
_CURVE: fields.Check = (lambda value: value is None or value in CURVES, f"one of {', '.join(CURVES)}")
_DECAY: fields.Check = (
    lambda value: value is None or (fields.number()[0](value) and 0 < value < 1),
    "a decay between 0 and 1",
)


def _is_mapping(value: Any) -> bool:
    is_number = fields.whole(0, 65535)[0]
    return isinstance(value, list | tuple) and all(
        isinstance(part, list | tuple) and len(part) == 3 and all(is_number(one) for one in part) for part in value
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Data(Declared):
    """What a run learns from and is scored on, and how that is read.

    Parameters
    ----------
    train, val : tuple of Pair
        ``val`` may be empty; then the last weights are kept, else those that ``choose_best`` says.
    classes : tuple of str
        Foreground classes.
    labels : tuple of int
        Their numbers, 1 to 255, ascending; none given: 1, 2, ...
    mapping : tuple of (first, last, number of the class)
        These numbers in the masks stand for that class.
    ignore : int or None
        Pixels of this number, as mapped, count neither in the loss nor in the scores.
    augment : bool
    augmentation : str
        Name known to ``src_train.augment``.
    spacing : tuple of float or None
        Of voxels (z, y, x), mm: volumes are resampled to it.
    window : tuple of float or None
        Intensities of a volume that count as 0 and 1; None: its percentiles.

    Raises
    ------
    InputError
        If a field cannot be what it is, there is nothing to train on, or numbers and classes do not agree.
    """

    train: tuple[Pair, ...] = field(metadata=told(_PAIRS, read=tuple_of(Pair)))
    val: tuple[Pair, ...] = field(default=(), metadata=told(_PAIRS, read=tuple_of(Pair)))
    classes: tuple[str, ...] = field(default=("foreground",), metadata=told(fields.NAMES, read=tuple))
    labels: tuple[int, ...] = field(
        default=(), metadata=told(fields.CLASSES, read=tuple, later=lambda data: class_labels(data.classes, ()))
    )
    mapping: tuple[tuple[int, int, int], ...] = field(
        default=(),
        metadata=told(
            (_is_mapping, "a list of first number, last number and class"),
            read=lambda parts: tuple(tuple(part) for part in parts),
            later=True,
        ),
    )
    ignore: int | None = field(default=None, metadata=told(fields.optional(fields.whole(1, 255)), later=True))
    augment: bool = field(default=True, metadata=told(fields.FLAG))
    augmentation: str = field(default="full", metadata=told(fields.TEXT, later=True))
    spacing: tuple[float, ...] | None = field(
        default=None, metadata=told(fields.optional(fields.SPACING), read=tuple, later=True)
    )
    window: tuple[float, float] | None = field(
        default=None, metadata=told(fields.optional(fields.WINDOW), read=tuple, later=True)
    )

    def __post_init__(self) -> None:
        check_made(self)
        if not self.train:
            raise InputError("the run has no training pairs; expected at least one. Accept a correction first.")
        try:
            object.__setattr__(self, "labels", class_labels(self.classes, self.labels))
            # says what is wrong with it
            _ = self.rule
        except ValueError as error:
            raise InputError(f"labels in the run: {error}. Correct them.") from error

    @property
    def rule(self) -> LabelRule:
        """How the numbers in masks are read."""
        return LabelRule(mapping=self.mapping, ignore=self.ignore)

    @property
    def named(self) -> dict[int, str]:
        """Names of the classes by their numbers."""
        return dict(zip(self.labels, self.classes, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Declared):
    """What the network is before its first step, and what it may not lose.

    Parameters
    ----------
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
    options : mapping
        Of the network, beside those it declares: ablations.
    freeze_norm : bool
        Keep the statistics of batch norms as they are: for rounds on a handful of images.
    """

    start_from: str | None = field(default=None, metadata=told(fields.optional(fields.TEXT)))
    keep_from: str | None = field(default=None, metadata=told(fields.optional(fields.TEXT), later=True))
    keep_share: float = field(default=0.5, metadata=told(fields.number(0, 1), later=True))
    pretrained: str | None = field(default=None, metadata=told(fields.optional(fields.TEXT), later=True))
    pipeline: str | None = field(default=None, metadata=told(fields.optional(fields.TEXT), later=True))
    options: Mapping[str, Any] = field(default_factory=dict, metadata=told(fields.OBJECT, read=dict, later=True))
    freeze_norm: bool = field(default=False, metadata=told(fields.FLAG, later=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Declared):
    """The steps: how many, on what, how large, and which of their results is kept.

    Parameters
    ----------
    stages : tuple of Stage
        In order; the weights that score best are chosen from all of them.
    batch_size : int
        Of all processes together.
    epoch_images : int or None
        Draw so many pairs an epoch, by weight and with replacement; None: each pair once.
    learning_rate : float or None
        None: the recipe's.
    curve : str or None
        How the learning rate goes on, one of :data:`CURVES`, ``schedule`` in the file; None: as the recipe says.
    encoder_rate : float
        Learning rate of the encoder as a share of the others': below 1 for one that is pretrained.
    average : float or None
        Decay a step of a moving average of the weights. It is scored beside the weights themselves, and the better
        are kept; without validation pairs the average is. None: there is none.
    seed : int
    validate_every : int
        Epochs between validations.
    patience : int or None
        Validations without a better score after which training stops; None: never.
    choose_best : bool
        Of the weights that were scored take the best; else the last. Few cases that also judge a run must not choose.
    """

    stages: tuple[Stage, ...] = field(
        default=(Stage(size=256, epochs=300),), metadata=told(_STAGES, read=tuple_of(Stage))
    )
    batch_size: int = field(default=8, metadata=told(fields.whole(1, _BATCH)))
    epoch_images: int | None = field(default=None, metadata=told(fields.optional(fields.whole(1, _COUNT)), later=True))
    learning_rate: float | None = field(default=None, metadata=told(fields.optional(fields.number(0, 1e6))))
    curve: str | None = field(default=None, metadata=told(_CURVE, key="schedule", later=True))
    encoder_rate: float = field(default=1.0, metadata=told(fields.number(0, 1e6), later=True))
    average: float | None = field(default=None, metadata=told(_DECAY, later=True))
    seed: int = field(default=0, metadata=told(fields.whole(0, 2**63 - 1)))
    validate_every: int = field(default=1, metadata=told(fields.whole(1, MOST_EPOCHS)))
    patience: int | None = field(default=None, metadata=told(fields.optional(fields.whole(0, MOST_EPOCHS)), later=True))
    choose_best: bool = field(default=True, metadata=told(fields.FLAG, later=True))

    @property
    def epochs(self) -> int:
        """Of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def pixels(self) -> float:
        """Of one input that is learned from, in the mean over all epochs."""
        return sum(stage.pixels * stage.epochs for stage in self.stages) / self.epochs

    def stage_of(self, epoch: int, planned: int | None = None) -> Stage:
        """That of an epoch, from 0; where fewer epochs are planned, each stage has its share of them."""
        share, first = self.epochs / (planned or self.epochs), 0
        for stage in self.stages:
            first += stage.epochs
            if (epoch + 0.5) * share < first:
                return stage
        return self.stages[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget(Declared):
    """What a run may use: minutes, memory, a device.

    Parameters
    ----------
    time_budget_minutes : float or None
        Stop after the epoch in which this is used up. Not part of what decides the outcome: a run that was stopped
        goes on from its checkpoint with more.
    fit_budget : bool
        Plan only as many epochs as the time budget allows, so that the learning rate comes down and the last weights
        are scored whatever the machine.
    clock : bool
        The schedule follows the time budget, over all sittings: the run ends with the step in which the time is used
        up, and the learning rate has come to its end, however slow the machine. Where the epochs are done sooner, it
        follows these. Of one stage.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    precision : str
        ``auto``, ``no``, ``bf16`` or ``fp16``.
    accumulate : int
        A batch goes through the network in so many parts, for less memory.
    nice : int
        Added to the process's niceness where the system has one, so that a viewer beside it stays quick.

    Raises
    ------
    InputError
        If a field cannot be what it is, or a clock has no minutes to follow.
    """

    time_budget_minutes: float | None = field(
        default=None, metadata=told(fields.optional(fields.number(0, 1e9)), free=True)
    )
    fit_budget: bool = field(default=False, metadata=told(fields.FLAG, later=True))
    clock: bool = field(default=False, metadata=told(fields.FLAG, later=True))
    device: str = field(default="auto", metadata=told(fields.TEXT, free=True))
    precision: str = field(default="auto", metadata=told(fields.TEXT, later=True))
    accumulate: int = field(default=1, metadata=told(fields.whole(1, _BATCH), later=True))
    nice: int = field(default=0, metadata=told(fields.whole(0, 19), free=True))

    def __post_init__(self) -> None:
        check_made(self)
        if self.clock and not self.time_budget_minutes:
            raise InputError(
                "clock in the run is true without time_budget_minutes; expected minutes that the schedule can follow. "
                "Name them, or set clock to false."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance(Declared):
    """What the weights will say of themselves.

    Parameters
    ----------
    licence : str
    trained_on : tuple of str
        Names of training sets, for the weights' entry.
    version : int
        Of the resulting weights.
    """

    licence: str = field(default="local", metadata=told(fields.TEXT))
    trained_on: tuple[str, ...] = field(default=(), metadata=told(fields.TEXTS, read=tuple))
    version: int = field(default=1, metadata=told(fields.whole()))
