"""Frames of a slide: accepted, taken back, asked about, and which comes next."""

import numpy as np
import pytest

from napari_medseg.app import slide_windows
from napari_medseg.io import Grid
from napari_medseg.io.label_blocks import LabelBlocks
from tests.widgets.helpers import WAIT
from tests.widgets.slide_helpers import SHAPE, SIDE, frame, open_slide

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("soon_large")]
FIRST = (0, 0, SIDE, SIDE)


def test_accept_is_of_the_frame_and_goes_to_the_next(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, FIRST).labels.paint((100, 100), 1)
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: slides.box not in (None, FIRST), timeout=WAIT)
    project = panel.state.project
    (revision,) = project.revisions(1)
    assert revision.box == FIRST
    assert project.revision_labels(revision.id)[100, 100] == 1
    assert "1 frame accepted of " in panel.correct.slide.text.text()
    assert "The frame at row 0, column 0 is accepted" in panel.correct.status.text()


def doubtful(project, doubts):
    """A proposal that is whole, with such doubts in the order of its blocks."""
    (project.path / "slides" / "1").mkdir(parents=True)
    store = LabelBlocks.create(
        project.path / "slides" / "1" / "a.zarr", Grid(SHAPE), {"made": "a"}, block=(SIDE, SIDE), doubts=True
    )
    for index, doubt in zip(store.blocks(), doubts, strict=False):
        y0, x0, y1, x1 = store.box(index)
        store.note_doubt(index, doubt)
        store.write(index, np.zeros((y1 - y0, x1 - x0), np.uint8))
    project.set_base(1, store.path, {"network": "n", "weights": "w", "sha256": "0"})
    return [store.box(index) for index in store.blocks()]


def opened_anew(panel, qtbot, path):
    """The same project on another day, what is doubted known."""
    slides, before = panel.correct.view.slides, panel.correct.view.slides.shown
    panel.correct.open_project(path)
    # what was shown is there a moment longer
    qtbot.waitUntil(lambda: slides.shown is not None and slides.shown is not before, timeout=WAIT)
    qtbot.waitUntil(lambda: bool(panel.correct.slide._doubts), timeout=WAIT)


def test_the_next_frame_is_the_one_with_most_doubt_also_on_another_day(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    project = panel.state.project
    # the last two lie on bare glass
    boxes = doubtful(project, (0.1, 0.8, 0.9, 0.95, 0.99))
    opened_anew(panel, qtbot, tmp_path / "p")
    panel.correct.slide.next.click()
    qtbot.waitUntil(lambda: slides.box == boxes[2], timeout=WAIT)
    panel.correct.view.current.labels.paint((100, 100), 1)
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: slides.box == boxes[1], timeout=WAIT)
    # passed by
    panel.correct.slide.next.click()
    qtbot.waitUntil(lambda: slides.box == boxes[0], timeout=WAIT)
    assert panel.correct.table.cases.index(0, 1).data() == "1 frame accepted"
    opened_anew(panel, qtbot, tmp_path / "p")
    panel.correct.slide.next.click()
    qtbot.waitUntil(lambda: slides.box == boxes[1], timeout=WAIT)


def test_next_goes_round_all_frames_with_tissue_and_never_to_bare_glass(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    bar, gone = panel.correct.slide, []
    # before it is known where there is tissue
    bar._places = None
    bar._read(slides.shown)
    assert bar.step(1)
    assert "Looking where" in bar.text.text()
    assert slides.coming is None
    qtbot.waitUntil(lambda: slides.box is not None, timeout=WAIT)
    assert "Looking where" not in bar.text.text()
    left = list(bar._places)
    assert all(box[1] < SHAPE[1] // 2 for box in left)
    assert len(left) < len(slide_windows.windows_of(SHAPE))
    panel.correct.slide._slides.go_to = lambda box: gone.append(box) or setattr(slides, "box", box)
    for _ in range(2 * len(left)):
        assert bar.step(1)
    assert set(gone[: len(left)]) == set(gone[len(left) :]) == set(left)


def test_an_empty_frame_is_asked_about_once(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, FIRST)
    project = panel.state.project
    panel.correct.accept_and_next()
    pieces = panel.correct.pieces
    qtbot.waitUntil(lambda: not pieces.isHidden(), timeout=WAIT)
    assert pieces.all.text() == "Accept as empty"
    assert "in this frame" in pieces.text.text()
    assert not project.revisions(1)
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(project.revisions(1)), timeout=WAIT)


def test_an_empty_frame_in_which_a_network_found_nothing_is_not_asked_about(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    doubtful(panel.state.project, (0.1,) * 18)
    frame(panel, qtbot, FIRST)
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(panel.state.project.revisions(1)), timeout=WAIT)


def test_what_was_accepted_is_outlined_counted_and_taken_back(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    bar, project = panel.correct.slide, panel.state.project
    frame(panel, qtbot, FIRST).labels.paint((100, 100), 1)
    assert bar.withdraw.isHidden()
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: slides.box not in (None, FIRST), timeout=WAIT)
    assert "outlined in green" in bar.text.text()
    assert bar.outlines.layer in panel.viewer.layers
    assert np.ptp(bar.outlines.layer.data[0], axis=0).tolist() == [SIDE, SIDE]
    case = frame(panel, qtbot, FIRST)
    qtbot.waitUntil(lambda: not bar.withdraw.isHidden(), timeout=WAIT)
    bar.withdraw.click()
    qtbot.waitUntil(lambda: not project.frames(1) and bar.withdraw.isHidden(), timeout=WAIT)
    assert "not accepted any more" in panel.correct.status.text()
    assert bar.outlines.layer is None
    assert case.labels.data[100, 100] == 1
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: "accepted again" in panel.correct.status.text(), timeout=WAIT)
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: "is not accepted any more" in panel.correct.status.text(), timeout=WAIT)
    qtbot.waitUntil(lambda: "accepted" not in bar.text.text(), timeout=WAIT)
    assert project.case(1).strokes == 1
