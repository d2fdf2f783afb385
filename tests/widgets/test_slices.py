"""Networks for images on volumes, in a real napari window: offered where they fit, slice by slice."""

import numpy as np
import pytest

from napari_medseg.widgets.layers import EDGES_SUFFIX, MAPS
from tests.widgets.helpers import WAIT, labels_of, offer_fresh, propose

pytestmark = pytest.mark.gui


def tasks(panel):
    box = panel.propose.task
    return {box.itemData(row) for row in range(box.count())}


def test_on_volumes_tasks_are_offered_whose_pictures_are_slices(panel):
    panel.viewer.add_image(np.zeros((4, 32, 32), np.int16), name="scan")
    assert tasks(panel) == {"", "brain-mri", "hippocampus", "kidney-stones", "nuclei"}
    # a network made for volumes is not asked of any volume: a person says what is on it
    assert panel.state.weights == "" and panel.propose.choice.unasked
    panel.propose.task.setCurrentText("hippocampus")
    assert panel.state.network == "lgms-net-3d"
    panel.propose.task.setCurrentText("brain-mri")
    assert panel.state.network == "sgd-net-s"
    assert "each of the 4 slices across z by itself" in panel.propose.plan.text()
    assert panel.state.request_for(volume=True).network == "sgd-net-s"
    # what was chosen for photographs is asked of no volume
    panel.viewer.layers.clear()
    panel.viewer.add_image(np.zeros((32, 32), np.uint8), name="photograph")
    panel.propose.task.setCurrentText("dermoscopy")
    assert panel.state.request_for(volume=False).network != "lgms-net-3d"
    assert panel.state.request_for(volume=True) is None


def test_a_volume_gets_its_mask_and_edge_map_slice_by_slice(panel, qtbot, tmp_path, monkeypatch):
    offer_fresh(panel, tmp_path, monkeypatch, "sgd-net-s", input_size=(64, 64))
    data = np.random.default_rng(0).integers(-200, 300, (20, 24, 3)).astype(np.int16)
    # the finest pixels lie across y, and three columns are no colours
    image = panel.viewer.add_image(data, name="scan", scale=(1, 4, 1), units=("mm", "mm", "mm"))
    panel.propose.task.setCurrentText("test")
    assert "each of the 24 slices across y" in panel.propose.plan.text()
    panel.propose.options.shown.edges.value = True
    told = []
    panel.propose.progress.valueChanged.connect(lambda _: told.append(panel.propose.progress.text()))
    propose(panel, qtbot)
    (mask,) = labels_of(panel)
    assert mask.data.shape == data.shape
    (edges,) = (layer for layer in panel.viewer.layers if layer.name == "scan" + EDGES_SUFFIX)
    assert edges.data.shape == data.shape and EDGES_SUFFIX in MAPS
    np.testing.assert_allclose(edges.scale, image.scale)
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    # the tools follow it, and paging leaves it whole
    case = panel.correct.view.current
    panel.viewer.dims.set_point(0, 7)
    panel.correct.tools.maps.fetch(case, lambda index: pytest.fail("it was drawn again"))
    np.testing.assert_array_equal(case.edges[7,], edges.data[7])
    assert edges.data.shape == data.shape
    # what it said is at hand for carrying corrected slices on
    assert panel.correct.view.current.said[1].shape == data.shape
