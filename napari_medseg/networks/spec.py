"""What a network is, as data: what it takes, what it can do, and how its paper trains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Builder:
    """What builds a network; its module, and torch, are imported when it is first called.

    Parameters
    ----------
    module : str
        In this package.
    name : str
        Of the class.
    """

    module: str
    name: str

    def __call__(self, **options: Any) -> nn.Module:
        """A network with fresh weights."""
        return self.made()(**options)

    def made(self) -> Callable[..., nn.Module]:
        """The class itself."""
        found: Callable[..., nn.Module] = getattr(import_module(f"napari_medseg.networks.{self.module}"), self.name)
        return found


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

    def whole(self, side: int) -> int:
        """The least side, px, that the network takes and that is no smaller."""
        return -(-side // self.multiple) * self.multiple


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a network can give beside a mask, what prompts it takes, and what it can learn.

    Parameters
    ----------
    edges : bool
        A map of the probability of a boundary.
    boxes : bool
        Boxes around what it finds, with a score each.
    box_prompt : bool
        It segments boxes that a person gives.
    volumes : bool
    most_classes : int or None
        So many classes it tells from the background at most; None: as many as there are.
    """

    edges: bool = False
    boxes: bool = False
    box_prompt: bool = False
    volumes: bool = False
    most_classes: int | None = None

    def names(self) -> tuple[str, ...]:
        """Names of what it gives and takes, in a fixed order; a mask they all give."""
        order = ("edges", "boxes", "box_prompt", "volumes")
        return ("mask", *(name for name in order if getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRecipe:
    """How a network learns that segments box by box: its losses are those of the maps in the boxes.

    Parameters
    ----------
    steps : tuple of (float, tuple of float, float)
        Up to a share of the epochs: weights of the levels, finest first, and of the mask. The last one ends at 1.
    edge_positive : float
        What a pixel on an edge counts in the cross entropy of the edge map, against one beside it.
    consistency : float
        Weight of the mean squared difference between levels that are neighbours.
    """

    steps: tuple[tuple[float, tuple[float, ...], float], ...]
    edge_positive: float = 1.0
    consistency: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the paper trains the network; ``src_train`` interprets it.

    Parameters
    ----------
    losses : mapping of str to float
        Loss name to weight, summed: ``bce`` and ``dice``; in boxes ``dice``, ``focal`` and ``boundary``.
    optimizer, schedule : str
        Names known to ``src_train.optim``.
    learning_rate, final_learning_rate, weight_decay : float
    epochs, batch_size : int
    smooth : float
        Smoothing of the Dice loss.
    focal : tuple of float
        Weight of the foreground (of the background: one less that), and the exponent.
    boxes : BoxRecipe or None
        None: the losses are those of whole maps.
    aux_weight : float
        Of the same losses on each further map.
    edge_weight : float
        Of the Dice loss on the edge map, against the rim of the mask; in boxes, of the cross entropy.
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
    focal: tuple[float, float] = (0.25, 2.0)
    boxes: BoxRecipe | None = None
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
    mirrored : bool
        Proposals are the mean over mirrored copies of an image where nobody says otherwise: it is quick enough.
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
    mirrored: bool = False
    unused: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
