"""Export from a real napari window."""

import numpy as np
import pytest
from napari.layers import Image

from napari_medseg.io import read_image
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


def test_the_selected_mask_is_exported_with_its_pixel_size(panel, qtbot, tmp_path):
    mask = np.zeros((20, 30), int)
    mask[4:8, 5:9] = 1
    panel.viewer.add_labels(mask, name="mine", scale=(0.5, 0.25), units=("mm", "mm"))
    panel.export.folder.setText(str(tmp_path / "new folder"))
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote 1" in panel.export.message.text(), timeout=WAIT)
    image = read_image(tmp_path / "new folder" / "mine_mask.tif")
    np.testing.assert_array_equal(image.data, mask)
    np.testing.assert_allclose(image.spacing, (0.5, 0.25), rtol=1e-4)
    assert any(isinstance(layer, Image) for layer in panel.viewer.layers) is False


def test_objects_are_counted_shown_and_exported_beside_the_mask(project_panel, qtbot, tmp_path):
    panel = project_panel
    tools, case = panel.correct.tools, panel.correct.view.current
    mask = np.zeros(case.labels.data.shape, np.uint8)
    mask[10:30, 10:30], mask[50:70, 50:71], mask[90:92, 90:92] = 1, 1, 1
    case.labels.data[...] = mask
    tools.objects.click()
    qtbot.waitUntil(lambda: tools.message.text() == "2 object(s), half of them over 410 px.", timeout=WAIT)
    name = f"{case.image.name} objects"
    assert set(np.unique(panel.viewer.layers[name].data)) == {0, 1, 2}
    # pressed again, the layer is used again; it is no mask to draw in or to export
    tools.number_objects()
    tools.number_objects()
    qtbot.waitUntil(lambda: "2 object" in tools.message.text(), timeout=WAIT)
    assert [layer.name for layer in panel.viewer.layers].count(name) == 1
    assert panel.viewer.layers.selection.active is case.labels
    np.testing.assert_array_equal(case.labels.data, mask)
    panel.viewer.layers.selection.clear()
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.objects.setChecked(True)
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote 2" in panel.export.message.text(), timeout=WAIT)
    stem = case.image.name
    np.testing.assert_array_equal(read_image(tmp_path / "out" / f"{stem}_mask.tif").data, mask)
    assert read_image(tmp_path / "out" / f"{stem}_objects.tif").data.max() == 2
