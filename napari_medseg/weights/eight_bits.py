"""Large tensors at a byte a number: half of half precision, for files that travel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# begins the names of tensors that travel with a network and are none of its own
BESIDE = "beside."
# under another name than its own: whoever does not know of it misses the tensor, and takes no bytes for weights
BYTES, SCALES = f"{BESIDE}int8.", f"{BESIDE}int8_scale."
# smaller ones and depthwise kernels stay: they weigh little, and rounding them costs up to 0.8 points of Dice
LEAST = 16_384


def packed(state: Mapping[str, Tensor], *, leave: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Round each large kernel to 255 steps of its own for every output channel.

    Parameters
    ----------
    state : mapping of str to Tensor
        Any precision.
    leave : tuple of str
        Beginnings of names of tensors that are not rounded.

    Returns
    -------
    dict of str to Tensor
        For a safetensors file; a large one is int8 (the same shape) beside float32 scales, one an output channel.
    """
    import torch

    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        large = tensor.dim() >= 2 and tensor.numel() >= LEAST and tensor.shape[1] > 1
        if not large or not tensor.is_floating_point() or name.startswith((BESIDE, *leave)):
            found[name] = tensor
            continue
        rows = tensor.float().flatten(1)
        scale = rows.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny) / 127
        found[BYTES + name] = (rows / scale).round().to(torch.int8).reshape(tensor.shape)
        found[SCALES + name] = scale[:, 0]
    return found


def unpacked(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's own tensors: what :func:`packed` made in float32, the others as they are; nothing beside them.

    Raises
    ------
    KeyError
        If scales are missing.
    RuntimeError
        If they are not one an output channel.
    """
    found = {name: tensor for name, tensor in state.items() if not name.startswith(BESIDE)}
    for name, tensor in state.items():
        if name.startswith(BYTES):
            own = name.removeprefix(BYTES)
            scale = state[SCALES + own]
            found[own] = tensor.float() * scale.reshape(len(tensor), *[1] * (tensor.dim() - 1))
    return found


def own_names(names: Iterable[str]) -> dict[str, str]:
    """Of a file's tensors those of the network itself: by the network's name, the name in the file."""
    return {name.removeprefix(BYTES): name for name in names if name.startswith(BYTES) or not name.startswith(BESIDE)}
