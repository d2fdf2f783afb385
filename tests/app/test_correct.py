"""Strokes on their way to the disk."""

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app import correct
from napari_medseg.app.case_labels import case_labels
from napari_medseg.app.correct import CorrectionSession
from napari_medseg.app.tracker import StrokeTracker
from napari_medseg.errors import InputError, OutputError, ProjectError, ShapeError
from napari_medseg.project import Project


@pytest.fixture
def project(tmp_path):
    Image.new("L", (60, 40)).save(tmp_path / "i.png")
    with Project.create(tmp_path / "p") as made:
        made.add_case(tmp_path / "i.png", shape=(40, 60))
        yield made


@pytest.fixture
def session(project):
    made = CorrectionSession(project, 1)
    yield made
    made.close(timeout=2.0)


def test_strokes_undo_and_accept_keep_their_order(project, session):
    layer = np.zeros((40, 60), np.uint8)
    tracker = StrokeTracker(session, case_labels(project, 1))
    for k in (1, 2, 3):
        layer[k * 5 : k * 5 + 3, 10:20] = k
        assert tracker.update(layer, "brush") == (k * 5, 10, k * 5 + 3, 20)
    assert tracker.update(layer, "brush") is None
    back = session.undo().result(5)
    assert (back.box, back.labels.shape, back.labels.any()) == ((15, 10, 18, 20), (3, 10), False)
    undone = case_labels(project, 1).labels
    assert set(np.unique(undone)) == {0, 1, 2}
    revision = session.accept(undone).result(5)
    np.testing.assert_array_equal(project.revision_labels(revision.id), undone)
    assert (session.redo().result(5).labels == 3).all()
    np.testing.assert_array_equal(project.labels(1), layer)


def test_what_the_disk_refuses_is_kept_and_stored_when_it_can_be(project, monkeypatch):
    monkeypatch.setattr(correct, "RETRY_SECONDS", 0.05)
    plain, refusals, told = project.commit_stroke, [], []

    def full(*args, **kwargs):
        if len(refusals) < 3:
            refusals.append(1)
            raise OutputError("the disk is full")
        return plain(*args, **kwargs)

    monkeypatch.setattr(project, "commit_stroke", full)
    session = CorrectionSession(project, 1, told.append)
    try:
        part = np.ones((4, 4), np.uint8)
        first, second = session.stroke(part, (0, 0, 4, 4)), session.stroke(part * 2, (8, 8, 12, 12))
        assert isinstance(first.result(5), int)
        assert isinstance(second.result(5), int)
    finally:
        assert session.close(timeout=5.0)
    assert any(status.error == "the disk is full" and status.pending == 2 for status in told)
    assert told[-1].error is None
    assert project.labels(1)[0, 0] == 1
    assert project.labels(1)[8, 8] == 2


def test_closing_says_when_something_is_not_stored(project, monkeypatch):
    def full(*args, **kwargs):
        raise OutputError("the disk is full")

    monkeypatch.setattr(project, "commit_stroke", full)
    session = CorrectionSession(project, 1)
    session.stroke(np.ones((4, 4), np.uint8), (0, 0, 4, 4))
    assert session.close(timeout=0.3) is False


def test_labels_that_do_not_fit_are_refused_and_the_next_are_stored(project, session):
    bad = session.stroke(np.full((2, 2), 300), (0, 0, 2, 2))
    good = session.stroke(np.ones((2, 2), int), (0, 0, 2, 2))
    with pytest.raises(ShapeError, match="0 to 255"):
        bad.result(5)
    assert good.result(5)


def test_a_stroke_is_copied_at_once(project, session):
    part = np.ones((2, 2), np.uint8)
    session.stroke(part, (0, 0, 2, 2))
    part[:] = 9
    assert session.flush()
    assert project.labels(1).max() == 1


def test_a_proposal_leaves_strokes_that_are_still_on_their_way(project, session):
    tracker = StrokeTracker(session, case_labels(project, 1))
    layer = np.zeros((40, 60), np.uint8)
    layer[5:9, 5:9] = 2
    tracker.update(layer, "brush")
    shown = tracker.propose(np.ones((40, 60), np.uint8), {"network": "n"})
    assert (shown[5:9, 5:9] == 2).all()
    assert (shown == 1).sum() == 40 * 60 - 16
    assert tracker.touched.sum() == 16
    assert session.flush()
    assert np.array_equal(project.labels(1), shown)
    tracker.unlock()
    shown = tracker.propose(np.zeros((40, 60), np.uint8), {"network": "n"})
    assert not shown.any()
    assert session.flush()
    assert not project.labels(1).any()
    # undo gives the labels back, and the lock on them
    for _ in range(2):
        undone = session.undo().result(5)
        tracker.rebase(undone, tracker.shown())
    assert np.array_equal(undone.touched, undone.labels == 2)
    assert np.array_equal(tracker.shown(), project.labels(1))
    assert np.array_equal(tracker.touched, project.touched(1))
    assert tracker.touched.sum() == 16


