"""Every engine says what torch says."""

import subprocess
import sys

import pytest
import torch

from napari_medseg.errors import InputError, OperationError, UnknownNameError
from napari_medseg.inference.engines import ENGINES, prepare, present_engines, resolve_engine, why_not
from napari_medseg.networks import get_spec, list_networks, prepare_for_inference
from tests.networks.helpers import fresh
from tests.networks.test_prepare import lively

EXPORTED = [name for name in list_networks() if not why_not(get_spec(name))]


def prepared(name):
    torch.manual_seed(0)
    return prepare_for_inference(lively(fresh(name))), get_spec(name)


@pytest.mark.parametrize("engine", [one.name for one in ENGINES])
@pytest.mark.parametrize("name", EXPORTED)
def test_an_engine_gives_what_torch_gives(name, engine):
    network, spec = prepared(name)
    image = torch.randn(1, spec.input.channels, *[64 if spec.input.ndim == 2 else 32] * spec.input.ndim)
    run = prepare(network, spec, image.shape, engine=engine)
    with torch.inference_mode():
        wanted = prepare(network, spec, image.shape)(image)
    found = run(image)
    for ours, theirs in ((wanted.logits, found.logits), (wanted.edge_logits, found.edge_logits)):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            # fresh weights may give nearly the same everywhere: rounding is of the values' size
            assert ours.shape == theirs.shape
            assert (ours - theirs).abs().max() < 1e-3 * ours.abs().max()


def test_all_but_the_networks_that_look_into_boxes_are_exported():
    assert set(list_networks()) - set(EXPORTED) == {"dcsnet", "dcsnet-s"}
    network, spec = prepared("dcsnet-s")
    with pytest.raises(OperationError, match="how many boxes"):
        prepare(network, spec, (1, 3, 64, 64), engine="onnxruntime")


def test_results_of_two_images_are_two_arrays():
    network, spec = prepared("cmunext-xxs")
    for engine in present_engines():
        run = prepare(network, spec, (1, 3, 32, 32), engine=engine.name)
        first = run(torch.zeros(1, 3, 32, 32)).logits
        kept = first.clone()
        assert not torch.equal(run(torch.ones(1, 3, 32, 32)).logits, kept)
        assert torch.equal(first, kept)


def test_names_of_engines(monkeypatch):
    monkeypatch.delenv("MEDSEG_ENGINE", raising=False)
    assert [resolve_engine(name) for name in ("auto", "torch", "onnx", "openvino")] == [
        *("auto", "torch", "onnxruntime", "openvino")
    ]
    monkeypatch.setenv("MEDSEG_ENGINE", "torch")
    assert (resolve_engine(), resolve_engine("openvino")) == ("torch", "openvino")
    with pytest.raises(UnknownNameError, match="engine is 'tensorrt'"):
        resolve_engine("tensorrt")
    monkeypatch.setattr("napari_medseg.inference.engines.table.find_spec", lambda name: None)
    with pytest.raises(InputError, match="not installed"):
        resolve_engine("openvino")


@pytest.mark.parametrize("module", ["napari_medseg.inference", "napari_medseg.app.predict"])
def test_no_engine_is_imported_before_it_is_used(module):
    code = f"import sys, {module}; sys.exit(any(m in sys.modules for m in ('onnx', 'onnxruntime', 'openvino')))"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
