"""Which accepted masks count: of an image the newest, of a large case boxes that share no pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.app.accepted import LEAST_SIDE, cut, masks_of
from napari_medseg.app.judges import as_proposed
from napari_medseg.app.large_pairs import pieces
from tests.project.large_cases import make

side = st.tuples(st.integers(0, 30), st.integers(1, 20)).map(lambda one: (one[0], one[0] + one[1]))
boxes = st.integers(2, 3).flatmap(
    lambda axes: st.tuples(
        *(
            st.tuples(*(side for _ in range(axes))).map(
                lambda sides: (*(low for low, _ in sides), *(high for _, high in sides))
            )
            for _ in range(2)
        )
    )
)


def pixels(box):
    half = len(box) // 2
    found = np.zeros((60,) * half, bool)
    found[tuple(slice(box[a], box[a + half]) for a in range(half))] = True
    return found


@given(boxes)
def test_what_is_left_of_a_box_is_inside_it_and_shares_nothing(pair):
    box, other = pair
    left = cut(box, other)
    rest = pixels(box) & ~pixels(other)
    if left is None:
        assert not rest.any()
        return
    assert not (pixels(left) & ~rest).any()
    assert (left == box) == (rest == pixels(box)).all()


def accept(project, *boxes):
    return [project.accept(1, box) for box in boxes]


def parts(project):
    return [(mask.revision.number, mask.box) for mask in masks_of(project, project.case(1))]


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ([(0, 0, 500, 500)], [(1, (0, 0, 500, 500))]),
        # apart
        ([(0, 0, 500, 500), (500, 0, 900, 500)], [(2, (500, 0, 900, 500)), (1, (0, 0, 500, 500))]),
        # the same again, or larger
        ([(0, 0, 500, 500), (0, 0, 500, 500)], [(2, (0, 0, 500, 500))]),
        ([(10, 10, 500, 500), (0, 0, 500, 500)], [(2, (0, 0, 500, 500))]),
        # over a side: cut back
        ([(0, 0, 500, 500), (400, 100, 900, 600)], [(2, (400, 100, 900, 600)), (1, (0, 0, 400, 500))]),
        # in the middle: the largest that is left
        ([(0, 0, 500, 500), (200, 100, 300, 200)], [(2, (200, 100, 300, 200)), (1, (0, 200, 500, 500))]),
        # too narrow to be learned from
        ([(0, 0, 500, 500), (LEAST_SIDE - 1, 0, 500, 500)], [(2, (LEAST_SIDE - 1, 0, 500, 500))]),
        # small as it was accepted
        ([(0, 0, 20, 30)], [(1, (0, 0, 20, 30))]),
    ],
)
def test_the_newest_wins_where_boxes_overlap(tmp_path, accepted, expected):
    with make(tmp_path) as project:
        accept(project, *accepted)
        assert parts(project) == expected


def test_what_was_drawn_since_and_not_accepted_changes_nothing(tmp_path):
    with make(tmp_path) as project:
        accept(project, (0, 0, 500, 500))
        project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
        (mask,) = masks_of(project, project.case(1))
        assert not project.revision_labels(mask.revision.id).any()


def test_a_large_case_is_as_proposed_where_all_its_boxes_are(tmp_path):
    with make(tmp_path) as project:
        project.set_proposal(1, np.ones((500, 900), np.uint8), {}, box=(0, 0, 500, 900))
        accept(project, (0, 0, 500, 500))
        assert as_proposed(project, project.case(1))
        project.commit_stroke(1, np.zeros((9, 9), np.uint8), box=(0, 600, 9, 609))
        accept(project, (0, 500, 500, 900))
        assert not as_proposed(project, project.case(1))


@given(side, side, st.integers(3, 40))
def test_pieces_cover_a_box_once(rows, columns, wanted):
    box = (rows[0], columns[0], rows[1], columns[1])
    found = sum(pixels(piece).astype(int) for piece in pieces(box, wanted))
    assert (found == pixels(box)).all()
    for y0, x0, y1, x1 in pieces(box, wanted):
        assert max(y1 - y0, x1 - x0) <= 1.5 * wanted + 1


def test_a_box_of_a_volume_stays_whole():
    assert list(pieces((0, 0, 0, 9, 900, 900), 10)) == [(0, 0, 0, 9, 900, 900)]
