"""Weights that run elsewhere: a file, its JSON, and a library of others."""

import json

import numpy as np
import pytest

from napari_medseg.app.samples import samples_of
from napari_medseg.inference import Predictor
from napari_medseg.io import read_image
from tests.cli.helpers import refused, save_fresh


def crop(side):
    return read_image(samples_of("dermoscopy")[0].image).data[:side, :side, :3]


def tensor_of(image):
    """As the JSON says it: of 8 bits, in the size of the input."""
    return (image / np.float32(255)).transpose(2, 0, 1)[None].astype(np.float32)


def run_alone(path, image):
    """As a program without ours would: the file and its JSON, numpy, and ONNX Runtime."""
    import onnxruntime

    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["medseg"]) == facts
    given = session.get_inputs()[0]
    assert (given.name, given.shape, given.type) == (facts["input"]["name"], facts["input"]["shape"], "tensor(float)")
    maps = session.run([one["name"] for one in facts["outputs"]], {given.name: image})
    assert [list(one.shape) for one in maps] == [one["shape"] for one in facts["outputs"]]
    if facts["threshold"] is None:
        numbers = np.array([0, *map(int, facts["classes"])])
        return numbers[maps[0][0].argmax(axis=0)], maps
    return (maps[0][0, 0] >= facts["threshold"]) * int(next(iter(facts["classes"]))), maps


@pytest.mark.parametrize(("network", "weights"), [("cmunext-xxs", "dermoscopy"), ("sgd-net-s", "dermoscopy")])
def test_exported_weights_say_the_same_without_us(medseg, tmp_path, network, weights):
    file = tmp_path / "model.onnx"
    code, said, err = medseg("export-model", "--network", network, "--weights", weights, "--size", "128", "--out", file)
    assert code == 0, err
    assert said.split() == [str(file), str(file.with_suffix(".json"))]
    # of the network's size: nothing is resized
    image = crop(128)
    labels, maps = run_alone(file, tensor_of(image))
    wanted = Predictor.from_weights(network, weights, device="cpu").predict(image, size=128)
    assert (labels != wanted.labels).mean() <= 1e-3
    np.testing.assert_allclose(maps[0][0, -1:], wanted.probabilities, atol=1e-3)
    if wanted.edges is not None:
        np.testing.assert_allclose(maps[1][0, 0], wanted.edges, atol=1e-3)


def test_classes_and_channels_are_those_of_the_weights(medseg, tmp_path):
    intensity = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4), "order": "bgr"}
    changes = {"classes": ("core", "rim"), "labels": (3, 7), "intensity": intensity}
    weights = save_fresh(tmp_path / "w.safetensors", "cmunext-xxs", **changes)
    file = tmp_path / "model.onnx"
    assert medseg("export-model", "--weights", weights, "--out", file)[0] == 0
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    labels, maps = run_alone(file, tensor_of(image))
    wanted = Predictor.from_weights("cmunext-xxs", weights, device="cpu").predict(image, size=64)
    np.testing.assert_allclose(maps[0][0, 1:], wanted.probabilities, atol=1e-3)
    assert (labels != wanted.labels).mean() <= 1e-2
    facts = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert facts["classes"] == {"3": "core", "7": "rim"}
    assert facts["outputs"][0]["channels"] == ["background", "core", "rim"]


def test_openvino_s_own_format(medseg, tmp_path):
    from napari_medseg.inference.engines.open_vino import _openvino

    file = tmp_path / "model.xml"
    command = ("export-model", "--weights", "nuclei", "--size", "64", "--format", "openvino", "--out", file)
    code, _, err = medseg(*command)
    assert code == 0, err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.bin", "model.json", "model.xml"]
    image = crop(64)
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    assert "INFERENCE_PRECISION_HINT to f32" in file.with_suffix(".json").read_text(encoding="utf-8")
    found = _openvino().Core().compile_model(str(file), "CPU", hint)(tensor_of(image))["probabilities"]
    wanted = Predictor.from_weights("cmunext-xxs", "nuclei", device="cpu").predict(image, size=64)
    np.testing.assert_allclose(found[0], wanted.probabilities, atol=1e-3)
    refused(medseg(*command), "model.xml", "--overwrite")
    assert medseg(*command, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "parts", "code"),
    [
        (("--network", "dcsnet-s", "--weights", "generalist", "--out", "m.onnx"), ("dcsnet-s", "how many boxes"), 1),
        (("--weights", "nuclei", "--out", "m.pt"), ("m.pt", ".onnx"), 2),
        (("--weights", "nuclei", "--format", "tflite", "--out", "m.onnx"), ("format is 'tflite'", "openvino"), 2),
        (("--weights", "kidney", "--out", "m.onnx"), ("kidney",), 2),
    ],
)
def test_what_cannot_be_exported_is_refused(medseg, tmp_path, monkeypatch, arguments, parts, code):
    monkeypatch.chdir(tmp_path)
    refused(medseg("export-model", *arguments), *parts, code=code)
    assert not list(tmp_path.iterdir())


def test_volumes_are_exported_too(medseg, tmp_path):
    file = tmp_path / "model.onnx"
    command = ("export-model", "--network", "lgms-net-3d", "--weights", "hippocampus", "--size", "32", "--out", file)
    code, _, err = medseg(*command)
    assert code == 0, err
    facts = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    assert facts["input"]["shape"] == [1, 1, 32, 32, 32]
    assert facts["threshold"] is None or len(facts["classes"]) == 1


def test_both_formats_lie_in_one_new_folder(medseg, tmp_path):
    place = tmp_path / "new" / "er"
    command = ("export-model", "--weights", "nuclei", "--size", "64", "--out")
    assert medseg(*command, place / "model.onnx")[0] == 0
    code, _, err = medseg(*command, place / "model.xml", "--format", "openvino")
    assert code == 0, err
    assert sorted(path.suffix for path in place.iterdir()) == [".bin", ".json", ".onnx", ".xml"]
    # that of others stays
    (place / "model.json").write_text("{}")
    (place / "model.onnx").unlink()
    refused(medseg(*command, place / "model.onnx"), "model.json", "is there already")
    assert (place / "model.json").read_text() == "{}" and not (place / "model.onnx").exists()
