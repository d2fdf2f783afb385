"""Engines serve predictions once they are measured, and torch does until then."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_medseg.app.samples import samples_of
from napari_medseg.errors import InputError
from napari_medseg.inference import Predictor
from napari_medseg.inference.engines import background, present_engines, store
from napari_medseg.inference.engines.measure import Measured, agrees, measure, probe
from napari_medseg.inference.engines.store import Key, keep, kept
from napari_medseg.io import read_image
from napari_medseg.networks import SegmentationOutput, get_spec, list_networks
from napari_medseg.weights import list_weights, load_network, save_weights
from napari_medseg.weights.store import find_weights

NAME = "cmunext-xxs"
SPEC = get_spec(NAME)


@pytest.fixture
def auto(monkeypatch):
    """Engines are chosen by measurements, in this test's own memory."""
    monkeypatch.delenv("MEDSEG_ENGINE")
    own = background.Background()
    monkeypatch.setattr("napari_medseg.inference.engines.serving.BACKGROUND", own)
    return own


def picture(task="nuclei"):
    return read_image(samples_of(task)[0].image).data


def key_of(weights, side=256):
    entry, _ = find_weights(NAME, weights)
    return Key(NAME, entry.sha256, (1, 3, side, side), torch.get_num_threads())


@pytest.mark.parametrize("engine", [one.name for one in present_engines()])
@pytest.mark.parametrize("network", sorted({e.network for e in list_weights() if not e.network.startswith("dcs")}))
def test_masks_of_trained_networks_are_those_of_torch(network, engine):
    entry = next(entry for entry in list_weights(network=network))
    size = {"size": 96} if get_spec(network).input.ndim == 2 else {}
    if size:
        image = picture()
    else:
        z, y, x = np.mgrid[:32, :48, :40]
        image = 100 * np.exp(-((z - 16) ** 2 + (y - 24) ** 2 + (x - 20) ** 2) / 90)
        # as scanners have it: where all is the same, norms blow rounding up
        image = image + np.random.default_rng(0).normal(0, 5, image.shape)
    plain = Predictor.from_weights(network, entry.id, device="cpu").predict(image, **size)
    other = Predictor.from_weights(network, entry.id, device="cpu", engine=engine).predict(image, **size)
    assert plain.origin["engine"].startswith("torch ")
    assert other.origin["engine"].startswith(f"{engine} ")
    assert (plain.labels != other.labels).mean() <= 1e-3
    np.testing.assert_allclose(other.probabilities, plain.probabilities, atol=5e-3)
    if plain.edges is not None:
        np.testing.assert_allclose(other.edges, plain.edges, atol=5e-3)


@pytest.mark.slow
def test_torch_serves_until_a_process_has_measured(auto, caplog):
    predictor = Predictor.from_weights(NAME, "nuclei", device="cpu", engine="auto")
    assert predictor.predict(picture()).origin["gain"] is None
    auto.wait()
    assert not list(store.cache_folder().glob("*")), "one image is no reason to measure"
    first = predictor.predict(picture())
    assert first.origin["engine"].startswith("torch ")
    auto.wait()
    facts = json.loads(next(store.cache_folder().glob("*.json")).read_text())
    assert set(facts["seconds"]) == {"torch", "onnxruntime", "openvino"}
    # the process came to its own end
    assert "ended with" not in caplog.text
    found = predictor.predict(picture())
    assert found.origin["engine"].split()[0] == facts["engine"]
    assert found.origin["gain"] == facts["gain"]
    assert (found.labels != first.labels).mean() <= 1e-3


def chosen(engine, weights="nuclei", gain=2.0):
    """As if it had been measured."""
    network, _ = load_network(NAME, weights)
    from napari_medseg.inference.engines.export import to_onnx
    from napari_medseg.networks import prepare_for_inference

    key = key_of(weights)
    keep(key, Measured(engine, gain, model=to_onnx(prepare_for_inference(network), SPEC, key.shape)))
    return key


