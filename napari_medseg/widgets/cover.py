"""While another image is opened, the one in view is covered: nobody takes it for the new one."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.opening import Opening
from napari_medseg.words import tr

# what opens within so long comes without a cover: it would flicker
PATIENCE_MS = 200


class Cover(QFrame):
    """Lies on the image; hidden, unless someone waits for another one.

    Parameters
    ----------
    opening : Opening
    name_of : callable
        Gives the name of a case by its number.
    panel : QWidget
        Lies in the window, now or later.
    """

    # whether the image in view is out of sight
    turned = Signal(bool)

    def __init__(self, opening: Opening, name_of: Callable[[int], str], panel: QWidget) -> None:
        super().__init__(panel)
        self._opening, self._name_of, self._panel = opening, name_of, panel
        self.text, self.cancel = TextLabel(), QPushButton(tr("Cancel"))
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setObjectName("medseg_cover")
        # what was there stays to be guessed at: it comes back where the person cancels
        self.setStyleSheet("#medseg_cover { background: rgba(0, 0, 0, 215); } #medseg_cover QLabel { color: white; }")
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.cancel)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.addStretch()
        layout.addWidget(self.text)
        layout.addLayout(row)
        layout.addStretch()
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(self._lay)
        opening.progressed.connect(self.look)
        opening.ended.connect(self.look)
        self.cancel.clicked.connect(opening.cancel)
        self.hide()

    def look(self, *_: object) -> None:
        """Something is about to be shown, or no longer."""
        if self._opening.case_id is None:
            self._patience.stop()
            if not self.isHidden():
                self.hide()
                self.turned.emit(False)
        elif self.isHidden():
            if not self._patience.isActive():
                self._patience.start()
        else:
            self._tell()

    def _tell(self) -> None:
        case_id = self._opening.case_id
        self.text.setText(tr("Opening '{name}'...", name="" if case_id is None else self._name_of(case_id)))

    def _lay(self) -> None:
        above: QWidget | None = self._panel
        # a panel that floats is a window of its own, and still the main one's child
        while above is not None and not isinstance(above, QMainWindow):
            above = above.parentWidget()
        middle = None if above is None else above.centralWidget()
        if middle is None or self._opening.case_id is None:
            return
        if self.parentWidget() is not middle:
            self.setParent(middle)
            middle.installEventFilter(self)
            self._panel.destroyed.connect(self.deleteLater)
        self.setGeometry(middle.rect())
        self._tell()
        self.show()
        self.raise_()
        self.turned.emit(True)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The window has another size."""
        if event is not None and event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return False
