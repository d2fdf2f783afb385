"""One thing in several pieces, asked as it is accepted: is the stray dot meant? Nobody is held up by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.pieces import StrayPieces, do_not_ask
from napari_medseg.editing.operations import keep_largest
from napari_medseg.editing.pieces import Strays
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.elsewhere import unseen
from napari_medseg.widgets.labels import TextLabel, as_tip
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.rings import Place, Rings, go_to, in_view
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr


class PieceQuestion(QWidget):
    """Hidden, but for the time between the first press of Accept and the answer; a second press keeps all pieces.

    Parameters
    ----------
    viewer : napari.Viewer
    view : CaseView
    workers : Workers
    rings : Rings
        Around the pieces in question.
    name_of : callable
        What a label is called.
    """

    # there is something to answer
    asked = Signal()

    def __init__(
        self, viewer: Any, view: CaseView, workers: Workers, rings: Rings, name_of: Callable[[int], str]
    ) -> None:
        super().__init__()
        self._viewer, self._view, self._workers, self._rings, self._name_of = viewer, view, workers, rings, name_of
        self._pieces = StrayPieces()
        self._case: OpenCase | None = None
        self._strays: list[Strays] = []
        self._accept: Callable[[], None] = lambda: None
        self._looking = False
        self.text, self.largest, self.all = (
            TextLabel(),
            QPushButton(tr("Keep the largest")),
            QPushButton(tr("Keep both")),
        )
        self.never = QCheckBox(tr("Do not ask again"))
        self.text.setWordWrap(True)
        self.largest.setToolTip(tr("Removes the ringed ones as one step for undo, and accepts"))
        self.all.setToolTip(tr("Accepts the mask as it is  (A again)"))
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.largest, self.all, self.never):
            row.addWidget(widget)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addLayout(row)
        layout.setSpacing(2)
        self.largest.clicked.connect(self.keep_largest)
        self.all.clicked.connect(self.keep_all)
        view.mask_changed.connect(lambda case: self.hide_question() if case is self._case else None)
        self.hide()

    def before(self, accept: Callable[[], None]) -> None:
        """Accept, unless there is something to ask first."""
        # where something else is selected, that is told
        case = self._view.to_change()
        if case is None or self._looking:
            return
        if case is self._case:
            # asked, and pressed again: it is meant
            self.keep_all()
            return
        if case.accepted or case.window is not None or (case.problem() or unseen(case.labels)) is not None:
            # which is told there; in a window things are cut by its border
            accept()
            return
        case.then(lambda: self._look(case, accept))

    def _look(self, case: OpenCase, accept: Callable[[], None]) -> None:
        labels, project, number = np.array(case.labels.data), case.project, case.case_id
        name = case.image.name

        def done(found: list[Strays] | None) -> None:
            self._looking = False
            case.end()
            if not self._view.holds(case) or self._view.current is not case:
                if not case.accepted:
                    told = tr("'{name}' was not accepted: another image was opened. Accept it there.", name=name)
                    self._view.say(told)
            elif found is None:
                self._ask_empty(case, accept)
            elif found:
                self._ask(case, found, accept)
            else:
                accept()

        def look() -> list[Strays] | None:
            emptied = self._pieces.emptied(project, number, labels)
            return None if emptied else self._pieces.to_ask(project, number, labels)

        def failed(error: BaseException) -> None:
            # the mask is not to blame: what is wrong with the project is told by who accepts
            done([])

        self._looking = True
        case.begin()
        self._workers.run(
            lambda ticket, progress: look(),
            on_done=done,
            on_error=failed,
            lane="edit",
        )

    def _ask_empty(self, case: OpenCase, accept: Callable[[], None]) -> None:
        self._case, self._strays, self._accept = case, [], accept
        self.text.setText(tr("The mask is empty: is there nothing to mark on this image?"))
        self.all.setText(tr("Accept as empty"))
        self.largest.hide()
        self.never.hide()
        self._show()

    def _ask(self, case: OpenCase, found: list[Strays], accept: Callable[[], None]) -> None:
        self._case, self._strays, self._accept = case, found, accept
        told = [tr("{n} pieces of {label}", n=len(one.pieces) + 1, label=self._name_of(one.label)) for one in found]
        self.text.setText(
            tr("{pieces}: keep the largest of each?", pieces=tr(" and ").join(told))
            if len(found) > 1
            else tr("{pieces}: keep the largest?", pieces=told[0])
        )
        self.all.setText(tr("Keep both") if len(found) == 1 and len(found[0].pieces) == 1 else tr("Keep all"))
        self.never.setToolTip(
            as_tip(tr("Do not ask again about {labels}", labels=", ".join(self._name_of(one.label) for one in found)))
        )
        self.never.setChecked(False)
        places = [Place(piece.point, piece.radius) for one in found for piece in one.pieces]
        if not any(in_view(self._viewer, case.labels, place.point) for place in places):
            go_to(self._viewer, case.labels, places[0].point)
        self._rings.show(case, places)
        self.largest.show()
        self.never.show()
        self._show()

    def _show(self) -> None:
        self.show()
        self.asked.emit()
        if not self.isVisible():
            # in another tab, with the key
            self._view.say(f"{self.text.text()} {tr('Answer in the tab Correct; A again accepts the mask as it is.')}")

    def hide_question(self) -> None:
        """Nothing is asked any more: it was answered, or the mask or the image is another one."""
        if self._case is not None:
            self._case, self._strays = None, []
            self._rings.hide()
        self.hide()

    def enable(self) -> None:
        """A question goes with its image."""
        if self._case is not None and self._case is not self._view.current:
            self.hide_question()

    def keep_largest(self) -> None:
        """Remove the others as one stroke, and accept."""
        case, asked, accept = self._answered()
        if case is None:
            return
        before = np.array(case.labels.data)

        def work(ticket: Any, progress: Any) -> np.ndarray:
            after = before
            for one in asked:
                after = keep_largest(after, one.label)
            return after

        def done(after: np.ndarray) -> None:
            same = self._view.holds(case) and np.array_equal(case.labels.data, before)
            if same:
                case.apply(after, "keep largest")
            case.end()
            if same:
                accept()
            else:
                self._view.say(tr("Nothing was accepted: the mask changed meanwhile. Accept it again."))

        def failed(error: BaseException) -> None:
            case.end()
            self._view.say(str(error))

        case.begin()
        self._workers.run(work, on_done=done, on_error=failed, lane="edit")

    def keep_all(self) -> None:
        """They are meant: accept the mask as it is."""
        case, _, accept = self._answered()
        if case is not None:
            accept()

    def _answered(self) -> tuple[OpenCase | None, list[Strays], Callable[[], None]]:
        case, asked, accept = self._case, self._strays, self._accept
        if case is not None and self.never.isChecked():
            for one in asked:
                do_not_ask(case.project, one.label)
        self.hide_question()
        return case, asked, accept
