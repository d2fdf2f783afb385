"""Undo and redo: there to be pressed where there is something."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtWidgets import QPushButton

from napari_medseg.project import Project
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.greyed import NO_IMAGE, able
from napari_medseg.words import tr

# what was asked before a press may be told so long after it
STALE_SECONDS = 1.0


class UndoButtons:
    """Two buttons that are grey where nothing would happen."""

    def __init__(self, view: CaseView) -> None:
        self._view = view
        self.undo, self.redo = QPushButton(tr("Undo")), QPushButton(tr("Redo"))
        # of which case that is known, and whether there is something to undo, or to redo
        self._known: tuple[int | None, bool, bool] = (None, False, False)
        # what was undone can be redone, and the other way round, whatever is told that was asked before
        self._sure: tuple[QPushButton, float] = (self.undo, 0.0)
        self.undo.clicked.connect(self._undo)
        self.redo.clicked.connect(self._redo)

    @staticmethod
    def look(project: Project, case_id: int | None) -> tuple[int | None, bool, bool]:
        """What the project says; to be asked off the GUI thread."""
        if case_id is None:
            return None, False, False
        return case_id, project.can_undo(case_id), project.can_redo(case_id)

    def tell(self, known: tuple[int | None, bool, bool]) -> None:
        """Take what :meth:`look` found."""
        self._known = known
        if known[1 if self._sure[0] is self.undo else 2]:
            # asked after the press
            self._sure = (self.undo, 0.0)
        self.enable()

    def enable(self) -> None:
        """Offer what there is."""
        case = self._view.current
        if case is None:
            able(self.undo, tr(NO_IMAGE))
            able(self.redo, tr(NO_IMAGE))
            return
        number, undo, redo = self._known
        # until that is known of an image that was just opened, no press is lost
        here = number == case.case_id
        # what is not stored yet can be undone all the same
        waits = case.session.status.pending > 0 or case.session.unfit is not None
        able(self.undo, None if undo or waits or not here else tr("Nothing was drawn or proposed on this image yet."))
        able(self.redo, None if here and redo else tr("Nothing was taken back: what you undo can be brought back."))
        button, until = self._sure
        if time.monotonic() < until:
            able(button, None)
        # connecting twice is connecting once
        case.labels.events.paint.connect(self._drawn)
        case.labels.events.set_data.connect(self._drawn)

    def _drawn(self, event: Any = None) -> None:
        """Something was drawn just now: the project will say so in a moment."""
        able(self.undo, None)

    def _undo(self) -> None:
        if not self._view.take_back():
            self._offer(self.redo)
            self._view.undo()

    def _redo(self) -> None:
        self._offer(self.undo)
        self._view.redo()

    def _offer(self, button: QPushButton) -> None:
        self._sure = (button, time.monotonic() + STALE_SECONDS)
        able(button, None)
