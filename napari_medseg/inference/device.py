"""On what to compute."""

from __future__ import annotations

import torch

from napari_medseg.errors import DeviceError, UnknownNameError

DEVICES = ("auto", "cpu", "cuda", "mps")


def available_devices() -> tuple[str, ...]:
    """Names that :func:`resolve_device` accepts on this computer."""
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
