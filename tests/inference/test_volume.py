"""Volumes: windows, spacing, classes."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_medseg.errors import Cancelled, ShapeError
from napari_medseg.inference import Predictor, plan_prediction
from napari_medseg.inference.volume import count_windows, slide, to_grey01
from napari_medseg.networks import SegmentationOutput, create_network, get_spec
from napari_medseg.weights import WeightsEntry

SPEC = get_spec("lgms-net-3d")


class Bright(nn.Module):
    """Says foreground where a voxel is bright: a network whose answer is known."""

    def forward(self, x):
        return SegmentationOutput(logits=8 * x)


def bright(**changes):
    values = {"input_size": (32, 32, 32), **changes}
    return Predictor(Bright(), SPEC, WeightsEntry(id="a/b@1", network="lgms-net-3d", task="t", **values), device="cpu")


def volume(shape):
    z, y, x = np.mgrid[: shape[0], : shape[1], : shape[2]]
    return 100 * ((z > shape[0] // 2) & (y > shape[1] // 3) & (x < shape[2] // 2)).astype(np.int16)


@pytest.mark.parametrize("shape", [(32, 32, 32), (5, 40, 70), (50, 33, 31)])
def test_a_volume_of_any_size_gives_a_mask_of_its_size(shape):
    data = volume(shape)
    told = []
    out = bright().predict(data, progress=lambda fraction, text: told.append(fraction))
    assert out.labels.dtype == np.uint8
    np.testing.assert_array_equal(out.labels, data > 0)
    assert out.probabilities.shape == (1, *shape)
    assert told == sorted(told)
    assert told[-1] == 1


def test_windows_are_counted():
    for shape in ((32, 32, 32), (33, 64, 20), (100, 70, 50)):
        calls = []
        slide(torch.zeros(1, 1, *shape), (32, 32, 32), lambda part, c=calls: (c.append(1), part)[1], lambda share: None)
        assert len(calls) == count_windows(shape, (32, 32, 32))


def test_voxels_of_another_size_are_resampled():
    data = volume((20, 60, 60))
    predictor = bright(spacing=(1.0, 1.0, 1.0))
    out = predictor.predict(data, spacing=(2.0, 0.5, 0.5))
    assert "resize 20 x 60 x 60 to 40 x 30 x 30 px, windows of 32 x 32 x 32 px" in out.origin["plan"]
    assert out.labels.shape == data.shape
    assert (out.labels == (data > 0)).mean() > 0.9
    assert "as it is" in predictor.predict(data).origin["plan"]


def test_intensities_are_scaled_by_window_or_percentile():
    data = np.array([[[-1000.0, 0, 40, 400, np.nan]]])
    np.testing.assert_allclose(to_grey01(data, window=(-160, 240)).ravel(), [0, 0.4, 0.5, 1, 0])
    ramp = np.linspace(5, 10, 1001).reshape(7, 11, 13)
    found = to_grey01(ramp)
    assert (found.min(), found.max()) == (0, 1)
    assert to_grey01(np.full((2, 2, 2), 7)).max() == 0
    for wrong in (np.zeros((3, 3)), np.zeros((0, 3, 3)), np.zeros((2, 2, 2), complex)):
        with pytest.raises(ShapeError, match="expected \\(Z, Y, X\\)"):
            to_grey01(wrong)


def test_the_real_network_with_classes_and_mirrors():
    torch.manual_seed(0)
    entry = WeightsEntry(
        id="a/b@1", network="lgms-net-3d", task="t", classes=("front", "back"), input_size=(32, 32, 32)
    )
    predictor = Predictor(create_network("lgms-net-3d", classes=3), SPEC, entry, device="cpu")
    out = predictor.predict(np.random.default_rng(0).random((20, 30, 36)), mirrored=True)
    assert out.probabilities.shape == (2, 20, 30, 36)
    assert set(np.unique(out.labels)) <= {0, 1, 2}
    assert out.disagreement.shape == (20, 30, 36)
    assert 0 < out.disagreement.max() <= 0.5


def test_it_stops_between_windows():
    calls = []
    with pytest.raises(Cancelled):
        bright().predict(volume((200, 32, 32)), cancelled=lambda: len(calls) > 4 or calls.append(1))


def test_images_and_volumes_are_told_apart():
    with pytest.raises(ShapeError, match=r"lgms-net-3d expects \(Z, Y, X\).*a network for images"):
        plan_prediction(SPEC, (30, 40))
    with pytest.raises(ShapeError, match="expected 3 sides"):
        plan_prediction(SPEC, (30, 40, 50), size=(32, 32))
