"""Device and precision: the one file that knows on what the network trains."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor, nn

from napari_medseg.inference.device import resolve_device


class Engine:
    """Runs forward and backward passes on a device, in mixed precision where the device has it.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    def __init__(self, device: str) -> None:
        self.device = resolve_device(device)
        # bfloat16 needs no loss scaling; it gains nothing on a CPU and is not everywhere on MPS
        self._mixed = self.device.type == "cuda" and torch.cuda.is_bf16_supported()

    def place(self, module: nn.Module) -> nn.Module:
        """Move a network to the device; channels-last is twice as fast on a CPU."""
        return module.to(self.device, memory_format=torch.channels_last)

    def place_batch(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Move a batch to the device."""
        return (
            images.to(self.device, memory_format=torch.channels_last, non_blocking=True),
            masks.to(self.device, non_blocking=True),
        )

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Mixed precision, or nothing."""
        if self._mixed:
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()
