"""Devices, processes and precision: the one file that knows accelerate."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from napari_medseg.errors import InputError
from napari_medseg.inference.device import resolve_device
from src_train.folding import unfold

Item = TypeVar("Item")


def auto_precision(device: torch.device, ndim: int) -> str:
    """What ``auto`` is on a device, for images (2) or volumes (3): ``bf16`` or ``no``."""
    return "bf16" if _bfloat16_pays(device, ndim) else "no"


def _bfloat16_pays(device: torch.device, ndim: int) -> bool:
    """bfloat16 needs no loss scaling; without instructions of its own a CPU gains nothing by it, nor everywhere MPS.

    For volumes it is not right on a CPU: now and then a kernel's gradient is NaN (torch 2.13, avx512_bf16).
    """
    if device.type == "cuda":
        # older cards emulate it: slower than full precision
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if ndim == 3:
        return False
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and supported()


class Engine:
    """Runs forward and backward passes on one device or on many processes alike.

    Started by itself it is one process; started by ``accelerate launch -m src_train run FOLDER`` (or ``torchrun``) it
    is one of many, on one computer or on several that share the folder.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    precision : str
        ``auto`` (bfloat16 where a GPU, or for images the CPU, computes in it, else full), ``no``, ``bf16`` or ``fp16``.
    ndim : int
        2 for images, 3 for volumes.
    unused_parameters : bool
        Whether some parameters reach no output.

    Raises
    ------
    DeviceError
        If the device is missing.
    InputError
        If the precision is not known, or the device does not have it.

    Attributes
    ----------
    device : torch.device
    precision : str
        ``no``, ``bf16`` or ``fp16``.
    rank, processes : int
        Which of how many processes this is.
    """

    def __init__(self, device: str, *, precision: str = "auto", ndim: int = 2, unused_parameters: bool = False) -> None:
        from accelerate import Accelerator, DistributedDataParallelKwargs
        from accelerate.state import AcceleratorState

        wanted = resolve_device(device)
        if precision not in ("auto", "no", "bf16", "fp16"):
            raise InputError(f"precision is '{precision}'; expected auto, no, bf16 or fp16. Choose one of these.")
        if precision == "fp16" and wanted.type == "cpu":
            raise InputError("precision is 'fp16'; a CPU trains in 'no' or 'bf16'. Choose one of these.")
        if precision == "auto":
            precision = auto_precision(wanted, ndim)
        self.precision = precision
        # the state is shared by a process: another run in it starts anew
        AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
        self._accelerator = Accelerator(
            cpu=wanted.type == "cpu",
            mixed_precision=precision,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=unused_parameters)],
        )
        self.device: torch.device = self._accelerator.device
        self.rank: int = self._accelerator.process_index
        self.processes: int = self._accelerator.num_processes

    @property
    def main(self) -> bool:
        """Whether this process writes files and validates."""
        return self.rank == 0

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """Wrap a network and its optimizer for the processes and the precision."""
        if self.processes > 1 and self.device.type == "cuda":
            # statistics of the whole batch, not of this process's share
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        wrapped, stepper = self._accelerator.prepare(
            # said here, or it loads half of torch to find out
            network,
            optimizer,
            device_placement=[True, True],
        )
        return wrapped, stepper

    def plain_copy(self, network: nn.Module) -> nn.Module:
        """A copy as its classes compute it, in full precision, of the network that was handed to :meth:`prepare`."""
        inner = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
        plain: nn.Module = copy.deepcopy(inner)
        # accelerate does this too, after loading torch's compiler: a third of the time until the first batch
        plain.__dict__.pop("_original_forward", None)
        unfold(plain)
        return plain

    def place(self, module: nn.Module) -> nn.Module:
        """Move a network to the device; channels-last is twice as fast for images on a CPU."""
        images = not any(isinstance(child, nn.Conv3d) for child in module.modules())
        layout = torch.channels_last if images else torch.preserve_format
        return module.to(self.device, memory_format=layout)

    def place_batch(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Move a batch to the device."""
        layout = torch.channels_last if images.dim() == 4 else torch.preserve_format
        return (
            images.to(self.device, memory_format=layout, non_blocking=True),
            masks.to(self.device, non_blocking=True),
        )

    def share(self, items: Sequence[Item]) -> tuple[list[Item], float]:
        """This process's part of a batch, and its weight.

        Losses are means, and gradients are averaged over the processes: with the weight, parts of different sizes
        give the gradient of the whole batch.
        """
        own = list(items[self.rank :: self.processes])
        if not own:
            # every process takes part in every step; this one adds nothing to it
            return [items[0]], 0.0
        return own, len(own) * self.processes / len(items)

    def backward(self, network: nn.Module, loss: Tensor, *, last: bool) -> None:
        """Add to the gradients; processes exchange them with the last part of a batch."""
        waiting = contextlib.nullcontext() if last else self._accelerator.no_sync(network)
        with waiting:
            self._accelerator.backward(loss)

    def clip(self, network: nn.Module, norm: float) -> None:
        """Bound the norm of all gradients together."""
        self._accelerator.clip_grad_norm_(network.parameters(), norm)

    def mean(self, value: float) -> float:
        """The mean of a number over the processes."""
        if self.processes == 1:
            return value
        found: Tensor = self._accelerator.reduce(torch.tensor(value, device=self.device), reduction="mean")
        return float(found)

    def agree(self, value: Any) -> Any:
        """What the main process says, in all of them."""
        if self.processes == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def close(self) -> None:
        """Leave the group of processes."""
        self._accelerator.end_training()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
