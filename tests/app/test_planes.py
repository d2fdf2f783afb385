"""The three planes: what lies where on the screen, checked against the file's own affine."""

import numpy as np
import pytest

from napari_medseg.app.planes import changed_text, edge_letters, planes_of, position_text, runs_text
from napari_medseg.io import Grid
from napari_medseg.io.orientation import letters_of
from tests.io.test_orientation import SHAPE, TURNS, turned

# in the world: which way each side lies
WAY = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
SIDES = {"Axial": "APRL", "Coronal": "SIRL", "Sagittal": "SIAP"}


@pytest.mark.parametrize(("order", "signs"), TURNS)
def test_towards_each_edge_lies_the_side_that_it_names(order, signs):
    affine = turned(order, signs, 0.2)
    letters = letters_of(Grid.of_affine(SHAPE, affine, header={"some": "format"}))
    middle = tuple(n // 2 for n in SHAPE)
    planes = planes_of(letters)
    assert {plane.name for plane in planes} == set(SIDES)
    for plane in planes:
        edges = edge_letters(letters, plane.rows, plane.columns, up=plane.up, left=plane.left)
        # as radiologists look at it, whatever the file's order
        assert "".join(edges) == SIDES[plane.name]
        row, column = plane.on_screen(middle, SHAPE)
        for letter, (down, right) in zip(edges, ((-1, 0), (1, 0), (0, -1), (0, 1)), strict=True):
            there = plane.voxel(row + down, column + right, middle, SHAPE)
            step = affine @ (*there[::-1], 1) - affine @ (*middle[::-1], 1)
            axis, sign = WAY[letter]
            assert step[axis] * sign > 0


@pytest.mark.parametrize("letters", [None, ("S", "A", "R"), ("R", "I", "P"), ("A", "L", "S")])
def test_a_voxel_is_seen_where_it_is_clicked(letters):
    data = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    for plane in planes_of(letters):
        for voxel in ((0, 0, 0), (4, 2, 6), (1, 5, 3)):
            row, column = plane.on_screen(voxel, SHAPE)
            assert plane.cut(data, voxel[plane.axis])[int(row), int(column)] == data[voxel]
            assert plane.voxel(row, column, voxel, SHAPE) == voxel
        # outside is the nearest inside
        assert plane.voxel(-99, 99, (1, 1, 1), SHAPE) == plane.voxel(
            0, plane.cut(data, 0).shape[1] - 1, (1, 1, 1), SHAPE
        )
        assert np.shares_memory(plane.cut(data, 0), data)


def test_the_large_canvas_says_its_own_sides_when_it_is_turned_over():
    letters = ("S", "A", "R")
    assert edge_letters(letters, 1, 2, up=False, left=False) == ("P", "A", "L", "R")
    assert edge_letters(letters, 2, 1, up=True, left=True) == ("R", "L", "A", "P")
    assert edge_letters(None, 1, 2, up=False, left=False) is None


def test_a_place_is_told_in_voxels_and_in_the_files_mm():
    affine = np.array([[0.8, 0, 0, -10], [0, 1, 0, 5], [0, 0, 2.5, -30], [0, 0, 0, 1]])
    grid = Grid.of_affine(SHAPE, affine, header={"some": "format"})
    text = position_text(grid, (4, 2, 1), letters_of(grid))
    assert text == "Voxel 1, 2, 4 (x, y, z): L 9.2, A 7.0, I 20.0 mm. A voxel is 0.8 × 1 × 2.5 mm."
    assert ": 0.8, 2.0, 10.0 mm." in position_text(grid, (4, 2, 1), None)
    unknown = Grid.of_affine(SHAPE, np.eye(4), unit="px")
    assert position_text(unknown, (4, 2, 1), None) == "Voxel 1, 2, 4 (x, y, z). The size of a voxel is not known."


def test_what_a_microscope_saw_is_told_in_its_unit():
    grid = Grid.of_affine((5, 6, 7), np.diag((0.0005, 0.0005, 0.002, 1)))
    text = position_text(grid, (4, 2, 1), None)
    assert text == "Voxel 1, 2, 4 (x, y, z): 0.5, 1.0, 8.0 µm. A voxel is 0.5 × 0.5 × 2 µm."


def test_slices_that_were_filled_are_told_by_the_sliders_numbers():
    assert runs_text([12, 13, 14, 18]) == "12 to 14 and 18"
    assert runs_text([1, 3, 5, 6]) == "1, 3 and 5 to 6"
    before = np.zeros((9, 4, 12), np.uint8)
    after = before.copy()
    after[2:5] = 1
    assert changed_text("Interpolate", before, after, 0) == "Filled slices 2 to 4 of 8."
    after = before.copy()
    after[:, :, 7] = 1
    assert changed_text("Interpolate", before, after, 2) == "Filled slice 7 of 11."
    assert changed_text("Interpolate", before, before, 2) == "Interpolate: nothing to change."
    assert changed_text("Smooth", before, after, None) == "Smooth: 36 pixels changed."
