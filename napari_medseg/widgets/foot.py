"""Below the tabs: the place that is kept for whatever is said, so that no button moves when something is."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QFrame, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from napari_medseg.widgets.greyed import why_not
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.message import Message

# of a text; a longer one scrolls
LINES = 4


class Foot(QWidget):
    """As high whatever is said.

    Parameters
    ----------
    pages : sequence of (Message, QPushButton or None, sequence of QWidget)
        For each tab: what is said there; its main step, whose reason stands here while it cannot be taken and nothing
        else is said (None: it is told beside the button); what stands above the message at times.
    above : sequence of QWidget
        What is under way, in one line each: there for a while, whatever tab is looked at.
    """

    def __init__(
        self, pages: Sequence[tuple[Message, QPushButton | None, Sequence[QWidget]]], above: Sequence[QWidget]
    ) -> None:
        super().__init__()
        self.pages = QStackedWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in above:
            layout.addWidget(widget)
        layout.addWidget(self.pages, 1)
        for message, main, others in pages:
            self.pages.addWidget(_page(message, main, others))
        self._fit()

    def show_page(self, number: int) -> None:
        """That of a tab."""
        self.pages.setCurrentIndex(number)

    def _fit(self) -> None:
        self.setFixedHeight(LINES * self.fontMetrics().lineSpacing() + 4)

    def changeEvent(self, event: QEvent | None) -> None:
        """Another font."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()


def _page(message: Message, main: QPushButton | None, others: Sequence[QWidget]) -> QScrollArea:
    inside, area = QWidget(), QScrollArea()
    layout = QVBoxLayout(inside)
    layout.setContentsMargins(6, 0, 6, 0)
    layout.setSpacing(2)
    reason = () if main is None else (Reason(message, main),)
    for widget in (*others, message, *reason):
        layout.addWidget(widget)
    layout.addStretch()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_said() -> None:
        message.setVisible(bool(message.text()))
        # a new sentence is read from its beginning
        area.verticalScrollBar().setValue(0)

    message.said.connect(show_said)
    show_said()
    return area


class Reason(TextLabel):
    """Why the main step of a tab cannot be taken, while nothing else is said."""

    def __init__(self, message: Message, main: QPushButton) -> None:
        super().__init__()
        self._message, self._main = message, main
        self.setWordWrap(True)
        # as the button: grey
        self.setEnabled(False)
        main.installEventFilter(self)
        message.said.connect(self._look)
        self._look()

    def _look(self) -> None:
        why = why_not(self._main)
        self.setText(why)
        self.setVisible(bool(why) and not self._message.text())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The button can be pressed, or not, or for another reason."""
        if event is not None and event.type() in (QEvent.Type.EnabledChange, QEvent.Type.ToolTipChange):
            self._look()
        return False
