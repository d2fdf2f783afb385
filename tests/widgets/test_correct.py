"""Correct in a real napari window: every stroke stored, nothing drawn over."""

from threading import Event

import numpy as np
import pytest

from napari_medseg.app.demo import sample_project
from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image, write_image
from napari_medseg.project import Project
from napari_medseg.widgets.panel import MIN_WIDTH
from tests.widgets.helpers import WAIT, add_sample, choose, labels_of, propose

pytestmark = pytest.mark.gui


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
    assert "may overwrite the" in panel.correct.status.text()
    propose(panel, qtbot)
    assert not np.array_equal(mask.data, painted)
    panel.correct.undo.click()
    qtbot.waitUntil(lambda: np.array_equal(mask.data, painted), timeout=WAIT)
    # the user's own layers stay when the project is closed
    panel.correct.view.close_all()
    assert image in panel.viewer.layers
    assert mask in panel.viewer.layers


def test_a_mask_that_someone_drew_in_is_never_drawn_over(panel, qtbot, monkeypatch):
    from napari_medseg.app import scratch
    from napari_medseg.errors import OutputError

    def full():
        raise OutputError("the disk is full")

    monkeypatch.setattr(scratch, "open_scratch", full)
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
    project_panel.correct.add_files([str(tmp_path / "text.png"), str(good)])
    qtbot.waitUntil(lambda: "Added 1 image" in project_panel.correct.status.text(), timeout=WAIT)
    assert "text.png is no picture" in project_panel.correct.status.text()
    qtbot.waitUntil(lambda: project_panel.correct.table.rowCount() == 7, timeout=WAIT)


def test_who_a_patient_is_is_asked_and_remembered(project_panel, qtbot, tmp_path):
    correct = project_panel.correct
    source = next(s for s in sample_images() if s.task == "dermoscopy").image
    for name in ("anna_1", "anna_2"):
        data = read_image(source).data.copy()
        data[: 40 if name == "anna_1" else 80] = 0
        write_image(tmp_path / f"{name}.tif", data)
    correct.patients.choice.setCurrentIndex(correct.patients.choice.findData("name"))
    correct.patients.choice.activated.emit(correct.patients.choice.currentIndex())
    correct.add_files([str(tmp_path / "anna_1.tif"), str(tmp_path / "anna_2.tif")])
    qtbot.waitUntil(lambda: "Added 2 images of 1 patient" in correct.status.text(), timeout=WAIT)
    groups = {case.group for case in project_panel.state.project.cases() if case.name.startswith("anna")}
    assert groups == {"anna"}
    assert type(correct.patients)().by == "name"


def test_what_was_said_of_an_image_goes_when_another_opens(project_panel, qtbot):
    panel = project_panel

    def go(act):
        before = panel.state.case_id
        act()
        qtbot.waitUntil(lambda: panel.state.case_id not in (None, before), timeout=WAIT)

    panel.correct.unlock_drawn()
    assert "No pixel of this mask was drawn by a person" in panel.correct.status.text()
    panel.correct.tools.number_objects()
    qtbot.waitUntil(lambda: " object" in panel.correct.tools.message.text(), timeout=WAIT)
    go(lambda: panel.correct.open_neighbour(1))
    assert panel.correct.status.text() == panel.correct.tools.message.text() == ""
    # that the last one was accepted is told until the one after it
    go(panel.correct.accept_and_next)
    assert " is accepted." in panel.correct.status.text()
    go(lambda: panel.correct.open_neighbour(1))
    assert panel.correct.status.text() == ""


def test_a_project_that_is_open_elsewhere_is_told(panel, qtbot, tmp_path):
    from napari.utils.notifications import notification_manager

    with sample_project(tmp_path / "p"):
        panel.correct.open_project(tmp_path / "p")
        qtbot.waitUntil(lambda: "Close it there first" in panel.correct.status.text(), timeout=WAIT)
    assert any("Close it there first" in n.message for n in notification_manager.records)
    assert panel.state.project is None


def test_the_next_image_is_chosen_as_the_user_wishes_and_the_wish_is_remembered(project_panel, qtbot, monkeypatch):
    # on a busy machine fewer images are asked about
    monkeypatch.setattr("napari_medseg.app.queue.PATIENCE", 600.0)
    from napari_medseg.app.queue import DOUBTFUL, Queue
    from napari_medseg.widgets.next_image import NextImage

    panel = project_panel
    panel.tabs.setCurrentIndex(1)
    panel.window().show()
    # frame and scroll bar beside it: nothing is cut off
    assert panel.correct.minimumSizeHint().width() < MIN_WIDTH - 30
    order = panel.correct.next_image.order
    assert order.currentText() == "at random"
    assert "what you get unless you choose" in order.toolTip()
    order.setCurrentIndex(order.findData(DOUBTFUL))
    request = panel.state.request_for(volume=False)
    panel.correct.accept.click()
    qtbot.waitUntil(lambda: panel.state.case_id not in (None, 1), timeout=WAIT)
    assert panel.state.case_id == Queue(panel.state.project).next(DOUBTFUL, request, after=1).id
    assert NextImage(panel.state, panel.correct._workers).order.currentData() == DOUBTFUL


