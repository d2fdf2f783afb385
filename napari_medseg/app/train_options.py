"""How a network is to be trained, as a person says it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_medseg.errors import InputError, UnknownNameError
from napari_medseg.inference.device import resolve_device
from napari_medseg.io import PLAIN, LabelRule
from napari_medseg.networks import NetworkSpec
from napari_medseg.project.run_groups import CURVES, FALLING
from napari_medseg.weights.pipeline import pipeline_of

PRECISIONS = ("auto", "no", "bf16", "fp16")
# learning rate of a pretrained encoder, as a share of the others'
GENTLE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """How to train; with none of them, as the network's paper does.

    Parameters
    ----------
    network : str
    start : str or None
        Weights to start from: an id, a task or a file. None: fresh numbers.
    pretrained : str or None
        The backbone's published weights, for fresh ones: a file, or a name of :mod:`napari_medseg.weights.hub`.
    download : bool
        Fetch that file where it is not in the cache; without it nothing goes over the network.
    task : str
        For the weights' id; ``custom``: that of ``start``.
    epochs, batch_size, learning_rate, augmentation
        None: the paper's.
    size : int or None
        Side of the network's input, px or voxels; None: the paper's.
    accumulate : int
        A batch goes through the network in so many parts, for less memory.
    precision : {'auto', 'no', 'bf16', 'fp16'}
    pipeline : str or None
        How intensities go in: ``declared``, ``imagenet``, or ``bgr255`` as published loaders do.
    schedule : str or None
        How the learning rate goes on, one of :data:`napari_medseg.project.run_groups.CURVES`; None: the paper's.
    encoder_rate : float or None
        Learning rate of the encoder as a share of the others', in [0, 1]; None: 0.3 with ``pretrained``, otherwise 1.
    average : float or None
        Decay a step, in (0, 1), of averaged weights, which are scored too: the better are kept. None: there are none.
    by_clock : bool
        The learning rate comes down with ``minutes``, over all sittings; ``epochs``, where given, may end it sooner.
    minutes : float or None
        Stop after the epoch in which these are used up; by the clock, after the step.
    window : (float, float) or None
        Intensities of a volume that count as 0 and 1; None: its percentiles.
    spacing : (float, float, float) or None
        Of voxels (z, y, x), mm, that volumes are resampled to; None: as they are.
    classes : mapping of int to str
        Names of the classes by their numbers, 1 to 255; empty: those of ``start``, or what the masks hold.
    rule : LabelRule
        Which classes the numbers in masks are, and which does not count.
    options : mapping
        Of the network, instead of those it declares: what its paper leaves open, kernels, ablations.
    seed : int
        Decides everything on the CPU.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    network: str = "cmunext-xxs"
    start: str | None = None
    pretrained: str | None = None
    download: bool = False
    task: str = "custom"
    epochs: int | None = None
    size: int | None = None
    batch_size: int | None = None
    accumulate: int = 1
    precision: str = "auto"
    learning_rate: float | None = None
    augmentation: str | None = None
    pipeline: str | None = None
    schedule: str | None = None
    encoder_rate: float | None = None
    average: float | None = None
    by_clock: bool = False
    minutes: float | None = None
    window: tuple[float, float] | None = None
    spacing: tuple[float, float, float] | None = None
    classes: Mapping[int, str] = field(default_factory=dict)
    rule: LabelRule = PLAIN
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"


def check_train_options(options: TrainOptions, network: NetworkSpec, flag: Callable[[str], str]) -> None:
    """Refuse what types cannot tell.

    Raises
    ------
    InputError
        If an option cannot be used.
    """
    if options.precision not in PRECISIONS:
        raise UnknownNameError("precision", options.precision, PRECISIONS)
    resolve_device(options.device)
    if options.pipeline is not None:
        pipeline_of(options.network, options.pipeline)
    rate, window, spacing = options.learning_rate, options.window, options.spacing
    if rate is not None and not 0 < rate < math.inf:
        raise InputError(f"{flag('learning_rate')} is {rate}; expected a number above 0. Correct it.")
    share, decay, curve = options.encoder_rate, options.average, options.schedule
    if share is not None and not 0 <= share <= 1:
        raise InputError(f"{flag('encoder_rate')} is {share}; expected a share from 0 to 1. Correct it.")
    if share is not None and not network.encoder:
        raise InputError(
            f"{flag('encoder_rate')} is for networks with a pretrained encoder; {network.name} has none. Leave it out."
        )
    if decay is not None and not 0 < decay < 1:
        raise InputError(f"{flag('average')} is {decay}; expected a decay between 0 and 1, such as 0.998. Correct it.")
    if curve is not None and curve not in CURVES:
        raise UnknownNameError("schedule", curve, CURVES)
    if options.by_clock and (curve or network.recipe.schedule) not in FALLING:
        raise InputError(
            f"{flag('by_clock')} needs a learning rate that comes down; that of {network.name} is "
            f"'{curve or network.recipe.schedule}'. Add {flag('schedule')} with one of: {', '.join(FALLING)}."
        )
    if options.by_clock and not options.minutes:
        raise InputError(
            f"{flag('by_clock')} is given without {flag('minutes')}; expected minutes that it can follow. Add them."
        )
    for name, value in (("window", window), ("spacing", spacing)):
        if value is not None and network.input.ndim == 2:
            raise InputError(
                f"{flag(name)} is for volumes; {network.name} takes images. Leave it out, or choose lgms-net-3d."
            )
    if window is not None and not (math.isfinite(sum(window)) and window[0] < window[1]):
        told = f"{window[0]:g} {window[1]:g}"
        raise InputError(f"{flag('window')} is {told}; expected the lower intensity first. Correct it.")
    if spacing is not None and not (math.isfinite(sum(spacing)) and min(spacing) > 0):
        told = " ".join(f"{v:g}" for v in spacing)
        raise InputError(f"{flag('spacing')} is {told}; expected three sizes above 0 mm.")
    alone = (("pretrained", options.pretrained), ("pipeline", options.pipeline), ("options", options.options or None))
    for name, given in alone:
        if options.start is not None and given is not None:
            raise InputError(f"{flag('start')} and {flag(name)} are given; expected one of them. Leave one out.")
