"""The real panel in a language in which every text stands in [brackets]: what stands outside of them is data."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QMenu,
    QProgressBar,
    QSpinBox,
    QTableWidget,
    QTabWidget,
    QWidget,
)

from napari_medseg import words
from napari_medseg.io import FORMATS
from napari_medseg.networks import get_spec, list_networks
from napari_medseg.widgets.keys import rows
from napari_medseg.widgets.run_text import version_name
from tests.widgets.helpers import accept, add_sample, propose
from tests.widgets.test_outcome import row, shown

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
script = import_module("words")
sys.path.pop(0)

pytestmark = pytest.mark.gui
# names of networks, formats, files, keys and units are the same in every language
DATA = {get_spec(name).title.partition(" (")[0] for name in list_networks()}
DATA |= {one.name for one in FORMATS} | {"px", "MedSeg", "cuda", "cpu", "auto", "cells", "nuclei_", "nucleus"}


@pytest.fixture
def bracketed(tmp_path, monkeypatch):
    """Chosen as a person would: napari asks for the language as it opens the panel."""
    script.pseudo(tmp_path / "words")
    monkeypatch.setenv("MEDSEG_WORDS", str(tmp_path / "words"))
    monkeypatch.setenv("MEDSEG_LANGUAGE", "xx")
    words.begin()
    yield
    words.use([])


def texts_of(widget):
    """All that a widget shows, or tells of itself."""
    yield widget.toolTip()
    yield widget.windowTitle()
    if isinstance(widget, (QLabel, QAbstractButton)):
        yield widget.text()
    if isinstance(widget, (QGroupBox, QMenu)):
        yield widget.title()
    if isinstance(widget, QLineEdit):
        yield widget.placeholderText()
    if isinstance(widget, QSpinBox):
        yield from (widget.prefix(), widget.suffix(), widget.specialValueText())
    if isinstance(widget, QProgressBar):
        yield widget.format()
    if isinstance(widget, QTabWidget):
        yield from map(widget.tabText, range(widget.count()))
    if isinstance(widget, QComboBox):
        yield from map(widget.itemText, range(widget.count()))
    if isinstance(widget, QListWidget):
        yield from (widget.item(row).text() for row in range(widget.count()))
    if isinstance(widget, QTableWidget):
        heads = [widget.horizontalHeaderItem(column) for column in range(widget.columnCount())]
        cells = [widget.item(row, c) for row in range(widget.rowCount()) for c in range(widget.columnCount())]
        for item in filter(None, heads + cells):
            yield from (item.text(), item.toolTip())
    yield from (action.text() for action in QWidget.actions(widget))


def outside(text):
    """What of a text stands in no brackets, without tags, numbers and data."""
    text = re.sub(r"<[^<>]*>|&\w+;|/\S+", " ", text)
    while (inner := re.sub(r"\[[^\[\]]*\]", " ", text)) != text:
        text = inner
    # of some only the beginning is shown
    text = re.sub(r"^\[[^\[\]]*$", " ", text)
    for name in sorted(DATA, key=len, reverse=True):
        text = text.replace(name, " ")
    return re.findall(r"[^\W\d_]{2,}", text)


def untranslated(root):
    found = {text for widget in (root, *root.findChildren(QWidget)) for text in texts_of(widget) if outside(text)}
    return sorted(found)


def test_outside_is_what_no_translation_reaches():
    assert outside("[Add 2 images]") == outside("<b>[Stored, but: ]</b>, 12 px") == outside("CMUNeXt-XXS v1") == []
    assert outside("[It [draws] edges] by Otto") == ["by", "Otto"]


def test_every_text_of_the_window_is_translated(bracketed, project_panel, qtbot):
    panel = project_panel
    for _ in range(2):
        accept(panel, qtbot)
    add_sample(panel)
    propose(panel, qtbot)
    found = untranslated(panel)
    assert not found, "\n".join(found)
    assert not [text for _, text in rows() if "[" not in text]


def test_tour_and_help_are_translated(bracketed, panel, qtbot):
    panel.tour.start()
    panel.help.open()
    assert untranslated(panel.tour.bubble) == untranslated(panel.help.window) == []


def test_what_a_round_came_to_is_translated(bracketed, qtbot):
    outcome = shown(qtbot, [row("07"), row("09", 1.0, 0.7, as_proposed=True)])
    assert untranslated(outcome) == []
    assert not outside(version_name("weights/run-0002.safetensors", first=False))
