"""A folder of numbered pictures is asked about: images, or the slices of one volume."""

import numpy as np
import pytest
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_medseg.app.stacks import LEAST_SLICES, may_be_slices
from napari_medseg.project import Project
from napari_medseg.widgets.volume_dialog import VolumeDialog
from tests.widgets.helpers import WAIT


def pictures(folder, names, shape=(16, 20)):
    folder.mkdir()
    paths = []
    for number, name in enumerate(names):
        paths.append(folder / f"{name}.png")
        Image.fromarray(np.full(shape, 10 * number, np.uint8)).save(paths[-1])
    return paths


NUMBERED = [f"slice_{n:03}" for n in range(LEAST_SLICES)]


def test_what_may_be_slices(tmp_path):
    found = may_be_slices(pictures(tmp_path / "a", NUMBERED))
    assert (found.folder, found.count, found.size) == (tmp_path / "a", LEAST_SLICES, None)
    assert may_be_slices(pictures(tmp_path / "few", NUMBERED[1:])) is None
    assert may_be_slices(pictures(tmp_path / "named", [*NUMBERED, "other"])) is None
    # not all of the folder
    assert may_be_slices(pictures(tmp_path / "part", [*NUMBERED, "slice_100"])[:-1]) is None
    odd = pictures(tmp_path / "odd", NUMBERED)
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(odd[3])
    assert may_be_slices(odd) is None
    assert may_be_slices([*pictures(tmp_path / "b", NUMBERED[:4]), *pictures(tmp_path / "c", NUMBERED[4:])]) is None


@pytest.fixture
def offered(panel, qtbot, tmp_path):
    Project.create(tmp_path / "p").close()
    pictures(tmp_path / "scan", NUMBERED)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
    panel.correct.take_dropped([tmp_path / "scan"])
    qtbot.waitUntil(lambda: not panel.correct.intake.isHidden(), timeout=WAIT)
    return panel


@pytest.mark.gui
def test_they_become_one_volume_in_the_project(offered, qtbot, tmp_path):
    assert "images, or the slices of one volume?" in offered.correct.intake.text.text()
    offered.correct.intake.volume.click()
    dialog = next(one for one in QApplication.topLevelWidgets() if isinstance(one, VolumeDialog))
    dialog.sizes[0].setValue(2.5)
    assert not dialog.make.isEnabled() and dialog.why.text() in dialog.make.toolTip() != ""
    for box in dialog.sizes[1:]:
        box.setValue(0.5)
    dialog.make.click()
    qtbot.waitUntil(lambda: offered.state.case_id is not None, timeout=WAIT)
    image = offered.correct.view.current.image
    assert tuple(image.scale) == (2.5, 0.5, 0.5)
    # each slice in its place
    np.testing.assert_array_equal(np.asarray(image.data)[:, 3, 4], 10 * np.arange(LEAST_SLICES))
    (case,) = offered.state.project.cases()
    assert case.image.parent == tmp_path / "p" / "volumes" and case.name == "scan"
    # it is not offered again as something that lies beside
    offered.correct.intake.look_beside()
    qtbot.wait(200)
    assert offered.correct.intake.isHidden()


@pytest.mark.gui
def test_or_they_are_images(offered, qtbot):
    offered.correct.intake.yes.click()
    qtbot.waitUntil(lambda: len(offered.state.project.cases()) == LEAST_SLICES, timeout=WAIT)
    assert offered.correct.intake.isHidden()
