"""A proposal on a slide, from the panel: told before, seen as it comes, cancelled, gone on with on another day."""

import numpy as np
import pytest

from napari_medseg.app import slide_windows
from napari_medseg.app.slide_work import DONE, WAITING, Progressed
from napari_medseg.project import Project
from tests.widgets.helpers import WAIT, choose
from tests.widgets.slide_helpers import SHAPE, SIDE, frame, open_slide, write

pytestmark = pytest.mark.gui


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, soon_large):
    for name in ("napari_medseg.io.label_blocks.BLOCK", "napari_medseg.app.slide_plan.BLOCK"):
        monkeypatch.setattr(name, (SIDE, SIDE))


def planned(panel, qtbot, words="tissue tile"):
    section = panel.propose
    qtbot.waitUntil(lambda: words in section.plan.text() and section.run.isEnabled(), timeout=WAIT)


def coarse(panel, qtbot):
    """Few tiles: quick."""
    choose(panel)
    planned(panel, qtbot)
    panel.propose.slide.pixel.setValue(2.0)
    planned(panel, qtbot, "2 um/px")


def test_it_is_told_before_and_comes_into_the_frame(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    assert panel.propose.current_image() == slides.shown.layer
    assert not panel.propose.slide.isHidden()
    choose(panel)
    planned(panel, qtbot)
    assert "0.5 um/px" in panel.propose.plan.text()
    assert "what you see first" in panel.propose.plan.text()
    panel.propose.slide.pixel.setValue(2.0)
    planned(panel, qtbot, "2 um/px")
    case = frame(panel, qtbot, (0, 0, SIDE, SIDE))
    # the slide is proposed on, not the frame
    assert panel.propose.current_image() == slides.shown.layer
    looked = []
    panel.viewer.layers.events.inserted.connect(lambda event: looked.append(event.value.name))
    panel.propose.run.click()
    qtbot.waitUntil(lambda: "is whole" in panel.propose.message.text(), timeout=WAIT)
    assert "s preview" in looked
    assert "s preview" not in panel.viewer.layers
    project = panel.state.project
    assert project.case(1).state == "proposed"
    box = (0, 0, SIDE, SIDE)
    qtbot.waitUntil(lambda: np.array_equal(case.labels.data, project.labels(1, box)), timeout=WAIT)
    assert not [layer for layer in panel.viewer.layers if "progress" in layer.name]
    planned(panel, qtbot, "have this proposal")
    # tissue is in the left half: from there on there is nothing to look at
    assert all(place[1] < SHAPE[1] // 2 + 2 * SIDE for place in panel.correct.slide._places)
    assert len(panel.correct.slide._places) < len(slide_windows.windows_of(SHAPE))


def test_what_was_cancelled_is_gone_on_with_on_another_day(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    coarse(panel, qtbot)
    map_of = lambda: [layer for layer in panel.viewer.layers if layer.name == "s progress"]  # noqa: E731
    panel.propose.run.click()
    qtbot.waitUntil(lambda: bool(map_of()), timeout=WAIT)
    panel.propose.cancel.click()
    assert "Cancelled" in panel.propose.message.text()
    planned(panel, qtbot, "go on")
    assert map_of()
    # on another day nobody remembers
    panel.propose.slide.pixel.setValue(0.0)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: slides.shown is None, timeout=WAIT)
    qtbot.waitUntil(lambda: slides.shown is not None, timeout=WAIT)
    planned(panel, qtbot, "go on")
    assert map_of()
    # Correct says so too, and goes on
    progress = panel.correct.slide.progress
    assert not progress.isHidden()
    assert "tiles are done: go on" in progress.bar.format()
    assert progress.button.text() == "Go on"
    progress.button.click()
    assert progress.button.text() == "Cancel"
    assert "On its way" in panel.propose.plan.text()
    qtbot.waitUntil(lambda: "is whole" in panel.propose.message.text(), timeout=WAIT)
    assert not map_of()
    assert progress.isHidden()
    project = panel.state.project
    assert [row.kind for row in project.history(1)].count("proposal") == 1


def test_a_closed_window_in_the_middle_is_safe(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    coarse(panel, qtbot)
    panel.propose.run.click()
    qtbot.waitUntil(lambda: any("progress" in layer.name for layer in panel.viewer.layers), timeout=WAIT)
    panel.shut_down()
    with Project.open(tmp_path / "p") as project:
        assert project.recovered is None
        assert project.base_done(1) is not None
        assert not project.verify()


def test_a_slide_of_no_project_is_taken_into_one_and_proposed_on(panel, qtbot, tmp_path):
    write(tmp_path / "s.tif")
    panel.propose.open_images([tmp_path / "s.tif"])
    qtbot.waitUntil(lambda: len(panel.viewer.layers) > 0, timeout=WAIT)
    choose(panel)
    panel.propose.slide.pixel.setValue(2.0)
    planned(panel, qtbot, "into a project")
    panel.propose.run.click()
    qtbot.waitUntil(lambda: "is whole" in panel.propose.message.text(), timeout=WAIT)
    assert panel.state.project.case(1).state == "proposed"


def test_why_it_cannot_be_is_told(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    choose(panel)
    planned(panel, qtbot)
    panel.propose.slide.pixel.setValue(0.001)
    qtbot.waitUntil(lambda: "expected" in panel.propose.plan.text(), timeout=WAIT)
    assert not panel.propose.run.isEnabled()


@pytest.mark.parametrize("format", ["ome-zarr", "geojson", "tiff"])
def test_a_slide_goes_out_as_a_whole_or_it_is_said_why_not(panel, qtbot, tmp_path, format):
    open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, (0, 0, SIDE, SIDE)).labels.paint((100, 100), 1)
    export = panel.export
    export.this.setChecked(True)
    export.format.setCurrentText(format)
    export.folder.setText(str(tmp_path / "out"))
    export.start()
    qtbot.waitUntil(export.export.isEnabled, timeout=WAIT)
    told = export.message.text()
    if format == "tiff":
        assert "expected OME-Zarr" in told
        assert not (tmp_path / "out").exists()
    else:
        assert "Wrote 1 file" in told
        (file,) = (tmp_path / "out").iterdir()
        assert file.name.startswith("s_mask.")


def test_with_nothing_chosen_propose_all_says_that_first(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    assert not panel.state.weights and not panel.state.task
    everything = panel.correct.everything
    everything.button.click()
    qtbot.waitUntil(lambda: everything.button.text() == "Propose all", timeout=WAIT)
    assert everything.message.text().startswith("Choose first what is on your images, in the tab Propose. 0 images")


def test_the_colours_of_tiles_are_explained_while_they_are_there(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    legend, runs = panel.propose.slide.legend, panel.slide_runs
    assert legend.isHidden()
    far = Progressed(map=np.array([[DONE, WAITING]], np.uint8), block=(SIDE, SIDE), done=1, of=2)
    runs._paint_map(far)
    assert not legend.isHidden() and "green" in legend.text() and "amber" in legend.text()
    runs._hide_map()
    assert legend.isHidden()
