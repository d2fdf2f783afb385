"""What runs a network on the CPU: torch, or a library that is quicker here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_medseg.inference.engines.table import (
    AUTO,
    ENGINES,
    NAMES,
    TITLES,
    TORCH,
    VARIABLE,
    Engine,
    Runner,
    load_model,
    present_engines,
    resolve_engine,
)
from napari_medseg.networks import NetworkSpec

if TYPE_CHECKING:
    from torch import nn

    from napari_medseg.inference.engines.export import why_not


def prepare(network: nn.Module, spec: NetworkSpec, shape: Sequence[int], *, engine: str = TORCH) -> Runner:
    """Make a network ready for inputs of one shape, on the CPU.

    Parameters
    ----------
    network : nn.Module
        On the CPU, prepared for inference; in the layout that torch shall use.
    spec : NetworkSpec
    shape : sequence of int
        (1, C, *spatial).
    engine : str
        ``torch`` or a name of :data:`ENGINES`.

    Raises
    ------
    OperationError
        If the network or one of its steps stays in torch, or the engine does not take it.
    """
    import torch

    from napari_medseg.inference.engines.export import to_onnx

    if engine == TORCH:
        return network
    return load_model(engine, to_onnx(network, spec, shape), torch.get_num_threads())


__all__ = [
    "AUTO",
    "ENGINES",
    "NAMES",
    "TITLES",
    "TORCH",
    "VARIABLE",
    "Engine",
    "Runner",
    "load_model",
    "prepare",
    "present_engines",
    "resolve_engine",
    "why_not",
]


def __getattr__(name: str) -> Any:
    if name == "why_not":
        from napari_medseg.inference.engines import export

        return export.why_not
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
