"""A table of lesions: a line for each class on top, then the lesions, sorted by any column."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QFont, QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_medseg.app.lesion_columns import Column, columns_of, copied, figure
from napari_medseg.app.lesions import Measured
from napari_medseg.metrics.lesions import Lesion
from napari_medseg.widgets.labels import as_tip

# of a line, and of the whole with its titles, px
HEIGHT, LEAST = 18, 72
_NOWHERE = QModelIndex()


class LesionModel(QAbstractTableModel):
    """What was measured, as Qt asks for it: only the lines that are seen are ever made into text."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[Column] = []
        self.lesions: list[Lesion] = []
        self._classes: list[tuple[int, list[Lesion]]] = []
        # column and direction
        self._order: tuple[int, bool] | None = None

    def show(self, measured: Measured | None) -> None:
        """Show these instead, sorted as before."""
        self.beginResetModel()
        self.columns = [] if measured is None else columns_of(measured)
        self.lesions = [] if measured is None else list(measured.lesions)
        self._classes = [] if measured is None else [pair for pair in measured.by_class().items() if pair[1]]
        self._sort()
        self.endResetModel()

    def lesion_at(self, row: int) -> Lesion | None:
        """The lesion of a line; None of one that is of a class."""
        number = row - len(self._classes)
        return self.lesions[number] if 0 <= number < len(self.lesions) else None

    def class_at(self, row: int) -> int | None:
        """The class of a line; None of one that is of a lesion."""
        return self._classes[row][0] if row < len(self._classes) else None

    def row_of(self, lesion: Lesion | None) -> int | None:
        """The line of a lesion that was measured before: the nearest of its class; None where it is gone."""
        if lesion is None:
            return None
        same = [row for row, one in enumerate(self.lesions) if one.label == lesion.label and _meet(one, lesion)]
        if not same:
            return None
        best = min(same, key=lambda row: _apart(self.lesions[row], lesion))
        return best + len(self._classes)

    # ---- as Qt asks ----------------------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Lines of classes and of lesions."""
        return 0 if parent.isValid() else len(self._classes) + len(self.lesions)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """As many as say something."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Titles, with units."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        return as_tip(self.columns[section].tip) if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Text of a cell; numbers to the right, classes in bold."""
        column, lesion = self.columns[index.column()], self.lesion_at(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            if lesion is not None:
                return figure(column.of(lesion))
            return "" if column.of_class is None else figure(column.of_class(*self._classes[index.row()]))
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column():
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.FontRole and lesion is None:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column; the lines of classes stay on top."""
        self.layoutAboutToBeChanged.emit()
        kept = [(index, self.lesion_at(index.row())) for index in self.persistentIndexList()]
        self._order = (column, order == Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self._sort()
        places = {id(one): row for row, one in enumerate(self.lesions, start=len(self._classes))}
        for index, lesion in kept:
            if lesion is not None:
                self.changePersistentIndex(index, self.index(places[id(lesion)], index.column()))
        self.layoutChanged.emit()

    def _sort(self) -> None:
        # ties stay as they were measured: by class, the largest first
        self.lesions.sort(key=lambda one: (one.label, one.number))
        if self._order is None or self._order[0] >= len(self.columns):
            return
        of, down = self.columns[self._order[0]].of, self._order[1]
        # what has no value comes last, whichever way
        known = [one for one in self.lesions if of(one) is not None]
        rest = [one for one in self.lesions if of(one) is None]
        self.lesions = [*sorted(known, key=of, reverse=down), *rest]  # type: ignore[arg-type]


class LesionTable(QTableView):
    """Arrow keys go through the lesions; a click or Enter goes to one in the image; Ctrl+C copies what is chosen."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.lesions = LesionModel()
        self.setModel(self.lesions)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setMinimumHeight(LEAST)
        lines, header = self.verticalHeader(), self.horizontalHeader()
        lines.setVisible(False)
        lines.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        lines.setDefaultSectionSize(HEIGHT)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.DescendingOrder)
        self.setSortingEnabled(True)
        self.clicked.connect(lambda index: self._choose(index.row()))

    def show_measured(self, measured: Measured | None) -> None:
        """Show these lesions; those that were chosen stay so, if they are still there."""
        before, chosen = self.current(), self._chosen()
        self.lesions.show(measured)
        header = self.horizontalHeader()
        for number, column in enumerate(self.lesions.columns):
            modes = QHeaderView.ResizeMode
            header.setSectionResizeMode(number, modes.ResizeToContents if column.narrow else modes.Stretch)
        row = self.lesions.row_of(before)
        commands = QItemSelectionModel.SelectionFlag
        select = self.selectionModel().select
        for again in (self.lesions.row_of(one) for one in chosen):
            if again is not None:
                select(self.lesions.index(again, 0), commands.Select | commands.Rows)
        if row is not None:
            self.selectionModel().setCurrentIndex(self.lesions.index(row, 0), commands.NoUpdate)

    def current(self) -> Lesion | None:
        """The lesion that the arrow keys stand on."""
        return self.lesions.lesion_at(self.currentIndex().row()) if self.currentIndex().isValid() else None

    def copy(self) -> int:
        """Copy the chosen lines, or all where none is chosen; of a class, all of its lesions. How many."""
        lesions = self._chosen() or self.lesions.lesions
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(copied(self.lesions.columns, lesions))
        return len(lesions)

    def _chosen(self) -> list[Lesion]:
        rows = {index.row() for index in self.selectionModel().selectedRows()}
        labels = {self.lesions.class_at(row) for row in rows}
        lines = ((row, self.lesions.lesion_at(row)) for row in range(self.lesions.rowCount()))
        return [one for row, one in lines if one is not None and (row in rows or one.label in labels)]

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter and copy are ours, the arrows Qt's."""
        if event is None:
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.currentIndex().row())
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def _choose(self, row: int) -> None:
        lesion = self.lesions.lesion_at(row)
        if lesion is not None:
            self.chosen.emit(lesion)


def _meet(one: Lesion, other: Lesion) -> bool:
    """Whether two lesions may be the same: their boxes share something."""
    return len(one.box) == len(other.box) and all(
        first < last_of and start < last for (first, last), (start, last_of) in zip(one.box, other.box, strict=True)
    )


def _apart(one: Lesion, other: Lesion) -> float:
    return sum((a - b) ** 2 for a, b in zip(one.point, other.point, strict=True)) + abs(one.pixels - other.pixels)
