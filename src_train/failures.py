"""Why a run died, in plain words, where the error's own are not."""

from __future__ import annotations

# how torch names what a graphics card, its driver or a library on it says
_CARD = (
    "CUDA error",
    "CUDA driver",
    "NVIDIA driver",
    "cuDNN error",
    "CUBLAS_STATUS",
    "cuBLAS",
    "NCCL",
    "HIP error",
    "MPS",
)


def in_words(error: BaseException) -> str | None:
    """What happened and what to do about it.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str or None
        None: a fault of the program, whose traceback says more than a sentence.
    """
    text = str(error)
    if isinstance(error, MemoryError) or "DefaultCPUAllocator" in text:
        return "Training ran out of memory. Close other programs, or choose a smaller network."
    if isinstance(error, ValueError) and "more than 1 value per channel" in text:
        return (
            "A batch of one image has a single place left at the network's smallest map, and its norms need two. "
            "Choose a larger size, or train on more than one image at a time."
        )
    if not isinstance(error, RuntimeError):
        return None
    if "out of memory" in text:
        return (
            "Training ran out of the graphics card's memory. Close other programs that use the card, choose 'cpu' as "
            "the device, or choose a smaller network."
        )
    if any(name in text for name in _CARD):
        reason = text.strip().splitlines()[0].rstrip(".")
        return (
            f"The graphics card failed while training ({reason}). If it fails again, choose 'cpu' as the device, or "
            "update the card's driver."
        )
    return None
