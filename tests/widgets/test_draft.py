"""A draft by the smallest network stands at once while a slow one works; what is drawn meanwhile stays."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.app import draft as module
from napari_medseg.app import waits
from napari_medseg.app.demo import sample_project
from napari_medseg.app.draft import DRAFT_KEY
from napari_medseg.app.settings import load_settings
from napari_medseg.app.waits import note_wait
from napari_medseg.errors import InputError
from tests.shipped import shipped
from tests.widgets.helpers import WAIT, add_sample, kept, stored

pytestmark = pytest.mark.gui
PLACE = (slice(2, 22), slice(2, 22))
SHAPE = (256, 320)
WORKS = "A draft by CMUNeXt-XXS; SGD-Net small is still working: its mask follows in a moment. What you draw stays."
REPLACED = "The mask by SGD-Net small took the draft's place; what you drew stays."


class Slow:
    """Every network but the smallest waits before it runs until it is let go; the real ones run."""

    def __init__(self, panel, qtbot):
        self.panel, self.qtbot = panel, qtbot
        self.go, self.asked, self.fails = threading.Event(), [], None

    def predict(self, image, request, **how):
        self.asked.append(request.network)
        if request.network != "cmunext-xxs":
            assert self.go.wait(WAIT / 1000)
            if self.fails is not None:
                raise self.fails
        return module_predict(image, request, **how)

    def remember(self, **changes):
        """So long it took the last time that it was asked."""
        request = replace(self.panel.propose._request(), **changes)
        note_wait(request, SHAPE, 5.0)

    def drafted(self):
        self.qtbot.waitUntil(lambda: self.panel.propose.message.text() == WORKS, timeout=WAIT)

    def let_go(self):
        self.go.set()
        self.qtbot.waitUntil(lambda: self.panel.propose._ticket is None, timeout=WAIT)

    @property
    def case(self):
        return self.panel.correct.view.current

    def history(self):
        return [row.kind for row in self.panel.state.project.history(self.case.case_id)]

    def draw(self):
        labels = np.array(self.case.labels.data)
        labels[PLACE] = 3
        self.case.labels.data = labels
        self.case.compare()


module_predict = module.predict_array


@pytest.fixture
def slow(panel, qtbot, monkeypatch):
    one = Slow(panel, qtbot)
    monkeypatch.setattr(module, "predict_array", one.predict)
    monkeypatch.setattr(waits, "SLOW", 1.0)
    panel.propose.choice.choose("nuclei", shipped("sgd-net-s/generalist"))
    assert panel.state.weights == shipped("sgd-net-s/generalist")
    one.remember()
    yield one
    one.go.set()


@pytest.fixture
def own(slow, panel, qtbot):
    """On an image of the user's own its draft is shown and kept, and SGD-Net is at work."""
    slow.image = add_sample(panel)
    panel.propose.run.click()
    kept(panel, qtbot, slow.image)
    slow.drafted()
    return slow


def origin(slow):
    return slow.case.project.proposal_origin(slow.case.case_id)


def test_a_draft_stands_at_once_and_gives_way_save_where_someone_drew(own, panel, qtbot):
    case = own.case
    draft = np.array(case.labels.data)
    assert draft.any() and own.history()[-1] == "proposal"
    assert origin(own)["network"] == "cmunext-xxs" and origin(own)[DRAFT_KEY] == shipped("sgd-net-s/generalist")
    assert panel.propose.cancel.isEnabled() and not panel.propose.run.isEnabled()
    # where one corrects it stands as long as that is so
    assert panel.correct.proposes.text() == WORKS
    # pressed again, nothing more is asked
    panel.propose.start()
    own.draw()
    own.let_go()
    qtbot.waitUntil(lambda: case.project.proposal_origin(case.case_id)["network"] == "sgd-net-s", timeout=WAIT)
    stored(panel, qtbot)
    assert own.asked == ["cmunext-xxs", "sgd-net-s"]
    assert DRAFT_KEY not in origin(own) and REPLACED in panel.propose.message.text()
    assert panel.correct.proposes.text().startswith("Next proposal (G):")
    shown = np.array(case.labels.data)
    assert (shown[PLACE] == 3).all() and not np.array_equal(
        np.delete(shown, range(22), 0), np.delete(draft, range(22), 0)
    )
    alone = module_predict(own.image.data, panel.propose._request()).labels
    alone[PLACE] = 3
    assert np.array_equal(shown, alone)
    # each is a step of its own: an undo gives the draft back, with what was drawn on it
    assert own.history()[-3:] == ["proposal", "edit", "proposal"]
    panel.correct.view.undo()
    stored(panel, qtbot)
    drawn = draft.copy()
    drawn[PLACE] = 3
    assert np.array_equal(case.labels.data, drawn) and not case.project.verify()
    assert origin(own)["network"] == "cmunext-xxs"


