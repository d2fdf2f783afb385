"""Propose all: every image of the project gets its proposal, while the person goes on correcting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event
from typing import Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.propose_all import Step, propose_all
from napari_medseg.errors import PartlyDoneError, sentence
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.greyed import NO_PROJECT, able
from napari_medseg.widgets.message import Message
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import mark, tr, trn

ALL, STOP = mark("Propose all"), mark("Cancel")
# of the images that got none
MOST_TOLD = 5


class ProposeAll(QWidget):
    """A button that becomes Cancel, and how far it is.

    The images go one by one through the lane of all proposals: an image that is opened meanwhile waits for one of them.

    Parameters
    ----------
    state, bus, workers
    view : CaseView
        Says which images are open: those are left to the person.
    note : callable
        Called with the number of a case and the doubt about its proposal.
    """

    # all are done; how many got a proposal
    finished = Signal(int)

    def __init__(
        self,
        state: PanelState,
        bus: Bus,
        workers: Workers,
        view: CaseView,
        note: Callable[[int, float | None], None],
        message: Message,
    ) -> None:
        super().__init__()
        self._state, self._bus, self._workers, self._view, self._note = state, bus, workers, view, note
        self._ticket: Ticket | None = None
        self._stopped = Event()
        self._steps: Iterator[Step] = iter(())
        self._began, self._proposed, self._passed, self._unlike = 0.0, 0, 0, 0
        self.button, self.drawn = QPushButton(tr(ALL)), QCheckBox(tr("Also where I drew"))
        self.anyway = QPushButton(tr("Propose on these, too"))
        self.anyway.setToolTip(tr("The network knows no such images: look twice at what it proposes."))
        self.progress, self.message = QProgressBar(), message
        self.button.setObjectName("medseg_propose_all")
        self.button.setToolTip(tr("A proposal for every image that is not accepted; then the list stands worst first."))
        self.drawn.setToolTip(tr("Your strokes stay; the network has its say beside them."))
        row = QHBoxLayout()
        row.addWidget(self.button)
        row.addWidget(self.drawn)
        row.addWidget(self.progress, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # where the bar was
        row.addWidget(self.anyway)
        layout.addLayout(row)
        self.anyway.hide()
        self.button.clicked.connect(self._pressed)
        self.anyway.clicked.connect(lambda: self.start(unlike=True))
        state.events.project.connect(self._project_changed)
        self._show_running(False)

    def _pressed(self) -> None:
        if self._ticket is None:
            self.start()
        else:
            self.stop()

    def start(self, *, unlike: bool = False) -> None:
        """Begin with the first image; ``unlike``: also where the network knows no such images."""
        project = self._state.project
        if project is None or self._ticket is not None:
            return
        self._began, self._proposed, self._passed, self._unlike = time.monotonic(), 0, 0, 0
        self._stopped = Event()
        self._steps = propose_all(
            project,
            # of a network for images of another device, a person asks for one image
            self._state.unasked_for,
            drawn=self.drawn.isChecked(),
            unlike=unlike,
            open_now=self._view.in_hand,
            # not by the ticket: the first image may be begun with before there is one
            cancelled=self._stopped.is_set,
        )
        self._tell("")
        self.progress.setRange(0, 0)
        self._show_running(True)
        self._go_on()

    def stop(self) -> None:
        """What was proposed until now stays."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._stopped.set()
            self._ticket = None
            self._show_running(False)
            self._tell(tr("Cancelled. {count} Press again to go on.", count=self._count()))

    def _go_on(self) -> None:
        # one image each time: what a person asks for meanwhile comes between two
        self._ticket = self._workers.run(
            partial(_next, self._steps), on_done=self._stepped, on_error=self._failed, lane="compute"
        )

    def _stepped(self, step: Step | None) -> None:
        if step is None:
            self._end(self._count())
            return
        if step.unlike:
            self._unlike += 1
        elif step.doubt is None:
            self._passed += 1
        else:
            self._proposed += 1
            self._note(step.case.id, step.doubt)
            self._bus.cases_changed.emit()
        left = (time.monotonic() - self._began) / step.done * (step.of - step.done)
        self.progress.setRange(0, step.of)
        self.progress.setValue(step.done)
        self.progress.setFormat(
            tr("{done} of {total}, {left:.0f} s left", done=step.done, total=step.of, left=left)
            if step.done < step.of
            else tr("{done} of {total}", done=step.done, total=step.of)
        )
        self._go_on()

    def _failed(self, error: BaseException) -> None:
        told = [self._count(), sentence(error)]
        if isinstance(error, PartlyDoneError):
            # each of them is among those that were passed over
            self._passed -= len(error.problems)
            told = [
                self._count(),
                trn("{n} got none:", "{n} got none:", len(error.problems)),
                *error.problems[:MOST_TOLD],
            ]
        show_warning(sentence(error))
        self._end("\n".join(told), done=isinstance(error, PartlyDoneError))

    def _end(self, told: str, *, done: bool = True) -> None:
        self._ticket = None
        self._show_running(False)
        self._tell(told)
        self._bus.cases_changed.emit()
        if done:
            self.finished.emit(self._proposed)

    def _count(self) -> str:
        told = [trn("{n} image has a proposal.", "{n} images have a proposal.", self._proposed)]
        if self._unlike:
            told.append(
                trn(
                    "{n} image looks like something else than the network knows: left out.",
                    "{n} images look like something else than the network knows: left out.",
                    self._unlike,
                )
            )
        if self._passed:
            told.append(
                trn(
                    "{n} left as it is: open (for that, press Propose), or drawn on.",
                    "{n} left as they are: open (for that, press Propose), or drawn on.",
                    self._passed,
                )
            )
        if not self._proposed and not self._state.weights and not self._state.task:
            told = [tr("Choose first what is on your images, in the tab Propose."), *told]
        return " ".join(told)

    def _project_changed(self, *_: Any) -> None:
        self.stop()
        self.anyway.hide()
        self._show_running(False)

    def _show_running(self, running: bool) -> None:
        self.button.setText(tr(STOP if running else ALL))
        able(self.button, tr(NO_PROJECT) if self._state.project is None else None)
        self.drawn.setVisible(not running)
        self.progress.setVisible(running)

    def forget(self) -> None:
        """What was offered after the last time goes."""
        if self._ticket is None:
            self.anyway.hide()

    def _tell(self, text: str) -> None:
        # of all images: it is read on the next one, too
        self.message.note(text)
        self.anyway.setVisible(bool(text) and self._unlike > 0 and self._ticket is None)


def _next(steps: Iterator[Step], ticket: Ticket, progress: Any) -> Step | None:
    return next(steps, None)
