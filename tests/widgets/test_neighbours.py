"""To neighbours in a real napari window: looked at, taken as one step, dropped."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.app.layer_keys import PREVIEW_SUFFIX
from napari_medseg.widgets.layers import find, is_numbered
from tests.editing.test_propagate import tube
from tests.widgets.helpers import WAIT
from tests.widgets.test_tools import kinds, open_case

pytestmark = pytest.mark.gui
IMAGE, TRUTH = tube(9, side=48, drift=0.0)


@pytest.fixture
def case(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, IMAGE.clip(0, 400).astype(np.uint16), spacing=None)
    draw(panel, qtbot, case, 4)
    return case


def draw(panel, qtbot, case, z):
    case.labels.selected_label = 1
    case.labels.data_setitem((np.full(int(TRUTH[z].sum()), z), *np.nonzero(TRUTH[z])), 1)
    qtbot.waitUntil(lambda: case.session.status.pending == 0 and case.touched()[z].any(), timeout=WAIT)


def preview(panel, case):
    return find(panel.viewer, Labels, case.image, PREVIEW_SUFFIX)


def shown(panel, qtbot, case):
    tools = panel.correct.tools
    tools.neighbours.button.click()
    qtbot.waitUntil(lambda: preview(panel, case) is not None, timeout=WAIT)
    return tools.neighbours


def test_slices_are_shown_then_filled_and_one_undo_takes_all_back(panel, qtbot, case):
    before = np.array(case.labels.data)
    tool = shown(panel, qtbot, case)
    assert "0 to 3 and 5 to 8 of 8" in tool.message.text()
    # nothing is changed, the mask stays what is drawn in, and what is shown is no mask
    np.testing.assert_array_equal(case.labels.data, before)
    assert panel.viewer.layers.selection.active == case.labels
    assert is_numbered(preview(panel, case))
    tool.take.click()
    qtbot.waitUntil(lambda: bool(case.labels.data[2].any()), timeout=WAIT)
    assert preview(panel, case) is None
    agreed = case.labels.data[2] == TRUTH[2]
    assert agreed.mean() > 0.97
    assert tool.message.text().startswith("Filled. Slices 0 to 3")
    qtbot.waitUntil(lambda: case.session.status.pending == 0, timeout=WAIT)
    assert kinds(panel, case)[-1] == "to neighbours"
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: not case.labels.data[2].any(), timeout=WAIT)
    np.testing.assert_array_equal(case.labels.data, before)


def test_the_key_takes_what_it_showed(panel, qtbot, case):
    shown(panel, qtbot, case)
    panel.correct.actions["to_neighbours"]()
    qtbot.waitUntil(lambda: bool(case.labels.data[2].any()), timeout=WAIT)
    assert preview(panel, case) is None


def test_what_is_dropped_leaves_nothing_and_so_does_what_someone_drew_over(panel, qtbot, case):
    before = np.array(case.labels.data)
    tool = shown(panel, qtbot, case)
    tool.drop.click()
    assert preview(panel, case) is None
    np.testing.assert_array_equal(case.labels.data, before)
    assert "the mask stays as it was" in tool.message.text()
    shown(panel, qtbot, case)
    draw(panel, qtbot, case, 7)
    qtbot.waitUntil(lambda: preview(panel, case) is None, timeout=WAIT)
    assert "The mask changed" in tool.message.text()
    assert tool.isHidden()


def test_another_plane_has_no_corrected_slice_and_an_image_no_button(panel, qtbot, case):
    tool = panel.correct.tools.neighbours
    assert tool.button.isEnabled()
    panel.correct.volume.sight.look()
    panel.correct.volume.sight.bring(1)
    tool.button.click()
    qtbot.waitUntil(lambda: "no slice of this plane is corrected yet" in tool.message.text().lower(), timeout=WAIT)
    assert preview(panel, case) is None and tool.isHidden()


def test_a_closed_image_takes_what_was_shown_with_it(panel, qtbot, case):
    shown(panel, qtbot, case)
    panel.correct.view.close_all()
    assert not [layer for layer in panel.viewer.layers if layer.name.endswith(PREVIEW_SUFFIX)]
