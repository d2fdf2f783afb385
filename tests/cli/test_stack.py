"""``medseg stack``."""

import numpy as np
import pytest

from napari_medseg.io import read_image, read_mask
from tests.io.test_slices import VOLUME, write


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_the_command_line_makes_one_file(tmp_path, medseg, suffix):
    folder, out = write(tmp_path / "a", [1, 2, 4]), tmp_path / f"v{suffix}"
    code, printed, errors = medseg("stack", folder, "--out", out, "--spacing", 2, 0.5, 0.25)
    assert (code, printed.strip()) == (0, str(out))
    assert "slices are missing between the numbers 2 and 4" in errors
    image = read_image(out)
    np.testing.assert_array_equal(image.data, VOLUME[:3])
    np.testing.assert_allclose(image.spacing, (2, 0.5, 0.25))
    assert medseg("stack", folder, "--out", out)[0] == 2
    assert medseg("stack", folder, "--out", tmp_path / "v.png")[0] == 2
    labels = write(tmp_path / "m", range(3), data=(VOLUME > 9) * np.uint8(255))
    assert medseg("stack", labels, "--masks", "--out", out, "--overwrite")[0] == 0
    np.testing.assert_array_equal(read_mask(out), VOLUME[:3] > 9)
