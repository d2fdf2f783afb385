"""The manual's pages in a window of their own. They are files beside the program: nothing is fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, QUrl
from qtpy.QtGui import QBrush, QColor, QImage, QPalette, QTextCharFormat, QTextCursor, QTextDocument
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QTextBrowser, QVBoxLayout, QWidget

from napari_medseg.app.manual import CONTENTS, GLOSSARY, manual_folder, page_in
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.words import tr

SIZE = (820, 760)
# readable on light and on dark ground: which of the two is chosen by the ground
LINKS = {True: "#7fb0ff", False: "#1d5fc4"}


class Pages(QTextBrowser):
    """Shows Markdown of one folder, with the pictures beside it. Links elsewhere are told, not followed.

    Parameters
    ----------
    folder : Path
        Nothing outside is read.
    tell : callable
        Takes a sentence.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._folder, self._tell = folder, tell
        self.setOpenLinks(False)
        self.anchorClicked.connect(self.follow)
        self.sourceChanged.connect(self._dress)

    def show_page(self, page: str) -> None:
        """A page by its path in the folder; behind ``#`` the heading to begin at."""
        name, _, heading = page.partition("#")
        url = QUrl.fromLocalFile(str(self._folder / name))
        url.setFragment(heading)
        self.follow(url)

    def follow(self, url: QUrl) -> None:
        """Go where a link says, if that is a page of the folder."""
        whole = self.source().resolved(url) if url.isRelative() else url
        page = page_in(self._folder, Path(whole.toLocalFile())) if whole.isLocalFile() else None
        if page is None or page.suffix != ".md":
            self._tell(tr("Not opened, since it is no page of this help: {link}", link=url.toString()))
            return
        self._tell("")
        self.setSource(QUrl.fromLocalFile(str(page)))
        if whole.fragment():
            self.scroll_to(whole.fragment())

    def scroll_to(self, heading: str) -> bool:
        """Show a heading at the top, by the name that links give it; False: there is none of that name."""
        document = self.document()
        block = None if document is None else document.begin()
        while block is not None and block.isValid():
            if block.blockFormat().headingLevel() and slug(block.text()) == heading:
                bar, layout = self.verticalScrollBar(), document.documentLayout()
                if bar is not None and layout is not None:
                    bar.setValue(round(layout.blockBoundingRect(block).top()))
                return True
            block = block.next()
        return False

    def loadResource(self, kind: int, name: QUrl) -> Any:
        """Text and pictures of the folder alone, pictures no wider than the window."""
        whole = self.source().resolved(name) if name.isRelative() else name
        path = page_in(self._folder, Path(whole.toLocalFile())) if whole.isLocalFile() else None
        if path is None:
            return None
        if QTextDocument.ResourceType(kind) != QTextDocument.ResourceType.ImageResource:
            return path.read_text(encoding="utf-8")
        picture, room = QImage(str(path)), max(200, self.width() - 60)
        if picture.width() > room:
            return picture.scaledToWidth(room, Qt.TransformationMode.SmoothTransformation)
        return picture

    def _dress(self, *_: Any) -> None:
        """Links in a colour that the ground leaves readable: Qt takes the system's, whatever napari's theme is."""
        document = self.document()
        look = QTextCharFormat()
        look.setForeground(QBrush(QColor(LINKS[self.palette().color(QPalette.ColorRole.Base).lightness() < 128])))
        for first, last in _links(document):
            cursor = QTextCursor(document)
            cursor.setPosition(first)
            cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(look)


def _links(document: Any) -> list[tuple[int, int]]:
    """From where to where the links of a document reach."""
    found, block = [], document.begin()
    while block.isValid():
        spans = block.begin()
        while not spans.atEnd():
            span = spans.fragment()
            if span.charFormat().isAnchor():
                found.append((span.position(), span.position() + span.length()))
            spans += 1
        block = block.next()
    return found


def slug(heading: str) -> str:
    """What links call a heading, as on GitHub: ``Who judges?`` is ``who-judges``."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


class Manual(QWidget):
    """A window beside the others: pages, back, contents, words, tour.

    Parameters
    ----------
    parent : QWidget
        With which it goes.
    tour : callable
        Begins the tour.
    """

    def __init__(self, parent: QWidget, tour: Callable[[], None]) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("MedSeg help"))
        screen = parent.screen()
        self.resize(QSize(*SIZE) if screen is None else QSize(*SIZE).boundedTo(screen.availableSize()))
        self.message = TextLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.pages = Pages(manual_folder(), self._tell)
        self.back = QPushButton(tr("Back"))
        self.contents, self.words = QPushButton(tr("All pages")), QPushButton(tr("Words"))
        self.tour = QPushButton(tr("Tour"))
        self.tour.setToolTip(tr("Five bubbles over the window"))
        row = QHBoxLayout()
        for button in (self.back, self.contents, self.words):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.tour)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.pages, 1)
        layout.addWidget(self.message)
        self.message.hide()
        self._go_back(False)
        self.pages.backwardAvailable.connect(self._go_back)
        self.back.clicked.connect(self.pages.backward)
        self.contents.clicked.connect(lambda: self.pages.show_page(CONTENTS))
        self.words.clicked.connect(lambda: self.pages.show_page(GLOSSARY))
        self.tour.clicked.connect(self._leave_for)
        self._start_tour = tour

    def _tell(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def _go_back(self, can: bool) -> None:
        able(self.back, None if can else tr("There is no page before this one."))

    def _leave_for(self) -> None:
        self.hide()
        self._start_tour()

    def open(self, page: str) -> None:
        """Show a page, in front."""
        self.show()
        self.raise_()
        self.activateWindow()
        self.pages.show_page(page)