def test_what_was_measured_serves_from_the_second_image_on(auto):
    chosen("openvino")
    predictor = Predictor.from_weights(NAME, "nuclei", device="cpu", engine="auto")
    said = []
    for _ in range(2):
        said.append(predictor.predict(picture()).origin)
        auto.wait()
    assert [one["engine"].split()[0] for one in said] == ["torch", "openvino"]
    assert said[1]["gain"] == 2.0
    # other sizes and boxes are not what was measured
    assert predictor.predict(picture(), size=128).origin["engine"].startswith("torch ")


def test_what_is_kept_of_an_origin_has_the_engine_and_no_speed(auto):
    found = Predictor.from_weights(NAME, "nuclei", device="cpu", engine="onnx").predict(picture(), size=64)
    assert found.kept_origin["engine"].startswith("onnxruntime ")
    assert "gain" not in found.kept_origin


def test_an_engine_that_says_something_else_is_used_no_more(auto):
    # exported from other weights: what a damaged library would do
    network, _ = load_network(NAME, "dermoscopy")
    from napari_medseg.inference.engines.export import to_onnx

    key = key_of("nuclei")
    keep(key, Measured("openvino", 3.0, model=to_onnx(network, SPEC, key.shape)))
    predictor = Predictor.from_weights(NAME, "nuclei", device="cpu", engine="auto")
    wanted = predictor.predict(picture()).labels
    auto.wait()
    found = predictor.predict(picture())
    np.testing.assert_array_equal(found.labels, wanted)
    assert found.origin["engine"].startswith("torch ")
    assert auto.choice(key).engine == kept(key).engine == "torch"
    assert predictor.predict(picture()).origin["engine"].startswith("torch ")


def test_a_named_engine_that_says_something_else_is_told(monkeypatch):
    monkeypatch.setattr("napari_medseg.inference.engines.serving.agrees", lambda found, wanted: False)
    found = Predictor.from_weights(NAME, "nuclei", device="cpu", engine="openvino").predict(picture(), size=64)
    assert found.origin["engine"].startswith("torch ")
    assert found.origin["messages"] == (
        "OpenVINO was not used for this image: its output is not PyTorch's. PyTorch went on.",
    )


def test_new_weights_are_measured_anew(tmp_path):
    module, entry = load_network(NAME, "nuclei")
    keys = {key_of("nuclei")}
    for number in range(2):
        with torch.no_grad():
            next(module.parameters()).add_(0.01 * number)
        save_weights(tmp_path / "w.safetensors", module, replace(entry, version=number + 7))
        found = Predictor.from_weights(NAME, tmp_path / "w.safetensors").entry
        keys.add(Key(NAME, found.sha256, (1, 3, 256, 256), 1))
    assert len({key.name for key in keys}) == 3


def test_another_library_or_processor_is_measured_anew(monkeypatch):
    key, names, now = key_of("nuclei"), set(), store._machine()
    for change in ({}, {"processor": "other"}, {"openvino": "3000.1"}):
        facts = {**now, **change}
        monkeypatch.setattr(store, "_machine", lambda facts=facts: facts)
        names.add(key.name)
    assert len(names) == 3


@pytest.mark.parametrize(
    "damage", ["{", '{"engine": "other"}', '{"engine": "openvino", "gain": "x"}', "no model", "cut"]
)
def test_what_is_damaged_on_the_disk_is_not_there(damage):
    key = key_of("nuclei")
    keep(key, Measured("openvino", 2.0, model=b"1234"))
    assert kept(key).model == b"1234"
    file = store.cache_folder() / f"{key.name}.json"
    if damage == "no model":
        file.with_suffix(".onnx").unlink()
    elif damage == "cut":
        file.with_suffix(".onnx").write_bytes(b"123")
    else:
        file.write_text(damage)
    assert kept(key) is None


def test_the_folder_does_not_grow(monkeypatch):
    monkeypatch.setattr(store, "MOST_FILES", 6)
    for side in range(10):
        keep(key_of("nuclei", side), Measured("openvino", 2.0, model=b"1"))
    assert len(list(store.cache_folder().iterdir())) == 6
    assert kept(key_of("nuclei", 9)) is not None


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(store, "cache_folder", lambda: tmp_path / "file" / "engines")
    keep(key_of("nuclei"), Measured("openvino", 2.0, model=b"1"))
    assert kept(key_of("nuclei")) is None


