"""What this computer can compute on is asked for once the panel is there; what was chosen last stays meanwhile."""

from types import SimpleNamespace

import pytest

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.widgets import device_choice
from napari_medseg.widgets.device_choice import DeviceChoice
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


@pytest.fixture
def make(qtbot, monkeypatch):
    """A choice as it is before torch is loaded, on a computer with these devices."""
    workers = []

    def make(*present):
        monkeypatch.setattr(device_choice, "sys", SimpleNamespace(modules={}))
        monkeypatch.setattr(device_choice, "available_devices", lambda: present)
        monkeypatch.setattr(device_choice, "LATER_MS", 0)
        state = PanelState()
        workers.append(Workers(None, lambda error: None))
        choice = DeviceChoice(state, workers[-1])
        qtbot.addWidget(choice)
        return state, choice

    yield make
    for one in workers:
        one.close()


def listed(choice):
    return [choice.itemText(row) for row in range(choice.count())]


def test_the_device_of_last_time_is_chosen_before_anybody_knows_whether_it_is_there(make, qtbot):
    save_settings(device="cuda")
    state, choice = make("auto", "cpu", "cuda", "mps")
    assert listed(choice) == ["auto", "cpu", "cuda"] and choice.currentText() == state.device == "cuda"
    with qtbot.waitSignal(choice.found, timeout=WAIT):
        pass
    assert listed(choice) == list(state.devices) == ["auto", "cpu", "cuda", "mps"] and state.device == "cuda"


def test_one_that_is_gone_is_not_offered_and_not_forgotten(make, qtbot):
    save_settings(device="cuda")
    state, choice = make("auto", "cpu")
    with qtbot.waitSignal(choice.found, timeout=WAIT):
        pass
    assert listed(choice) == ["auto", "cpu"] and state.device == "auto"
    # the next time, it may be plugged in again
    assert load_settings()["device"] == "cuda"


def test_what_is_chosen_meanwhile_stays(make, qtbot):
    state, choice = make("auto", "cpu", "cuda")
    choice.setCurrentText("cpu")
    with qtbot.waitSignal(choice.found, timeout=WAIT):
        pass
    assert choice.currentText() == state.device == "cpu"


def test_a_closed_panel_asks_nobody(make, qtbot):
    state, choice = make("auto", "cpu", "cuda")
    choice._workers.close()
    choice._look()
    assert state.devices == ("auto", "cpu")
