"""Weights carry the numbers of their classes."""

import pytest

from napari_medseg.errors import WeightsError
from napari_medseg.weights import WeightsEntry

VALUES = {"id": "n/t@1", "network": "n", "task": "t", "classes": ["a", "b"]}


def test_numbers_come_back_and_older_files_count_from_one():
    assert WeightsEntry.from_dict(VALUES, where="f").labels == (1, 2)
    entry = WeightsEntry.from_dict({**VALUES, "labels": [7, 255]}, where="f")
    assert (entry.labels, entry.output_channels) == ((7, 255), 3)
    assert WeightsEntry.from_dict(entry.to_dict(), where="f") == entry


@pytest.mark.parametrize("labels", [[1], [2, 1], [1, 1], [0, 1], [1, 256], [1, 2, 3], [1, "2"], [1.0, 2], [True, 2], 7])
def test_numbers_that_cannot_be_are_told(labels):
    with pytest.raises(WeightsError, match=r"'labels' in the file.* Fetch or train the weights again"):
        WeightsEntry.from_dict({**VALUES, "labels": labels}, where="the file")
