"""On what to compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_medseg.errors import DeviceError, UnknownNameError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def available_devices() -> tuple[str, ...]:
    """Names that :func:`resolve_device` accepts on this computer."""
    import torch

    present = ["auto", "cpu"]
    if torch.cuda.is_available():
        present.append("cuda")
    if torch.backends.mps.is_available():
        present.append("mps")
    return tuple(present)


def resolve_device(name: str = "auto") -> torch.device:
    """The device of a name; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    UnknownNameError
        If the name is not known.
    DeviceError
        If this computer lacks the device.
    """
    import torch

    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise UnknownNameError("device", name, DEVICES)
    present = available_devices()
    if kind == "auto":
        return torch.device(next(d for d in ("cuda", "mps", "cpu") if d in present))
    if kind not in present:
        raise DeviceError(
            f"device is '{name}'; this computer has: {', '.join(present)}. Choose 'auto', or install its driver."
        )
    return torch.device(name)


@contextmanager
def memory_told() -> Iterator[None]:
    """Turn what happens where memory runs out into a sentence.

    Raises
    ------
    DeviceError
    """
    import torch

    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # torch has no error of its own for the computer's memory
        full = isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)
        if not full:
            raise
        raise DeviceError(
            "memory ran out while segmenting; expected room for the image at the network's size. Close other "
            "programs, choose a smaller size, or cut the image into parts."
        ) from error
