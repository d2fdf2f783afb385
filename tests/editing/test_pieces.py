import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.editing.operations import keep_largest
from napari_medseg.editing.pieces import MOST, count_pieces, find_strays


def mask(*sides, shape=(120, 400), label=1):
    """Squares of these sides in a row, apart."""
    labels, x = np.zeros(shape, np.uint8), 2
    for side in sides:
        labels[3 : 3 + side, x : x + side] = label
        x += side + 3
    return labels


@pytest.mark.parametrize(
    ("sides", "strays"),
    [
        ((), 0),
        ((40,), 0),
        ((40, 3), 1),
        ((3, 40, 5), 2),
        # two that are alike, nuclei, and a texture
        ((40, 30), 0),
        ((12,) * 12, 0),
        ((20, 12, 2), 0),
        ((60, *(2,) * (MOST + 1)), 0),
    ],
)
def test_small_pieces_beside_one_large_one_are_stray(sides, strays):
    labels = mask(*sides)
    found = find_strays(labels)
    assert sum(len(one.pieces) for one in found) == strays
    assert count_pieces(labels) == ({1: len(sides)} if sides else {})


def test_each_label_by_itself():
    labels = mask(40, 3)
    labels[60:110] = mask(45, label=3)[:50]
    labels[80, 300] = 3
    assert [(one.label, len(one.pieces)) for one in find_strays(labels)] == [(1, 1), (3, 1)]
    assert count_pieces(labels) == {1: 2, 3: 2}


@given(st.integers(0, 3), st.integers(1, 6), st.integers(0, 50), st.booleans())
def test_a_stray_piece_is_where_it_is_said_to_be(z, side, at, volume):
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[z, 2:42, 2:42] = 7
    labels[z, 50 : 50 + side, at : at + side] = 7
    labels = labels if volume else labels[z]
    (found,) = find_strays(labels)
    (piece,) = found.pieces
    assert piece.pixels == side**2
    assert labels[piece.point] == 7
    assert piece.point[-2] >= 50
    assert keep_largest(labels, 7)[piece.point] == 0
    # a ring of that radius holds it
    assert piece.radius >= side / 2
