"""What the list of images shows, as Qt asks for it: of the rows in sight alone, so that ten thousand cost as ten do."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor, QFont

from napari_medseg.project import Case
from napari_medseg.widgets.labels import as_tip
from napari_medseg.words import mark, tr, trn

# of a case, shown by tr
STATES = {
    "new": mark("new"),
    "proposed": mark("proposed"),
    "in progress": mark("in progress"),
    "accepted": mark("accepted"),
}
MISSING = mark("image missing")
KEPT = mark(
    "Kept for testing, for good: no round of Retrain learns from it, so that new networks can be judged on it. A round "
    "chooses such images as it begins, also one that is cancelled."
)
COLOURS = {"new": "#8a8f98", "proposed": "#4c9be8", "in progress": "#e8a33d", "accepted": "#4fb76a"}
MISSING_COLOUR = "#e05d5d"
CASE = Qt.ItemDataRole.UserRole
_NOWHERE = QModelIndex()


def _state_of(case: Case) -> str:
    """How far a case is, in words; of a large one nobody accepts all."""
    if case.missing:
        return tr(MISSING)
    if not case.frames:
        return tr(STATES[case.state])
    if len(case.shape) == 3:
        return trn("{n} part accepted", "{n} parts accepted", case.frames)
    return trn("{n} frame accepted", "{n} frames accepted", case.frames)


class CaseModel(QAbstractTableModel):
    """Cases by rows: all, or those whose name holds a text.

    Attributes
    ----------
    cases : list of Case
        All of them, in their order.
    shown : list of Case
        Those that are listed now.
    """

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.cases: list[Case] = []
        self.shown: list[Case] = []
        self._text = ""
        self._open: int | None = None
        self._rows: dict[int, int] = {}

    # ---- as Qt asks ------------------------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """One a case."""
        return 0 if parent.isValid() else len(self.shown)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:
        """Name, state, strokes."""
        return 0 if parent.isValid() else 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (tr("Image"), tr("State"), tr("Strokes"))[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        case, column = self.shown[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text_of(case, column)
        if role == CASE:
            return case.id
        if role == Qt.ItemDataRole.ToolTipRole:
            kept = "\n" + tr(KEPT) if case.split == "heldout" else ""
            return as_tip(f"{case.image}{kept}")
        if role == Qt.ItemDataRole.ForegroundRole and column == 1:
            return QColor(MISSING_COLOUR if case.missing else COLOURS[case.state])
        if role == Qt.ItemDataRole.FontRole and case.id == self._open:
            font = QFont()
            font.setBold(True)
            return font
        return None

    @staticmethod
    def _text_of(case: Case, column: int) -> str:
        if column == 0:
            return tr("{name}  (for testing)", name=case.name) if case.split == "heldout" else case.name
        if column == 1:
            return _state_of(case)
        return str(case.strokes)

    # ---- what is listed ----------------------------------------------------------------------------------------------

    def row_of(self, case_id: int | None) -> int | None:
        """Where a case is listed; None where it is not."""
        return None if case_id is None else self._rows.get(case_id)

    def fill(self, cases: list[Case]) -> bool:
        """List these; whether they are others than before, or in another order: else what changed alone is told."""
        before, self.cases = self.cases, cases
        if [case.id for case in before] == [case.id for case in cases]:
            self.change([case for case, old in zip(cases, before, strict=True) if case is not old])
            return False
        self._list()
        return True

    def change(self, cases: list[Case]) -> None:
        """Show what became of some that are listed."""
        new = {case.id: case for case in cases}
        self.cases = [new.get(case.id, case) for case in self.cases] if new else self.cases
        for case in cases:
            row = self._rows.get(case.id)
            if row is not None and self.shown[row] != case:
                self.shown[row] = case
                self.dataChanged.emit(self.index(row, 0), self.index(row, 2))

    def find(self, text: str) -> None:
        """List those whose name holds a text, whatever its case."""
        self._text = text.strip().casefold()
        self._list()

    def mark(self, case_id: int | None) -> None:
        """The open image stands out."""
        before, self._open = self._open, case_id
        for one in {before, case_id} if before != case_id else ():
            row = self.row_of(one)
            if row is not None:
                self.dataChanged.emit(self.index(row, 0), self.index(row, 2))

    def _list(self) -> None:
        self.beginResetModel()
        self.shown = [case for case in self.cases if self._text in case.name.casefold()]
        self._rows = {case.id: row for row, case in enumerate(self.shown)}
        self.endResetModel()
