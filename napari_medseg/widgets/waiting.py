"""What takes more than a second: how far it is, and a button that ends it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.workers import Ticket, Work
from napari_medseg.words import tr

AFTER_SECONDS = 1.0
LOOK_MS = 200
_STEPS = 1000


@dataclass(eq=False)
class _Entry:
    work: Work
    cancelled: Callable[[], None]
    began: float = field(default_factory=time.monotonic)


class Waiting(QWidget):
    """A line that is there only while something takes long: the oldest of what is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.bar, self.cancel = TextLabel(), QProgressBar(), QPushButton(tr("Cancel"))
        self.cancel.setObjectName("medseg_cancel_waiting")
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setMaximumWidth(120)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.bar)
        row.addWidget(self.cancel)
        self._entries: list[_Entry] = []
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self.look)
        self.cancel.clicked.connect(self._cancel)
        self.hide()

    def follow(self, work: Work, cancelled: Callable[[], None]) -> None:
        """Show it if it takes long. ``cancelled`` is called where the person ends it."""
        self._entries.append(_Entry(work, cancelled))
        self._timer.start()

    def look(self) -> None:
        """What is over goes, what takes long is shown."""
        self._entries = [one for one in self._entries if not (one.work.over or one.work.ticket.cancelled)]
        if not self._entries:
            self._timer.stop()
            self.hide()
            return
        first = self._entries[0]
        if time.monotonic() - first.began < AFTER_SECONDS:
            self.hide()
            return
        self.text.setText(first.work.text)
        # without a share that is known, it goes to and fro
        self.bar.setRange(0, _STEPS if first.work.share > 0 else 0)
        self.bar.setValue(round(first.work.share * _STEPS))
        self.show()

    def _cancel(self) -> None:
        if not self._entries:
            return
        first = self._entries.pop(0)
        if not first.work.over:
            ticket: Ticket = first.work.ticket
            ticket.cancel()
            first.cancelled()
        self.look()
