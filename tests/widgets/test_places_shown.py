"""Rings around doubtful places and stray pieces; the question on accepting; nobody is held up."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Labels, Vectors
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_medseg.editing.spots import Spot
from napari_medseg.errors import Cancelled
from napari_medseg.inference import Prediction
from napari_medseg.widgets import spots as spots_module
from napari_medseg.widgets.rings import LEAST, WIDTH, Place, go_to, in_view
from tests.widgets.helpers import choose, stored
from tests.widgets.test_tools import WAIT, circle, open_case

pytestmark = pytest.mark.gui


@pytest.fixture
def case(panel, qtbot, tmp_path):
    return open_case(panel, qtbot, tmp_path, circle()[0])


def ring(panel):
    return next((layer for layer in panel.viewer.layers if isinstance(layer, Vectors)), None)


def drawn(panel, qtbot, case, *dots, label=1):
    """A disc, and dots beside it."""
    labels = np.where(circle()[1], label, 0).astype(np.uint8)
    for y, x in dots:
        labels[y : y + 4, x : x + 4] = label
    case.labels.data = labels
    case.compare()
    stored(panel, qtbot)
    return labels


def revisions(panel):
    return panel.state.project.revisions(1)


def on_screen(panel, layer):
    """Radii of the sides' begins, px of the screen, and how wide the rings are."""
    zoom = panel.viewer.scene.camera.zoom
    begins = layer.data[:, 0, -2:]
    return np.ptp(begins, axis=0) / 2 * zoom, layer.edge_width * zoom


def test_a_ring_is_as_wide_on_the_screen_at_any_zoom_and_never_selected(panel, case):
    rings, viewer = panel.correct.rings, panel.viewer
    rings.show(case, [Place((20, 30), 1.0)])
    layer, mask = ring(panel), case.labels
    for zoom in (0.5, 3.0, 20.0):
        viewer.scene.camera.zoom = zoom
        radii, width = on_screen(panel, layer)
        np.testing.assert_allclose(radii, max(LEAST, zoom) + WIDTH, rtol=0.01)
        assert width == pytest.approx(WIDTH)
    # two colours: on any picture, one of them is seen
    assert len(np.unique(layer.edge_color, axis=0)) == 2
    assert viewer.layers.selection.active == mask
    viewer.layers.selection.active = layer
    assert viewer.layers.selection.active == mask
    assert rings.places
    # whoever removes it wants none
    viewer.layers.remove(layer)
    viewer.scene.camera.zoom = 2
    assert ring(panel) is None and not rings.places


def test_rings_go_with_their_image(panel, case):
    panel.correct.rings.show(case, [Place((20, 30), 5.0), Place((60, 60), 5.0)])
    assert len(ring(panel).data) % 4 == 0
    panel.correct.view.close_all()
    assert ring(panel) is None


def test_in_a_volume_a_place_is_ringed_in_its_slice(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, np.stack([circle()[0]] * 5), spacing=(3.0, 1.0, 1.0))
    point = (3, 20, 30)
    panel.correct.rings.show(case, [Place(point, 4.0)])
    assert set(ring(panel).data[:, 0, 0]) == {3.0}
    panel.viewer.dims.set_current_step(0, 0)
    assert not in_view(panel.viewer, case.labels, point)
    go_to(panel.viewer, case.labels, point)
    assert panel.viewer.dims.current_step[0] == 3
    assert in_view(panel.viewer, case.labels, point)
    panel.viewer.scene.camera.center = (*panel.viewer.scene.camera.center[:-2], 5000, 5000)
    assert not in_view(panel.viewer, case.labels, point)


@pytest.fixture
def spots(panel, case, monkeypatch):
    """Twelve doubtful places, without a network."""
    found = [Spot((10 + 14 * n, 20 + 10 * n), 30, 30.0 - n) for n in range(12)]
    opinion = Prediction(
        labels=np.zeros((200, 200), np.uint8), probabilities=np.zeros((1, 200, 200), np.float32), edges=None, origin={}
    )
    monkeypatch.setattr(spots_module, "opinions", lambda *_, **__: iter([opinion]))
    monkeypatch.setattr(spots_module, "spots_of", lambda *_: found)
    return found


