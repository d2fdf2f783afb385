"""Which part of a large image is corrected, and which comes next."""

import pytest

from napari_medseg.app.slide_windows import SIDE, area, most_doubtful, next_window, wanted, window_at, windows_of

SHAPE = (10_000, 12_000)


@pytest.mark.parametrize("middle", [(0, 0), (5000, 6000), (9999, 11_999), (100, 11_900), (-500, 20_000)])
def test_a_window_lies_in_its_image(middle):
    top, left, bottom, right = window_at(middle, SHAPE)
    assert 0 <= top < bottom <= SHAPE[0]
    assert 0 <= left < right <= SHAPE[1]
    assert (bottom - top, right - left) == (SIDE, SIDE)


def test_a_small_image_is_one_window():
    assert window_at((50, 50), (100, 3000)) == (0, 0, 100, SIDE)


def test_from_afar_none_is_opened():
    assert wanted((0, 0, 3000, 1000), SHAPE, None) is None
    assert wanted((0, 0, 0, 0), SHAPE, None) is None


def test_who_looks_closely_gets_one_around_what_is_seen():
    view = (4000, 5000, 5000, 6500)
    box = wanted(view, SHAPE, None)
    assert box[0] <= 4000
    assert box[1] <= 5000
    assert box[2] >= 5000
    assert box[3] >= 6500
    # asked again, nothing is to be done
    assert wanted(view, SHAPE, box) is None


def test_a_small_step_aside_leaves_it():
    box = wanted((4000, 5000, 5000, 6500), SHAPE, None)
    assert wanted((4300, 5200, 5300, 6700), SHAPE, box) is None
    assert wanted((6000, 5200, 7000, 6700), SHAPE, box) is not None


@pytest.mark.parametrize("view", [(0, 0, SIDE, SIDE), (9000, 11_000, 10_000, 12_000), (0, 11_500, 700, 12_000)])
def test_what_was_opened_is_not_opened_again_and_again(view):
    box = wanted(view, SHAPE, None)
    assert wanted(view, SHAPE, box) is None


def test_windows_side_by_side_are_the_whole():
    boxes = windows_of(SHAPE)
    assert sum(map(area, boxes)) == SHAPE[0] * SHAPE[1]


def test_next_is_the_first_after_this_one_that_is_not_accepted():
    boxes = windows_of((4096, 6144))
    assert next_window(boxes, [], None) == boxes[0]
    assert next_window(boxes, [], boxes[0]) == boxes[1]
    assert next_window(boxes, [boxes[1]], boxes[0]) == boxes[2]
    # a window that was moved by hand: after the one that it lies on most
    assert next_window(boxes, [], (10, 2100, 2058, 4148)) == boxes[2]
    # around
    assert next_window(boxes, boxes[2:], boxes[5]) == boxes[0]
    assert next_window(boxes, boxes, boxes[5]) is None
    assert next_window(boxes, [], boxes[2], by=-1) == boxes[1]


def test_two_halves_that_are_accepted_are_a_whole():
    boxes = windows_of((2048, 4096))
    halves = [(0, 0, 1024, 700), (1024, 0, 2048, 1500)]
    assert next_window(boxes, halves[:1], None) == boxes[0]
    assert next_window(boxes, halves, None) == boxes[1]


@pytest.mark.parametrize(
    ("accepted", "passed", "current", "expected"),
    [
        ((), (), None, 2),
        ((2,), (), 2, 4),
        ((2,), (4,), 4, 1),
        # what was passed comes again after all others
        ((2,), (1, 4), 1, 4),
        # wherever one is
        ((), (), 5, 2),
        ((1, 2, 4), (), None, None),
        ((2, 4), (1,), 1, None),
    ],
)
def test_the_most_doubtful_that_is_not_accepted_comes_first(accepted, passed, current, expected):
    boxes = windows_of((4096, 6144))
    doubts = {boxes[1]: 0.1, boxes[2]: 0.7, boxes[4]: 0.4}
    found = most_doubtful(
        boxes,
        doubts,
        [boxes[n] for n in accepted],
        {boxes[n] for n in passed},
        None if current is None else boxes[current],
    )
    assert found == (None if expected is None else boxes[expected])


def test_windows_that_are_no_blocks_go_by_the_block_in_their_middle_and_equal_ones_by_their_order():
    boxes = windows_of((2048, 4096), 1024)
    doubts = {(0, 0, 2048, 2048): 0.2, (0, 2048, 2048, 4096): 0.6}
    assert most_doubtful(boxes, doubts, [], (), None) == boxes[2]
    assert most_doubtful(boxes[:2], doubts, [], (), None) == boxes[0]
    assert most_doubtful(boxes, {}, [], (), None) is None
