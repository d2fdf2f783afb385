"""The ? in the corner of the tabs, and F1: the page of the tab in view."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QTabWidget, QToolButton

from napari_medseg.app.manual import SECTIONS
from napari_medseg.errors import MedsegError, sentence
from napari_medseg.widgets.manual import Manual
from napari_medseg.words import tr

KEY = "F1"
# px across
ROUND = 20


class Help(QObject):
    """Opens the page of a section.

    Parameters
    ----------
    tabs : QTabWidget
        Of the sections, in the order of the manual's.
    tour : callable
        Begins the tour.
    """

    def __init__(self, tabs: QTabWidget, tour: Callable[[], None]) -> None:
        super().__init__(tabs)
        self._tabs, self._tour = tabs, tour
        self.window: Manual | None = None
        self.button = QToolButton()
        self.button.setText("?")
        self.button.setFixedSize(ROUND, ROUND)
        self.button.setStyleSheet(
            f"QToolButton {{ border: 1px solid palette(mid); border-radius: {ROUND // 2}px; padding: 0; margin: 0; }}"
        )
        self.button.clicked.connect(self.open)
        tabs.setCornerWidget(self.button)
        self.shortcut = QShortcut(QKeySequence(KEY), tabs)
        self.shortcut.activated.connect(self.open)
        tabs.currentChanged.connect(self._name)
        self._name()

    def _name(self, *_: int) -> None:
        section = self._tabs.tabText(self._tabs.currentIndex())
        self.button.setToolTip(
            tr("Help for {section}, and the tour of MedSeg  ({key})", section=section, key=KEY) if section else ""
        )
        self.button.setAccessibleName(tr("Help for {section}", section=section))

    def open(self) -> None:
        """The page of the tab in view."""
        try:
            if self.window is None:
                # with the panel's window, not with the panel: a tab's scroll area is no parent for a window
                self.window = Manual(self._tabs.window(), self._tour)
                self.window.destroyed.connect(self._gone)
            # their names are in the person's language
            self.window.open(tuple(SECTIONS.values())[self._tabs.currentIndex()])
        except MedsegError as error:
            show_warning(sentence(error))

    def _gone(self, *_: object) -> None:
        self.window = None

    def close(self) -> None:
        """The panel goes."""
        if self.window is not None:
            self.window.destroyed.disconnect(self._gone)
            self.window.close()
            self.window.deleteLater()
            self.window = None
