"""Closed and opened again, panel and program are where the person was."""

import numpy as np
import pytest

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.widgets.launch import open_window
from tests.widgets.helpers import blobs, choose, kept, propose

pytestmark = pytest.mark.gui
WAIT = 40_000


def open_panel(viewer):
    _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
    panel.viewer = viewer
    return panel


def go(panel, qtbot, case_id):
    panel.correct.view.open_case(case_id)
    qtbot.waitUntil(lambda: panel.state.case_id == case_id, timeout=WAIT)
    return panel.correct.view.current


def look(panel):
    panel.viewer.scene.camera.zoom = 7.5
    panel.viewer.scene.camera.center = (0, 40, 30)


def seen(panel):
    camera = panel.viewer.scene.camera
    return round(camera.zoom, 3), tuple(np.round(camera.center, 3))[-2:]


def test_the_panel_closed_and_opened_again_is_where_one_was(project_panel, qtbot):
    panel, viewer = project_panel, project_panel.viewer
    project = panel.state.project.path
    go(panel, qtbot, 2).labels.mode = "erase"
    look(panel)
    viewer.window.remove_dock_widget(panel.parent())
    assert panel.state.project is None and len(viewer.layers) == 0
    again = open_panel(viewer)
    try:
        qtbot.waitUntil(lambda: again.state.case_id == 2, timeout=WAIT)
        assert again.state.project.path == project
        assert seen(again) == (7.5, (40, 30))
        assert str(again.correct.view.current.labels.mode) == "erase"
        assert again.tabs.currentIndex() == 1
    finally:
        again.shut_down()


def test_the_tool_is_on_again_and_the_label_chosen(project_panel, qtbot):
    panel = project_panel
    go(panel, qtbot, 2).labels.selected_label = 3
    panel.correct.tools.toggle_snap()
    assert panel.correct.tools.snap_button.isChecked()
    folder = panel.state.project.path
    panel.correct.open_project(folder)
    qtbot.waitUntil(lambda: panel.state.case_id is None, timeout=WAIT)
    qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)
    assert panel.correct.tools.snap_button.isChecked()
    assert panel.correct.tools.snap.case is panel.correct.view.current
    assert panel.correct.view.current.labels.selected_label == 3


def test_the_program_opens_the_last_project_and_image(project_panel, qtbot):
    go(project_panel, qtbot, 3)
    project = project_panel.state.project.path
    project_panel.shut_down()
    viewer, panel = open_window([], last=True)
    try:
        qtbot.waitUntil(lambda: panel.state.case_id == 3, timeout=WAIT)
        assert panel.state.project.path == project
    finally:
        panel.shut_down()
        viewer.close()


def test_images_that_were_only_opened_are_offered_again_too(panel, qtbot, make_napari_viewer):
    choose(panel)
    propose_on = panel.viewer.add_image(blobs(), name="a")
    propose(panel, qtbot)
    kept(panel, qtbot, propose_on)
    project = panel.state.project.path
    assert project.name == "my-images" and load_settings()["project"] == str(project)
    case_id = panel.state.case_id
    panel.shut_down()
    again = open_panel(make_napari_viewer())
    try:
        assert again.correct.last.text() == "Open last: my-images"
        # it is in view
        assert again.tabs.currentIndex() == 1
        again.correct.last.click()
        qtbot.waitUntil(lambda: again.state.case_id == case_id, timeout=WAIT)
    finally:
        again.shut_down()


@pytest.mark.parametrize(
    "place",
    [
        "nowhere",
        {"case": 99},
        {"case": "2"},
        {"case": 2, "zoom": "wide", "center": [1], "step": 5, "mode": "x", "label": 999, "tool": []},
        {"case": 2, "zoom": float("nan"), "center": [0, 1e300, 0]},
    ],
)
def test_a_settings_file_of_any_kind_opens_an_image(project_panel, qtbot, place):
    panel = project_panel
    folder = panel.state.project.path
    panel.correct.view.close_all()
    save_settings(place={"project": str(folder), **place} if isinstance(place, dict) else place)
    panel.correct.open_project(folder)
    wanted = 2 if isinstance(place, dict) and place["case"] == 2 else 1
    qtbot.waitUntil(lambda: panel.state.case_id == wanted, timeout=WAIT)
    assert np.isfinite(panel.viewer.scene.camera.zoom)


def test_an_older_place_is_never_stored_over_a_newer_one(project_panel, qtbot):
    session = project_panel.correct.session
    go(project_panel, qtbot, 2)
    older = session._saving(case=1, listed=True)
    session._save(case=2, listed=True, zoom=3.0)
    older()
    assert load_settings()["place"]["case"] == 2 and load_settings()["place"]["zoom"] == 3.0
    qtbot.waitUntil(lambda: not project_panel.workers._tickets, timeout=WAIT)
    assert load_settings()["place"]["zoom"] == 3.0
