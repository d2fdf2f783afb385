"""Names and metadata of any origin are shown as they are."""

import json
import shutil

import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_medseg.app.demo import sample_project
from napari_medseg.weights import list_weights
from napari_medseg.weights.store import bundled_folder
from napari_medseg.widgets.labels import TextLabel, as_tip
from tests.weights.test_store import with_entry
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui

IMG = "<img src='file:///nowhere.png'>"


def test_a_label_shows_what_it_is_given(qtbot):
    label = TextLabel(IMG)
    qtbot.addWidget(label)
    assert (label.text(), label.textFormat()) == (IMG, Qt.TextFormat.PlainText)
    label.set_bold("<b>a", IMG)
    assert label.text() == "<b>&lt;b&gt;a</b>" + IMG.replace("<", "&lt;").replace(">", "&gt;")
    label.setText("a")
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert as_tip("<a>") == "<qt>&lt;a&gt;</qt>"


def test_no_label_of_the_panel_guesses(panel):
    """A text that may hold a name must not become HTML because of how it looks."""
    guessing = [label for label in panel.findChildren(QLabel) if label.textFormat() == Qt.TextFormat.AutoText]
    # what the program itself wrote
    assert not [label.text() for label in guessing if "<" in label.text() and "<b>K</b>" not in label.text()]
    for section in (panel.propose, panel.correct, panel.retrain, panel.export):
        for name in ("message", "status", "about", "plan", "project"):
            label = getattr(section, name, None)
            assert not isinstance(label, QLabel) or isinstance(label, TextLabel), (section, name)


def test_damaged_weights_of_a_project_are_told_and_keep_nothing_back(panel, qtbot, tmp_path):
    with sample_project(tmp_path / "p"):
        pass
    folder = tmp_path / "p" / "weights"
    folder.mkdir()
    good = next(entry for entry in list_weights() if entry.task == "nuclei")
    for number in (1, 2, 3):
        shutil.copy(bundled_folder() / good.file, folder / f"run-000{number}.safetensors")
    with_entry(folder / "run-0001.safetensors", lambda entry: json.dumps({**entry, "network": "../../etc"}))
    with_entry(
        folder / "run-0002.safetensors",
        lambda entry: json.dumps({**entry, "licence": IMG, "trained_on": [IMG], "metrics": {"dice": "good"}}),
    )
    (folder / "run-0003.safetensors").write_bytes(b"\x08" + bytes(7) + b"[[[[[[[[")
    (folder / "run-0004.safetensors").symlink_to(tmp_path / "gone")
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id is not None, timeout=WAIT)
    assert any(isinstance(layer, Labels) for layer in panel.viewer.layers)
    choice = panel.propose.choice
    own = [choice.weights.itemData(i) for i in range(choice.weights.count())]
    assert [identity for identity in own if "run-" in identity] == [str(folder / "run-0002.safetensors")]
    choice.weights.setCurrentIndex(own.index(str(folder / "run-0002.safetensors")))
    assert "3 files of weights cannot be used; the first: " in choice.about.text()
    assert "<img" not in choice.about.text() and "&lt;img" in choice.about.text()