def test_the_place_that_is_gone_to_is_ringed_and_its_row_in_view(panel, qtbot, case, spots):
    section = panel.correct.spots
    choose(panel)
    panel.tabs.setCurrentIndex(1)
    panel.window().show()
    for number in range(len(spots)):
        section.step(1)
        qtbot.waitUntil(lambda n=number: section.list.currentRow() == n, timeout=WAIT)
        (place,) = panel.correct.rings.places
        assert place.point == spots[number].point
        item = section.list.item(number)
        assert section.list.viewport().rect().contains(section.list.visualItemRect(item).center())
    # and the list itself, wherever the panel was scrolled to
    area = panel.tabs.currentWidget()
    area.verticalScrollBar().setValue(0)
    section.step(1)
    qtbot.waitUntil(lambda: not section.list.visibleRegion().isEmpty(), timeout=WAIT)
    # doubt is gone, and so is the ring
    spots.clear()
    section.step(1)
    qtbot.waitUntil(lambda: "Nothing" in section.message.text(), timeout=WAIT)
    assert ring(panel) is None


def test_looking_for_places_shows_how_far_it_is_and_can_be_given_up(panel, qtbot, case, monkeypatch):
    section, asked = panel.correct.spots, []
    choose(panel)
    panel.window().show()

    def slow(*_, progress, cancelled, **__):
        yield from ()
        asked.append(cancelled)
        progress(0.5, "half")
        while not cancelled():
            time.sleep(0.01)
        raise Cancelled("asked for")

    monkeypatch.setattr(spots_module, "opinions", slow)
    section._patience.setInterval(0)
    panel.tabs.setCurrentIndex(1)
    section.step(1)
    qtbot.waitUntil(lambda: section.progress.value() == 50 and section.cancel.isVisible(), timeout=WAIT)
    section.cancel.click()
    assert not section.progress.isVisible() and section.message.text() == "Cancelled."
    qtbot.waitUntil(lambda: asked[0](), timeout=WAIT)
    # another image: looked for no more
    section.step(1)
    qtbot.waitUntil(lambda: len(asked) == 2, timeout=WAIT)
    panel.correct.view.close_all()
    qtbot.waitUntil(lambda: asked[1](), timeout=WAIT)
    assert not section.progress.isVisible()


def test_the_first_opinion_leads_to_a_place_and_better_ones_move_nothing(panel, qtbot, case, monkeypatch):
    section, go_on = panel.correct.spots, [threading.Event(), threading.Event()]
    choose(panel)
    first = [Spot((40, 40), 30, 30.0), Spot((90, 90), 20, 20.0), Spot((150, 60), 20, 10.0)]
    # one that is worse, the one that is looked at a little aside, and nothing at the third
    better = [Spot((120, 160), 90, 60.0), Spot((44, 38), 33, 33.0), Spot((95, 90), 20, 20.0)]
    found = {1: first, 2: better, 3: [better[0]]}

    def told(*_, **__):
        for number in found:
            maps = np.full((1, 200, 200), number, np.float32)
            yield Prediction(labels=np.zeros((200, 200), np.uint8), probabilities=maps)
            if number <= len(go_on):
                go_on[number - 1].wait(WAIT)

    monkeypatch.setattr(spots_module, "opinions", told)
    monkeypatch.setattr(spots_module, "spots_of", lambda opinion, *_: found[int(opinion.probabilities.max())])
    section.step(1)
    qtbot.waitUntil(lambda: section.list.count() == 3, timeout=WAIT)
    # while others are asked still
    assert section._ticket is not None and section.message.text().startswith("1 of 3")
    section.step(1)
    qtbot.waitUntil(lambda: section.list.currentRow() == 1, timeout=WAIT)
    camera, places = panel.viewer.scene.camera.center, list(panel.correct.rings.places)
    assert places[0].point == first[1].point
    go_on[0].set()
    qtbot.waitUntil(lambda: "90" in section.list.item(2).text(), timeout=WAIT)
    assert panel.viewer.scene.camera.center == camera and list(panel.correct.rings.places) == places
    assert [spot.point for spot in section._found.spots] == [first[0].point, first[1].point, better[0].point]
    assert section.list.currentRow() == 1
    go_on[1].set()
    qtbot.waitUntil(lambda: section._ticket is None and section.list.count() == 2, timeout=WAIT)
    # nobody doubts it any more, and it is looked at still
    assert panel.viewer.scene.camera.center == camera and section.message.text().startswith("1 of 2")
    section.step(1)
    qtbot.waitUntil(lambda: panel.correct.rings.places[0].point == better[0].point, timeout=WAIT)


