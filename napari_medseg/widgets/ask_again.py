"""Asked before a proposal takes the place of a mask that a person accepted."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_medseg.project import Project
from napari_medseg.words import tr


class AcceptedError(Exception):
    """The mask of the image is accepted, and nobody was asked yet."""


def check_not_accepted(project: Project | None, case_id: int | None) -> None:
    """Make sure that no accepted mask would be replaced; off the GUI thread.

    Raises
    ------
    AcceptedError
        Where the case's mask is accepted as it is shown.
    """
    if project is not None and case_id is not None and project.case(case_id).state == "accepted":
        raise AcceptedError


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
