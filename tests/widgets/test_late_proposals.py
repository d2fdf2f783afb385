"""What a person does while a network works counts for more than what it was asked before."""

import numpy as np
import pytest

from napari_medseg.app import predict
from tests.widgets.helpers import WAIT, accept, stored
from tests.widgets.test_ask_again import answer

pytestmark = pytest.mark.gui
KEPT = "is accepted, and stays. The new proposal is kept: Redo there shows it."
PLACE = (slice(2, 12), slice(2, 12))


class Held:
    """A proposal that is under way until it is let go."""

    def __init__(self, panel, qtbot, case):
        self.panel, self.qtbot, self.case, self.project = panel, qtbot, case, panel.state.project
        self.lane = predict._LOCK

    def ask(self, *, again=False):
        self.lane.acquire()
        self.panel.propose.run.click()
        if again:
            answer(self.panel, self.qtbot, "Propose again")
        # whether its mask is accepted was looked at by then
        self.qtbot.waitUntil(lambda: bool(self.panel.propose.progress.format()), timeout=WAIT)

    def let_go(self):
        self.lane.release()
        self.qtbot.waitUntil(lambda: self.panel.propose._ticket is None, timeout=WAIT)

    def history(self):
        return [row.kind for row in self.project.history(self.case.case_id)]

    def kept(self):
        """Not shown, and one press away."""
        self.qtbot.waitUntil(lambda: KEPT in self.panel.propose.message.text(), timeout=WAIT)
        self.qtbot.waitUntil(lambda: self.history()[-2:] == ["proposal", "undo"], timeout=WAIT)
        self.qtbot.waitUntil(lambda: self.panel.correct.redo.isEnabled(), timeout=WAIT)

    def drawn(self):
        """A person's stroke, which no network would propose."""
        labels = np.array(self.case.labels.data)
        labels[PLACE] = 3
        self.case.labels.data = labels
        self.case.compare()
        return labels


@pytest.fixture
def held(panel, qtbot, case):
    one = Held(panel, qtbot, case)
    yield one
    if one.lane.locked():
        one.lane.release()


def test_a_mask_that_was_accepted_meanwhile_stays(held, panel, qtbot):
    shown = held.drawn()
    held.ask()
    accept(panel, qtbot)
    held.let_go()
    held.kept()
    assert np.array_equal(held.case.labels.data, shown)
    assert held.project.case(1).state == "accepted" and not held.project.verify()
    # one press away, and back
    panel.correct.redo.click()
    qtbot.waitUntil(lambda: held.project.case(1).state == "proposed", timeout=WAIT)
    stored(panel, qtbot)
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: held.project.case(1).state == "accepted", timeout=WAIT)
    stored(panel, qtbot)
    assert np.array_equal(held.case.labels.data, shown)


def test_an_accept_that_is_still_on_its_way_counts(held, panel, qtbot):
    held.ask()
    panel.correct.view.accept(lambda revision, note: None)
    held.let_go()
    held.kept()
    assert held.project.case(1).state == "accepted"


def test_what_was_agreed_to_is_replaced_and_nothing_that_was_accepted_since(held, panel, qtbot):
    accept(panel, qtbot)
    held.ask(again=True)
    held.let_go()
    qtbot.waitUntil(lambda: held.project.case(1).state == "proposed", timeout=WAIT)
    stored(panel, qtbot)
    panel.correct.view.accept(lambda revision, note: None)
    qtbot.waitUntil(lambda: held.project.case(1).state == "accepted", timeout=WAIT)
    held.ask(again=True)
    held.drawn()
    stored(panel, qtbot)
    panel.correct.view.accept(lambda revision, note: None)
    qtbot.waitUntil(lambda: held.project.case(1).state == "accepted", timeout=WAIT)
    held.let_go()
    held.kept()
    assert (held.case.labels.data[PLACE] == 3).all()


@pytest.mark.parametrize("undone", [False, True])
def test_what_is_drawn_meanwhile_stays_in_the_proposal(held, panel, qtbot, undone):
    held.ask()
    before = np.array(held.case.labels.data)
    drawn = held.drawn()
    stored(panel, qtbot)
    if undone:
        panel.correct.view.undo()
        stored(panel, qtbot)
    held.let_go()
    qtbot.waitUntil(lambda: held.project.case(1).state == "proposed", timeout=WAIT)
    assert np.array_equal(held.case.labels.data[PLACE], (before if undone else drawn)[PLACE])


def test_a_class_that_is_named_meanwhile_is_what_it_is_called(held, panel, qtbot):
    held.ask()
    held.project.set_class(1, "tumour", "#ff0000")
    proposals = held.history().count("proposal")
    held.let_go()
    qtbot.waitUntil(lambda: held.history().count("proposal") == proposals + 1, timeout=WAIT)
    assert [one.name for one in held.project.classes() if one.label == 1] == ["tumour"]
    assert set(np.unique(held.case.labels.data)) <= {0, 1}


def test_of_an_image_that_was_closed_meanwhile_it_is_kept(held, panel, qtbot):
    shown = held.drawn()
    stored(panel, qtbot)
    held.ask()
    panel.viewer.layers.clear()
    held.let_go()
    told = "was closed meanwhile. Its proposal is kept: open it, and Redo shows it."
    qtbot.waitUntil(lambda: told in panel.propose.message.text(), timeout=WAIT)
    assert held.history()[-2:] == ["proposal", "undo"]
    assert np.array_equal(held.project.labels(1), shown) and not held.project.verify()


def test_an_accept_that_waited_does_not_take_a_proposal_that_nobody_saw(held, panel, qtbot):
    held.ask()
    held.let_go()
    case = held.case
    stored(panel, qtbot)
    before = case.proposed
    # something is on its way as A is pressed, and a proposal comes before it is done
    case.begin()
    panel.correct.accept_and_next()
    case.offers.add(_prediction(case), over=None, late=lambda closed: None, failed=lambda error: None)
    case._waiting.rotate(1)
    case.end()
    told = "Nothing was accepted: a new proposal came before that."
    qtbot.waitUntil(lambda: told in panel.propose.message.text(), timeout=WAIT)
    assert case.proposed == before + 1 and held.project.case(1).state == "proposed"


def test_an_image_that_is_accepted_in_the_project_keeps_its_mask_also_as_a_layer_of_ones_own(held, panel, qtbot):
    accept(panel, qtbot)
    case, viewer = held.case, panel.viewer
    data, shown = np.array(case.image.data), np.array(case.labels.data)
    viewer.layers.clear()
    image = viewer.add_image(data, name="a")
    panel.propose.run.click()
    qtbot.waitUntil(lambda: "medseg_case" in image.metadata, timeout=WAIT)
    held.kept()
    assert held.project.case(1).state == "accepted"
    assert np.array_equal(panel.correct.view.current.labels.data, shown)


def _prediction(case):
    from napari_medseg.inference import Prediction

    labels = np.roll(np.array(case.labels.data, np.uint8), 5)
    return Prediction(labels=labels, probabilities=labels[None].astype(np.float32), origin={"network": "n"})