def test_an_accepted_draft_stays_and_the_other_network_is_stopped(own, panel, qtbot):
    case, draft = own.case, np.array(own.case.labels.data)
    told = []
    panel.correct.view.accept(lambda revision, note: told.append(note))
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT)
    assert told == ["It is the draft by CMUNeXt-XXS; SGD-Net small was stopped."]
    assert panel.propose.run.isEnabled() and not panel.propose.cancel.isEnabled()
    own.let_go()
    qtbot.wait(300)
    assert np.array_equal(case.labels.data, draft) and case.project.case(case.case_id).state == "accepted"
    assert own.history()[-1] == "accept" and own.history().count("proposal") == 1


def test_an_accept_that_is_on_its_way_counts_for_the_draft(own, panel, qtbot):
    case, draft = own.case, np.array(own.case.labels.data)
    # what was asked before keeps the accept waiting, and the other mask comes
    case.begin()
    panel.correct.view.accept(lambda revision, note: None)
    own.let_go()
    case.end()
    qtbot.waitUntil(lambda: case.project.case(case.case_id).state == "accepted", timeout=WAIT)
    qtbot.waitUntil(lambda: own.history()[-2:] == ["proposal", "undo"], timeout=WAIT)
    assert np.array_equal(case.labels.data, draft)
    qtbot.waitUntil(lambda: "is accepted, and stays" in panel.propose.message.text(), timeout=WAIT)


def test_cancel_leaves_the_draft(own, panel, qtbot):
    draft = np.array(own.case.labels.data)
    panel.propose.cancel.click()
    assert panel.propose.message.text() == "Cancelled. The draft by CMUNeXt-XXS stays."
    own.let_go()
    qtbot.wait(300)
    assert np.array_equal(own.case.labels.data, draft) and own.history().count("proposal") == 1
    # asked again, the larger one comes alone: a draft would be no news
    panel.propose.run.click()
    qtbot.waitUntil(lambda: own.history().count("proposal") == 2, timeout=WAIT)
    assert own.asked[-1] == "sgd-net-s" and own.asked.count("cmunext-xxs") == 1


def test_an_error_leaves_the_draft_and_is_told(own, panel, qtbot):
    draft = np.array(own.case.labels.data)
    own.fails = InputError("the network is of no use; expected another. Choose one.")
    own.let_go()
    words = panel.propose.message.text()
    assert words == "the network is of no use; expected another. Choose one. The draft by CMUNeXt-XXS stays."
    assert np.array_equal(own.case.labels.data, draft) and panel.propose.run.isEnabled()


def test_of_an_image_that_was_closed_meanwhile_the_other_mask_is_kept(own, panel, qtbot):
    project, draft = own.case.project, np.array(own.case.labels.data)
    panel.viewer.layers.clear()
    own.let_go()
    told = "was closed meanwhile. Its proposal is kept: open it, and Redo shows it."
    qtbot.waitUntil(lambda: told in panel.propose.message.text(), timeout=WAIT)
    assert [row.kind for row in project.history(1)][-2:] == ["proposal", "undo"]
    assert np.array_equal(project.labels(1), draft) and not project.verify()


def test_another_image_is_chosen_meanwhile(own, panel, qtbot):
    first, other = own.case, panel.viewer.add_image(np.zeros((64, 64), np.uint8), name="other")
    panel.viewer.layers.selection.active = other
    assert panel.propose.current_image() == other and panel.propose.message.text() == ""
    assert panel.correct.proposes.text() != WORKS
    own.let_go()
    qtbot.waitUntil(lambda: first.project.proposal_origin(first.case_id)["network"] == "sgd-net-s", timeout=WAIT)
    assert "medseg_case" not in other.metadata