def test_a_better_opinion_that_comes_between_a_press_and_its_answer_is_not_lost(panel, qtbot, case, spots, monkeypatch):
    section, asked = panel.correct.spots, []
    choose(panel)
    section.step(1)
    qtbot.waitUntil(lambda: section.list.count() == len(spots) and section._ticket is None, timeout=WAIT)
    monkeypatch.setattr(section, "_find", lambda found, use: asked.append((found, use)))
    section.step(1)
    older = section._found
    section._found = newer = replace(older)
    asked[0][1](spots)
    assert section._found is newer and [found for found, _ in asked] == [older, newer]
    asked[1][1](spots[:5])
    assert section.list.count() == 5 and section.list.currentRow() == 1 and section._found is newer


def test_nothing_doubtful_is_said_after_the_last_opinion_alone(panel, qtbot, case, monkeypatch):
    section, go_on = panel.correct.spots, threading.Event()
    choose(panel)

    def told(*_, **__):
        opinion = Prediction(labels=np.zeros((200, 200), np.uint8), probabilities=np.zeros((1, 200, 200), np.float32))
        yield opinion
        go_on.wait(WAIT)
        yield opinion

    monkeypatch.setattr(spots_module, "opinions", told)
    monkeypatch.setattr(spots_module, "spots_of", lambda *_: [])
    section.step(1)
    qtbot.waitUntil(lambda: section._found is not None, timeout=WAIT)
    assert "Nothing" not in section.message.text()
    go_on.set()
    qtbot.waitUntil(lambda: "Nothing" in section.message.text(), timeout=WAIT)


# ---- pieces ----------------------------------------------------------------------------------------------------------


def question(panel, qtbot):
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: not panel.correct.pieces.isHidden(), timeout=WAIT)
    return panel.correct.pieces


def test_a_mask_in_one_piece_is_accepted_without_a_question(panel, qtbot, case):
    drawn(panel, qtbot, case)
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(revisions(panel)), timeout=WAIT)
    assert panel.correct.pieces.isHidden()


def test_a_stray_dot_is_ringed_and_goes_as_one_stroke(panel, qtbot, case):
    labels = drawn(panel, qtbot, case, (20, 30))
    asked = question(panel, qtbot)
    assert asked.text.text() == "2 pieces of label 1: keep the largest?"
    # nobody sees the panel: it is told elsewhere, too
    assert asked.text.text() in notification_manager.records[-1].message
    (place,) = panel.correct.rings.places
    assert labels[place.point] == 1 and place.point[0] < 30
    assert not revisions(panel)
    strokes = panel.state.project.case(1).strokes
    asked.largest.click()
    qtbot.waitUntil(lambda: bool(revisions(panel)), timeout=WAIT)
    kept = panel.state.project.revision_labels(revisions(panel)[-1].id)
    np.testing.assert_array_equal(kept > 0, circle()[1])
    np.testing.assert_array_equal(case.labels.data, kept)
    assert panel.state.project.case(1).strokes == strokes + 1
    assert asked.isHidden() and ring(panel) is None
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: np.array_equal(case.labels.data, labels), timeout=WAIT)


@pytest.mark.parametrize("how", ["key", "button"])
def test_pieces_that_are_meant_are_kept_by_one_more_press(panel, qtbot, case, how):
    labels = drawn(panel, qtbot, case, (20, 30), (170, 30))
    asked = question(panel, qtbot)
    assert asked.all.text() == "Keep all"
    assert len(panel.correct.rings.places) == 2
    (panel.correct.accept_and_next if how == "key" else asked.all.click)()
    qtbot.waitUntil(lambda: bool(revisions(panel)), timeout=WAIT)
    np.testing.assert_array_equal(panel.state.project.revision_labels(revisions(panel)[-1].id), labels)
    assert asked.isHidden() and ring(panel) is None


