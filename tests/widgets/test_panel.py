"""The panel in a real napari window: propose, correct, accept, retrain, adopt, export."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_medseg.app.demo import sample_project
from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image, read_mask
from napari_medseg.project import Project

pytestmark = pytest.mark.gui
WAIT = 90_000


def choose(panel, task="nuclei"):
    panel.propose.task.setCurrentText(task)
    assert panel.state.weights.startswith(f"cmunext-xxs/{task}@")


def add_sample(panel, **place):
    data = read_image(next(s for s in sample_images() if s.name == "nuclei_1").image).data
    return panel.viewer.add_image(data, name="cells", **place)


def labels_of(panel):
    return [layer for layer in panel.viewer.layers if isinstance(layer, Labels)]


def test_a_proposal_lies_on_its_image_and_running_twice_replaces_it(panel, qtbot):
    affine = np.array([[0, 2.0, 3], [1.5, 0, 1], [0, 0, 1]])
    image = add_sample(panel, scale=(0.5, 0.25), translate=(7, 9), affine=affine, units=("micrometer", "micrometer"))
    choose(panel)
    assert "resize" in panel.propose.plan.text() or "as it is" in panel.propose.plan.text()
    panel.propose.options.probability.setChecked(True)
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
    qtbot.wait(1500)
    assert labels_of(panel) == []


def test_an_image_with_four_axes_is_refused_with_a_word(panel):
    panel.viewer.add_image(np.zeros((2, 4, 8, 8)), name="series")
    assert not panel.propose.run.isEnabled()
    assert "'series' is no plain image or volume" in panel.propose.plan.text()


def test_only_networks_that_take_volumes_are_offered_for_one(panel, monkeypatch):
    from napari_medseg.widgets import state

    add_sample(panel)
    assert panel.propose.weights.count() > 0
    monkeypatch.setattr(state, "list_weights", lambda: [])
    panel.viewer.add_image(np.zeros((4, 8, 8)), name="volume")
    assert not panel.propose.run.isEnabled()
    assert "No weights at hand take volumes" in panel.propose.choice.about.text()
    monkeypatch.undo()
    add_sample(panel)
    assert panel.propose.run.isEnabled()


def propose(panel, qtbot):
    panel.propose.run.click()
    qtbot.waitUntil(lambda: panel.propose.run.isEnabled(), timeout=WAIT)


def test_strokes_on_an_image_outside_a_project_are_stored_too(panel, qtbot):
    image = add_sample(panel, scale=(0.5, 0.5), units=("mm", "mm"))
    choose(panel)
    propose(panel, qtbot)
    (mask,) = labels_of(panel)
    # a stroke drawn before the project has taken the mask in counts as well
    mask.data[0:5, 0:5] = 1
    qtbot.waitUntil(lambda: panel.state.case_id is not None, timeout=WAIT)
    project, case_id = panel.state.project, panel.state.case_id
    assert project.path.name == "my-images"
    mask.brush_size = 9
    mask.paint((40, 40), 1)
    qtbot.waitUntil(lambda: project.case(case_id).strokes == 2, timeout=WAIT)
    np.testing.assert_array_equal(project.labels(case_id), mask.data)
    assert project.case(case_id).spacing == (0.5, 0.5)
    np.testing.assert_array_equal(read_image(project.case(case_id).image).data, image.data)
    painted = mask.data.copy()
    # a later proposal leaves what was drawn, until it is unlocked
    propose(panel, qtbot)
    assert labels_of(panel) == [mask]
    np.testing.assert_array_equal(mask.data, painted)
    panel.correct.unlock.click()
    assert "may change the" in panel.correct.status.text()
    propose(panel, qtbot)
    assert not np.array_equal(mask.data, painted)
    panel.correct.undo.click()
    qtbot.waitUntil(lambda: np.array_equal(mask.data, painted), timeout=WAIT)
    # the user's own layers stay when the project is closed
    panel.correct.view.close_all()
    assert image in panel.viewer.layers
    assert mask in panel.viewer.layers


def test_a_mask_that_someone_drew_in_is_never_drawn_over(panel, qtbot, monkeypatch):
    from napari_medseg.errors import OutputError
    from napari_medseg.widgets import case_view

    def full():
        raise OutputError("the disk is full")

    monkeypatch.setattr(case_view, "open_scratch", full)
    add_sample(panel)
    choose(panel)
    own = panel.viewer.add_labels(np.ones((256, 256), np.uint8), name="cells mask")
    propose(panel, qtbot)
    first = next(layer for layer in labels_of(panel) if layer is not own)
    first.data[:9] = 1
    drawn = first.data.copy()
    propose(panel, qtbot)
    assert own.data.all()
    np.testing.assert_array_equal(first.data, drawn)
    assert len(labels_of(panel)) == 3


def test_several_images_are_followed_at_once(panel, qtbot):
    choose(panel)
    masks = []
    for name in ("nuclei_2", "nuclei_3"):
        data = read_image(next(s for s in sample_images() if s.name == name).image).data
        layer = panel.viewer.add_image(data, name=name)
        panel.viewer.layers.selection.active = layer
        propose(panel, qtbot)
        qtbot.waitUntil(lambda layer=layer: "medseg_case" in layer.metadata, timeout=WAIT)
        masks.append(labels_of(panel)[-1])
    for mask in masks:
        panel.viewer.layers.selection.active = mask
        mask.paint((10, 10), 1)
        case_id = panel.state.case_id
        qtbot.waitUntil(lambda c=case_id: panel.state.project.case(c).strokes == 1, timeout=WAIT)
    assert [case.name for case in panel.state.project.cases()] == ["nuclei_2", "nuclei_3"]


def test_opening_through_the_panel_keeps_the_pixel_size_and_tells_of_a_bad_file(panel, qtbot, tmp_path):
    from napari_medseg.io import write_image

    write_image(tmp_path / "scan.tif", np.zeros((20, 30), np.uint16), spacing=(0.5, 0.25), unit="mm")
    (tmp_path / "text.png").write_text("hello")
    panel.propose.open_images([tmp_path / "text.png", tmp_path / "scan.tif"])
    qtbot.waitUntil(lambda: "scan" in panel.viewer.layers, timeout=WAIT)
    np.testing.assert_allclose(panel.viewer.layers["scan"].scale, (0.5, 0.25), rtol=1e-4)
    assert "text.png is no picture" in panel.propose.message.text()
    assert panel.propose.image.currentText() == "scan"


@pytest.fixture
def project_panel(panel, qtbot, tmp_path):
    sample_project(tmp_path / "p").close()
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    return panel


def test_strokes_are_stored_at_once_and_undone_after_a_restart(project_panel, qtbot, tmp_path):
    panel = project_panel
    (mask,) = labels_of(panel)
    proposal = mask.data.copy()
    assert mask.mode == "paint"
    qtbot.waitUntil(lambda: panel.state.project.case(1).state == "proposed", timeout=WAIT)
    mask.brush_size = 12
    mask.paint((30, 30), 1)
    qtbot.waitUntil(lambda: panel.state.project.case(1).strokes == 1, timeout=WAIT)
    painted = mask.data.copy()
    assert not np.array_equal(painted, proposal)
    np.testing.assert_array_equal(panel.state.project.labels(1), painted)
    panel.correct.open_project(tmp_path / "p")
    assert labels_of(panel) == []
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    np.testing.assert_array_equal(labels_of(panel)[0].data, painted)
    panel.correct.undo.click()
    qtbot.waitUntil(lambda: np.array_equal(labels_of(panel)[0].data, proposal), timeout=WAIT)
    panel.correct.redo.click()
    qtbot.waitUntil(lambda: np.array_equal(labels_of(panel)[0].data, painted), timeout=WAIT)
    np.testing.assert_array_equal(panel.state.project.labels(1), painted)


def test_changes_without_a_paint_event_are_stored_too(project_panel, qtbot):
    (mask,) = labels_of(project_panel)
    mask.data[5:9, 5:9] = 1
    mask.refresh()
    qtbot.waitUntil(lambda: project_panel.state.project.case(1).strokes == 1, timeout=WAIT)
    np.testing.assert_array_equal(project_panel.state.project.labels(1), mask.data)


def test_removing_the_layer_loses_nothing(project_panel, qtbot):
    (mask,) = labels_of(project_panel)
    mask.paint((30, 30), 1)
    painted = mask.data.copy()
    project_panel.viewer.layers.remove(mask)
    assert project_panel.state.case_id is None
    np.testing.assert_array_equal(project_panel.state.project.labels(1), painted)


def test_proposing_again_keeps_the_strokes_in_the_history(project_panel, qtbot):
    panel = project_panel
    (mask,) = labels_of(panel)
    mask.paint((30, 30), 1)
    painted = mask.data.copy()
    panel.propose.run.click()
    qtbot.waitUntil(lambda: panel.propose.run.isEnabled(), timeout=WAIT)
    assert len(labels_of(panel)) == 1
    panel.correct.undo.click()
    qtbot.waitUntil(lambda: np.array_equal(labels_of(panel)[0].data, painted), timeout=WAIT)


def test_bad_images_are_told_and_the_good_ones_added(project_panel, qtbot, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    good = next(s for s in sample_images() if s.task == "dermoscopy").image
    from napari.utils.notifications import notification_manager

    project_panel.correct.add_files([str(tmp_path / "text.png"), str(good)])
    qtbot.waitUntil(lambda: "Added 1 image" in project_panel.correct.status.text(), timeout=WAIT)
    assert any("text.png is no picture" in n.message for n in notification_manager.records)
    qtbot.waitUntil(lambda: project_panel.correct.table.rowCount() == 7, timeout=WAIT)


def test_a_project_that_is_open_elsewhere_is_told(panel, qtbot, tmp_path):
    from napari.utils.notifications import notification_manager

    with sample_project(tmp_path / "p"):
        panel.correct.open_project(tmp_path / "p")
        qtbot.waitUntil(lambda: "Close it there first" in panel.correct.status.text(), timeout=WAIT)
    assert any("Close it there first" in n.message for n in notification_manager.records)
    assert panel.state.project is None


@pytest.mark.slow
def test_the_whole_loop(project_panel, qtbot, tmp_path):
    panel = project_panel
    for number in range(1, 7):
        assert panel.state.case_id == number
        name = panel.state.project.case(number).name
        truth = read_mask(next(s for s in sample_images() if s.name == name).mask)
        (mask,) = labels_of(panel)
        mask.data[...] = truth
        mask.refresh()
        panel.correct.accept.click()
        if number < 6:
            qtbot.waitUntil(lambda n=number: panel.state.case_id == n + 1, timeout=WAIT)
    qtbot.waitUntil(lambda: "All images are accepted" in panel.correct.status.text(), timeout=WAIT)
    assert {case.state for case in panel.state.project.cases()} == {"accepted"}

    before = panel.state.weights
    panel.retrain.epochs.setValue(2)
    panel.retrain.start.click()
    outcome = panel.retrain.outcome
    qtbot.waitUntil(lambda: not outcome.checks.isHidden(), timeout=2 * WAIT)
    assert panel.retrain.minimumSizeHint().width() < 340  # the panel's width: nothing is cut off
    assert outcome.table.rowCount() == 2
    assert not outcome.picture.pixmap().isNull()
    assert "held-out" in outcome.checks.text()
    if not outcome.adopt.isHidden():
        assert "old weights stay" in panel.retrain.message.text()
        outcome.adopt.click()
    qtbot.waitUntil(lambda: panel.state.weights != before, timeout=WAIT)
    new = panel.state.weights
    assert Path(new).is_file()
    assert panel.propose.weights.findData(before) >= 0
    # one click back, and forth again
    qtbot.waitUntil(lambda: outcome.versions.count() == 2, timeout=WAIT)
    for row, weights in ((0, before), (1, new)):
        outcome.versions.setCurrentIndex(row)
        outcome.use.click()
        qtbot.waitUntil(lambda weights=weights: panel.state.weights == weights, timeout=WAIT)

    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.all.setChecked(True)
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote 6 file(s)" in panel.export.message.text(), timeout=WAIT)
    written = read_mask(tmp_path / "out" / "nuclei_2_mask.tif")
    np.testing.assert_array_equal(written, read_mask(next(s for s in sample_images() if s.name == "nuclei_2").mask))
    path = panel.state.project.path
    panel.shut_down()
    with Project.open(path) as again:
        assert again.recovered is None
        assert again.verify() == []


def test_cancelling_a_run_leaves_the_weights(project_panel, qtbot):
    panel = project_panel
    for number in (1, 2, 3):
        panel.correct.accept.click()
        qtbot.waitUntil(lambda n=number: panel.state.case_id == n + 1, timeout=WAIT)
    before = panel.state.weights
    panel.retrain.epochs.setValue(500)
    panel.retrain.start.click()
    qtbot.waitUntil(lambda: "Epoch" in panel.retrain.message.text(), timeout=WAIT)
    panel.retrain.cancel.click()
    assert "Cancelled" in panel.retrain.message.text()
    qtbot.waitUntil(lambda: panel.state.project.runs()[-1].state == "cancelled", timeout=WAIT)
    assert panel.state.weights == before
    assert panel.retrain.start.isEnabled()


def test_a_run_that_is_cancelled_before_it_began_ends(project_panel, qtbot):
    panel = project_panel
    for case in panel.state.project.cases()[:2]:
        panel.state.project.accept(case.id)
    panel.retrain.epochs.setValue(500)
    panel.retrain.start.click()
    panel.retrain.cancel.click()
    assert panel.retrain.message.text() == "Cancelling..."
    qtbot.waitUntil(lambda: "Cancelled. The weights" in panel.retrain.message.text(), timeout=WAIT)
    qtbot.waitUntil(lambda: [run.state for run in panel.state.project.runs()] == ["cancelled"], timeout=WAIT)
    assert panel.retrain.start.isEnabled()


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


def offer_fresh(panel, tmp_path, monkeypatch, network, **changes):
    """Fresh weights of a network, offered beside the bundled ones."""
    import torch

    from napari_medseg.networks import create_network
    from napari_medseg.weights import WeightsEntry, list_weights, save_weights
    from napari_medseg.widgets import state

    torch.manual_seed(0)
    values = {"id": f"{network}/test@1", "network": network, "task": "test", "input_size": (64, 64), **changes}
    entry = WeightsEntry(**values)
    path = tmp_path / f"{network}.safetensors"
    entry = replace(save_weights(path, create_network(network, classes=entry.output_channels), entry), id=str(path))
    monkeypatch.setattr(state, "list_weights", lambda: [*list_weights(), entry])
    panel.bus.weights_changed.emit()
    return entry


def test_boxes_that_were_drawn_are_segmented(panel, qtbot, tmp_path, monkeypatch):
    offer_fresh(panel, tmp_path, monkeypatch, "dcsnet-s")
    image = add_sample(panel, scale=(0.5, 0.25), translate=(3, 4))
    panel.propose.options.draw.click()
    # only networks that take boxes are offered
    assert {entry.network for _, entry in panel.propose.choice._known} == {"dcsnet-s"}
    panel.propose.task.setCurrentText("test")
    assert (panel.state.network, panel.propose.weights.count()) == ("dcsnet-s", 1)
    boxes = panel.propose.boxes.of(image)
    assert boxes.mode == "add_rectangle"
    panel.propose.run.click()
    assert "no box is drawn" in panel.propose.message.text()
    # half a pixel around the centres of rows 10 to 49 and columns 20 to 79
    boxes.add_rectangles([[9.5, 19.5], [49.5, 79.5]])
    panel.propose.options.probability.setChecked(True)
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


def test_boxes_that_were_found_can_be_corrected(panel, qtbot, tmp_path, monkeypatch):
    offer_fresh(panel, tmp_path, monkeypatch, "dcsnet-s")
    image = add_sample(panel)
    panel.propose.task.setCurrentText("test")
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


def test_where_opinions_differ_is_a_map(panel, qtbot):
    add_sample(panel)
    choose(panel)
    options = panel.propose.options
    options.mirrored.setChecked(True)
    assert "mirrored 4 ways, 4 passes" in panel.propose.plan.text()
    options.disagreement.setChecked(True)
    action = next(a for a in options.menu.actions() if "polyp" in a.text())
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
    panel.propose.options.edges.setChecked(True)
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


def test_what_comes_after_the_panel_went_is_dropped(panel, qtbot):
    """A stroke's status is under way between threads while the panel is closed."""
    heard = []
    panel.shut_down()
    panel.correct.view._called.emit(lambda: heard.append("late"))
    qtbot.wait(100)
    assert heard == []


@pytest.mark.parametrize("when", ["while it runs", "before it is heard"])
def test_a_result_that_comes_too_late_is_let_go(qtbot, when):
    """A project that was opened for a panel that is gone must not stay locked."""
    import threading

    from qtpy.QtCore import QObject

    from napari_medseg.widgets.workers import Workers

    parent, may_go, dropped = QObject(), threading.Event(), []
    workers = Workers(parent, lambda error: None)

    def work(ticket, progress):
        may_go.wait(10)
        return "open"

    workers.run(work, on_done=lambda _: dropped.append("delivered"), on_dropped=dropped.append, lane="files")
    if when == "before it is heard":
        may_go.set()
        while not workers._undelivered:
            threading.Event().wait(0.01)
    workers.close()
    may_go.set()
    workers._lanes["files"].shutdown(wait=True)
    qtbot.wait(50)
    assert dropped == ["open"]
