"""A panel in a real napari window."""

import gc
from importlib import import_module

import pytest

from napari_medseg.app import slide_windows
from napari_medseg.app.demo import sample_project
from napari_medseg.io import large
from napari_medseg.widgets import opening
from napari_medseg.widgets.launch import HEAVY
from tests.widgets.helpers import WAIT, blobs, choose, kept, propose
from tests.widgets.slide_helpers import SIDE


@pytest.fixture(scope="module", autouse=True)
def quick_collections():
    """What is loaded is frozen, as in ``medseg app``: napari collects garbage with each layer that is removed."""
    for name in (*HEAVY, "napari._qt.qt_main_window", "napari_medseg.widgets.panel"):
        import_module(name)
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def plugins_read_once():
    """What is installed stays the same: npe2 would read every plugin's manifest again for each window."""
    from npe2 import PluginManifest

    found = list(PluginManifest.discover())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PluginManifest, "discover", lambda *args, **kwargs: found)
        yield


@pytest.fixture
def soon_large(monkeypatch):
    """Images of a million pixels are read in parts, as slides are, and drawn in in small frames."""
    monkeypatch.setattr(large, "MOST_WHOLE", 1_000_000)
    monkeypatch.setattr(slide_windows, "SIDE", SIDE)


@pytest.fixture(autouse=True)
def in_one_picture(monkeypatch):
    """However busy the computer is, an image comes with its proposal; what is otherwise, test_opening.py says."""
    monkeypatch.setattr(opening, "TOGETHER_MS", WAIT)


@pytest.fixture
def panel(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
    panel.viewer = viewer
    yield panel
    panel.shut_down()


@pytest.fixture
def seen(make_napari_viewer, qtbot):
    """A panel in a window that is on the screen."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.setGeometry(0, 0, 1400, 900)
    _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
    panel.viewer = viewer
    yield panel
    panel.shut_down()


@pytest.fixture
def project_panel(panel, qtbot, tmp_path):
    sample_project(tmp_path / "p").close()
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    # the first image was looked at: it says what is on the images
    qtbot.waitUntil(lambda: panel.state.task == "nuclei", timeout=WAIT)
    return panel


@pytest.fixture
def case(panel, qtbot):
    """A proposal on an image of the user's own, kept as a case."""
    choose(panel)
    image = panel.viewer.add_image(blobs(), name="a")
    propose(panel, qtbot)
    kept(panel, qtbot, image)
    return panel.correct.view.current
