"""Scores against values worked out by hand, and against MONAI."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_medseg.errors import InputError
from napari_medseg.metrics import Counts, dice, hd95, iou, precision, recall, score_case, summarise

masks = hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def test_by_hand():
    pred = np.array([[1, 1, 0, 0]], bool)
    truth = np.array([[0, 1, 1, 1]], bool)
    assert dice(pred, truth) == pytest.approx(2 / 5)
    assert iou(pred, truth) == pytest.approx(1 / 4)
    assert precision(pred, truth) == pytest.approx(1 / 2)
    assert recall(pred, truth) == pytest.approx(1 / 3)


def test_empty_masks():
    none, all_ = np.zeros((3, 4), bool), np.ones((3, 4), bool)
    assert [f(none, none) for f in (dice, iou, precision, recall, hd95)] == [1, 1, 1, 1, 0]
    assert [f(all_, none) for f in (dice, iou, precision, hd95)] == [0, 0, 0, 5]
    assert [f(none, all_) for f in (dice, iou, recall)] == [0, 0, 0]


@given(mask=masks)
def test_a_mask_agrees_with_itself(mask):
    assert [f(mask, mask) for f in (dice, iou, precision, recall, hd95)] == [1, 1, 1, 1, 0]


@settings(deadline=None)
@given(mask=masks, seed=st.integers(0, 99))
def test_dice_and_iou_belong_together_and_are_symmetric(mask, seed):
    other = np.random.default_rng(seed).random(mask.shape) < 0.5
    d, j = dice(mask, other), iou(mask, other)
    assert d == pytest.approx(2 * j / (1 + j))
    assert (d, hd95(mask, other)) == (dice(other, mask), pytest.approx(hd95(other, mask)))
    assert precision(mask, other) == recall(other, mask)


def test_a_shift_is_its_distance_in_millimetres():
    a, b = np.zeros((2, 40, 40), bool)
    a[10:20, 10:20], b[10:20, 14:24] = True, True
    assert hd95(a, b) == pytest.approx(4)
    assert hd95(a, b, spacing=(1.0, 0.5)) == pytest.approx(2)


def test_near_monai_s_value():
    from monai.metrics import compute_hausdorff_distance
    from torch import from_numpy

    yy, xx = np.mgrid[:60, :60]
    a, b = (yy - 30) ** 2 + (xx - 28) ** 2 < 200, (yy - 33) ** 2 + (xx - 30) ** 2 < 260
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = compute_hausdorff_distance(
            *(from_numpy(m[None, None].astype(np.float32)) for m in (a, b)), include_background=True, percentile=95
        )
    # MONAI takes the larger of the two directions, we pool them
    assert hd95(a, b) == pytest.approx(float(theirs), abs=1.0)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="expected the same"):
        dice(np.zeros((2, 2)), np.zeros((2, 3)))


def test_the_mean_and_its_interval():
    cases = [
        score_case(str(i), np.ones((4, 4), int), np.pad(np.ones((i, 4), int), ((0, 4 - i), (0, 0))))
        for i in (1, 2, 3, 4)
    ]
    report = summarise(cases)
    assert report["n"] == 4
    assert report["mean"]["dice"] == pytest.approx(np.mean([0.4, 2 / 3, 6 / 7, 1]))
    low, high = report["interval95"]["dice"]
    assert 0.4 <= low < report["mean"]["dice"] < high <= 1
    assert summarise(cases) == report


def test_several_classes_are_averaged():
    truth = np.array([[1, 1, 2, 2]])
    assert score_case("x", np.array([[1, 1, 0, 0]]), truth, classes=2)["dice"] == 0.5
    assert score_case("x", np.array([[2, 1, 1, 1]]), truth)["dice"] == 1


def test_classes_count_by_their_numbers():
    truth = np.array([[100, 100, 7, 0]])
    assert score_case("x", np.array([[100, 100, 7, 0]]), truth, classes=(7, 100))["dice"] == 1
    assert score_case("x", np.array([[1, 1, 2, 0]]), truth, classes=(7, 100))["dice"] == 0
    with pytest.raises(InputError, match="the mask of 'x' holds label 100; expected 1, 2"):
        score_case("x", truth, np.where(truth == 7, 2, truth), classes=2)


def test_what_is_ignored_does_not_count():
    truth, pred = np.zeros((2, 20, 20), int)
    truth[2:8, 2:8], pred[2:8, 2:8] = 1, 1
    pred[12:, 12:] = 1
    ignored = np.zeros((20, 20), bool)
    assert score_case("x", pred, truth)["dice"] < 0.6
    ignored[10:, 10:] = True
    found = score_case("x", pred, truth, ignored=ignored, objects=(pred, truth))
    assert [found[score] for score in ("dice", "iou", "precision", "recall", "hd95")] == [1, 1, 1, 1, 0]
    assert found["pq"] == pytest.approx(1, abs=1e-5)


def test_the_papers_other_figures_by_hand():
    """Average accuracy over the classes, accuracy of the pixels, and the larger of two directions."""
    truth = np.zeros((4, 5), np.uint8)
    truth[:2, :2] = 1
    pred = np.zeros((4, 5), np.uint8)
    pred[:2, :3] = 1
    pred[0, 0] = 0
    found = score_case("a", pred, truth)
    assert found["accuracy"] == pytest.approx(17 / 20)
    assert found["aac"] == pytest.approx((3 / 4 + 14 / 16) / 2)
    ignored = np.zeros((4, 5), bool)
    ignored[:, 2:] = True
    assert score_case("a", pred, truth, ignored=ignored)["accuracy"] == pytest.approx(7 / 8)
    # a class that is not there says nothing
    several = score_case("a", np.where(pred, 2, 0), np.where(truth, 2, 0), classes=(2, 3))
    assert several["aac"] == pytest.approx((3 / 4 + 14 / 16) / 2)


@given(mask=masks, seed=st.integers(0, 99))
def test_the_larger_direction_is_that_from_either_side(mask, seed):
    other = np.random.default_rng(seed).random(mask.shape) < 0.5
    found, back = score_case("a", mask, other), score_case("a", other, mask)
    assert back["hd95_larger"] == pytest.approx(found["hd95_larger"])
    if not mask.any() or not other.any():
        return

    def border(of):
        inner = np.pad(of, 1)
        neighbours = [np.roll(inner, step, axis) for step in (1, -1) for axis in (0, 1)]
        return np.argwhere(of & ~np.logical_and.reduce(neighbours)[1:-1, 1:-1])

    apart = np.hypot(*np.moveaxis(border(mask)[:, None] - border(other)[None], -1, 0))
    ways = [np.percentile(apart.min(axis=axis), 95) for axis in (0, 1)]
    assert found["hd95_larger"] == pytest.approx(max(ways))
    assert found["hd95"] == pytest.approx(np.percentile(np.concatenate([apart.min(0), apart.min(1)]), 95))


def test_the_larger_direction_is_monais():
    from monai.metrics import compute_hausdorff_distance
    from torch import from_numpy

    yy, xx = np.mgrid[:60, :60]
    a, b = (yy - 30) ** 2 + (xx - 28) ** 2 < 200, ((yy - 33) ** 2 + (xx - 30) ** 2 < 260) | ((yy > 50) & (xx > 50))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one = [from_numpy(mask[None, None].astype(np.float32)) for mask in (a, b)]
        expected = float(compute_hausdorff_distance(*one, percentile=95))
    assert score_case("a", a, b)["hd95_larger"] == pytest.approx(expected, abs=0.3)


@settings(deadline=None)
@given(hnp.arrays(np.uint8, (9, 7), elements=st.integers(0, 3)), st.integers(0, 99), st.integers(1, 8))
def test_counts_of_parts_are_those_of_the_whole(truth, seed, cut):
    rng = np.random.default_rng(seed)
    pred = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, 4, truth.shape)).astype(np.uint8)
    ignored = rng.random(truth.shape) < 0.2
    numbers = (1, 2, 3)
    parts = [
        Counts.of(pred[rows], truth[rows], numbers, ignored[rows]) for rows in (slice(None, cut), slice(cut, None))
    ]
    found = (parts[0] + parts[1]).scores()
    p, t = np.where(ignored, 0, pred), np.where(ignored, 0, truth)
    for name, score in (("dice", dice), ("iou", iou), ("precision", precision), ("recall", recall)):
        assert found[name] == pytest.approx(np.mean([score(p == n, t == n) for n in numbers]))
    assert found["accuracy"] == pytest.approx((p == t)[~ignored].mean() if (~ignored).any() else 1.0)
    shares = [(p == n)[(t == n) & ~ignored].mean() for n in (0, *numbers) if ((t == n) & ~ignored).any()]
    assert found["aac"] == pytest.approx(np.mean(shares) if shares else 1.0)
