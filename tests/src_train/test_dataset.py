"""Labels come into training as they are, or not at all."""

import numpy as np
import pytest
import tifffile

from napari_medseg.errors import ShapeError
from napari_medseg.project.runs import Pair
from src_train.dataset import load_pair


def test_labels_above_a_byte_do_not_wrap(tmp_path):
    mask = np.zeros((8, 8), np.uint16)
    mask[:3], mask[3:5] = 256, 300
    tifffile.imwrite(tmp_path / "i.tif", np.zeros((8, 8), np.uint8))
    tifffile.imwrite(tmp_path / "m.tif", mask)
    pair = Pair(name="a", image="i.tif", mask="m.tif")
    found = load_pair(pair, tmp_path, classes=1).mask
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, mask > 0)
    with pytest.raises(ShapeError, match=r"m\.tif has labels up to 300; 3 classes are numbered from 1 to 3"):
        load_pair(pair, tmp_path, classes=3)
