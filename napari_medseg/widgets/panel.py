"""The panel MedSeg: Propose, Correct, Retrain, Export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel, QMainWindow, QMessageBox, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_medseg.errors import sentence
from napari_medseg.widgets.banner import StorageBanner
from napari_medseg.widgets.correct import CorrectSection
from napari_medseg.widgets.export import ExportSection
from napari_medseg.widgets.keys import bind, unbind
from napari_medseg.widgets.logged import keep_log
from napari_medseg.widgets.propose import ProposeSection
from napari_medseg.widgets.retrain import RetrainSection
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Workers

if TYPE_CHECKING:
    import napari

MIN_WIDTH = 340


class MedSegPanel(QWidget):
    """One panel for one viewer.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari passes it by this name.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        keep_log()
        self.setMinimumWidth(MIN_WIDTH)
        self._viewer: Any = napari_viewer
        self.state, self.bus = PanelState(), Bus()
        self.workers = Workers(self, lambda error: show_error(sentence(error)))
        self.propose = ProposeSection(napari_viewer, self.state, self.bus, self.workers)
        self.correct = CorrectSection(napari_viewer, self.state, self.bus, self.workers)
        self.retrain = RetrainSection(napari_viewer, self.state, self.bus, self.workers)
        self.export = ExportSection(napari_viewer, self.state, self.workers)
        self.correct.may_leave = lambda: self.retrain.may_close(self._ask, "another project is opened")
        self.tabs = QTabWidget()
        for name, section in (
            ("Propose", self.propose),
            ("Correct", self.correct),
            ("Retrain", self.retrain),
            ("Export", self.export),
        ):
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(section)
            self.tabs.addTab(area, name)
        self.banner = StorageBanner(self.state, self.bus)
        note = QLabel("Research use only, no medical device.")
        note.setEnabled(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.banner)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(note)
        own = {"propose": self.propose.start, "draw_boxes": self.propose.options.draw.click}
        actions = {**self.correct.actions, **own}
        bind(napari_viewer, actions)
        self.correct.view.actions = actions
        self._closed = False
        self.destroyed.connect(self.workers.close)

    def showEvent(self, event: QShowEvent | None) -> None:
        """In a window now: hear of its closing."""
        super().showEvent(event)
        self.window().installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The window is about to close while training is at work: ask first."""
        # a floating panel's own window is only hidden by its Close
        closing = event is not None and event.type() == QEvent.Type.Close and isinstance(watched, QMainWindow)
        if event is not None and closing and not self._closed and not self.retrain.may_close(self._ask):
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _ask(self, question: str, *, may_stay: bool = True) -> str:
        box = QMessageBox(QMessageBox.Icon.Question, "MedSeg", question, parent=self)
        box.setTextFormat(Qt.TextFormat.PlainText)
        answers = {
            box.addButton("Let it finish", QMessageBox.ButtonRole.AcceptRole): "finish",
            box.addButton("Cancel training", QMessageBox.ButtonRole.DestructiveRole): "cancel",
        }
        if may_stay:
            answers[box.addButton("Stay here", QMessageBox.ButtonRole.RejectRole)] = "stay"
        box.exec()
        return answers.get(box.clickedButton(), "stay" if may_stay else "finish")

    def _removed(self) -> None:
        """The dock was closed: napari has let go of the panel already, and tells it nothing else."""
        if not self._closed:
            self.retrain.may_close(lambda question: self._ask(question, may_stay=False), "the panel is closed")
            self.shut_down()

    def shut_down(self) -> None:
        """Store and end everything; more calls do nothing."""
        if self._closed:
            return
        self._closed = True
        self.propose.close_section()
        self.retrain.close_section()
        self.correct.close_section()
        self.workers.close()
        unbind(self._viewer)

    def event(self, event: QEvent) -> bool:
        """napari deletes a dock's widget without closing it."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._removed()
        if event.type() in (QEvent.Type.Close, QEvent.Type.DeferredDelete):
            self.shut_down()
        return super().event(event)
