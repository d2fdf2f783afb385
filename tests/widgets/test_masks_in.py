"""Finished masks come in by a button, or by a drop, and what was drawn stays."""

import json

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app.images import add_images
from napari_medseg.project import Project
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


@pytest.fixture
def coco(tmp_path):
    document = {
        "images": [{"id": n, "file_name": f"{name}.png", "height": 20, "width": 30} for n, name in enumerate("ab")],
        "categories": [{"id": 1, "name": "lesion"}],
        "annotations": [
            {"id": n + 1, "image_id": n, "category_id": 1, "segmentation": [[2, 2, 9, 2, 9, 9, 2, 9]]} for n in range(2)
        ],
    }
    path = tmp_path / "all.coco.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def waiting(panel, qtbot, tmp_path):
    """A project of two images, of which one is open."""
    (tmp_path / "i").mkdir()
    for number, name in enumerate("ab"):
        Image.fromarray(np.full((20, 30), 90 + number, np.uint8)).save(tmp_path / "i" / f"{name}.png")
    assert not panel.correct.masks.isEnabled() and "No project is open" in panel.correct.masks.toolTip()
    with Project.create(tmp_path / "p") as project:
        add_images(project, [tmp_path / "i"])
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id is not None, timeout=WAIT)
    return panel


def test_masks_are_dropped_for_the_images_of_the_project(waiting, qtbot, coco):
    waiting.correct.take_dropped([coco])
    qtbot.waitUntil(lambda: all(case.state == "accepted" for case in waiting.state.project.cases()), timeout=WAIT)
    qtbot.waitUntil(lambda: "2 masks were added and accepted" in waiting.correct.status.text(), timeout=WAIT)
    assert [one.name for one in waiting.state.project.classes()] == ["lesion"]


def test_what_cannot_be_taken_is_told_and_the_image_is_opened_again(waiting, qtbot, coco):
    coco.write_text("{}")
    opened = waiting.state.case_id
    waiting.correct.masks.take([coco])
    qtbot.waitUntil(lambda: "no list of images" in waiting.correct.status.text(), timeout=WAIT)
    qtbot.waitUntil(lambda: waiting.state.case_id == opened, timeout=WAIT)
