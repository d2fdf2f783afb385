"""What a round has come to: the gate's verdict, a table, and each test image before and after."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.pictures import Compared
from napari_medseg.app.review import Review
from napari_medseg.widgets.labels import TextLabel, as_tip
from napari_medseg.widgets.wipe import LargeWipe, Wipe
from napari_medseg.words import mark, tr

COLUMNS = (
    (mark("Test image"), mark("Kept for testing: never learned from.")),
    (mark("Agrees\nold"), mark("How far the old network's mask agrees with yours (Dice, 1: wholly).")),
    (mark("Agrees\nnew"), mark("The same of the new network.")),
    (mark("Edge\nold"), mark("Largest edge error of the old network's mask (95th percentile, HD95), px.")),
    (mark("Edge\nnew"), mark("The same of the new network.")),
)
MARKS = {True: "✓", False: "✗", None: "?"}
# of the table, px
HIGHEST = 160


@dataclass(frozen=True, slots=True, eq=False)
class Pictured:
    """A review, and a picture of each row."""

    review: Review
    pictures: list[Compared]


class Outcome(QWidget):
    """Shows; who owns it decides."""

    adopt_wanted = Signal()
    keep_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: Pictured | None = None
        self.checks, self.wipe = TextLabel(), Wipe()
        self.table = QTableWidget(0, len(COLUMNS))
        self.adopt, self.keep = QPushButton(), QPushButton(tr("Keep the old one"))
        self.checks.setWordWrap(True)
        for column, (title, tip) in enumerate(COLUMNS):
            item = QTableWidgetItem(tr(title))
            item.setToolTip(tr(tip))
            self.table.setHorizontalHeaderItem(column, item)
        self.table.verticalHeader().setVisible(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(COLUMNS)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        # a name may need another line
        header.sectionResized.connect(lambda *_: self._fit_table())
        self.wipe.picture.setCursor(Qt.CursorShape.PointingHandCursor)
        self.wipe.picture.setToolTip(tr("Click to see it large."))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.checks)
        # the question stands above the pictures: below them it would be out of sight
        layout.addWidget(self.adopt)
        layout.addWidget(self.keep)
        layout.addWidget(self.table)
        layout.addWidget(self.wipe)
        self.table.currentCellChanged.connect(lambda row, *_: self._show_picture(row))
        self.wipe.picture.clicked.connect(self.enlarge)
        self.adopt.clicked.connect(self.adopt_wanted)
        self.keep.clicked.connect(self.keep_wanted)
        self.clear()

    def clear(self) -> None:
        """Nothing to decide."""
        self._shown = None
        for widget in (self.checks, self.table, self.wipe, self.adopt, self.keep):
            widget.hide()

    def show_review(self, shown: Pictured) -> None:
        """Show a round's figures and pictures; the person decides where the gate did not let it in."""
        self._shown = shown
        rows, verdict = shown.review.rows, shown.review.verdict
        # what speaks against it first, then what nobody can say
        checks = sorted(verdict.checks, key=lambda check: (False, None, True).index(check.passed))
        self.checks.setText("\n".join(f"{MARKS[check.passed]} {check.text}" for check in checks))
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            name = tr("{name} (accepted as proposed)", name=row.name) if row.as_proposed else row.name
            cells = (name, f"{row.dice_before:.2f}", f"{row.dice_after:.2f}")
            for column, text in enumerate((*cells, f"{row.hd95_before:.1f}", f"{row.hd95_after:.1f}")):
                self.table.setItem(number, column, QTableWidgetItem(text))
            self.table.item(number, 0).setToolTip(as_tip(name))
        self.checks.show()
        self.table.setVisible(bool(rows))
        self.wipe.setVisible(bool(rows))
        self._fit_table()
        self.adopt.setText(tr("Use the new one") if verdict.asks else tr("Use the new one all the same"))
        for button in (self.adopt, self.keep):
            button.setVisible(not verdict.adopt)
        if rows:
            self.table.setCurrentCell(0, 0)
            self._show_picture(0)

    def _fit_table(self) -> None:
        """No taller than its rows, which are as tall as their names need."""
        self.table.resizeRowsToContents()
        rows = sum(map(self.table.rowHeight, range(self.table.rowCount())))
        self.table.setFixedHeight(min(HIGHEST, self.table.horizontalHeader().height() + rows + 4))

    def decided(self) -> None:
        """The figures stay, the question goes."""
        self.adopt.hide()
        self.keep.hide()

    def _show_picture(self, row: int) -> None:
        if self._shown is not None and 0 <= row < len(self._shown.pictures):
            self.wipe.show_compared(self._shown.pictures[row])

    def enlarge(self) -> LargeWipe | None:
        """The picture that is shown, in a window of its own."""
        row = self.table.currentRow()
        if self._shown is None or not 0 <= row < len(self._shown.pictures):
            return None
        name = self._shown.review.rows[row].name
        large = LargeWipe(self.window(), name, self._shown.pictures[row], self.wipe.slider.value())
        large.show()
        return large
