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
