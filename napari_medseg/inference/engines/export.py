"""A network as ONNX, for other engines than torch: one fixed input shape, float32."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.errors import OperationError
from napari_medseg.networks import NetworkSpec
from napari_medseg.networks.fused import unpack

INPUT = "image"
OUTPUTS = ("logits", "edge_logits")
OPSET = 18
# changes with whatever changes what is exported of the same weights
FORM = 2

# torch keeps what it exports in globals
_LOCK = threading.Lock()


class _Plain(nn.Module):
    """A network that returns tensors alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        output = self.network(image)
        return (output.logits,) if output.edge_logits is None else (output.logits, output.edge_logits)


def why_not(spec: NetworkSpec) -> str:
    """Why a network stays in PyTorch, a clause; empty: it can be exported."""
    if spec.capabilities.boxes:
        return "how many boxes it looks into hangs on the image, and an exported network does the same for all images"
    return ""


def to_onnx(network: nn.Module, spec: NetworkSpec, shape: Sequence[int]) -> bytes:
    """Export a network.

    Parameters
    ----------
    network : nn.Module
        On the CPU, in evaluation mode, prepared for inference.
    spec : NetworkSpec
    shape : sequence of int
        (1, C, *spatial), of the input ``image``, float32, standardised.

    Returns
    -------
    bytes
        An ONNX file. Outputs: ``logits`` (1, classes, *spatial) and, where the network has them, ``edge_logits``
        (1, 1, *spatial); float32.

    Raises
    ------
    OperationError
        If this network stays in PyTorch.
    """
    if reason := why_not(spec):
        raise OperationError(f"{spec.name} cannot be exported: {reason}. Choose another network, or stay with torch.")
    return export(_Plain(network), shape, OUTPUTS[: 1 + spec.capabilities.edges], spec.title)


def export(module: nn.Module, shape: Sequence[int], outputs: Sequence[str], title: str) -> bytes:
    """Export a module of one input.

    Raises
    ------
    OperationError
        If it has an operator that ONNX lacks, or onnx is not installed.
    """
    if find_spec("onnx") is None:
        raise OperationError('onnx is not installed. Install it: pip install "napari-medseg[engines]".')
    file = io.BytesIO()
    unpack(module)
    with _LOCK, torch.no_grad(), warnings.catch_warnings():
        # of the older exporter, which needs no further library, and of sizes that are fixed here
        warnings.simplefilter("ignore")
        torch.onnx.register_custom_op_symbolic("aten::channel_shuffle", _channel_shuffle, OPSET)
        try:
            torch.onnx.export(
                module.eval(),
                (torch.zeros(tuple(shape)),),
                file,
                dynamo=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=list(outputs),
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise OperationError(
                f"{title} cannot be exported: ONNX lacks one of its steps ({str(error)[:120]}). Stay with torch."
            ) from error
        finally:
            torch.onnx.unregister_custom_op_symbolic("aten::channel_shuffle", OPSET)
    return file.getvalue()


def _channel_shuffle(g: Any, image: Any, groups: Any) -> Any:
    """Channels, (groups, each), change the order of these two; torch has no ONNX for it."""
    from torch.onnx import symbolic_helper

    count = symbolic_helper._maybe_get_const(groups, "i")
    batch, channels, *sides = image.type().sizes()

    def shaped(value: Any, *shape: int) -> Any:
        return g.op("Reshape", value, g.op("Constant", value_t=torch.tensor(shape)))

    apart = shaped(image, batch, count, channels // count, *sides)
    order = [0, 2, 1, *range(3, 3 + len(sides))]
    return shaped(g.op("Transpose", apart, perm_i=order), batch, channels, *sides)
