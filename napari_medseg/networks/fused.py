"""Convolutions and linear layers that compute in one step with the activation behind them, weights laid out ahead.

PyTorch lays the weights of a convolution out anew at each call and writes its result before an activation reads it
again. oneDNN, which PyTorch brings along for the CPU, can do without both; it also multiplies twice as fast as the
library behind ``nn.Linear`` on some processors. Its steps are not part of PyTorch's public interface: each is tried on
small numbers first, and where it is missing or says anything else, the layers run one by one as before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LOCK = threading.Lock()


class _Step(NamedTuple):
    """What oneDNN calls an activation, its numbers, and which of its ways."""

    name: str = "none"
    numbers: tuple[float, ...] = ()
    way: str = ""


_NAMES: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.Hardswish: "hardswish",
    nn.SiLU: "swish",
    nn.Sigmoid: "sigmoid",
}


def _step(activation: nn.Module | None) -> _Step | None:
    """How oneDNN knows an activation; None: it does not."""
    match activation:
        case None:
            return _Step()
        case nn.GELU(approximate="none"):
            return _Step("gelu", (), "none")
        case nn.ReLU6():
            return _Step("hardtanh", (0.0, 6.0))
        case nn.LeakyReLU(negative_slope=slope):
            return _Step("leaky_relu", (float(slope),))
        case nn.PReLU(num_parameters=1, weight=weight):
            return _Step("leaky_relu", (weight.item(),))
    name = _NAMES.get(type(activation))
    return None if name is None else _Step(name)


def on_cpu(x: Tensor) -> bool:
    """Whether an input is computed by oneDNN: on a CPU, in float32, and only its result is asked for."""
    return (
        # first: a trace would watch what is asked of the input
        not torch.jit.is_tracing()
        and x.is_cpu
        and x.dtype is torch.float32
        and not torch.is_grad_enabled()
        and x.numel() > 0
        and not torch.is_autocast_enabled("cpu")
        and usable()
    )


class Fused(nn.Module):
    """A layer and what is done to its result. On a CPU, in float32, without gradients, both in one step by oneDNN.

    The weights are laid out at first use, and are then held in that form alone. Whatever else is asked of them
    (another device, a copy, a file, a trace) brings them back.

    Parameters
    ----------
    layer : nn.Conv2d, nn.Conv3d or nn.Linear
    activation : nn.Module, optional

    Shapes
    ------
    As the layer's; 2D maps come out channels last, volumes too.
    """

    def __init__(self, layer: nn.Module, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.activation = layer, activation
        self._packed: Tensor | None = None
        self._as = _step(activation) or _Step()

    @staticmethod
    def takes(layer: nn.Module, activation: nn.Module | None = None) -> bool:
        """Whether oneDNN has steps for these."""
        if _step(activation) is None:
            return False
        if type(layer) is nn.Linear:
            return True
        return isinstance(layer, (nn.Conv2d, nn.Conv3d)) and (
            layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The layer, then the activation."""
        if not on_cpu(x):
            self.unpack()
            x = self.layer(x)
            return x if self.activation is None else self.activation(x)
        weight = self._packed
        if weight is None:
            weight = self._pack(x)
        return self._run(x, weight)

    def _run(self, x: Tensor, weight: Tensor) -> Tensor:
        layer: Any = self.layer
        if isinstance(layer, nn.Linear):
            return torch.ops.mkldnn._linear_pointwise(x, weight, layer.bias, *self._as)
        form = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
        x = _padded(layer, x).contiguous(memory_format=form)
        steps = (layer.padding, layer.stride, layer.dilation, layer.groups)
        return torch.ops.mkldnn._convolution_pointwise(x, weight, layer.bias, *steps, *self._as)

    def _pack(self, x: Tensor) -> Tensor:
        """Lay the weights out for inputs like this."""
        layer: Any = self.layer
        with _LOCK, torch.inference_mode(False), torch.no_grad():
            if self._packed is not None:
                return self._packed
            weight = layer.weight.detach()
            if isinstance(layer, nn.Linear):
                packed = torch.ops.mkldnn._reorder_linear_weight(weight, x.numel() // x.shape[-1])
            else:
                steps = (layer.padding, layer.stride, layer.dilation, layer.groups)
                packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *steps, list(_padded(layer, x).shape))
            self._packed = packed
            layer.weight = nn.Parameter(weight.new_empty(0), requires_grad=False)
            return packed

    def unpack(self) -> None:
        """The weights as they were."""
        with _LOCK, torch.inference_mode(False), torch.no_grad():
            if self._packed is not None:
                self.layer.weight = nn.Parameter(self._packed.to_dense(), requires_grad=False)
                self._packed = None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Fused:
        self.unpack()
        return super()._apply(fn, recurse)

    def _save_to_state_dict(self, *args: Any) -> None:
        self.unpack()
        super()._save_to_state_dict(*args)

    def __getstate__(self) -> dict[str, Any]:
        self.unpack()
        return self.__dict__.copy()


