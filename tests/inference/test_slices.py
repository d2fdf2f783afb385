"""Volumes through networks for images, slice by slice."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_medseg.errors import Cancelled, InputError, ShapeError
from napari_medseg.inference import Predictor, plan_prediction, slices
from napari_medseg.inference.plan import finest_axis
from napari_medseg.inference.slices import LOOKED_AT, ends_of, grey01
from napari_medseg.networks import SegmentationOutput, get_spec, list_networks
from napari_medseg.weights import WeightsEntry
from tests.networks.helpers import shared

SPEC = get_spec("cmunext-xxs")
FLAT = [name for name in list_networks() if get_spec(name).input.ndim == 2]


class Bright(nn.Module):
    """Says foreground where a pixel is bright, an edge where it is dark: a network whose answer is known."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        x = x[:, :1]
        return SegmentationOutput(logits=8 * x, edge_logits=-8 * x)


def predictor(network=None, spec=SPEC, **facts):
    entry = WeightsEntry(id="a/b@1", network=spec.name, task="t", input_size=(32, 32), **facts)
    return Predictor(network or Bright(), spec, entry, device="cpu")


def ball(shape, dtype=np.int16):
    z, y, x = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape)
    inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < 0.5
    return (300 * inside - 100).astype(dtype)


@settings(deadline=None, max_examples=25)
@given(
    shape=st.tuples(*(st.integers(1, 40),) * 3),
    axis=st.integers(0, 2),
    dtype=st.sampled_from([np.int16, np.float32, np.uint8, np.uint16]),
)
def test_a_volume_of_any_shape_comes_back_on_its_own_grid(shape, axis, dtype):
    data = ball(shape, dtype)
    found = predictor().predict(data, volume=True, axis=axis)
    assert found.labels.shape == found.edges.shape == found.probabilities.shape[1:] == shape
    assert found.labels.dtype == np.uint8
    assert (found.probabilities.min(), found.probabilities.max()) >= (0, 0)


@pytest.mark.parametrize("axis", range(3))
def test_slices_of_the_networks_own_size_come_back_voxel_for_voxel(axis):
    shape = [32, 32, 32]
    shape[axis] = 11
    data = ball(shape)
    found = predictor().predict(data, axis=axis)
    np.testing.assert_array_equal(found.labels, data > 0)
    np.testing.assert_array_equal(found.edges > 0.5, data <= 0)
    assert found.origin["plan"] == f"11 slices across {'zyx'[axis]}, each 32 x 32 px as it is, 11 passes"


def test_slices_go_a_few_at_a_time_and_say_which(monkeypatch):
    monkeypatch.setattr(slices, "TOGETHER", 3 * 32 * 32)
    network, told = Bright(), []
    predictor(network).predict(ball((8, 20, 30)), progress=lambda share, text: told.append((share, text)))
    assert [shape[0] for shape in network.seen] == [3, 3, 2]
    assert [text for _, text in told if "slices" in text] == [
        "slices 0 to 2 of 7",
        "slices 3 to 5 of 7",
        "slices 6 to 7 of 7",
    ]
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    with pytest.raises(Cancelled):
        predictor(network).predict(ball((8, 20, 30)), cancelled=lambda: len(network.seen) > 3)
    assert len(network.seen) == 4


@pytest.mark.parametrize("name", FLAT)
def test_what_a_network_says_of_a_slice_does_not_hang_on_its_neighbours(name):
    torch.manual_seed(0)
    network, spec = shared(name), get_spec(name)
    data = np.random.default_rng(0).integers(0, 255, (5, 32, 32)).astype(np.uint8)
    able = predictor(network, spec)
    whole = able.predict(data)
    for z, cut in enumerate(data):
        alone = able.predict(cut)
        np.testing.assert_allclose(whole.probabilities[:, z], alone.probabilities, atol=2e-5)
        if alone.edges is not None:
            np.testing.assert_allclose(whole.edges[z], alone.edges, atol=2e-5)


