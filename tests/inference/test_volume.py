"""Volumes: windows, spacing, classes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import nn

from napari_medseg.errors import Cancelled, ShapeError
from napari_medseg.inference import Predictor, plan_prediction
from napari_medseg.inference import volume as volumes
from napari_medseg.inference.volume import resize_volume, slide, to_grey01
from napari_medseg.inference.windows import count_windows, resampled_size
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


SIZES = st.tuples(*(st.integers(1, 24),) * 3)
SPACINGS = st.tuples(*(st.floats(0.3, 5),) * 3)


@settings(deadline=None, max_examples=60)
@given(shape=SIZES, spacing=SPACINGS, trained=SPACINGS)
def test_there_and_back_no_voxel_is_off_by_half_of_the_coarser_one(shape, spacing, trained):
    there = resampled_size(shape, spacing, trained)
    where = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij"))
    back = resize_volume(resize_volume(where, there), shape)
    assert back.shape == where.shape
    for axis, (n, m) in enumerate(zip(shape, there, strict=True)):
        # in voxels of the grid that is coarser
        assert np.abs(back[axis] - where[axis]).max() < 0.5 * max(1, n / m) + 1e-3


@settings(deadline=None, max_examples=20)
@given(shape=SIZES, spacing=SPACINGS, trained=SPACINGS, seed=st.integers(0, 9))
def test_labels_come_back_on_the_grid_of_the_volume(shape, spacing, trained, seed):
    data = np.random.default_rng(seed).integers(-1000, 1000, shape).astype(np.int16)
    out = bright(spacing=trained, input_size=(16, 16, 16)).predict(data, spacing=spacing)
    assert out.labels.shape == out.probabilities.shape[1:] == shape
    assert out.labels.dtype == np.uint8 and np.isfinite(out.probabilities).all()


@settings(deadline=None, max_examples=20)
@given(shape=st.tuples(*(st.integers(4, 20),) * 3), finer=st.tuples(*(st.integers(1, 3),) * 3), axis=st.integers(0, 2))
def test_a_plane_stays_where_it_is_to_the_voxel_on_a_finer_trained_grid(shape, finer, axis):
    data = np.zeros(shape, np.int16)
    np.moveaxis(data, axis, 0)[shape[axis] // 2 :] = 100
    trained = tuple(1 / n for n in finer)
    out = bright(spacing=trained, input_size=(16, 16, 16)).predict(data, spacing=(1.0, 1.0, 1.0))
    np.testing.assert_array_equal(out.labels, data > 0)


class Local(nn.Module):
    """Mixes each voxel with its neighbours: near a window's border it sees something else."""

    def forward(self, x):
        return SegmentationOutput(logits=8 * nn.functional.avg_pool3d(x, 5, stride=1, padding=2))


def test_windows_agree_with_one_window_and_with_each_other_wherever_they_lie(monkeypatch):
    data = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(90, 50, 32)), 2)
    entry = WeightsEntry(id="a/b@1", network="lgms-net-3d", task="t", input_size=(32, 32, 32), window=(-0.2, 0.2))
    predictor = Predictor(Local(), SPEC, entry, device="cpu")
    inside = np.s_[4:-4, 4:-4, 4:-4]

    def off(other, shift=0):
        padded = np.pad(data, [(shift, 0), (shift, 0), (0, 0)], mode="edge")
        return np.abs(predictor.predict(padded).probabilities[0, shift:, shift:] - other)[inside].mean()

    whole = predictor.predict(data, size=(96, 64, 32)).probabilities[0]
    windows = predictor.predict(data).probabilities[0]
    overlapping = off(whole)
    assert overlapping < 0.005 and off(windows, shift=8) < 0.005
    # side by side, windows show
    monkeypatch.setattr(volumes, "OVERLAP", 0.0)
    assert off(whole) > 3 * overlapping
