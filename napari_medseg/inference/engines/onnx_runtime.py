"""ONNX Runtime: the one file that knows it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_medseg.inference.engines.export import INPUT


def prepare(model: bytes, threads: int) -> Callable[[np.ndarray], list[np.ndarray]]:
    """A function of the input (1, C, *spatial), float32, that gives the outputs; on the CPU."""
    import onnxruntime

    # Windows' build keeps a trace of what it does
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # threads that have nothing to do must not keep a core busy beside a person who draws
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {INPUT: image})
