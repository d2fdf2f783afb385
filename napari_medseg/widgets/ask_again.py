"""Asked before a proposal takes the place of a mask that a person accepted."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_medseg.project import Project
from napari_medseg.words import tr


class AcceptedError(Exception):
    """The mask of the image is accepted, and nobody was asked yet."""


def accepted_now(project: Project | None, case_id: int | None) -> int | None:
    """The accepted mask that a case shows, which a proposal would replace; to be asked off the GUI thread."""
    return None if project is None or case_id is None else project.accepted_revision(case_id)


def ask_again(parent: QWidget, go: Callable[[], None]) -> None:
    """Call ``go`` where the person wants a new proposal all the same."""
    box = QMessageBox(
        QMessageBox.Icon.Question, "MedSeg", tr("This image is accepted. Propose again all the same?"), parent=parent
    )
    box.setInformativeText(
        tr(
            "The new mask has to be accepted again, unless Undo brings the accepted one back. Until then, exports and "
            "training take the mask that was accepted."
        )
    )
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.addButton(tr("Propose again"), QMessageBox.ButtonRole.DestructiveRole).clicked.connect(lambda: go())
    box.setDefaultButton(box.addButton(tr("Keep it accepted"), QMessageBox.ButtonRole.RejectRole))
    box.open()