def test_a_mask_that_comes_before_its_draft_is_kept_waits_for_that(slow, panel, qtbot):
    free = threading.Event()
    panel.workers.run(lambda *_: free.wait(WAIT / 1000), on_done=lambda _: None, lane="files")
    image = add_sample(panel)
    panel.propose.run.click()
    slow.drafted()
    slow.let_go()
    free.set()
    kept(panel, qtbot, image)
    qtbot.waitUntil(lambda: slow.history().count("proposal") == 2, timeout=WAIT)
    assert len([one for one in panel.viewer.layers if one.name.startswith("cells")]) == 2
    assert origin(slow)["network"] == "sgd-net-s" and len(slow.case.project.cases()) == 1


def test_a_stroke_under_the_button_is_one_step_when_the_mask_comes(own, panel, qtbot):
    case, layer = own.case, own.case.labels
    layer.brush_size = 10
    with layer.block_history():
        layer.paint((100, 100), 2)
        own.let_go()
        qtbot.wait(300)
        assert case.proposed == 0
        layer.paint((100, 130), 2)
    qtbot.waitUntil(lambda: case.proposed == 1, timeout=WAIT)
    stored(panel, qtbot)
    assert layer.data[100, 100] == layer.data[100, 130] == 2
    assert own.history()[-3:] == ["proposal", "edit", "proposal"]


QUIET = {
    "switched off": lambda slow: slow.panel.propose.options.draft.click(),
    "quick": lambda slow: note_wait(slow.panel.propose._request(), SHAPE, 0.2),
    "no small network of the task": lambda slow: slow.panel.propose.choice.choose(
        "kidney-stones", shipped("sgd-net-s/generalist")
    ),
    "small already": lambda slow: slow.panel.propose.choice.choose("nuclei", shipped("cmunext-xxs/nuclei")),
    "a large image takes as long with any": lambda slow: note_wait(small(slow), SHAPE, 4.0),
}


def small(slow):
    return replace(
        slow.panel.propose._request(), network="cmunext-xxs", weights=shipped("cmunext-xxs/nuclei"), mirrored=False
    )


@pytest.mark.parametrize("why", QUIET)
def test_no_draft(slow, panel, qtbot, why, request):
    image = add_sample(panel)
    QUIET[why](slow)
    if why not in ("quick",):
        slow.remember()
    panel.propose.run.click()
    slow.let_go()
    kept(panel, qtbot, image)
    assert slow.history().count("proposal") == 1 and len(slow.asked) == 1
    assert "draft" not in panel.propose.message.text()


def test_several_networks_have_one_draft(slow, panel, qtbot):
    panel.propose.options._ask(("lgms-net", shipped("lgms-net/generalist")), True)
    panel.propose.options.offer(panel.propose.choice.others(), volume=False)
    panel.propose._asked()
    slow.remember()
    image = add_sample(panel)
    panel.propose.run.click()
    text = "A draft by CMUNeXt-XXS; SGD-Net small, LGMSNet are still working: their mask follows in a moment."
    qtbot.waitUntil(lambda: text in panel.propose.message.text(), timeout=WAIT)
    slow.let_go()
    kept(panel, qtbot, image)
    qtbot.waitUntil(lambda: slow.history().count("proposal") == 2, timeout=WAIT)
    assert [one["network"] for one in origin(slow)["also"]] == ["lgms-net"]


def test_a_volume_and_boxes_have_none(slow, panel, qtbot):
    request = panel.propose._request()
    assert panel.state.draft_for(request, np.zeros((256, 320), np.uint8), volume=False) is not None
    assert panel.state.draft_for(request, np.zeros((256, 320, 9), np.uint8), volume=True) is None
    from napari_medseg.widgets.asked import Asked

    image = add_sample(panel)
    boxes = np.array([[10, 10, 60, 60]])
    asked = Asked(image, image.data, None, None, boxes, request, False, False, {})
    assert asked._draft(panel.state) is None
    asked.boxes = None
    assert asked._draft(panel.state) is not None


