"""Export from a real napari window."""

import numpy as np
import pytest
from napari.layers import Image

from napari_medseg.io import read_image, read_mask
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


@pytest.mark.parametrize(
    "name", ["plate 1/2", "../../x", "/etc/passwd", "", "..", "x" * 300, "肝" * 85, "a\x00b", "[left] eye", "CON"]
)
def test_a_mask_of_any_name_is_written_into_the_folder(panel, qtbot, tmp_path, name):
    out = tmp_path / "x" / "y" / "out"
    panel.viewer.add_labels(np.ones((8, 9), np.uint8), name=name)
    panel.export.folder.setText(str(out))
    panel.export.start()
    qtbot.waitUntil(panel.export.export.isEnabled, timeout=WAIT)
    assert len(list(out.iterdir())) == 1, panel.export.message.text()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == list(out.iterdir())


def test_two_masks_never_become_one_file_and_none_is_replaced_unasked(panel, qtbot, tmp_path):
    panel.export.folder.setText(str(tmp_path / "out"))
    layers = [
        panel.viewer.add_labels(np.full((8, 9), value, np.uint8), name=name)
        for value, name in enumerate(("same", "same mask", "SAME"), start=1)
    ]

    def export(layer):
        panel.viewer.layers.selection.active = layer
        panel.export.start()
        qtbot.waitUntil(panel.export.export.isEnabled, timeout=WAIT)
        return {path.name: int(read_mask(path).max()) for path in (tmp_path / "out").iterdir()}

    for layer in layers:
        found = export(layer)
    assert found == {"same_mask.tif": 1, "same_2_mask.tif": 2, "SAME_3_mask.tif": 3}
    layers[0].data = np.full((8, 9), 7, np.uint8)
    assert export(layers[0]) == found
    assert "is there already" in panel.export.message.text()
    panel.export.overwrite.setChecked(True)
    assert export(layers[0]) == {**found, "same_mask.tif": 7}
    # asked for once, not for ever
    assert not panel.export.overwrite.isChecked()
