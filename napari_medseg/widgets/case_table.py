"""The list of a project's images: what state each is in, and which one is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_medseg.project import Case
from napari_medseg.widgets.case_model import CASE, MISSING, STATES, CaseModel
from napari_medseg.words import tr

# the header and two rows, px: where there is room, it is given all of it
LEAST = 66
# beside a text in its cell, px
ROOM = 14


class CaseTable(QTableView):
    """One image a row."""

    # a row and a column
    cellActivated = Signal(int, int)
    cellClicked = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.cases = CaseModel(self)
        self.setModel(self.cases)
        self.verticalHeader().setVisible(False)
        # all as high: nobody measures ten thousand
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight(LEAST)
        # names are cut short instead: a bar that comes and goes would hide the last row
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.activated.connect(lambda index: self.cellActivated.emit(index.row(), index.column()))
        self.clicked.connect(lambda index: self.cellClicked.emit(index.row(), index.column()))
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._fit()

    def changeEvent(self, event: QEvent | None) -> None:
        """Another font: the columns follow."""
        super().changeEvent(event)
        assert event is not None
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self.model() is not None:
            self._fit()

    def _fit(self) -> None:
        """As wide as what can stand there."""
        texts = {1: [*map(tr, STATES.values()), tr(MISSING)], 2: ["9999"]}
        bold = self.font()
        bold.setBold(True)
        measure = type(self.fontMetrics())(bold)
        for column, column_texts in texts.items():
            widest = max(measure.horizontalAdvance(text) for text in column_texts) + ROOM
            self.setColumnWidth(column, max(widest, self.horizontalHeader().sectionSizeHint(column)))

    def sizeHint(self) -> QSize:
        """What it needs, not what it would like: the rest of the panel comes first."""
        return QSize(super().sizeHint().width(), LEAST)

    # ---- what is listed ----------------------------------------------------------------------------------------------

    def fill(self, cases: list[Case]) -> None:
        """Show these instead; where one was, one stays."""
        self._keep(lambda: self.cases.fill(cases))

    def find(self, text: str) -> None:
        """List the images whose name holds a text."""
        self._keep(lambda: self.cases.find(text))

    def _keep(self, list_anew: Callable[[], object]) -> None:
        chosen, place = self.currentIndex().data(CASE), self.verticalScrollBar().value()
        list_anew()
        row = self.cases.row_of(chosen)
        if row is not None and row != self.currentIndex().row():
            self.setCurrentIndex(self.cases.index(row, 0))
            self.verticalScrollBar().setValue(place)

    def rowCount(self) -> int:
        """Images that are listed."""
        return self.cases.rowCount()

    def item(self, row: int, column: int) -> Cell | None:
        """What stands in a cell."""
        index = self.cases.index(row, column)
        return Cell(index) if index.isValid() else None

    def visualItemRect(self, cell: Cell) -> QRect:
        """Where a cell is on the screen, in the viewport."""
        return self.visualRect(cell.index)

    def case_at(self, row: int) -> int:
        """Number of the case in a row."""
        return self.cases.shown[row].id

    def name_of(self, case_id: int) -> str:
        """What a case is called; empty where it is not listed."""
        return next((case.name for case in self.cases.cases if case.id == case_id), "")

    def ids(self) -> list[int]:
        """Numbers of the cases, as they are listed."""
        return [case.id for case in self.cases.shown]

    def mark(self, case_id: int | None) -> None:
        """The open image stands out."""
        self.cases.mark(case_id)

    def scroll_to(self, case_id: int | None) -> None:
        """Bring a case into view."""
        row = self.cases.row_of(case_id)
        if row is not None:
            # a list that was just filled knows its length only once it is laid out
            self.executeDelayedItemsLayout()
            self.updateGeometries()
            self.scrollTo(self.cases.index(row, 0))


class Cell:
    """A cell, as one of Qt's ready-made tables would give it."""

    def __init__(self, index: QModelIndex) -> None:
        self.index = index

    def text(self) -> str:
        """What stands there."""
        return str(self.index.data())

    def data(self, role: int) -> Any:
        """What it is, by Qt's roles."""
        return self.index.data(role)
