"""Weights as one file that other programs run: ONNX, or OpenVINO's own format."""

from __future__ import annotations

import json
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.batch import check_apart, check_free
from napari_medseg.app.export import check_folder
from napari_medseg.atomic import atomic_path, check_writable, replace, write_text
from napari_medseg.errors import InputError, OperationError, UnknownNameError
from napari_medseg.plain import read_plain
from napari_medseg.words import tr

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
_ENGINES = {"onnx": "onnxruntime", "openvino": "openvino"}
# of a probability
_TOLERANCE = 1e-3


def export_model(
    network: str,
    weights: str,
    out: str | Path,
    *,
    format: str = "onnx",
    size: int | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write a network with its weights, and beside it a JSON that says what stands before and behind it.

    The file is run once before it is kept, where its engine is installed, and held against torch.

    Parameters
    ----------
    network : str
    weights : str
        Id, task or path.
    out : path
        Ends in ``.onnx``, or in ``.xml`` for OpenVINO, which also gets a ``.bin``.
    format : {'onnx', 'openvino'}
    size : int, optional
        Side of the input, px, rounded up to what the network takes; default: that of the weights.
    overwrite : bool
        Files that are there may be replaced.

    Returns
    -------
    list of Path
        The model first.

    Raises
    ------
    InputError
        If something that was given cannot be used.
    OperationError
        If the network stays in torch, a library is missing, or the file would not say what torch says.
    """
    if format not in SUFFIXES:
        raise UnknownNameError("format", format, tuple(SUFFIXES))
    out = Path(out)
    if out.suffix != SUFFIXES[format]:
        raise InputError(
            tr(
                "--out is {out}; expected a name that ends in {suffix} for {format}. Name another file.",
                out=out,
                suffix=SUFFIXES[format],
                format=format,
            )
        )
    if format == "openvino" and find_spec("openvino") is None:
        raise OperationError(tr('openvino is not installed. Install it: pip install "napari-medseg[engines]".'))
    files = [out, *([out.with_suffix(".bin")] if format == "openvino" else []), out.with_suffix(".json")]
    check_free(files[:-1], overwrite=overwrite)

    from napari_medseg.inference import plan_prediction
    from napari_medseg.inference.engines.export import export, why_not
    from napari_medseg.inference.engines.portable import OUTPUTS, Portable, facts_of
    from napari_medseg.networks import get_spec, prepare_for_inference
    from napari_medseg.weights import load_network
    from napari_medseg.weights.store import find_weights

    spec = get_spec(network)
    if reason := why_not(spec):
        raise OperationError(
            tr("{network} cannot be exported: {reason}. Choose another network.", network=network, reason=reason)
        )
    check_apart(files, [find_weights(network, weights)[1]])
    module, entry = load_network(network, weights)
    whole = (64,) * spec.input.ndim
    plan = plan_prediction(spec, whole, size=entry.input_size if size is None else size)
    sides = plan.window or plan.network_size
    shape = (1, spec.input.channels, *sides)
    portable = Portable(prepare_for_inference(module), entry.input_of(spec.input)).eval()
    facts = facts_of(spec, entry, sides)
    text = json.dumps(facts, indent=1)
    # the other format's says the same of the same weights
    check_free(files[-1:], overwrite=overwrite or _says(files[-1], text))
    check_writable(check_folder(out.parent) / out.name)
    model = _with_facts(export(portable, shape, OUTPUTS[: len(facts["outputs"])], spec.title), facts)
    if find_spec(_ENGINES[format]) is not None:
        _check(portable, model, shape, _ENGINES[format])
    if format == "onnx":
        with atomic_path(out) as temporary:
            temporary.write_bytes(model)
    else:
        _write_openvino(model, out, text)
    write_text(files[-1], text)
    return files


def _says(file: Path, text: str) -> bool:
    """Whether there is a file that holds a text."""
    try:
        return read_plain(file, len(text) * 4 + 1) == text.encode()
    except OSError:
        return False


def _with_facts(model: bytes, facts: dict[str, object]) -> bytes:
    """The same also inside the file."""
    import onnx

    read = onnx.load_from_string(model)
    read.doc_string = f"{facts['title']}, {facts['weights']}: {facts['use']}"
    entry = read.metadata_props.add()
    entry.key, entry.value = "medseg", json.dumps(facts)
    return bytes(read.SerializeToString())


def _check(portable: Any, model: bytes, shape: tuple[int, ...], engine: str) -> None:
    """What is written says what torch says."""
    import torch

    from napari_medseg.inference.engines.table import ENGINES, TITLES

    image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        wanted = portable(image)
    run = import_module(next(one.module for one in ENGINES if one.name == engine)).prepare(
        model, torch.get_num_threads()
    )
    for ours, theirs in zip(wanted, run(image.numpy()), strict=True):
        if not np.abs(ours.numpy() - theirs).max() <= _TOLERANCE:
            raise OperationError(
                tr(
                    "the exported network does not say in {engine} what it says in PyTorch; nothing was written. "
                    "Choose the other format, or another network.",
                    engine=TITLES[engine],
                )
            )


def _write_openvino(model: bytes, out: Path, text: str) -> None:
    from napari_medseg.atomic import output_error
    from napari_medseg.inference.engines.open_vino import save_ir

    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".medseg-") as folder:
            written = Path(folder) / out.name
            save_ir(model, written, {"facts": text})
            # the numbers first: a description alone would be no model
            for suffix in (".bin", ".xml"):
                replace(written.with_suffix(suffix), out.with_suffix(suffix))
    except OSError as error:
        raise output_error(out, error) from error
