"""A panel in a real napari window."""

import pytest


@pytest.fixture
def panel(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
    panel.viewer = viewer
    yield panel
    panel.shut_down()