def test_the_tick_is_remembered(panel):
    draft = panel.propose.options.draft
    assert draft.isChecked() and panel.state.drafts
    draft.click()
    assert not panel.state.drafts and load_settings()["draft"] is False
    from napari_medseg.widgets.options import ProposeOptions

    assert not ProposeOptions().draft.isChecked()


# ---- images of a project's list --------------------------------------------------------------------------------------


@pytest.fixture
def listed(slow, panel, qtbot, tmp_path):
    """The first image of a list is shown with its draft, and SGD-Net is at work."""
    project = sample_project(tmp_path / "p")
    project.choose("nuclei", shipped("sgd-net-s/generalist"))
    project.close()
    panel.tabs.setCurrentIndex(1)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    qtbot.waitUntil(lambda: not panel.correct.opening.draft.isHidden(), timeout=WAIT)
    return slow


def test_an_image_of_the_list_comes_with_its_draft(listed, panel, qtbot):
    case, bar = listed.case, panel.correct.opening
    assert bar.draft.text() == WORKS and not bar.isHidden()
    assert case.labels.data.any() and origin(listed)["network"] == "cmunext-xxs"
    listed.draw()
    listed.go.set()
    qtbot.waitUntil(lambda: origin(listed)["network"] == "sgd-net-s", timeout=WAIT)
    assert bar.isHidden() and bar.draft.isHidden() and REPLACED in panel.correct.status.text()
    assert (case.labels.data[PLACE] == 3).all()


def test_cancel_leaves_the_draft_of_an_image_of_the_list(listed, panel, qtbot):
    panel.correct.opening.cancel.click()
    assert panel.correct.status.text() == "Cancelled. The draft by CMUNeXt-XXS stays."
    listed.go.set()
    qtbot.wait(300)
    assert origin(listed)["network"] == "cmunext-xxs" and panel.correct.opening.isHidden()


def test_an_error_leaves_the_draft_of_an_image_of_the_list(listed, panel, qtbot):
    listed.fails = InputError("the network is of no use; expected another. Choose one.")
    listed.go.set()
    qtbot.waitUntil(lambda: panel.correct.status.text().endswith("The draft by CMUNeXt-XXS stays."), timeout=WAIT)
    assert "is of no use" in panel.correct.status.text() and listed.case.labels.data.any()


def test_an_accepted_draft_of_the_list_stays(listed, panel, qtbot):
    draft, project = np.array(listed.case.labels.data), panel.state.project
    panel.correct.accept_and_next()
    if not panel.correct.pieces.isHidden():
        panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: project.case(1).state == "accepted", timeout=WAIT)
    listed.go.set()
    qtbot.waitUntil(lambda: panel.state.case_id not in (None, 1), timeout=WAIT)
    assert "SGD-Net small was stopped" in panel.correct.status.text()
    assert np.array_equal(project.labels(1), draft)
    assert [row.kind for row in project.history(1)].count("proposal") == 1


def test_a_draft_that_was_left_alone_is_followed_up_when_its_image_is_opened_again(listed, panel, qtbot):
    project = panel.state.project
    panel.correct.view.open_case(2)
    listed.go.set()
    qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)
    assert project.proposal_origin(1)["network"] == "cmunext-xxs"
    panel.correct.view.open_case(1)
    qtbot.waitUntil(lambda: project.proposal_origin(1)["network"] == "sgd-net-s", timeout=WAIT)
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert listed.asked.count("cmunext-xxs") == 2


def test_a_proposal_that_was_made_ahead_needs_no_draft(listed, panel, qtbot):
    listed.go.set()
    ready = panel.correct.view.ahead.ready
    qtbot.waitUntil(lambda: bool(ready), timeout=WAIT)
    ((following, _),) = ready
    before = listed.asked.count("cmunext-xxs")
    panel.correct.view.open_case(following)
    qtbot.waitUntil(lambda: panel.state.case_id == following, timeout=WAIT)
    qtbot.waitUntil(lambda: origin(listed) is not None, timeout=WAIT)
    assert listed.asked.count("cmunext-xxs") == before and origin(listed)["network"] == "sgd-net-s"
