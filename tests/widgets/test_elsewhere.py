"""What a person looks at is what keys and buttons act on; where it is not, a sentence in the panel says so."""

import numpy as np
import pytest
from napari.layers._layer_actions import _convert_to_labels, _merge_stack
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtWidgets import QTabWidget

from napari_medseg.app.layer_keys import OBJECTS_SUFFIX
from tests.widgets.helpers import WAIT, accept, blobs, copy_of, kept, labels_of, propose, stored

pytestmark = pytest.mark.gui


def remove(layers, image):
    layers.remove(image)


def convert(layers, image):
    image.projection_mode = "none"
    layers.selection = {image}
    _convert_to_labels(layers)


def merge(layers, image):
    layers.selection = {image, layers["b"]}
    _merge_stack(layers)


@pytest.mark.parametrize("go", [remove, convert, merge])
def test_a_mask_whose_image_is_gone_is_no_case_any_more(panel, qtbot, case, go):
    project, mask, layers = panel.state.project, case.labels, panel.viewer.layers
    panel.viewer.add_image(blobs(2), name="b")
    mask.paint((5, 5), 1)
    drawn = mask.data.copy()
    go(layers, case.image)
    assert "'a' was removed" in panel.correct.status.text()
    assert case.closed
    np.testing.assert_array_equal(project.labels(1), drawn)
    # what lies below it now is another picture
    layers.selection.active = mask
    accepted, _ = accept(panel, qtbot)
    assert accepted is None
    assert "nothing was accepted" in panel.correct.status.text()
    # opened again, the strokes are there
    image = panel.viewer.add_image(blobs(), name="a")
    propose(panel, qtbot)
    kept(panel, qtbot, image)
    assert panel.correct.view.current.labels.data[5, 5] == 1


def test_a_listed_image_that_was_removed_is_opened_again_from_the_list(project_panel, qtbot):
    panel = project_panel
    panel.viewer.layers.remove(panel.correct.view.current.image)
    assert panel.state.case_id is None
    assert len(panel.viewer.layers) == 0
    panel.correct.view.open_case(1)
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert [type(layer).__name__ for layer in panel.viewer.layers] == ["Image", "Labels"]


def colourless(mask):
    mask.colormap = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: "red", 2: (0, 0, 0, 0)})


@pytest.mark.parametrize(
    ("hide", "why"),
    [
        (lambda mask: setattr(mask, "visible", False), "is out of sight"),
        (lambda mask: setattr(mask, "opacity", 0), "is out of sight"),
        (lambda mask: setattr(mask, "show_selected_label", True), "has label 2, which is not shown"),
        (colourless, "has label 2, which is not shown"),
    ],
)
def test_what_is_not_on_the_screen_is_neither_accepted_nor_exported(panel, qtbot, case, tmp_path, hide, why):
    mask = case.labels
    mask.paint((5, 5), 2)
    mask.selected_label = 1
    seen = mask.visible, mask.opacity, mask.show_selected_label, mask.colormap
    hide(mask)
    accepted, told = accept(panel, qtbot)
    assert accepted is None
    assert why in told
    assert why in panel.correct.status.text()
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.start()
    assert why in panel.export.message.text()
    assert not (tmp_path / "out").exists()
    mask.visible, mask.opacity, mask.show_selected_label, mask.colormap = seen
    np.testing.assert_array_equal(accept(panel, qtbot)[0], mask.data)


def test_what_is_drawn_among_the_objects_is_no_mask(panel, qtbot, case):
    panel.correct.tools.number_objects()
    qtbot.waitUntil(lambda: len(labels_of(panel)) == 2, timeout=WAIT)
    objects = panel.viewer.layers["a" + OBJECTS_SUFFIX]
    panel.viewer.layers.selection.active = objects
    objects.paint((5, 5), 90)
    accepted, _ = accept(panel, qtbot)
    assert accepted is None
    assert "'a objects' only shows objects" in panel.correct.status.text()
    panel.viewer.layers.selection.active = case.image
    assert accept(panel, qtbot)[0] is not None