def test_boxes_add_to_what_is_there_and_an_edited_box_takes_back_what_it_added(project, session):
    tracker = StrokeTracker(session, case_labels(project, 1))
    whole = np.zeros((40, 60), np.uint8)
    whole[:, :5] = 1
    tracker.propose(whole, {"network": "a"})
    inside = np.ones((40, 60), np.uint8)
    shown = tracker.propose(inside, {"boxes": [[10, 20, 20, 30]]})
    assert shown.sum() == 40 * 5 + 100
    shown = tracker.propose(inside, {"boxes": [[10, 20, 15.5, 30], [0, 50, 4, 54]]})
    assert shown.sum() == 40 * 5 + 60 + 16
    assert tracker.propose(whole, {"network": "a"}).sum() == 40 * 5


def test_boxes_that_a_network_found_are_corrected_not_added_to(project, session):
    tracker = StrokeTracker(session, case_labels(project, 1))
    drawn = np.zeros((40, 60), np.uint8)
    drawn[35:, 55:] = 1
    tracker.update(drawn, "paint")
    found = drawn.copy()
    found[0:20, 0:20] = found[25:35, 30:50] = 1
    tracker.propose(found, {"network": "dcsnet", "found_boxes": [[0, 0, 20, 20], [25, 30, 35, 50]]})
    # the first box was removed: what it held goes, what the person drew stays
    shown = tracker.propose(found, {"boxes": [[25, 30, 35, 50]]})
    assert shown.sum() == 200 + 25
    assert not shown[:20, :20].any()
    # so it is when the image was closed in between
    tracker.propose(found, {"network": "dcsnet", "found_boxes": [[0, 0, 20, 20], [25, 30, 35, 50]]})
    assert session.flush()
    again = StrokeTracker(session, case_labels(project, 1))
    assert again.propose(found, {"boxes": [[25, 30, 35, 50]]}).sum() == 200 + 25


def test_what_can_never_be_stored_is_counted_and_the_thread_goes_on(project, monkeypatch):
    plain, told = project.commit_stroke, []

    def broken(*args, **kwargs):
        if len(told) == 0:
            raise RuntimeError("nobody thought of this")
        return plain(*args, **kwargs)

    monkeypatch.setattr(project, "commit_stroke", broken)
    session = CorrectionSession(project, 1, told.append)
    lost = session.stroke(np.ones((4, 4), np.uint8), (0, 0, 4, 4))
    with pytest.raises(RuntimeError):
        lost.result(5)
    assert isinstance(session.stroke(np.ones((4, 4), np.uint8), (8, 8, 12, 12)).result(5), int)
    assert "Unexpected RuntimeError: nobody thought of this" in told[0].error
    assert session.status.lost == 1
    # and it goes on being told, though the next one was stored
    assert "nobody thought of this" in session.status.error
    # an undo that fails loses nothing
    monkeypatch.setattr(project, "undo", broken)
    told.clear()
    with pytest.raises(RuntimeError):
        session.undo().result(5)
    assert session.status.lost == 1
    assert session.close() is False


@pytest.fixture
def tracker(project, session):
    return StrokeTracker(session, case_labels(project, 1))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.uint16, np.int32, np.uint64])
def test_a_mask_of_any_whole_type_is_stored_as_it_is_shown(project, session, tracker, dtype):
    layer = np.zeros((40, 60), dtype)
    layer[3:7, 5:9] = 1
    tracker.update(layer, "brush")
    revision = session.accept(layer).result(5)
    np.testing.assert_array_equal(project.revision_labels(revision.id), layer)


@pytest.mark.parametrize("label", [256, 300, 65_536 + 1, -1])
def test_a_label_that_cannot_be_stored_is_held_back_alone(project, session, tracker, label):
    layer = np.zeros((40, 60), np.int32)
    layer[20:25, 5:8] = label
    assert tracker.update(layer, "brush") is None
    assert session.status.lost == 1
    assert f"label {label} in 15 pixels; expected 0 to 255" in session.status.error
    # far away from it, and beside it
    layer[30, 50], layer[19, 5] = 1, 2
    assert tracker.update(layer, "brush") == (19, 5, 31, 51)
    assert session.flush()
    assert (project.labels(1)[30, 50], project.labels(1)[19, 5]) == (1, 2)
    assert not project.labels(1)[20:25, 5:8].any()
    # what would be accepted is not what is seen
    with pytest.raises(InputError, match=f"not the stored one.*label {label}"):
        session.accept(layer).result(5)
    assert project.revisions(1) == []
    layer[20:25, 5:8] = 3
    tracker.update(layer, "brush")
    assert session.status.lost == 0
    session.accept(layer).result(5)
    np.testing.assert_array_equal(project.labels(1), layer)


