"""Boxes of a person: checked, carried to the network's grid and back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.errors import InputError
from napari_medseg.inference import Predictor
from napari_medseg.inference.drawn import box_of_corners, check_boxes, corners_of_box, inside_boxes
from napari_medseg.inference.geometry import Geometry
from napari_medseg.inference.prompts import flip_boxes, from_network, to_network
from napari_medseg.networks import create_network, get_spec
from napari_medseg.networks.blocks.boxes import ROOM
from napari_medseg.weights import WeightsEntry

numbers = st.floats(0, 200)


@given(st.tuples(numbers, numbers, numbers, numbers))
def test_boxes_come_back_from_the_network(values):
    y, x, h, w = values
    geometry = Geometry((300, 517), (256, 64))
    # nearer to the border there is less room, and what is less than a pixel of the network's comes back as one
    box = np.minimum([[y + 10, x + 60, y + h + 12, x + w + 70]], (290, 450, 290, 450))
    np.testing.assert_allclose(from_network(to_network(box, geometry), geometry), box, rtol=1e-4, atol=1e-3)


def test_a_box_covers_the_same_part_of_both_grids():
    found = to_network(np.array([[0.0, 100, 50, 150]]), Geometry((100, 200), (64, 64)))
    # and the room around a lesion that the network learned with
    assert found.tolist() == [[32 - ROOM, 0, 48 + ROOM, 32 + ROOM]]


def test_a_detected_box_is_shown_close_and_never_empty():
    geometry = Geometry((64, 64), (64, 64))
    found = from_network(torch.tensor([[0.0, 20, 40, 64], [30, 30, 34, 38]]), geometry)
    assert found[0].tolist() == [20 + ROOM, 0, 64, 40 - ROOM]
    assert (found[1, 2:] - found[1, :2] >= 1).all()


def test_pixels_lie_in_a_box_by_their_centre():
    inside = inside_boxes(np.array([[1.4, 0, 3, 2.6], [3, 4, 4, 5]]), (5, 6))
    assert np.argwhere(inside).tolist() == [[1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2], [3, 4]]


def test_flipped_boxes_lie_on_the_flipped_image():
    image = torch.zeros(20, 30)
    image[3:7, 11:19] = 1
    box = torch.tensor([[11.0, 3, 19, 7]])
    for axes in ((), (-1,), (-2,), (-2, -1)):
        x0, y0, x1, y1 = flip_boxes(box, (20, 30), axes)[0].int().tolist()
        flipped = image.flip(axes) if axes else image
        assert flipped[y0:y1, x0:x1].sum() == image.sum() == (y1 - y0) * (x1 - x0)


def test_boxes_are_cut_at_the_border():
    assert check_boxes([(-5, -1, 10, 300)], (50, 100)).tolist() == [[0, 0, 10, 100]]
    assert check_boxes([], (50, 100)).shape == (0, 4)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((60, 10, 80, 20), r"box 1 \(rows 60 to 80, columns 10 to 20\) lies outside the image of 50 x 100 px"),
        ((10, 10, 10, 20), "box 1 is 0 x 10 px; expected at least 1 x 1 px"),
        ((20, 10, 10, 20), "expected at least 1 x 1 px"),
        ((0, 0, np.nan, 5), "expected four numbers y0, x0, y1, x1"),
        ((0, 0, 5), "expected four numbers y0, x0, y1, x1"),
    ],
)
def test_a_box_that_cannot_be_segmented_is_named(box, words):
    with pytest.raises(InputError, match=words):
        check_boxes([box], (50, 100))


def test_a_rectangle_of_a_shapes_layer_is_a_box():
    corners = np.array([[4.0, 2], [4, 9], [8, 9], [8, 2]])
    box = box_of_corners(corners)
    assert box == (4.5, 2.5, 8.5, 9.5)
    np.testing.assert_allclose(corners_of_box(np.array(box)), corners)
    turned = np.array([[4.0, 2], [5, 9], [9, 8], [8, 1]])
    with pytest.raises(InputError, match="box 3 is rotated or no rectangle"):
        box_of_corners(turned, number=3)
    with pytest.raises(InputError, match="box 1 is rotated or no rectangle"):
        box_of_corners(corners[:3])


@pytest.fixture(scope="module")
def dcsnet():
    torch.manual_seed(0)
    options = {"planes": 8, "depths": (1, 1, 1, 1), "pyramid": 16, "box_width": 32, "width": 16, "layers": 1}
    entry = WeightsEntry(id="dcsnet-s/t@1", network="dcsnet-s", task="t", input_size=(64, 64))
    return Predictor(create_network("dcsnet-s", **options), get_spec("dcsnet-s"), entry, device="cpu")


@pytest.mark.parametrize("mirrored", [False, True])
def test_only_what_lies_in_the_boxes_is_segmented(dcsnet, mirrored):
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    boxes = [(10, 20, 40, 60), (50, 70, 88, 119)]
    out = dcsnet.predict(image, boxes=boxes, mirrored=mirrored)
    np.testing.assert_allclose(out.boxes, boxes, rtol=1e-5)
    assert out.origin["boxes"] == [[10, 20, 40, 60], [50, 70, 88, 119]]
    inside = np.zeros((90, 120), bool)
    inside[10:40, 20:60] = inside[50:88, 70:119] = True
    assert out.probabilities[0][~inside].max() == 0
    assert out.boxes.dtype == np.float32
    assert out.probabilities[0][12:38, 22:58].max() > 0.1


def test_as_many_boxes_as_wanted(dcsnet, monkeypatch):
    monkeypatch.setattr(dcsnet._network.detector, "score_threshold", 0.0)
    monkeypatch.setattr(dcsnet._network.detector, "sure", None)
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    assert len(dcsnet.predict(image).boxes) > 1
    assert len(dcsnet.predict(image, most_boxes=1).boxes) == 1


def test_no_box_is_no_mask(dcsnet):
    out = dcsnet.predict(np.zeros((30, 30), np.uint8), boxes=[])
    assert out.labels.sum() == 0
    assert out.boxes.shape == (0, 4)


def test_a_network_without_boxes_says_so():
    entry = WeightsEntry(id="a/b@1", network="cmunext-xxs", task="t", input_size=(32, 32))
    predictor = Predictor(create_network("cmunext-xxs"), get_spec("cmunext-xxs"), entry, device="cpu")
    with pytest.raises(InputError, match=r"cmunext-xxs takes no boxes.*Choose dcsnet-s"):
        predictor.predict(np.zeros((30, 30)), boxes=[(0, 0, 5, 5)])
