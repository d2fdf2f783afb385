"""Which frames of a slide are worth looking at, by its small picture."""

import numpy as np

from napari_medseg.app.slide_tissue import frames_of_slide, frames_with_tissue
from napari_medseg.app.slide_windows import windows_of
from napari_medseg.io.large_open import open_large
from tests.widgets.slide_helpers import SHAPE, write

SIDE = 512


def picture(tissue):
    """A slide of 1024 x 2048 px at a quarter, glass but for a box."""
    found = np.full((256, 512, 3), 0.9, np.float32)
    y0, x0, y1, x1 = tissue
    found[y0:y1, x0:x1] = np.random.default_rng(0).random((y1 - y0, x1 - x0, 3), np.float32)
    return found


def test_frames_with_tissue_are_those_and_no_others():
    boxes = windows_of((1024, 2048), SIDE)
    assert frames_with_tissue(picture((0, 128, 128, 384)), (1024, 2048), SIDE) == boxes[1:3]


def test_where_no_frame_holds_much_those_that_hold_any_count_and_without_any_all():
    boxes = windows_of((1024, 2048), SIDE)
    assert frames_with_tissue(picture((10, 10, 20, 20)), (1024, 2048), SIDE) == boxes[:1]
    assert frames_with_tissue(picture((0, 0, 0, 0)), (1024, 2048), SIDE) == boxes


def test_it_is_known_from_the_file_alone(tmp_path):
    write(tmp_path / "s.tif")
    with open_large(tmp_path / "s.tif") as slide:
        found, known = frames_of_slide(slide)
    assert known
    assert all(box[1] < SHAPE[1] // 2 for box in found)
