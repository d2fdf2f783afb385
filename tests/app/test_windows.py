"""How bright an image can be shown."""

import numpy as np

from napari_medseg.app.layer_keys import WINDOWS_KEY, facts_of
from napari_medseg.app.windows import chosen, windows_for
from napari_medseg.io import read_image
from tests.io.dicom_files import CT, US, write

PICTURE = np.arange(-500, 700, dtype=np.int16).reshape(30, 40)


def test_the_file_s_own_come_first_and_ct_has_usual_ones(tmp_path):
    tags = {"WindowCenter": [50, 300], "WindowWidth": [101, 2001], "WindowCenterWidthExplanation": ["SOFT", "WINDOW2"]}
    image = read_image(write(tmp_path / "a", PICTURE, kind=CT, **tags))
    assert image.windows == (("SOFT", -0.5, 99.5), ("WINDOW2", -700.5, 1299.5)) and image.window == (-0.5, 99.5)
    found = windows_for(*facts_of(image)[WINDOWS_KEY])
    assert [name for name, _, _ in found] == [
        *("As the file says (Soft)", "As the file says, 2"),
        *("Brain", "Lung", "Bone", "Abdomen", "All values"),
    ]
    assert found[2][1:] == (0, 80) and found[3][1:] == (-1350, 150) and found[-1][1:] == (-500, 699)
    assert chosen(found, (0, 80)) == 2 and chosen(found, (1, 80)) is None


def test_nothing_is_to_choose_where_no_file_says_it(tmp_path):
    image = read_image(write(tmp_path / "a", PICTURE.astype(np.uint8), kind=US))
    assert WINDOWS_KEY not in facts_of(image) and windows_for((), "US", (0, 255)) == []
    # CT without a window: as bright as its values, and the usual ones
    assert len(windows_for((), "CT", (0, 255))) == 5


def test_a_turned_grey_turns_every_window(tmp_path):
    tags = {"WindowCenter": [100, 40], "WindowWidth": [100, 20], "VOILUTFunction": "LINEAR_EXACT"}
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = read_image(write(tmp_path / "a", picture, photometric="MONOCHROME1", **tags))
    assert image.windows == (("", 105.0, 205.0), ("", 205.0, 225.0))
