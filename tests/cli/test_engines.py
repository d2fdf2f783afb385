"""``--engine``: what runs the networks."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from napari_medseg.io import read_mask
from tests.cli.helpers import NUCLEI, refused


def test_an_engine_is_named_beside_the_mask_that_it_made(medseg, tmp_path):
    found = {}
    for engine in ("torch", "onnx", "openvino"):
        out = tmp_path / engine
        command = ("predict", NUCLEI[0].image, "--weights", "nuclei", "--out", out, "--size", "128", "--engine", engine)
        code, said, err = medseg(*command)
        assert code == 0, err
        mask = next(line for line in said.split() if line.endswith("_mask.tif"))
        found[engine] = SimpleNamespace(mask=read_mask(mask), file=Path(mask).read_bytes())
    assert b'"engine": "onnxruntime ' in found["onnx"].file
    assert b'"engine": "openvino ' in found["openvino"].file
    assert b'"engine": "torch ' in found["torch"].file
    for engine in ("onnx", "openvino"):
        assert (np.asarray(found[engine].mask) != np.asarray(found["torch"].mask)).mean() <= 1e-3


def test_what_stays_in_torch_is_said_once(medseg, tmp_path):
    command = ("predict", NUCLEI[0].image, NUCLEI[1].image, "--network", "dcsnet-s", "--weights", "generalist")
    code, _, err = medseg(*command, "--size", "64", "--out", tmp_path, "--engine", "onnxruntime")
    assert code == 0
    assert err.count("stays in PyTorch: how many boxes") == 1


def test_an_engine_that_is_none_is_refused_before_anything_is_written(medseg, tmp_path):
    command = ("predict", NUCLEI[0].image, "--weights", "nuclei", "--out", tmp_path / "out")
    refused(medseg(*command, "--engine", "tensorrt"), "engine is 'tensorrt'", "openvino")
    assert not (tmp_path / "out").exists()
