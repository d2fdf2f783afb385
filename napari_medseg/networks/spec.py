"""What a network is, as data: what it takes, what it can do, and how its paper trains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """What a network takes.

    Parameters
    ----------
    ndim : int
        2 for images, 3 for volumes.
    channels : int
        Channels of the input tensor.
    size : tuple of int
        Side lengths used in the paper, px.
    multiple : int
        Every side must be a multiple of this, px.
    mean, std : float or tuple of float
        Intensities in [0, 1] become ``(x - mean) / std``; a tuple has an entry a channel.
    order : {'rgb', 'bgr'}
        Of the channels, mean and std included.
    """

    ndim: int = 2
    channels: int = 3
    size: tuple[int, ...] = (256, 256)
    multiple: int = 16
    mean: float | tuple[float, ...] = 0.5
    std: float | tuple[float, ...] = 0.25
    order: str = "rgb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a network can give, and what prompts it takes."""

    mask: bool = True
    edges: bool = False
    boxes: bool = False
    box_prompt: bool = False
    volumes: bool = False

    def names(self) -> tuple[str, ...]:
        """Names of the capabilities that are present, in a fixed order."""
        order = ("mask", "edges", "boxes", "box_prompt", "volumes")
        return tuple(name for name in order if getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the paper trains the network; ``src_train`` interprets it.

    Parameters
    ----------
    losses : mapping of str to float
        Loss name to weight, summed.
    optimizer, schedule : str
        Names known to ``src_train.optim``.
    learning_rate, final_learning_rate, weight_decay : float
    epochs, batch_size : int
    smooth : float
        Smoothing of the Dice loss.
    aux_weight : float
        Of the same losses on each further map.
    edge_weight : float
        Of the Dice loss on the edge map, against the rim of the mask.
    warm_up : int
        Epochs over which the learning rate rises to its start.
    clip : float or None
        Largest norm of all gradients together.
    augmentation : str
        Name known to ``src_train.augment``.
    monitor : {'dice', 'loss'}
        What a plateau and the patience watch on the validation pairs.
    patience : int or None
        Validations without a better score after which training stops; None: never.
    """

    losses: Mapping[str, float]
    optimizer: str
    schedule: str
    learning_rate: float
    final_learning_rate: float = 0.0
    weight_decay: float = 0.0
    epochs: int
    batch_size: int
    smooth: float = 1e-5
    aux_weight: float = 0.0
    edge_weight: float = 0.0
    warm_up: int = 0
    clip: float | None = None
    augmentation: str = "full"
    monitor: str = "dice"
    patience: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What files do not say that were written before the network's declaration changed.

    Parameters
    ----------
    options : mapping
        Those that were declared then.
    mean, std : float
        As for :class:`InputSpec`, then.
    """

    options: Mapping[str, Any]
    mean: float = 0.5
    std: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """A network, declared as data.

    Parameters
    ----------
    name : str
        Used by the CLI, files and weights, for example ``cmunext-xxs``.
    title : str
        What the user sees.
    paper : str
        Citation line.
    build : callable
        ``build(in_channels=..., classes=..., **options)`` gives the module.
    fresh : mapping
        Further options of a network that begins without pretrained weights.
    earlier : Earlier or None
        None: the declaration never changed.
    encoder : tuple of str
        Beginnings of names of parameters that a pretrained encoder brings.
    parameters : int or None
        Trained parameters for ``input.channels`` channels in and ``classes`` out: the paper's count, or ours for a
        size of our own.
    classes : int
        Output channels that ``parameters`` and ``macs_256`` are counted with.
    macs_256 : float or None
        Multiply-accumulates at 256 x 256, of a volume at ``input.size``, counted by ``macs_tool``.
    unused : tuple of str
        Beginnings of names of parameters that reach no output and are kept for published counts or files.
    assumptions : tuple of str
        Each choice that the paper leaves open, one sentence.
    """

    name: str
    title: str
    paper: str
    build: Callable[..., nn.Module]
    input: InputSpec
    recipe: Recipe
    capabilities: Capabilities = field(default_factory=Capabilities)
    options: Mapping[str, Any] = field(default_factory=dict)
    fresh: Mapping[str, Any] = field(default_factory=dict)
    earlier: Earlier | None = None
    encoder: tuple[str, ...] = ()
    parameters: int | None = None
    classes: int = 1
    macs_256: float | None = None
    macs_tool: str | None = None
    unused: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
