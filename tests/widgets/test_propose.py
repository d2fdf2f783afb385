"""Propose in a real napari window: images, boxes, maps, volumes."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtGui import QAction

from napari_medseg.project import Project
from napari_medseg.weights import list_weights
from tests.shipped import shipped
from tests.widgets.helpers import WAIT, add_sample, choose, labels_of, offer_fresh, propose

pytestmark = pytest.mark.gui


def test_a_proposal_lies_on_its_image_and_running_twice_replaces_it(panel, qtbot):
    affine = np.array([[0, 2.0, 3], [1.5, 0, 1], [0, 0, 1]])
    image = add_sample(panel, scale=(0.5, 0.25), translate=(7, 9), affine=affine, units=("micrometer", "micrometer"))
    choose(panel)
    assert "resize" in panel.propose.plan.text() or "as it is" in panel.propose.plan.text()
    panel.propose.options.shown.probability.value = True
    for _ in range(2):
        panel.propose.run.click()
        assert not panel.propose.run.isEnabled()
        qtbot.waitUntil(lambda: panel.propose.run.isEnabled(), timeout=WAIT)
    (mask,) = labels_of(panel)
    assert [layer.name for layer in panel.viewer.layers] == ["cells", "cells probability", "cells mask"]
    assert mask.data.shape == image.data.shape[:2]
    assert 0 < mask.data.sum() < mask.data.size / 2
    for name in ("scale", "translate"):
        np.testing.assert_allclose(getattr(mask, name), getattr(image, name))
    np.testing.assert_allclose(mask.affine.affine_matrix, image.affine.affine_matrix)
    assert mask.units == image.units
    assert mask.metadata["medseg"]["weights"] == panel.state.weights


def test_a_late_result_for_a_removed_image_is_dropped(panel, qtbot):
    image = add_sample(panel)
    choose(panel)
    panel.propose.run.click()
    panel.viewer.layers.remove(image)
    qtbot.waitUntil(lambda: "dropped" in panel.propose.message.text(), timeout=WAIT)
    assert len(panel.viewer.layers) == 0


def test_a_cancelled_proposal_adds_nothing(panel, qtbot):
    add_sample(panel)
    choose(panel)
    panel.propose.run.click()
    panel.propose.cancel.click()
    assert panel.propose.run.isEnabled()
    # what comes after it comes alone
    propose(panel, qtbot)
    assert len(labels_of(panel)) == 1


def test_an_image_with_four_axes_is_refused_with_a_word(panel):
    panel.viewer.add_image(np.zeros((2, 4, 8, 8)), name="series")
    assert not panel.propose.run.isEnabled()
    assert "'series' is no plain image or volume" in panel.propose.plan.text()


def test_only_networks_that_take_volumes_are_offered_for_one(panel, monkeypatch):
    from napari_medseg.widgets import state

    add_sample(panel)
    choose(panel)
    assert panel.propose.weights.count() > 0
    monkeypatch.setattr(state, "list_weights", lambda: [])
    panel.viewer.add_image(np.zeros((4, 8, 8)), name="volume")
    assert not panel.propose.run.isEnabled()
    assert "No weights at hand take volumes" in panel.propose.choice.about.text()
    monkeypatch.undo()
    add_sample(panel)
    assert panel.propose.run.isEnabled()


def test_opening_through_the_panel_keeps_the_pixel_size_and_tells_of_a_bad_file(panel, qtbot, tmp_path):
    from napari_medseg.io import write_image

    write_image(tmp_path / "scan.tif", np.zeros((20, 30), np.uint16), spacing=(0.5, 0.25), unit="mm")
    (tmp_path / "text.png").write_text("hello")
    panel.propose.open_images([tmp_path / "text.png", tmp_path / "scan.tif"])
    qtbot.waitUntil(lambda: "scan" in panel.viewer.layers, timeout=WAIT)
    np.testing.assert_allclose(panel.viewer.layers["scan"].scale, (0.5, 0.25), rtol=1e-4)
    assert "text.png is no picture" in panel.propose.message.text()
    assert panel.propose.image.currentText() == "scan"


ODD = {
    "rgba": np.random.default_rng(0).integers(0, 255, (40, 50, 4), dtype=np.uint8),
    "sixteen bit": np.random.default_rng(0).integers(0, 60_000, (40, 50), dtype=np.uint16),
    "with NaN": np.where(np.eye(50)[:40] > 0, np.nan, np.linspace(0, 1, 50)[None]).astype(np.float32),
    "constant": np.full((40, 50), 7, np.uint8),
    "one pixel": np.ones((1, 1), np.uint8),
    "boolean": np.eye(50)[:40] > 0,
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_images_get_a_mask_and_are_kept(panel, qtbot, kind):
    data = ODD[kind]
    image = panel.viewer.add_image(data, name=kind, rgb=data.ndim == 3)
    choose(panel)
    propose(panel, qtbot)
    (mask,) = labels_of(panel)
    assert mask.data.shape == data.shape[:2]
    qtbot.waitUntil(lambda: "medseg_case" in image.metadata, timeout=WAIT)
    mask.data[0, 0] = 1 - mask.data[0, 0]
    mask.refresh()
    case_id = panel.state.case_id
    qtbot.waitUntil(lambda: panel.state.project.case(case_id).strokes == 1, timeout=WAIT)


def test_boxes_that_were_drawn_are_segmented(panel, qtbot, tmp_path, monkeypatch):
    offer_fresh(panel, tmp_path, monkeypatch, "dcsnet-s")
    image = add_sample(panel, scale=(0.5, 0.25), translate=(3, 4))
    panel.propose.task.setCurrentText("test")
    panel.propose.options.draw.click()
    assert (panel.state.network, panel.propose.weights.count()) == ("dcsnet-s", 1)
    boxes = panel.propose.boxes.of(image)
    assert boxes.mode == "add_rectangle"
    panel.propose.run.click()
    assert "no box is drawn" in panel.propose.message.text()
    # half a pixel around the centres of rows 10 to 49 and columns 20 to 79
    boxes.add_rectangles([[9.5, 19.5], [49.5, 79.5]])
    panel.propose.options.shown.probability.value = True
    propose(panel, qtbot)
    found = next(layer for layer in panel.viewer.layers if layer.name == "cells probability").data
    outside = np.ones(found.shape, bool)
    outside[4:56, 14:86] = False
    assert found[outside].max() < 0.01
    assert found[15:45, 25:75].max() > 0.1
    (shown,) = boxes.data
    np.testing.assert_allclose(shown, [[9.5, 19.5], [9.5, 79.5], [49.5, 79.5], [49.5, 19.5]], atol=0.01)
    np.testing.assert_allclose(boxes.scale, image.scale)


@pytest.mark.parametrize(
    ("corners", "words"),
    [
        ([[10, 10], [10, 60]], "expected at least 1 x 1 px"),
        ([[10, -90], [40, -60]], "lies outside the image"),
        ([[10, 10], [20, 40], [50, 30], [40, 0]], "is rotated or no rectangle"),
    ],
)
def test_a_box_that_cannot_be_segmented_gets_a_clear_word(panel, qtbot, tmp_path, monkeypatch, corners, words):
    offer_fresh(panel, tmp_path, monkeypatch, "dcsnet-s")
    image = add_sample(panel)
    panel.propose.options.draw.click()
    panel.propose.boxes.of(image).add_rectangles(corners)
    panel.propose.run.click()
    assert words in panel.propose.message.text()
    assert panel.propose.run.isEnabled()
    assert labels_of(panel) == []


def test_the_most_accurate_network_of_a_task_is_chosen_first(panel):
    panel.propose.task.setCurrentText("generalist")
    rows = range(panel.propose.weights.count())
    offered = [panel.propose.weights.itemData(row).partition("/")[0] for row in rows]
    assert offered == ["sgd-net-s", "dcsnet-s", "lgms-net", "dymas-net"]
    assert panel.state.network == "sgd-net-s"


def test_a_kind_offers_all_that_know_it_and_says_how_good_each_is_on_it(panel):
    panel.propose.task.setCurrentText("thyroid-ultrasound")
    offered = [entry for entry in list_weights() if "thyroid-ultrasound" in entry.tasks]
    assert panel.propose.weights.count() == len(offered) == 5
    known = {e.id: e.kinds["thyroid-ultrasound"] for e in list_weights() if "thyroid-ultrasound" in e.kinds}
    assert panel.state.weights == max(known, key=lambda name: known[name]["dice"])
    score = known[panel.state.weights]
    assert panel.propose.weights.itemText(0).endswith(f"Dice {score['dice']:.2f}")
    assert f"Dice {score['dice']:.2f} on {score['n']} images" in panel.propose.choice.about.text()


def test_boxes_that_were_found_can_be_corrected(panel, qtbot):
    image = add_sample(panel)
    panel.propose.task.setCurrentText("generalist")
    panel.propose.weights.setCurrentIndex(panel.propose.weights.findData(shipped("dcsnet-s/generalist")))
    propose(panel, qtbot)
    boxes = panel.propose.boxes.of(image)
    assert len(boxes.data) > 1
    assert not panel.propose.options.boxes.isChecked()
    boxes.selected_data = set(range(1, len(boxes.data)))
    boxes.remove_selected()
    assert panel.propose.options.boxes.isChecked()
    kept = np.array(boxes.data[0])
    propose(panel, qtbot)
    assert len(boxes.data) == 1
    np.testing.assert_allclose(boxes.data[0], kept, atol=0.01)
    # what lay in the boxes that were removed is gone
    (mask,) = labels_of(panel)
    rows, columns = np.nonzero(mask.data)
    low, high = kept.min(axis=0), kept.max(axis=0)
    assert len(rows) > 20
    assert low[0] <= rows.min() <= rows.max() <= high[0]
    assert low[1] <= columns.min() <= columns.max() <= high[1]


def test_a_box_is_for_its_image_and_the_own_choice_is_back_after_it(panel, qtbot):
    first = add_sample(panel)
    choose(panel)
    mine = panel.state.weights
    assert "CMUNeXt" in panel.correct.proposes.text()
    panel.propose.options.draw.click()
    panel.propose.boxes.of(first).add_rectangles([[9.5, 19.5], [49.5, 79.5]])
    # what will propose is told where one corrects; what is chosen stays chosen
    assert "in your boxes here, by DCSNet" in panel.correct.proposes.text()
    assert (panel.propose.weights.currentData(), panel.state.weights) == (mine, mine)
    assert panel.state.request_for(volume=False).weights == mine
    second = panel.viewer.add_image(first.data[::-1].copy(), name="other")
    panel.viewer.layers.selection.active = second
    assert panel.propose.current_image() == second
    assert not panel.propose.options.boxes.isChecked()
    assert "CMUNeXt" in panel.correct.proposes.text()
    propose(panel, qtbot)
    assert labels_of(panel)[-1].metadata["medseg"]["weights"] == mine
    # the box waits on its image, for one proposal
    panel.viewer.layers.selection.active = first
    assert panel.propose.options.boxes.isChecked()
    propose(panel, qtbot)
    mask = next(layer for layer in labels_of(panel) if layer.name.startswith("cells"))
    assert mask.metadata["medseg"]["network"].startswith("dcsnet")
    assert "in the box" in panel.propose.message.text()
    assert not panel.propose.options.boxes.isChecked()
    assert (panel.state.boxed, panel.state.weights) == (None, mine)
    propose(panel, qtbot)
    # stored by a thread of its own
    qtbot.waitUntil(lambda: panel.correct.view.case_of(mask) is not None, timeout=WAIT)
    case = panel.correct.view.case_of(mask)
    case.session.flush()
    assert panel.state.project.proposal_origin(case.case_id)["weights"] == mine


def test_what_was_said_of_an_image_goes_with_it(panel, qtbot):
    image = add_sample(panel)
    choose(panel)
    propose(panel, qtbot)
    assert "Found" in panel.propose.message.text()
    other = panel.viewer.add_image(image.data[::-1].copy(), name="other")
    panel.viewer.layers.selection.active = other
    assert panel.propose.message.text() == ""
    propose(panel, qtbot)
    # what is offered anew is the same; another network is not
    panel.bus.weights_changed.emit()
    assert "Found" in panel.propose.message.text()
    weights = panel.propose.weights
    weights.setCurrentIndex((weights.currentIndex() + 1) % weights.count())
    assert panel.propose.message.text() == ""
    propose(panel, qtbot)
    panel.viewer.layers.clear()
    assert panel.propose.message.text() == ""


def test_where_opinions_differ_is_a_map(panel, qtbot):
    add_sample(panel)
    choose(panel)
    options = panel.propose.options
    assert panel.state.network == "cmunext-xxs" and not options.opinions.mirrored.value
    options.opinions.mirrored.value = True
    assert "mirrored 4 ways, 4 passes" in panel.propose.plan.text()
    options.opinions.disagreement.value = True
    action = next(a for a in options.menu.actions() if "Polyps" in a.text())
    action.setChecked(True)
    assert options.also.text() == "Also ask: 1 other network"
    propose(panel, qtbot)
    (shown,) = (layer for layer in panel.viewer.layers if layer.name == "cells disagreement")
    assert 0.1 < shown.data.max() <= 0.5
    assert tuple(shown.contrast_limits) == (0, 0.5)
    (mask,) = labels_of(panel)
    assert [member["network"] for member in mask.metadata["medseg"]["also"]] == ["cmunext-xxs"]


def test_a_volume_is_segmented_drawn_in_and_found_again(panel, qtbot, tmp_path, monkeypatch):
    offer_fresh(panel, tmp_path, monkeypatch, "lgms-net-3d", input_size=(32, 32, 32), classes=("front", "back"))
    data = np.random.default_rng(0).random((20, 24, 28)).astype(np.float32)
    image = panel.viewer.add_image(data, name="scan", scale=(2, 1, 1), units=("mm", "mm", "mm"))
    panel.propose.task.setCurrentText("test")
    assert panel.state.network == "lgms-net-3d"
    assert not panel.propose.options.boxes.isEnabled()
    propose(panel, qtbot)
    (mask,) = labels_of(panel)
    assert mask.data.shape == data.shape
    qtbot.waitUntil(lambda: "medseg_case" in image.metadata, timeout=WAIT)
    case = panel.state.project.case(panel.state.case_id)
    assert (case.shape, case.spacing) == ((20, 24, 28), (2.0, 1.0, 1.0))
    mask.brush_size = 4
    mask.paint((7, 6, 5), 5)
    qtbot.waitUntil(lambda: panel.state.project.case(case.id).strokes == 1, timeout=WAIT)
    assert (mask.data[7] == 5).sum() == (mask.data == 5).sum() > 4
    path, drawn = panel.state.project.path, np.array(mask.data)
    panel.shut_down()
    with Project.open(path) as project:
        np.testing.assert_array_equal(project.labels(case.id), drawn)
        project.undo(case.id)
        assert not (project.labels(case.id) == 5).any()


def test_an_edge_map_lies_on_its_image_or_its_lack_is_told(panel, qtbot, tmp_path, monkeypatch):
    import torch

    from napari_medseg.app import predict
    from napari_medseg.networks import create_network
    from napari_medseg.weights import WeightsEntry, list_weights, save_weights

    torch.manual_seed(0)
    entry = WeightsEntry(id="sgd-net-s/test@1", network="sgd-net-s", task="test", input_size=(64, 64))
    path = tmp_path / "sgd.safetensors"
    entry = replace(save_weights(path, create_network("sgd-net-s"), entry), id=str(path))
    only = [e for e in list_weights() if e.network == "cmunext-xxs"]
    image = add_sample(panel, scale=(0.5, 0.5))
    choose(panel)
    panel.propose.options.shown.edges.value = True
    monkeypatch.setattr(predict, "list_weights", lambda: only)
    propose(panel, qtbot)
    assert "no weights of SGD-Net" in panel.propose.message.text()
    monkeypatch.setattr(predict, "list_weights", lambda: [*only, entry])
    for _ in range(2):
        propose(panel, qtbot)
    (edges,) = (layer for layer in panel.viewer.layers if layer.name == "cells edges")
    assert edges.data.shape == image.data.shape[:2]
    assert 0 <= edges.data.min() < edges.data.max() <= 1
    np.testing.assert_allclose(edges.scale, image.scale)
    assert panel.propose.image.count() == 1


def test_offering_networks_again_leaves_nothing_behind(panel):
    """Each image that was opened left 14 actions: a day's work, thousands."""
    options = panel.propose.options
    before = len(options.findChildren(QAction))
    assert before > len(options.menu.actions()) > 1
    for _ in range(3):
        panel.bus.weights_changed.emit()
    assert len(options.findChildren(QAction)) == before
