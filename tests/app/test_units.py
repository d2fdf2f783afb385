"""What is small is told in small units."""

import numpy as np
import pytest

from napari_medseg.app.lesion_columns import columns_of, figure, summary
from napari_medseg.app.lesion_csv import HEADER, csv_rows
from napari_medseg.app.lesions import measure
from napari_medseg.app.measure import size_text
from napari_medseg.app.units import unit_for
from napari_medseg.io import Grid


@pytest.mark.parametrize(
    ("sizes", "axes", "unit"),
    [
        ([0.1], 2, "mm²"),
        ([0.0999], 2, "µm²"),
        # most are small, whatever the largest is
        ([0.0002, 0.0003, 5.0], 2, "µm²"),
        ([0.0], 2, "µm²"),
        ([], 2, "mm²"),
        ([0.1], 1, "mm"),
        ([0.05], 1, "µm"),
        ([1.0], 3, "ml"),
        ([0.9], 3, "mm³"),
        ([0.0009], 3, "µm³"),
    ],
)
def test_the_unit_is_that_of_the_middle_one(sizes, axes, unit):
    assert unit_for(sizes, axes).name == unit


def nuclei():
    labels = np.zeros((60, 60), np.uint8)
    labels[5:15, 5:15], labels[30:40, 30:40] = 1, 1
    return labels, Grid((60, 60), (0.5, 0.5), "um")


def test_nuclei_are_told_in_micrometres_and_written_in_millimetres():
    labels, grid = nuclei()
    assert size_text(200, grid) == "50.00 µm²"
    found = measure(labels, grid)
    columns = {column.title: column for column in columns_of(found)}
    assert {"Area\nµm²", "Long axis\nµm", "Short axis\nµm", "Perimeter\nµm"} <= set(columns)
    assert figure(columns["Area\nµm²"].of(found.lesions[0])) == "25.0"
    assert figure(columns["Area\nµm²"].of_class(1, list(found.lesions))) == "50.0"
    row = dict(zip(HEADER, next(csv_rows("a", found)), strict=True))
    assert row["area (mm²)"] == pytest.approx(25e-6)
    assert row["longest diameter (mm)"] == pytest.approx(found.lesions[0].diameters.longest)


def test_two_counts_of_one_mask_say_what_they_count():
    labels = np.zeros((40, 80), np.uint8)
    y, x = np.ogrid[:40, :80]
    labels[((y - 20) ** 2 + (x - 20) ** 2 < 144) | ((y - 20) ** 2 + (x - 41) ** 2 < 144)] = 1
    labels[5:9, 70:76] = 1
    grid = Grid((40, 80), (0.5, 0.5), "um")
    said = [summary(measure(labels, grid, names={1: "nucleus"}, apart=apart)) for apart in (False, True)]
    assert said == ["nucleus: 2; touching ones as one", "nucleus: 3; touching ones apart"]
    # of one, there is nothing to tell apart
    assert summary(measure(labels[:, 60:], Grid((40, 20), (0.5, 0.5), "um"), names={1: "nucleus"})) == "nucleus: 1"