def _padded(layer: nn.Module, x: Tensor) -> Tensor:
    """What a convolution adds on one side only."""
    uneven = getattr(layer, "uneven", None)
    return x if uneven is None else F.pad(x, uneven)


def unpack(network: nn.Module) -> None:
    """Bring back the weights of all fused layers: before a network is traced, or read."""
    for module in network.modules():
        if isinstance(module, Fused):
            module.unpack()


def fuse(network: nn.Module) -> None:
    """Put :class:`Fused` in the place of layers, with activations that follow directly.

    In a sequence, or as a module says by ``folds``: a convolution, its norm, and its activation.
    """
    for module in list(network.modules()):
        if isinstance(module, Fused):
            continue
        for layer, activation in list(_pairs(module)):
            found = dict(module.named_modules())
            if Fused.takes(found[layer], found[activation]):
                module.set_submodule(layer, Fused(found[layer], found[activation]))
                module.set_submodule(activation, nn.Identity())
    for module in list(network.modules()):
        # the encoder layers of torch read the weights of theirs
        if isinstance(module, (Fused, nn.TransformerEncoderLayer, nn.MultiheadAttention)):
            continue
        for name, child in list(module.named_children()):
            if Fused.takes(child):
                setattr(module, name, Fused(child))


def _pairs(module: nn.Module) -> Sequence[tuple[str, str]]:
    """Names of layers and of the activations that follow, nothing but identities between them."""
    chains: list[Sequence[str]] = [*getattr(module, "folds", ())]
    if isinstance(module, nn.Sequential):
        chains.append(tuple(dict(module.named_children())))
    known = dict(module.named_modules())
    pairs = []
    for chain in chains:
        names = [name for name in chain if name in known and type(known[name]) is not nn.Identity]
        pairs += [
            (one, other) for one, other in pairwise(names) if isinstance(known[one], (nn.Conv2d, nn.Conv3d, nn.Linear))
        ]
    return pairs


@lru_cache(maxsize=4)
def usable() -> bool:
    """Whether oneDNN is here, and says what torch says."""
    if not torch.backends.mkldnn.is_available():
        return False
    with torch.inference_mode(False), torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        try:
            return all(_tried(step, generator) for step in _STEPS)
        # an interface that may change says so in any way
        except Exception:  # noqa: BLE001
            return False


_STEPS = (None, nn.ReLU(), nn.GELU(), nn.Hardswish(), nn.SiLU(), nn.Sigmoid(), nn.LeakyReLU(0.2), nn.ReLU6())


def _tried(activation: nn.Module | None, generator: torch.Generator) -> bool:
    """A convolution of images, one of volumes, and a linear layer, each with an activation."""
    for layer, shape in (
        (nn.Conv2d(4, 6, 3, padding=1, groups=2), (1, 4, 5, 7)),
        (nn.Conv3d(4, 4, 3, padding=1, groups=4), (1, 4, 3, 5, 4)),
        (nn.Linear(5, 3), (2, 4, 5)),
    ):
        x = 5 * torch.randn(shape, generator=generator)
        wanted = layer(x) if activation is None else activation(layer(x))
        fused = Fused(layer, activation)
        found = fused._run(x, fused._pack(x))
        if found.shape != wanted.shape or not torch.allclose(found, wanted, atol=1e-4, rtol=1e-4):
            return False
    return True
