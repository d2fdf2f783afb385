"""The panel MedSeg: Propose, Correct, Retrain, Export."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMainWindow, QMessageBox, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from napari_medseg.app.rescue import rescue_folders, untold_rescues
from napari_medseg.errors import sentence
from napari_medseg.widgets.banner import StorageBanner
from napari_medseg.widgets.closing import Ending
from napari_medseg.widgets.correct import CorrectSection
from napari_medseg.widgets.cover import Cover
from napari_medseg.widgets.drops import Drops
from napari_medseg.widgets.export import ExportSection
from napari_medseg.widgets.foot import Foot
from napari_medseg.widgets.help import Help
from napari_medseg.widgets.image_bar import ImageBar
from napari_medseg.widgets.keys import bind, unbind
from napari_medseg.widgets.logged import keep_log
from napari_medseg.widgets.message import Message, Of
from napari_medseg.widgets.no_box import paint_no_box
from napari_medseg.widgets.once import warn_unseen
from napari_medseg.widgets.presses import Presses
from napari_medseg.widgets.propose import ProposeSection
from napari_medseg.widgets.retrain import RetrainSection
from napari_medseg.widgets.slide_runs import SlideRuns
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.tour import Tour
from napari_medseg.widgets.waiting import Waiting
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr

if TYPE_CHECKING:
    import napari

MIN_WIDTH = 400
# of a window: the project that was open when the panel was closed in it
LEFT = "medseg_left"


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
        paint_no_box(napari_viewer)
        self.state, self.bus = PanelState(), Bus()
        self.workers = Workers(self, lambda error: show_error(sentence(error)))
        self.waiting, self.image_bar = Waiting(), ImageBar(napari_viewer)
        self.workers.began.connect(self.waiting.follow)
        self.workers.ended.connect(self.waiting.look)
        self.propose = ProposeSection(napari_viewer, self.state, self.bus, self.workers)
        self.correct = CorrectSection(napari_viewer, self.state, self.bus, self.workers)
        self.retrain = RetrainSection(napari_viewer, self.state, self.bus, self.workers)
        self.export = ExportSection(napari_viewer, self.state, self.correct.view, self.workers)
        self.correct.may_leave = lambda: (
            self.export.may_close(self._ask_writing)
            and self.retrain.may_close(self._ask, tr("another project is opened"))
        )
        self.slide_runs = SlideRuns(napari_viewer, self.state, self.bus, self.correct.view, self.workers)
        self.propose.slide.use(self.slide_runs, self._take)
        self.correct.slide.progress.use(self.slide_runs)
        self.bus.doubts.connect(self.correct.slide.know_doubts)
        self.correct.view.end_draft = lambda opened: self.propose.end_draft(opened.project, opened.case_id)
        self.export.table.show_table.clicked.connect(self.correct.volume.measurements.toggle)
        self.tabs = QTabWidget()
        for name, section in (
            (tr("Propose"), self.propose),
            (tr("Correct"), self.correct),
            (tr("Retrain"), self.retrain),
            (tr("Export"), self.export),
        ):
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(section)
            self.tabs.addTab(area, name)
        self.tour = Tour(self)
        self.help = Help(self.tabs, self.tour.start)
        self.bus.told.connect(self._tell_here)
        self.banner = StorageBanner(self.state, self.bus)
        self.foot = self._foot()
        self.cover = Cover(self.correct.view.opener, self.correct.table.name_of, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(2)
        for widget in (self.banner, self.image_bar):
            layout.addWidget(widget)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.foot)
        layout.addLayout(self._last_line())
        self.presses = Presses(self)
        self.cover.turned.connect(self.presses.cover)
        # it is shown before its proposal, which is on its way
        self.bus.opening.connect(self.cover.look)
        own = {"propose": self.propose.start, "draw_boxes": self.propose.options.draw.click}
        actions = self.presses.guarded({**self.correct.actions, **own})
        bind(napari_viewer, actions)
        self.correct.view.actions = actions
        self._watch_presses()
        if not self.correct.last.isHidden() and not napari_viewer.layers:
            # where the project of last time is offered
            self.tabs.setCurrentIndex(1)
        self._closed = False
        self._ending = Ending(self, self._may_close, self.shut_down)
        self._drops = Drops(self, self._take, self._came)
        # no layer came or went then, which they listen to
        self.bus.filled.connect(self.propose.image.fill)
        self.bus.filled.connect(lambda _: self.image_bar.look())
        self.destroyed.connect(self.workers.close)
        self.workers.run(lambda ticket, progress: untold_rescues(), on_done=self._tell_rescued, lane="files")

    def _foot(self) -> Foot:
        """What is said, in a place that is kept for it: in Correct, that is also where something is asked."""
        correct, nothing = self.correct, ()
        pages = (
            (self.propose.message, None, nothing),
            (
                correct.status,
                correct.accept,
                (correct.pieces, correct.tools.neighbours, correct.opening.draft, correct.slide.progress),
            ),
            (self.retrain.message, None, nothing),
            (self.export.message, self.export.export, nothing),
        )
        foot = Foot(pages, (self.waiting, correct.opening))
        self.tabs.currentChanged.connect(foot.show_page)
        self.state.events.case_id.connect(self._other_image)
        self.state.events.project.connect(self._other_project)
        return foot

    def _other_image(self, *_: Any) -> None:
        # Correct knows which images come one after the other
        for message in self._messages():
            if message is not self.correct.status:
                message.past(Of.IMAGE)

    def _other_project(self, *_: Any) -> None:
        # one comes after another by way of none
        if self.state.project is not None:
            self.export.message.past(Of.PROJECT)

    def _last_line(self) -> QHBoxLayout:
        note, line = QLabel(tr("Research use only, no medical device.")), QHBoxLayout()
        note.setEnabled(False)
        line.addWidget(note, 1)
        line.addWidget(self.correct.keys)
        return line

    def _watch_presses(self) -> None:
        """A press counts for what was on the screen when it was made."""
        self.presses.watch(*self.correct.deciding(), self.propose.run, self.export.export)
        # a method: of a function, the signals would keep the panel and all its images for good
        self.state.events.case_id.connect(self._case_changed)
        self.correct.view.proposal_shown.connect(self.presses.show_other)
        self.correct.pieces.asked.connect(self.presses.show_other)
        self.presses.dropped.connect(self._tell_dropped)

    def _case_changed(self, case_id: int | None) -> None:
        if case_id is not None:
            self.presses.show_case()

    def _tell_dropped(self, why: str) -> None:
        """Said quietly, behind what is said already."""
        message = self._messages()[self.tabs.currentIndex()]
        # over as soon as anything is done
        message.say(f"{message.text().removesuffix(why).strip()} {why}".strip(), Of.IMAGE)

    def _messages(self) -> tuple[Message, ...]:
        return self.propose.message, self.correct.status, self.retrain.message, self.export.message

    def _came(self, window: QMainWindow) -> None:
        """Into a window in which the panel was closed before: what was open then is opened again."""
        left = window.property(LEFT)
        window.setProperty(LEFT, None)
        if left and self.state.project is None:
            self.correct.open_project(left)
            self.tabs.setCurrentIndex(1)

    def _take(self, paths: Sequence[Path]) -> None:
        """What is dropped goes to the list."""
        self.tabs.setCurrentIndex(1)
        self.correct.take_dropped(paths)

    def _tell_rescued(self, files: list[Path]) -> None:
        """What was rescued as a window closed: there was nobody left to tell."""
        if files:
            names = ", ".join(file.name for file in files[:3]) + (", ..." if len(files) > 3 else "")
            show_warning(
                tr(
                    "Masks that could not be stored in their project lie in {folder}: {names}.",
                    folder=files[0].parent,
                    names=names,
                )
            )

    def _tell_here(self, why: str) -> None:
        """What was not done is said in the section that is looked at, too."""
        self._messages()[self.tabs.currentIndex()].say(why, Of.IMAGE)
        warn_unseen(self, why)

    def _may_close(self) -> bool:
        """Before the window closes: is all stored, and what becomes of the run?"""
        self.correct.session.note()
        unstored = self.correct.view.unstored()
        return (
            (not unstored or self._ask_unstored(unstored))
            and self.export.may_close(self._ask_writing)
            and self.retrain.may_close(self._ask)
        )

    def _ask_unstored(self, unstored: list[tuple[str, str]]) -> bool:
        text = "\n".join(f"'{name}': {why}" for name, why in unstored)
        box = QMessageBox(QMessageBox.Icon.Warning, "MedSeg", tr("The last strokes are not stored."), parent=self)
        box.setTextFormat(Qt.TextFormat.PlainText)
        where = tr(" or, if that cannot be, to ").join(map(str, rescue_folders()))
        box.setInformativeText(
            text + "\n\n" + tr("Close all the same? The masks are then written to {where}.", where=where)
        )
        close = box.addButton(tr("Close, write them there"), QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(tr("Stay here"), QMessageBox.ButtonRole.RejectRole)
        box.exec()
        return box.clickedButton() is close

    def _ask_writing(self, told: str) -> bool:
        box = QMessageBox(QMessageBox.Icon.Question, "MedSeg", told, parent=self)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText(tr("Go on all the same? What is not written yet is then left out."))
        close = box.addButton(tr("Go on, leave out the rest"), QMessageBox.ButtonRole.DestructiveRole)
        box.addButton(tr("Stay here"), QMessageBox.ButtonRole.RejectRole)
        box.exec()
        return box.clickedButton() is close

    def _ask(self, question: str, *, may_stay: bool = True) -> str:
        box = QMessageBox(QMessageBox.Icon.Question, "MedSeg", question, parent=self)
        box.setTextFormat(Qt.TextFormat.PlainText)
        answers = {
            box.addButton(tr("Let it finish"), QMessageBox.ButtonRole.AcceptRole): "finish",
            box.addButton(tr("Cancel training"), QMessageBox.ButtonRole.DestructiveRole): "cancel",
        }
        if may_stay:
            answers[box.addButton(tr("Stay here"), QMessageBox.ButtonRole.RejectRole)] = "stay"
        box.exec()
        return answers.get(box.clickedButton(), "stay" if may_stay else "finish")

    def _removed(self) -> None:
        """The dock was closed: napari has let go of the panel already, and tells it nothing else."""
        if not self._closed:
            self.retrain.may_close(lambda question: self._ask(question, may_stay=False), tr("the panel is closed"))
            project, window = self.state.project, self._drops.window
            if project is not None and window is not None:
                window.setProperty(LEFT, str(project.path))
            self.shut_down()

    def shut_down(self) -> None:
        """Store and end everything; more calls do nothing."""
        if self._closed:
            return
        self._closed = True
        self._ending.stop()
        with ExitStack() as last_first:
            # whatever one of them cannot do, the others are done
            last_first.callback(unbind, self._viewer)
            # it lay in the window, and would keep the panel
            last_first.callback(self.cover.setParent, self)
            last_first.callback(self.image_bar.detach)
            last_first.callback(self.tour.stop)
            last_first.callback(self.help.close)
            last_first.callback(self.workers.close)
            last_first.callback(self.propose.close_section)
            last_first.callback(self.correct.close_section)
            last_first.callback(self.export.close_section)
            last_first.callback(self.retrain.close_section)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Seen: the very first time of all, the tour begins."""
        super().showEvent(event)
        self.presses.look()
        self.tour.seen()

    def event(self, event: QEvent) -> bool:
        """napari deletes a dock's widget without closing it."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is None:
                self._removed()
            else:
                self._ending.look()
                self.presses.look()
        if event.type() in (QEvent.Type.Close, QEvent.Type.DeferredDelete):
            self.shut_down()
        return super().event(event)