@pytest.mark.parametrize("wish", ["random", "listed"])
def test_the_next_proposal_is_ready_before_it_is_asked_for(project_panel, qtbot, monkeypatch, wish):
    from napari_medseg.app.queue import Queue
    from napari_medseg.widgets import ahead, load

    panel = project_panel
    order = panel.correct.next_image.order
    order.setCurrentIndex(order.findData(wish))
    if wish == "listed":
        # what was computed ahead was the random one; from the next image on it is the list's
        panel.correct.accept.click()
        qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)
    now, ready = panel.state.case_id, panel.correct.view.ahead.ready
    qtbot.waitUntil(lambda: len(ready) == 1, timeout=WAIT)
    expected = Queue(panel.state.project).next(wish, panel.state.request_for(volume=False), after=now)
    # what was begun before the order was chosen may be there first
    qtbot.waitUntil(lambda: [case for case, _ in ready] == [expected.id], timeout=WAIT)

    def never(*arguments, **options):
        raise AssertionError("the proposal was there")

    monkeypatch.setattr(ahead, "predict_array", never)
    monkeypatch.setattr(load, "predict_drafted", never)
    panel.correct.accept.click()
    qtbot.waitUntil(lambda: panel.state.case_id == expected.id, timeout=WAIT)
    assert labels_of(panel)[0].data.any()


def test_the_open_image_is_in_sight_in_a_long_list(panel, qtbot, tmp_path):
    with Project.create(tmp_path / "p") as project:
        for number in range(40):
            image = write_image(tmp_path / f"{number}.tif", np.full((32, 32), number, np.uint8))
            project.add_case(image, shape=(32, 32), group=f"{number}")
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    panel.viewer.window._qt_window.show()
    table = panel.correct.table
    table.setFixedHeight(160)
    panel.correct.open_neighbour(-1)
    qtbot.waitUntil(lambda: panel.state.case_id == 40, timeout=WAIT)
    qtbot.waitUntil(lambda: table.visualItemRect(table.item(39, 0)).bottom() <= table.viewport().height(), timeout=WAIT)


def test_whoever_opens_another_image_waits_for_no_proposal_made_ahead(project_panel, qtbot, monkeypatch):
    import threading

    panel = project_panel
    panel.correct.open_neighbour(1)
    qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)
    stopped, begun = threading.Event(), threading.Event()

    def slow(project, after):
        def find(ticket):
            begun.set()
            while not ticket.cancelled:
                stopped.wait(0.01)
            stopped.set()

        return find

    monkeypatch.setattr(panel.correct.view.ahead, "next_of", slow)
    panel.correct.open_neighbour(1)
    qtbot.waitUntil(lambda: panel.state.case_id == 3 and begun.is_set(), timeout=WAIT)
    panel.correct.open_neighbour(1)
    qtbot.waitUntil(lambda: panel.state.case_id == 4, timeout=WAIT)
    assert stopped.is_set()


def test_a_proposal_that_is_kept_while_a_project_is_opened_harms_neither(panel, qtbot, tmp_path, monkeypatch):
    """The project opened last is the one; no case of a hidden one is taken for its."""
    from napari_medseg.widgets import own_proposals

    sample_project(tmp_path / "p").close()
    begun, go, made, real = Event(), Event(), [], own_proposals.keep_somewhere

    def slow(*arguments, **more):
        begun.set()
        assert go.wait(WAIT / 1000)
        kept = real(*arguments, **more)
        made.append(kept[0])
        return kept

    monkeypatch.setattr(own_proposals, "keep_somewhere", slow)
    choose(panel)
    image = add_sample(panel)
    propose(panel, qtbot)
    assert begun.wait(WAIT / 1000)
    panel.correct.open_project(tmp_path / "p")
    go.set()
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert panel.state.project.path == tmp_path / "p"
    opened = panel.correct.view.current
    assert opened.project is panel.state.project
    assert opened.image != image
    assert "medseg_case" not in image.metadata
    # let go of
    with Project.open(made[0].path) as scratch:
        assert scratch.recovered is None
