"""The next session begins with what was chosen in the last."""

import pytest

from napari_medseg.app.demo import sample_project
from napari_medseg.app.settings import load_settings, save_settings
from tests.shipped import shipped
from tests.widgets.helpers import WAIT, add_sample, choose
from tests.widgets.test_tools import circle, open_case

pytestmark = pytest.mark.gui


@pytest.fixture
def sessions(make_napari_viewer):
    """Opens the panel; a second call closes the first one's and opens a new one."""
    opened = []

    def close():
        for panel in opened:
            panel.shut_down()

    def session():
        close()
        viewer = make_napari_viewer()
        opened.append(viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")[1])
        opened[-1].viewer = viewer
        return opened[-1]

    yield session
    close()


def ask_also(panel, word):
    next(action for action in panel.propose.options.menu.actions() if word in action.text()).setChecked(True)


def test_the_network_of_a_task_and_those_it_also_asks(sessions):
    panel = sessions()
    panel.propose.task.setCurrentText("generalist")
    assert panel.state.network == "sgd-net-s"
    panel.propose.weights.setCurrentIndex(panel.propose.weights.findData(shipped("dymas-net/generalist")))
    ask_also(panel, "Polyps")
    panel = sessions()
    assert (panel.state.network, panel.state.weights) == ("dymas-net", shipped("dymas-net/generalist"))
    ((network, weights),) = panel.propose.options.members()
    assert (network, weights.partition("@")[0]) == ("cmunext-xxs", "cmunext-xxs/polyp")
    assert panel.state.also == ((network, weights),)
    assert not panel.propose.options.also.isHidden()
    assert panel.propose.options.also.isVisibleTo(panel.propose)
    # what only came first in its list is not held to be a choice
    panel.propose.task.setCurrentText("nuclei")
    assert set(load_settings()["picked"]) == {"generalist"}
    panel.propose.task.setCurrentText("generalist")
    assert panel.state.network == "dymas-net"


@pytest.mark.parametrize(
    "stored",
    [
        {"task": "generalist", "picked": {"generalist": "gone@1"}, "also": [["gone", "gone@1"]]},
        {"task": 3, "picked": "nonsense", "also": ["x", 4, ["one"]]},
    ],
)
def test_what_is_gone_or_damaged_is_passed_over(sessions, stored):
    save_settings(**stored)
    panel = sessions()
    assert panel.propose.options.members() == ()
    if stored["task"] == "generalist":
        assert panel.state.network == "sgd-net-s"
    else:
        # nobody knows what is on the images: nothing is chosen for them
        assert panel.propose.choice.unasked
        assert panel.state.weights == ""


def test_each_project_brings_back_what_was_chosen_in_it(sessions, qtbot, tmp_path):
    for name in ("a", "b"):
        sample_project(tmp_path / name).close()

    def opened(panel, name):
        panel.correct.open_project(tmp_path / name)
        qtbot.waitUntil(lambda: panel.state.project is not None and panel.state.project.path.name == name, timeout=WAIT)
        qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)

    panel = sessions()
    opened(panel, "a")
    panel.propose.choice.choose("generalist", shipped("dymas-net/generalist"))
    qtbot.waitUntil(
        lambda: panel.state.project.chosen() == ("generalist", shipped("dymas-net/generalist")), timeout=WAIT
    )
    opened(panel, "b")
    panel.propose.choice.choose("generalist", shipped("lgms-net/generalist"))
    choose(panel, "polyp")
    qtbot.waitUntil(lambda: panel.state.project.chosen()[0] == "polyp", timeout=WAIT)
    # what b uses is none of a's business, nor the other way round, also in another session
    panel = sessions()
    opened(panel, "a")
    assert (panel.state.task, panel.state.weights) == ("generalist", shipped("dymas-net/generalist"))
    opened(panel, "b")
    assert panel.propose.task.currentText() == "Polyps (endoscopy)"
    assert panel.state.weights.startswith("cmunext-xxs/polyp@")
    assert panel.state.project.verify() == []
    # a project that a mask of one's own made begins with what was chosen for it
    panel = sessions()
    add_sample(panel)
    choose(panel)
    panel.propose.run.click()
    qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
    qtbot.waitUntil(lambda: panel.state.project.chosen()[0] == "nuclei", timeout=WAIT)


def test_an_image_after_a_volume_finds_its_task_again(sessions):
    import numpy as np

    panel = sessions()
    add_sample(panel)
    panel.propose.task.setCurrentText("dermoscopy")
    panel.viewer.add_image(np.zeros((8, 20, 20), np.float32), name="volume")
    # of which volumes are not made
    assert panel.propose.choice.unasked
    panel.viewer.layers.selection.active = panel.viewer.layers["cells"]
    assert panel.propose.task.currentData() == "dermoscopy"


def test_the_last_project_is_one_click_away(sessions, qtbot, tmp_path):
    panel = sessions()
    assert panel.correct.last.isHidden()
    sample_project(tmp_path / "study").close()
    panel.correct.open_project(tmp_path / "study")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert panel.correct.last.isHidden()
    panel = sessions()
    assert panel.correct.last.text() == "Open last: study"
    assert panel.correct.last.isVisibleTo(panel.correct)
    panel.correct.last.click()
    assert panel.correct.last.isHidden()
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    # a folder that is gone: told, and offered still
    panel = sessions()
    (tmp_path / "study").rename(tmp_path / "moved")
    panel.correct.last.click()
    qtbot.waitUntil(lambda: "study" in panel.correct.status.text(), timeout=WAIT)
    assert panel.correct.last.isVisibleTo(panel.correct)


def test_spotlights_ask_the_networks_that_were_chosen_too(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, circle()[0])
    spots = panel.correct.spots
    choose(panel)
    spots.step(1)
    qtbot.waitUntil(lambda: spots._found is not None, timeout=WAIT)
    assert "also" not in spots._found.opinion.origin
    ask_also(panel, "Polyps")
    spots.step(1)
    qtbot.waitUntil(lambda: "also" in spots._found.opinion.origin, timeout=WAIT)
    (other,) = spots._found.opinion.origin["also"]
    assert other["weights"].startswith("cmunext-xxs/polyp@")
    assert spots._found.opinion.disagreement.shape == case.labels.data.shape
    # proposals made on opening an image are the chosen network's alone
    assert panel.state.request_for(volume=False).also == ()