@pytest.mark.parametrize("tab", range(4))
def test_a_refusal_can_be_read_in_the_section_that_is_looked_at(panel, qtbot, case, tab):
    tabs = panel.findChild(QTabWidget)
    tabs.setCurrentIndex(tab)
    case.labels.translate = (0, 20)
    accept(panel, qtbot)
    section = (panel.propose, panel.correct, panel.retrain, panel.export)[tab]
    assert "has translate" in (section.status if tab == 1 else section.message).text()
    case.labels.translate = (0, 0)


def test_a_proposal_that_cannot_be_shown_is_not_told_as_found(panel, qtbot, case):
    case.labels.translate = (0, 20)
    propose(panel, qtbot)
    assert "has translate" in panel.propose.message.text()
    case.labels.translate = (0, 0)
    propose(panel, qtbot)
    assert panel.propose.message.text().startswith("Found")


def test_what_was_drawn_in_a_copy_is_taken_over_as_one_stroke(panel, qtbot, case):
    mask, take = case.labels, panel.correct.take
    mask.paint((40, 110), 1)
    stored(panel, qtbot)
    before, strokes = mask.data.copy(), panel.state.project.case(1).strokes
    assert take.isHidden()
    copy = copy_of(panel, mask)
    panel.viewer.layers.selection.active = copy
    assert not take.isHidden()
    copy.paint((5, 5), 1)
    drawn = copy.data.copy()
    assert take.text() in accept(panel, qtbot)[1]
    take.click()
    assert take.isHidden()
    assert panel.viewer.layers.selection.active == mask
    assert not copy.visible
    np.testing.assert_array_equal(mask.data, drawn)
    stored(panel, qtbot)
    assert panel.state.project.case(1).strokes == strokes + 1
    panel.correct.undo.click()
    qtbot.waitUntil(lambda: np.array_equal(mask.data, before), timeout=WAIT)
    panel.correct.redo.click()
    qtbot.waitUntil(lambda: np.array_equal(mask.data, drawn), timeout=WAIT)
    np.testing.assert_array_equal(accept(panel, qtbot)[0], drawn)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda copy: setattr(copy, "translate", (0, 9)), "has translate"),
        (lambda copy: setattr(copy, "data", np.ones((4, 5), np.uint8)), "has shape (4, 5); expected (96, 128)"),
        (lambda copy: setattr(copy, "data", np.full((96, 128), 300, np.int32)), "has labels 300 to 300"),
    ],
)
def test_a_copy_that_is_no_mask_of_the_image_is_not_taken_over(panel, qtbot, case, spoil, why):
    held = case.labels.data.copy()
    copy = copy_of(panel, case.labels)
    panel.viewer.layers.selection.active = copy
    spoil(copy)
    panel.correct.take.click()
    assert why in panel.correct.status.text()
    np.testing.assert_array_equal(case.labels.data, held)


def test_pixels_that_were_changed_in_their_place_are_another_picture(panel, qtbot, case, tmp_path):
    before = case.image.data.copy()
    case.image.data[...] = 255 - before
    case.image.refresh()
    accepted, told = accept(panel, qtbot)
    assert accepted is None
    assert "'a' shows other pixels than when its mask was begun" in told
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.start()
    qtbot.waitUntil(panel.export.export.isEnabled, timeout=WAIT)
    assert "shows other pixels" in panel.export.message.text()
    assert not (tmp_path / "out").exists()
    case.image.data[...] = before
    assert accept(panel, qtbot)[0] is not None


def test_accepting_twice_is_one_revision_and_one_step(project_panel, qtbot):
    panel = project_panel
    for _ in range(3):
        panel.correct.accept.click()
    qtbot.waitUntil(lambda: panel.state.case_id not in (None, 1), timeout=WAIT)
    qtbot.wait(500)
    assert [len(panel.state.project.revisions(number)) for number in range(1, 7)] == [1, 0, 0, 0, 0, 0]
