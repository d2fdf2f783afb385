"""The list of a project's images: what state each is in, and which one is open."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_medseg.project import Case
from napari_medseg.widgets.labels import as_tip
from napari_medseg.words import mark, tr

# of a case, shown by tr
STATES = {
    "new": mark("new"),
    "proposed": mark("proposed"),
    "in progress": mark("in progress"),
    "accepted": mark("accepted"),
}
COLOURS = {"new": "#8a8f98", "proposed": "#4c9be8", "in progress": "#e8a33d", "accepted": "#4fb76a"}
# the header and two rows, px: where there is room, it is given all of it
LEAST = 66
CASE = Qt.ItemDataRole.UserRole


class CaseTable(QTableWidget):
    """One image a row."""

    def __init__(self) -> None:
        super().__init__(0, 3)
        self.setHorizontalHeaderLabels([tr("Image"), tr("State"), tr("Strokes")])
        self.verticalHeader().setVisible(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight(LEAST)
        # names are cut short instead: a bar that comes and goes would hide the last row
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)

    def sizeHint(self) -> QSize:
        """What it needs, not what it would like: the rest of the panel comes first."""
        return QSize(super().sizeHint().width(), LEAST)

    def fill(self, cases: list[Case]) -> None:
        """Show these instead."""
        self.setRowCount(len(cases))
        for row, case in enumerate(cases):
            name = tr("{name}  (for testing)", name=case.name) if case.split == "heldout" else case.name
            state = tr("image missing") if case.missing else tr(STATES[case.state])
            for column, text in enumerate((name, state, str(case.strokes))):
                item = QTableWidgetItem(text)
                item.setData(CASE, case.id)
                item.setToolTip(as_tip(str(case.image)))
                if column == 1:
                    item.setForeground(QColor("#e05d5d" if case.missing else COLOURS[case.state]))
                self.setItem(row, column, item)

    def case_at(self, row: int) -> int:
        """Number of the case in a row."""
        return self.item(row, 0).data(CASE)

    def ids(self) -> list[int]:
        """Numbers of the cases, as they are listed."""
        return [self.case_at(row) for row in range(self.rowCount())]

    def mark(self, case_id: int | None) -> None:
        """The open image stands out."""
        for row in range(self.rowCount()):
            for column in range(3):
                item = self.item(row, column)
                font = item.font()
                font.setBold(item.data(CASE) == case_id)
                item.setFont(font)

    def scroll_to(self, case_id: int | None) -> None:
        """Bring a case into view."""
        for row, listed in enumerate(self.ids()):
            if listed == case_id:
                self.scrollToItem(self.item(row, 0))
