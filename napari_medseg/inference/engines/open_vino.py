"""OpenVINO: the one file that knows it.

It would report its use: ``import openvino`` loads ``openvino.tools.ovc``, which at once sends an event by
``openvino_telemetry`` where that is installed, and pip installs it with openvino. Where it cannot be imported, a stub
that sends nothing takes its place. So it is kept from being imported in this process, by anybody; models are read by
the runtime itself, never by ``convert_model``, which would report too.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

_TELEMETRY = "openvino_telemetry"


def _openvino() -> ModuleType:
    """The library, with its telemetry kept out."""
    # None is Python's own way to say that a module cannot be imported
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    import openvino

    return openvino


def prepare(model: bytes, threads: int) -> Callable[[np.ndarray], list[np.ndarray]]:
    """A function of the input (1, C, *spatial), float32, that gives the outputs; on the CPU, in float32."""
    core = _openvino().Core()
    compiled = core.compile_model(
        core.read_model(model),
        "CPU",
        {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"},
    )
    request, lock = compiled.create_infer_request(), threading.Lock()
    count = len(compiled.outputs)

    def run(image: np.ndarray) -> list[np.ndarray]:
        # one request is one set of buffers
        with lock:
            request.infer({0: image}, share_inputs=True)
            return [np.array(request.get_output_tensor(number).data) for number in range(count)]

    return run


def save_ir(model: bytes, path: Path, facts: dict[str, Any]) -> None:
    """Write an ONNX file's bytes as OpenVINO's own format: ``path`` (.xml), and its numbers beside it (.bin)."""
    openvino = _openvino()
    read = openvino.Core().read_model(model)
    for key, value in facts.items():
        read.set_rt_info(value, ["medseg", key])
    openvino.save_model(read, path, compress_to_fp16=False)
