"""Asked before an undo takes back the proposal, and with it all of the mask."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_medseg.words import tr


def ask_undo(parent: QWidget, go: Callable[[], None]) -> None:
    """Call ``go`` where the person wants the proposal gone too."""
    box = QMessageBox(QMessageBox.Icon.Question, "MedSeg", tr("Take back the proposal too?"), parent=parent)
    box.setInformativeText(
        tr("Nothing else is left to undo. Without the proposal the mask is empty; Redo brings it back.")
    )
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.addButton(tr("Take it back"), QMessageBox.ButtonRole.DestructiveRole).clicked.connect(lambda: go())
    box.setDefaultButton(box.addButton(tr("Keep it"), QMessageBox.ButtonRole.RejectRole))
    box.open()
