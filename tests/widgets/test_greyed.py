"""Whatever cannot be pressed says why, and what to do."""

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QPushButton, QSlider, QTabBar, QWidget

from napari_medseg.app.demo import sample_project
from napari_medseg.widgets import load
from napari_medseg.widgets.greyed import able, why_not
from napari_medseg.widgets.labels import as_html
from tests.widgets.helpers import WAIT, add_sample

KINDS = (QAbstractButton, QComboBox, QAbstractSpinBox, QSlider)


def silent(panel):
    """What is grey in the whole panel, in all tabs, and does not say why where the mouse rests on it."""
    found = [one for one in panel.findChildren(QWidget) if isinstance(one, KINDS) and not one.isEnabled()]
    # Qt's own: arrows of a row of tabs
    found = [one for one in found if not isinstance(one.parent(), QTabBar)]
    assert found
    return [
        getattr(one, "text", lambda: "")() or one.objectName() or type(one).__name__
        for one in found
        if not why_not(one) or as_html(why_not(one)) not in as_html(one.toolTip())
    ]


@pytest.mark.gui
def test_nothing_in_the_panel_is_grey_without_a_reason(panel, qtbot, tmp_path, monkeypatch):
    # nothing is open
    assert silent(panel) == []
    # the main step says it in a line, too
    panel.tabs.setCurrentIndex(1)
    assert why_not(panel.correct.accept) in [one.text() for one in panel.foot.findChildren(QWidget) if shows(one)]
    # an image of the person's own, and a volume
    add_sample(panel)
    assert silent(panel) == []
    panel.viewer.add_image(np.zeros((4, 16, 16), np.uint8), name="volume")
    assert silent(panel) == []
    panel.viewer.layers.clear()
    # a project that is read, its first image on the way, and open
    sample_project(tmp_path / "p").close()
    panel.correct.open_project(tmp_path / "p")
    assert silent(panel) == []
    qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
    assert silent(panel) == []
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    assert silent(panel) == []
    panel.correct.classes.add_class()
    qtbot.waitUntil(lambda: panel.correct.classes.list.count() == 2, timeout=WAIT)
    assert silent(panel) == []
    # something is at work
    panel.propose.run.click()
    assert silent(panel) == [] and why_not(panel.propose.run)
    panel.propose.cancel.click()
    # in three dimensions, and with the mask out of sight
    panel.viewer.dims.ndisplay = 3
    assert silent(panel) == []
    panel.viewer.dims.ndisplay = 2
    panel.correct.toggle_mask()
    assert silent(panel) == []
    # the next image cannot be read
    monkeypatch.setattr(load, "read_image", lambda *_: 1 / 0)
    panel.viewer.layers.clear()
    qtbot.waitUntil(lambda: panel.state.case_id is None, timeout=WAIT)
    assert silent(panel) == []


def shows(widget):
    return isinstance(widget, QWidget) and hasattr(widget, "text") and not widget.isHidden()


@pytest.mark.gui
def test_the_own_tip_comes_back_and_another_one_is_kept(qtbot):
    button = QPushButton("a")
    qtbot.addWidget(button)
    button.setToolTip("what it does")
    for _ in range(2):
        able(button, "no image. Open <one>.")
        assert button.toolTip() == "what it does\nno image. Open <one>." and not button.isEnabled()
    able(button, "busy")
    assert button.toolTip() == "what it does\nbusy" and why_not(button) == "busy"
    button.setToolTip("<qt>what it <b>does</b></qt>")
    able(button, "no <image>")
    assert button.toolTip() == "<qt>what it <b>does</b><br>no &lt;image&gt;</qt>"
    able(button, None)
    assert button.toolTip() == "<qt>what it <b>does</b></qt>" and button.isEnabled() and why_not(button) == ""
