"""What can run a network, as data, and the one face they all have: :data:`Runner`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from napari_medseg.errors import InputError, OperationError, UnknownNameError
from napari_medseg.networks import SegmentationOutput

if TYPE_CHECKING:
    from torch import Tensor

# (1, C, *spatial), float32, on the CPU
Runner = Callable[["Tensor"], SegmentationOutput]

TORCH, AUTO = "torch", "auto"
# a switch for a whole computer: what stands here is taken where nobody chose
VARIABLE = "MEDSEG_ENGINE"
_ALSO = {"onnx": "onnxruntime"}


@dataclass(frozen=True, slots=True)
class Engine:
    """A library that runs exported networks.

    Attributes
    ----------
    name : str
        Of the library, and in settings and files.
    title : str
        What the user sees.
    module : str
        Of ours, with ``prepare(model: bytes, threads: int) -> Callable[[np.ndarray], list[np.ndarray]]``.
    """

    name: str
    title: str
    module: str

    @property
    def present(self) -> bool:
        """Whether the library is installed, and what exports for it."""
        return find_spec(self.name) is not None and find_spec("onnx") is not None


ENGINES = (
    Engine("onnxruntime", "ONNX Runtime", "napari_medseg.inference.engines.onnx_runtime"),
    Engine("openvino", "OpenVINO", "napari_medseg.inference.engines.open_vino"),
)
TITLES = {TORCH: "PyTorch", **{one.name: one.title for one in ENGINES}}
NAMES = (AUTO, *TITLES)


def present_engines() -> tuple[Engine, ...]:
    """Those beside torch that are installed."""
    return tuple(one for one in ENGINES if one.present)


def resolve_engine(name: str = AUTO) -> str:
    """The engine of a name: ``auto``, ``torch`` or one that is installed.

    ``auto`` is what the variable MEDSEG_ENGINE of the system's environment says, where it says something.

    Raises
    ------
    UnknownNameError
        If the name is not known.
    InputError
        If it is not installed.
    """
    name = _ALSO.get(name, name)
    if name == AUTO:
        name = os.environ.get(VARIABLE, "") or AUTO
    if name not in NAMES:
        raise UnknownNameError("engine", name, NAMES)
    if name not in (AUTO, TORCH, *(one.name for one in present_engines())):
        raise InputError(
            f"engine is '{name}', which is not installed; expected one of: "
            f"{', '.join((AUTO, TORCH, *(one.name for one in present_engines())))}. "
            'Choose one of these, or install it: pip install "napari-medseg[engines]".'
        )
    return name


def load_model(engine: str, model: bytes, threads: int) -> Runner:
    """Make an exported network ready.

    Parameters
    ----------
    engine : str
        One of :data:`ENGINES`.
    model : bytes
        From :func:`napari_medseg.inference.engines.export.to_onnx`.
    threads : int

    Raises
    ------
    OperationError
        If the engine does not take it.
    """
    import torch

    one = next(known for known in ENGINES if known.name == engine)
    # libraries of others: what they raise is theirs, and torch is there
    try:
        run = import_module(one.module).prepare(model, threads)
    except Exception as error:
        raise OperationError(
            f"{one.title} does not take this network ({type(error).__name__}: {str(error)[:120]}). Stay with torch."
        ) from error

    def runner(tensor: Tensor) -> SegmentationOutput:
        logits, *edges = (torch.from_numpy(found) for found in run(tensor.contiguous().numpy()))
        return SegmentationOutput(logits, edges[0] if edges else None)

    return runner