def test_few_stay_loaded(auto, monkeypatch):
    monkeypatch.setattr(background, "MOST_LOADED", 1)
    for task in ("nuclei", "dermoscopy"):
        chosen("onnxruntime", task)
        Predictor.from_weights(NAME, task, device="cpu", engine="auto").predict(picture())
        auto.wait()
    assert len(auto._ready) == 1


def test_a_measurement_says_what_is_quickest_and_agrees():
    network, _ = load_network(NAME, "nuclei")
    found = measure(network, SPEC, (1, 3, 64, 64), ["onnxruntime", "openvino"], seconds=0)
    assert set(found.seconds) == {"torch", "onnxruntime", "openvino"}
    assert found.gain >= 1
    assert (found.engine == "torch") == (not found.model)
    stays, _ = load_network("dcsnet-s", "generalist")
    assert measure(stays, get_spec("dcsnet-s"), (1, 3, 64, 64), ["openvino"]).refused.keys() == {"openvino"}


@pytest.mark.parametrize("name", list_networks())
def test_probes_look_like_images(name):
    spec = get_spec(name)
    shape = (1, spec.input.channels, *spec.input.size)
    assert probe(spec, shape).shape == shape


def test_agreement():
    logits = torch.linspace(-5, 5, 4096).reshape(1, 1, 64, 64)
    edges = torch.zeros(1, 1, 64, 64)
    one = SegmentationOutput(logits, edges)
    assert agrees(SegmentationOutput(logits + 1e-4, edges), one)
    assert not agrees(SegmentationOutput(logits + 1e-1, edges), one)
    assert not agrees(SegmentationOutput(logits * torch.nan, edges), one)
    assert not agrees(SegmentationOutput(logits), one)
    assert not agrees(SegmentationOutput(logits[..., :32], edges), one)
    # within the tolerance, and another mask all the same
    flat = SegmentationOutput(logits * 0 + 1e-4)
    assert not agrees(SegmentationOutput(logits * 0 - 1e-4), flat)


def test_a_network_that_stays_in_torch_says_so():
    predictor = Predictor.from_weights("dcsnet-s", "generalist", device="cpu", engine="openvino")
    origin = predictor.predict(picture(), size=64).origin
    assert origin["engine"].startswith("torch ")
    assert origin["messages"][0].startswith("DCSNet small stays in PyTorch: how many boxes")


def test_an_engine_that_is_none_is_refused():
    with pytest.raises(InputError, match="engine is 'x'"):
        Predictor.from_weights(NAME, "nuclei", engine="x")


def test_without_a_file_or_an_engine_torch_serves(auto, monkeypatch):
    module, entry = load_network(NAME, "nuclei")
    predictor = Predictor(module, SPEC, entry, device="cpu", engine="auto")
    assert predictor.predict(picture(), size=64).origin["engine"].startswith("torch ")
    monkeypatch.setattr("napari_medseg.inference.engines.serving.present_engines", tuple)
    predictor = Predictor.from_weights(NAME, "nuclei", device="cpu", engine="auto")
    for _ in range(3):
        predictor.predict(picture(), size=64)
    assert auto._thread is None


def test_slices_of_a_volume_go_through_an_engine_too(monkeypatch):
    volume = np.stack([picture()[:96, :96]] * 3)
    said = {}
    for engine in ("torch", "openvino"):
        predictor = Predictor.from_weights(NAME, "nuclei", device="cpu", engine=engine)
        said[engine] = predictor.predict(volume, size=64, volume=True)
        assert said[engine].origin["engine"].startswith(engine)
    assert said["torch"].labels.any()
    assert (said["torch"].labels != said["openvino"].labels).mean() <= 1e-3
    # what differs from the first slice on is by torch to the last
    monkeypatch.setattr("napari_medseg.inference.engines.serving.agrees", lambda found, wanted: False)
    other = Predictor.from_weights(NAME, "nuclei", device="cpu", engine="openvino").predict(
        volume, size=64, volume=True
    )
    np.testing.assert_array_equal(other.labels, said["torch"].labels)
    assert other.origin["engine"].startswith("torch ")
