"""Figures of lesions as the window shows them."""

import numpy as np
import pytest

from napari_medseg.app.lesion_columns import columns_of, copied, figure, summary
from napari_medseg.app.lesions import measure
from napari_medseg.io import Grid


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        *(
            (None, ""),
            ("kidney", "kidney"),
            (7, "7"),
            (0.0, "0"),
            (1234.5, "1234"),
            (-1234.5, "-1234"),
            (45.67, "45.7"),
        ),
        *((4.567, "4.57"), (-0.4567, "-0.457"), (0.00012345, "0.000123")),
    ],
)
def test_three_digits_or_all_before_the_point(cell, text):
    assert figure(cell) == text


def volume():
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[2:4, 3:9, 3:9], labels[5, 1, 1] = 1, 2
    return labels


def test_columns_say_unit_and_slice_of_a_volume_and_nothing_of_intensities_that_nobody_knows():
    found = measure(volume(), Grid.of_affine((6, 20, 20), np.diag((0.5, 0.5, 2.0, 1.0))), names={1: "kidney"})
    columns = columns_of(found)
    titles = [column.title for column in columns]
    assert titles[:4] == ["Class", "No.", "Volume\nml", "Area\nmm²"] and titles[-1] == "Slice"
    first = [figure(column.of(found.lesions[0])) for column in columns]
    assert first[:4] == ["kidney", "1", "0.036", "9.00"] and first[-3:] == ["", "", "2"]
    totals = [None if one.of_class is None else one.of_class(1, list(found.lesions[:1])) for one in columns]
    assert totals[:3] == ["kidney", "all 1", pytest.approx(0.036)] and totals[3:] == [None] * (len(columns) - 3)
    assert "counted from 0" in columns[-1].tip
    assert summary(found) == "kidney: 1, label 2: 1"


def test_voxels_are_whole_where_nobody_knows_their_size():
    found = measure(volume(), Grid.of_affine((6, 20, 20), np.eye(4), unit="px"))
    columns = columns_of(found)
    assert [column.title for column in columns][2:5] == ["Volume\nvoxels", "Area\npx", "Long axis\npx"]
    assert [figure(column.of(found.lesions[0])) for column in columns][2:4] == ["72", "36"]
    assert summary(found).endswith("The size of a voxel is not known.")
    assert summary(measure(np.zeros((4, 4), np.uint8), Grid((4, 4)))) == "Nothing is marked."


def test_what_is_copied_is_no_formula_and_has_titles_of_one_line():
    found = measure(volume()[2], Grid((20, 20), (0.5, 0.5), "mm"), names={1: "=1+1"})
    lines = copied(columns_of(found), found.lesions).splitlines()
    assert lines[0].startswith("Class\tNo.\tArea mm²") and lines[1].startswith("'=1+1\t1\t9\t")
