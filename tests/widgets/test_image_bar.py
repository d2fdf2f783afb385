"""What stays said of an image as long as it is looked at, and how bright it is shown."""

import numpy as np
import pytest

from napari_medseg.widgets.image_bar import ImageBar
from tests.io.dicom_files import CT, US, write
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui
PICTURE = np.arange(-1000, 1000, 2, dtype=np.int16).reshape(25, 40)


@pytest.fixture
def two(tmp_path):
    windows = {"WindowCenter": [50, 300], "WindowWidth": [101, 2001]}
    one = write(tmp_path / "ct1", PICTURE, kind=CT, BurnedInAnnotation="YES", **windows)
    other = write(tmp_path / "us1", (PICTURE > 0).astype(np.uint8) * np.uint8(200), kind=US)
    return one, other


def opened(panel, qtbot, case_id):
    panel.correct.view.open_case(case_id)
    qtbot.waitUntil(lambda: panel.state.case_id == case_id, timeout=WAIT)
    panel.image_bar.look()


def test_a_case_keeps_what_is_said_of_it_and_how_bright_it_was_set(panel, qtbot, tmp_path, two):
    bar: ImageBar = panel.image_bar
    assert bar.isHidden()
    panel.correct.create(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
    panel.correct.add_files(list(map(str, two)), show=True)
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    bar.look()
    assert not bar.isHidden()
    assert bar.told.text() == "ct1: its tags say that text is burnt into its picture, which may name a patient."
    names = [bar.windows.itemText(row) for row in range(bar.windows.count())]
    assert names == ["As the file says", "As the file says, 2", "Brain", "Lung", "Bone", "Abdomen", "All values"]
    image = panel.correct.view.current.image
    assert tuple(image.contrast_limits) == (-0.5, 99.5) and bar.windows.currentIndex() == 0
    bar.windows.activated.emit(3)
    assert tuple(image.contrast_limits) == (-1350, 150) and bar.windows.currentText() == "Lung"
    # by napari's own slider
    image.contrast_limits = (-7, 33)
    assert bar.windows.currentText() == "As you set it"
    # of another image there is nothing to say; back again, it is as it was left
    opened(panel, qtbot, 2)
    assert bar.isHidden()
    opened(panel, qtbot, 1)
    assert tuple(panel.correct.view.current.image.contrast_limits) == (-7, 33)
    assert bar.windows.currentText() == "As you set it" and "burnt" in bar.told.text()


def test_what_the_network_is_given_does_not_depend_on_it(panel, qtbot, two):
    panel.propose.open_images(two[:1])
    qtbot.waitUntil(lambda: len(panel.viewer.layers) == 1, timeout=WAIT)
    (image,) = panel.viewer.layers
    bar = panel.image_bar
    bar.look()
    before = np.array(image.data)
    bar.windows.activated.emit(4)
    np.testing.assert_array_equal(image.data, before)
    assert "Proposals do not depend on it" in bar.windows.toolTip()
    # its mask is looked at: what is said of the image stays
    assert bar.told.text().startswith("ct1: its tags say")


def test_one_slice_of_a_volume_is_told(panel, qtbot, tmp_path):
    from tests.io.dicom_files import write_series

    affine = np.diag([1.0, 1, 2, 1])
    folder = write_series(tmp_path / "in", np.stack([PICTURE] * 3), affine, names=["a", "b", "c"])
    panel.propose.open_images([folder / "b"])
    qtbot.waitUntil(lambda: "one of 3 slices" in panel.propose.message.text(), timeout=WAIT)
    # all of them mean the volume
    panel.propose.open_images(sorted(folder.iterdir()))
    qtbot.waitUntil(lambda: len(panel.viewer.layers) == 2, timeout=WAIT)
    assert [(layer.name, layer.ndim) for layer in panel.viewer.layers] == [("b", 2), ("CT-3slices", 3)]