def test_greys_are_those_of_the_volume_not_of_each_slice():
    data = np.random.default_rng(0).normal(100, 1, (6, 32, 32))
    data[3] += 500
    # by itself, noise would be stretched over all greys
    low, high = ends_of(data)
    assert low < 110 and high > 590
    assert np.ptp(grey01(data[0], (low, high))) < 0.05
    found = predictor().predict(data)
    assert found.labels[3].all() and not found.labels[0].any()


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        (np.array([[[3, 9]]], np.uint8), (0, 255)),
        (np.array([[[False, True]]]), (0, 1)),
        (np.array([[[0.2, 0.4]]], np.float32), (0, 1)),
        (np.array([[[7, 7]]], np.int16), None),
        (np.array([[[np.nan, np.inf]]]), None),
        (np.array([[[np.nan, -1, 2]]]), (-0.985, 1.985)),
    ],
    ids=["bytes", "bool", "unit", "constant", "none", "holes"],
)
def test_the_rule_is_that_of_images(data, ends):
    found = ends_of(data)
    assert found == (None if ends is None else pytest.approx(ends))
    grey = grey01(data[0], found)
    assert grey.dtype == np.float32 and grey.shape == (1, data.shape[2], 3)
    assert np.isfinite(grey).all() and 0 <= grey.min() <= grey.max() <= 1


def test_of_a_large_volume_some_values_speak_for_all():
    data = np.random.default_rng(0).normal(size=(8, 1024, 1024)).astype(np.float32)
    assert data.size > LOOKED_AT
    assert ends_of(data) == pytest.approx(np.percentile(data, (0.5, 99.5)), abs=0.02)


@pytest.mark.parametrize(
    ("spacing", "prefer", "axis"),
    [
        (None, 0, 0),
        ((3, 1, 1), 0, 0),
        ((1, 3, 1), 0, 1),
        ((0.7, 0.7, 5), 0, 2),
        ((1, 1, 1), 0, 0),
        ((1, 1, 1), 2, 2),
        ((1.001, 1, 1), 1, 1),
        ((2, 1, 1), 1, 0),
        ((1, 3, 3), 2, 2),
    ],
)
def test_slices_lie_where_their_pixels_are_finest(spacing, prefer, axis):
    assert finest_axis(spacing, prefer) == axis


def test_mirrored_copies_are_taken_slice_by_slice_too():
    found = predictor().predict(ball((4, 32, 32)), mirrored=True)
    assert found.origin["plan"].endswith("mirrored 4 ways, 16 passes")
    assert found.disagreement.shape == (4, 32, 32)
    assert found.disagreement.max() < 1e-6


def test_several_classes_have_their_numbers():
    class Two(Bright):
        def forward(self, x):
            x = x[:, :1]
            return SegmentationOutput(logits=torch.cat([0 * x, 8 * x, -8 * x], 1))

    found = predictor(Two(), classes=("in", "out"), labels=(3, 7)).predict(ball((4, 32, 32)))
    np.testing.assert_array_equal(found.labels, np.where(ball((4, 32, 32)) > 0, 3, 7))
    assert found.probabilities.shape == (2, 4, 32, 32)


def test_what_could_be_an_image_is_one_unless_it_is_said():
    thin = (8, 9, 3)
    assert plan_prediction(SPEC, thin).axis is None
    assert plan_prediction(SPEC, thin, volume=True).axis == 0
    assert plan_prediction(SPEC, thin, spacing=(1, 1, 2)).axis == 2
    assert plan_prediction(SPEC, (8, 9, 10)).axis == 0
    for shape in ((8, 9, 2), (8, 9, 10, 3), (0, 9, 10)):
        with pytest.raises(ShapeError):
            plan_prediction(SPEC, shape)
    with pytest.raises(ShapeError):
        plan_prediction(SPEC, (8, 9, 10), volume=False)


def test_boxes_and_complex_numbers_are_refused():
    boxes = replace(SPEC, capabilities=replace(SPEC.capabilities, box_prompt=True))
    with pytest.raises(InputError, match="boxes are for images; this is a volume"):
        predictor(spec=boxes).predict(ball((4, 32, 32)), boxes=[[0, 0, 3, 3]])
    with pytest.raises(ShapeError, match="complex"):
        predictor().predict(np.zeros((4, 32, 32), complex))