def test_what_is_accepted_is_what_is_seen_after_more_was_drawn(panel, qtbot, case):
    drawn(panel, qtbot, case, (20, 30))
    asked = question(panel, qtbot)
    # the dot is erased by hand: nothing is asked any more, and nothing was accepted
    labels = drawn(panel, qtbot, case)
    assert asked.isHidden() and ring(panel) is None and not revisions(panel)
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(revisions(panel)), timeout=WAIT)
    np.testing.assert_array_equal(panel.state.project.revision_labels(revisions(panel)[-1].id), labels)


def test_nobody_is_asked_again_who_said_so(panel, qtbot, case):
    drawn(panel, qtbot, case, (20, 30))
    asked = question(panel, qtbot)
    asked.never.setChecked(True)
    asked.all.click()
    qtbot.waitUntil(lambda: len(revisions(panel)) == 1, timeout=WAIT)
    drawn(panel, qtbot, case, (20, 30), (30, 40))
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: len(revisions(panel)) == 2, timeout=WAIT)
    assert asked.isHidden()


def test_many_alike_are_never_asked_about(panel, qtbot, case):
    labels = np.zeros((200, 200), np.uint8)
    for n in range(8):
        labels[10 + 20 * n : 22 + 20 * n, 50 : 62 + n] = 1
    case.labels.data = labels
    case.compare()
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(revisions(panel)), timeout=WAIT)
    assert panel.correct.pieces.isHidden()


def test_a_mask_out_of_sight_is_refused_before_anything_is_asked(panel, qtbot, case):
    drawn(panel, qtbot, case, (20, 30))
    case.labels.visible = False
    panel.correct.accept_and_next()
    assert "out of sight" in notification_manager.records[-1].message
    assert panel.correct.pieces.isHidden()


def test_a_question_goes_with_its_image(panel, qtbot, case):
    drawn(panel, qtbot, case, (20, 30))
    asked = question(panel, qtbot)
    panel.correct.view.close_all()
    assert asked.isHidden() and ring(panel) is None


# ---- objects ---------------------------------------------------------------------------------------------------------


def test_objects_follow_the_mask_also_while_it_is_out_of_sight(panel, qtbot, case):
    drawn(panel, qtbot, case)
    panel.correct.tools.number_objects()

    def objects():
        layers = panel.viewer.layers
        return next((layer for layer in layers if isinstance(layer, Labels) and layer.name.endswith("objects")), None)

    qtbot.waitUntil(lambda: objects() is not None, timeout=WAIT)
    case.labels.visible = False
    case.labels.data[150:170, 20:40] = 1
    case.compare()
    qtbot.waitUntil(lambda: objects().data.max() == 2, timeout=WAIT)
    stored(panel, qtbot)
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: objects().data.max() == 1, timeout=WAIT)
    panel.correct.view.redo()
    qtbot.waitUntil(lambda: objects().data.max() == 2, timeout=WAIT)


def test_an_emptied_mask_is_asked_about_and_a_second_press_means_it(panel, qtbot, case):
    drawn(panel, qtbot, case)
    case.labels.data[:] = 0
    case.compare()
    stored(panel, qtbot)
    asked = question(panel, qtbot)
    assert asked.text.text() == "The mask is empty: is there nothing to mark on this image?"
    assert asked.largest.isHidden() and asked.never.isHidden()
    assert not panel.state.project.revisions(1)
    panel.correct.accept.click()
    qtbot.waitUntil(lambda: bool(panel.state.project.revisions(1)), timeout=WAIT)


def test_a_row_that_is_clicked_is_the_image_that_is_accepted(project_panel, qtbot):
    panel = project_panel
    table = panel.correct.table
    for row in (2, 0):
        case_id = table.case_at(row)
        qtbot.mouseClick(
            table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(table.item(row, 0)).center()
        )
        qtbot.waitUntil(lambda wanted=case_id: panel.state.case_id == wanted, timeout=WAIT)
