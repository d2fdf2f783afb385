"""The lesions of a mask in mm and ml, or in px, as rows of a table."""

from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.app.lesion_csv import HEADER, csv_rows
from napari_medseg.app.lesions import measure, steps_of
from napari_medseg.io import Grid
from napari_medseg.io.picture_numbers import Pictures
from tests.io.test_orientation import turned

MM = Grid.of_affine((10, 40, 40), np.diag((0.7, 0.7, 2.0, 1.0)))


def rows_of(measured, name="a"):
    rows = [dict(zip(HEADER, row, strict=True)) for row in csv_rows(name, measured)]
    return [{key: value for key, value in row.items() if value not in (None, "")} for row in rows]


def labels():
    drawn = np.zeros((10, 40, 40), np.uint8)
    drawn[3:6, 10:20, 10:30] = 1
    drawn[8, 5, 5] = 1
    return drawn


def test_the_picture_that_a_workstation_shows_is_named():
    pictures = Pictures(0, tuple(range(20, 10, -1)))
    first, second = rows_of(replace(measure(labels(), MM), pictures=pictures))
    assert (first["slice (window, from 0)"], second["slice (window, from 0)"]) == (3, 8)
    assert (first["DICOM instance number"], second["DICOM instance number"]) == (17, 12)
    assert "DICOM frame" not in first


def test_a_volume_in_ml_and_mm_with_plane_and_slice():
    values = np.full((10, 40, 40), -20, np.int16)
    found = measure(labels(), MM, values, names={1: "tumour", 2: "cyst"})
    first, second = rows_of(found, "case")
    assert first == {
        "image": "case",
        "class": 1,
        "class name": "tumour",
        "lesions of class": 2,
        "lesion": 1,
        "pixels": 600,
        "volume (ml)": pytest.approx(600 * 0.7 * 0.7 * 2 / 1000),
        "area (mm²)": pytest.approx(200 * 0.49),
        "longest diameter (mm)": pytest.approx(0.7 * np.hypot(20, 9)),
        "perpendicular diameter (mm)": pytest.approx(first["perpendicular diameter (mm)"]),
        "perimeter (mm)": pytest.approx(0.948 * 2 * 30 * 0.7, rel=0.02),
        "mean (image values)": -20,
        "SD (image values)": 0,
        "plane": "plane x-y",
        "slice (window, from 0)": 3,
        "row (window, from 0)": 14,
        "column (window, from 0)": 19,
        # DICOM's own axes: left, back and head
        "patient x (mm to the left)": pytest.approx(-19 * 0.7),
        "patient y (mm to the back)": pytest.approx(-14 * 0.7),
        "patient z (mm to the head)": pytest.approx(3 * 2.0),
    }
    assert second["lesion"] == 2 and second["slice (window, from 0)"] == 8


def test_a_lesion_lies_at_one_place_in_the_patient_however_the_window_turns_it():
    grid = Grid.of_affine((10, 40, 40), turned((2, 0, 1), (1, -1, 1), tilt=0.3))
    mirrored = grid.affine @ np.array([[-1, 0, 0, 39], [0, 1, 0, 0], [0, 0, -1, 9], [0, 0, 0, 1]], float)
    one = np.zeros((10, 40, 40), np.uint8)
    one[8, 5, 6] = 1
    (first,) = rows_of(measure(one, grid))
    (second,) = rows_of(measure(one[::-1, :, ::-1], Grid.of_affine((10, 40, 40), mirrored)))
    places = [[row[key] for key in row if key.startswith("patient")] for row in (first, second)]
    assert len(places[0]) == 3 and places[0] == pytest.approx(places[1])
    right, front, head = grid.affine @ (6, 5, 8, 1) @ np.eye(4)[:, :3]
    assert places[0] == pytest.approx([-right, -front, head])


@pytest.mark.parametrize(
    "grid", [Grid((40, 40)), Grid((40, 40), (0.3, 0.3), "mm", printed=True), Grid((40, 40), (1.0, 1.0), "px")]
)
def test_px_where_nobody_knows_the_size_of_a_pixel(grid):
    (row,) = rows_of(measure(labels()[3], grid))
    assert not any("mm" in key or "ml" in key for key in row)
    assert (row["area (px)"], row["longest diameter (px)"]) == (200, pytest.approx(np.hypot(20, 9)))
    assert "plane" not in row and "slice (window, from 0)" not in row and row["row (window, from 0)"] == 14


def test_sizes_in_um_come_out_in_mm():
    (row,) = rows_of(measure(labels()[3], Grid((40, 40), (0.5, 0.5), "um")))
    assert row["area (mm²)"] == pytest.approx(200 * 0.25e-6)


def test_a_volume_measures_the_same_however_it_lies():
    for order, signs in (((0, 1, 2), (1, 1, 1)), ((2, 0, 1), (1, -1, 1)), ((0, 1, 2), (-1, 1, -1))):
        grid = Grid.of_affine((10, 40, 40), turned(order, signs, tilt=0.3))
        (one, _) = measure(labels(), grid).lesions
        assert one.size == pytest.approx(600 * 0.8 * 1.0 * 2.5)
        # rows of the steps are the array's axes (z, y, x)
        assert np.linalg.norm(steps_of(grid), axis=1) == pytest.approx(grid.spacing_mm)


def test_what_is_to_be_ignored_is_no_lesion_and_touching_objects_are_told_apart():
    drawn = np.zeros((40, 60), np.uint8)
    y, x = np.mgrid[:40, :60]
    drawn[(y - 20) ** 2 + (x - 15) ** 2 < 120] = 1
    drawn[(y - 20) ** 2 + (x - 33) ** 2 < 120] = 1
    assert len(measure(drawn, Grid(drawn.shape)).lesions) == 1
    assert len(measure(drawn, Grid(drawn.shape), apart=True).lesions) == 2
    drawn[2:4, 2:4] = 255
    found = measure(drawn, Grid(drawn.shape), names={1: "cell", 255: "Ignore"})
    assert [one.label for one in found.lesions] == [1] and dict(found.names) == {1: "cell"}


def test_an_image_without_any_lesion_has_a_row():
    (row,) = rows_of(measure(np.zeros((5, 5), np.uint8), Grid((5, 5))), "=empty")
    assert row == {"image": "=empty", "lesions of class": 0, "pixels": 0}
