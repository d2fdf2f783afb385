"""Beside the device: what runs the network, and a switch."""

import pytest

from napari_medseg.app.settings import load_settings
from napari_medseg.inference.engines import background
from napari_medseg.widgets.engine_line import EngineLine
from tests.widgets.helpers import add_sample, choose, propose


@pytest.fixture
def measured(monkeypatch):
    """Engines are chosen by measurements, in this test's own memory and without waiting for a process."""
    monkeypatch.delenv("MEDSEG_ENGINE")
    own = background.Background()
    monkeypatch.setattr("napari_medseg.inference.engines.serving.BACKGROUND", own)
    monkeypatch.setattr("napari_medseg.app.predict._LOADED", {})
    return own


def write(engine, gain):
    """A choice for the small network of nuclei, as a process would have written it."""
    import torch

    from napari_medseg.inference.engines.export import to_onnx
    from napari_medseg.inference.engines.measure import Measured
    from napari_medseg.inference.engines.store import Key, keep
    from napari_medseg.networks import get_spec, prepare_for_inference
    from napari_medseg.weights import load_network

    network, entry = load_network("cmunext-xxs", "nuclei")
    shape = (1, 3, *entry.input_size)
    model = b""
    if engine != "torch":
        model = to_onnx(prepare_for_inference(network), get_spec("cmunext-xxs"), shape)
    keep(
        Key("cmunext-xxs", entry.sha256, shape, torch.get_num_threads()),
        Measured(engine, gain, {"torch": 0.2, engine: 0.1}, {}, model),
    )


@pytest.mark.parametrize(
    ("engine", "gain", "text"),
    [("openvino", 2.13, "OpenVINO, 2.1 times faster here"), ("torch", 1.0, "PyTorch is the fastest here")],
)
def test_the_panel_names_what_is_fastest(measured, panel, qtbot, engine, gain, text):
    write(engine, gain)
    line = panel.propose.engine
    assert not line.isHidden()
    assert line.isChecked()
    choose(panel)
    add_sample(panel)
    # the first proposal is torch's, whatever was measured: nobody waits for an engine
    propose(panel, qtbot)
    measured.wait()
    propose(panel, qtbot)
    assert line.text() == text
    # lists that are filled again, or a suggestion that comes late, change nothing of it
    panel.propose.choice.chosen.emit()
    panel.bus.weights_changed.emit()
    assert line.text() == text
    line.click()
    assert line.text() == "Whatever is fastest on this computer"
    assert load_settings()["engine"] == panel.state.engine == "torch"
    assert panel.state.request().engine == "torch"
    propose(panel, qtbot)
    assert line.text() == "Whatever is fastest on this computer"
    line.click()
    propose(panel, qtbot)
    assert line.text() == text
    # of another network nothing is known
    choose(panel, "dermoscopy")
    assert line.text() == "Whatever is fastest on this computer"


def test_what_was_switched_off_stays_off(measured, panel, make_napari_viewer):
    panel.propose.engine.click()
    viewer = make_napari_viewer()
    _, other = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
    assert not other.propose.engine.isChecked()
    assert other.state.engine == "torch"
    other.shut_down()


def test_where_there_is_nothing_to_choose_nothing_is_shown(panel):
    # the tests' environment says torch
    assert panel.propose.engine.isHidden()


def test_an_environment_that_names_no_engine_does_not_keep_the_panel_from_opening(monkeypatch, panel, qtbot):
    monkeypatch.setenv("MEDSEG_ENGINE", "tensorrt")
    monkeypatch.setattr("napari_medseg.app.predict._LOADED", {})
    line = EngineLine(panel.state)
    qtbot.addWidget(line)
    assert not line.isVisible()
    choose(panel)
    add_sample(panel)
    with monkeypatch.context() as quiet:
        quiet.setattr("napari_medseg.widgets.propose.show_error", lambda text: None)
        propose(panel, qtbot)
    assert panel.propose.message.text().startswith("engine is 'tensorrt'; expected one of: auto, torch, onnxruntime")
