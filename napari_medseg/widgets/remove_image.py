"""Take an image off the list: by the key Delete, or by a right click on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QEvent, QObject, QPoint, Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QMenu, QMessageBox

from napari_medseg.errors import sentence
from napari_medseg.project import Case, Project
from napari_medseg.widgets.case_table import CaseTable
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.message import Message
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr, trn


class RemoveImage(QObject):
    """Asks, closes the image where it is open, and takes it off the list; its file and its strokes stay.

    Parameters
    ----------
    table, state, workers, view, message
    go_on : callable
        Opens another image where the one that went was open.
    """

    # one is no longer listed
    removed = Signal()

    def __init__(
        self,
        table: CaseTable,
        state: PanelState,
        workers: Workers,
        view: CaseView,
        message: Message,
        go_on: Callable[[], None],
    ) -> None:
        super().__init__(table)
        self._table, self._state, self._workers = table, state, workers
        self._view, self._message, self._go_on = view, message, go_on
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._menu)
        table.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The key, while the list has the focus: elsewhere it is napari's, which deletes a layer by it."""
        if not isinstance(event, QKeyEvent) or not event.matches(QKeySequence.StandardKey.Delete):
            return False
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
        elif event.type() == QEvent.Type.KeyPress:
            self.ask(self._table.currentIndex().row())
        return True

    def _menu(self, at: QPoint) -> None:
        row = self._table.rowAt(at.y())
        if row < 0:
            return
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        action = menu.addAction(tr("Remove from the project..."))
        action.triggered.connect(lambda: self.ask(row))
        menu.popup(self._table.viewport().mapToGlobal(at))

    def ask(self, row: int) -> None:
        """Whether the image in a row is to go."""
        project = self._state.project
        if project is None or not 0 <= row < self._table.rowCount():
            return
        case = self._table.cases.shown[row]
        asked = tr("Remove '{name}' from the project?", name=case.name)
        box = QMessageBox(QMessageBox.Icon.Question, "MedSeg", asked, parent=self._table)
        box.setTextFormat(Qt.TextFormat.PlainText)
        kept = tr("Its file stays where it is. Nothing is learned from it or exported any more.")
        if case.strokes or case.state != "new":
            kept += " " + trn(
                "Its mask and your {n} stroke stay stored: add the image again, and they are back.",
                "Its mask and your {n} strokes stay stored: add the image again, and they are back.",
                case.strokes,
            )
        box.setInformativeText(kept)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        yes = box.addButton(tr("Remove"), QMessageBox.ButtonRole.DestructiveRole)
        yes.clicked.connect(partial(self._remove, project, case))
        box.setDefaultButton(box.addButton(tr("Keep it"), QMessageBox.ButtonRole.RejectRole))
        box.open()

    def _remove(self, project: Project, case: Case, *_: object) -> None:
        if project is not self._state.project:
            return
        was_open = case.id in self._view.in_hand()
        # what cannot be stored stays open, which is told
        if was_open and not self._view.close_all():
            return

        def end(told: str) -> None:
            if project is self._state.project:
                self.removed.emit()
                if was_open:
                    self._go_on()
                self._message.note(told)

        said = tr("'{name}' was removed. Adding it again brings its mask and strokes back.", name=case.name)
        self._workers.run(
            lambda ticket, progress: project.remove(case.id),
            on_done=lambda _: end(said),
            on_error=lambda error: end(sentence(error)),
            lane="files",
        )