@pytest.mark.parametrize("kind", ["float32", "object"])
def test_a_mask_of_other_numbers_is_told_as_such(session, tracker, kind):
    assert tracker.update(np.ones((40, 60), kind), "brush") is None
    assert f"numbers are {kind}; expected whole ones" in session.status.error


@pytest.mark.parametrize("shape", [(20, 30), (60, 40), (1, 40, 60), (2400,), (40, 61)])
def test_a_mask_of_another_shape_is_refused_until_it_has_its_own_again(project, session, tracker, shape):
    layer = np.zeros((40, 60), np.uint8)
    layer[5, 5] = 1
    tracker.update(layer, "brush")
    other = np.ones(shape, np.uint8)
    assert tracker.update(other, "brush") is None
    assert f"shape is {shape}; expected (40, 60)" in session.status.error
    with pytest.raises(InputError, match="nothing was accepted"):
        session.accept(other).result(5)
    with pytest.raises(ShapeError, match="proposal's shape"):
        tracker.propose(other, {"network": "n"})
    undone = session.undo().result(5)
    assert tracker.rebase(undone, other) is None
    np.testing.assert_array_equal(tracker.shown(), project.labels(1))
    tracker.update(tracker.shown(), "edit")
    assert session.status.lost == 0


def test_what_was_lost_is_never_accepted_as_if_it_were_there(project, session):
    shown = np.zeros((40, 60), np.uint8)
    shown[:2, :2] = 1
    with pytest.raises(InputError, match="on the screen is not the stored one"):
        session.accept(shown).result(5)


def test_a_tracker_tells_of_a_change_of_mind_only(project):
    told = []
    session = CorrectionSession(project, 1, told.append)
    for why in (None, "a", "a", None, None):
        session.refuse(why)
    assert [status.error for status in told] == ["a", None]
    assert session.close()


def test_what_is_drawn_after_closing_is_refused_and_counted_not_kept_waiting(project):
    session = CorrectionSession(project, 1)
    assert session.close()
    with pytest.raises(ProjectError, match="This image was closed; expected an open one"):
        session.propose(np.ones((40, 60), np.uint8), {}).result(5)
    assert (session.status.pending, session.status.lost) == (0, 1)
    with pytest.raises(ProjectError, match="This image was closed"):
        session.accept(np.zeros((40, 60), np.uint8)).result(5)
    assert project.revisions(1) == []


def test_after_a_stroke_was_lost_an_undo_brings_all_that_is_stored(project, monkeypatch):
    session = CorrectionSession(project, 1)
    tracker = StrokeTracker(session, case_labels(project, 1))
    layer = np.zeros((40, 60), np.uint8)
    layer[2:4, 2:4] = 1
    tracker.update(layer, "brush")
    assert session.flush()
    with monkeypatch.context() as patch:
        patch.setattr(project, "commit_stroke", None)
        layer[20:30, 20:30] = 2
        tracker.update(layer, "brush")
        assert session.flush()
    back = session.undo().result(5)
    assert back.box is None
    box, shown = tracker.rebase(back, layer)
    assert box == (0, 0, 40, 60)
    assert not shown.any()
    session.close()


def test_what_is_drawn_while_an_undo_is_on_its_way_lies_on_top_of_it(project, session, tracker):
    layer = np.zeros((40, 60), np.uint8)
    layer[2:8, 2:8] = 1
    tracker.update(layer, "brush")
    back = session.undo().result(5)
    layer[5:12, 5:12] = 2
    box, shown = tracker.rebase(back, layer)
    layer[box[0] : box[2], box[1] : box[3]] = shown
    wanted = np.zeros((40, 60), np.uint8)
    wanted[5:12, 5:12] = 2
    np.testing.assert_array_equal(layer, wanted)
    assert tracker.update(layer, "brush") == (5, 5, 12, 12)


def test_accepting_twice_what_is_accepted_is_one_revision(project, session):
    session.stroke(np.ones((4, 4), np.uint8), (0, 0, 4, 4))
    shown = session.shown().result(5).labels
    first, second = session.accept(shown).result(5), session.accept(shown).result(5)
    assert first == second
    assert project.revisions(1) == [first]
    session.stroke(np.zeros((4, 4), np.uint8), (0, 0, 4, 4))
    assert session.accept(session.shown().result(5).labels).result(5).number == 2


def test_what_is_wrong_elsewhere_is_told_and_nothing_accepted(project, session):
    shown = session.shown().result(5).labels
    with pytest.raises(InputError, match=r"The image is another\. Nothing was accepted"):
        session.accept(shown, lambda: "The image is another.").result(5)
    assert not project.revisions(1)
    assert session.accept(shown, lambda: None).result(5).number == 1
