"""What a run has come to: the gate's verdict, a table and pictures side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.review import Review
from napari_medseg.widgets.labels import TextLabel

COLUMNS = ("Held-out image", "Dice", "new", "HD95", "new")
# of the table, px
HIGHEST = 160


@dataclass(frozen=True, slots=True, eq=False)
class Pictured:
    """A review, and of each row a picture (Y, X, 3) uint8."""

    review: Review
    pictures: list[np.ndarray]


class Outcome(QWidget):
    """Shows; who owns it decides."""

    adopt_wanted = Signal()
    keep_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: Pictured | None = None
        self.checks, self.picture = TextLabel(), QLabel()
        self.table = QTableWidget(0, len(COLUMNS))
        self.adopt, self.keep = QPushButton("Use new all the same"), QPushButton("Keep old")
        self.checks.setWordWrap(True)
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().setVisible(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(COLUMNS)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        verdict = QHBoxLayout()
        verdict.addWidget(self.adopt)
        verdict.addWidget(self.keep)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.checks)
        # the question stands above the pictures: below them it would be out of sight
        layout.addLayout(verdict)
        layout.addWidget(self.table)
        layout.addWidget(self.picture)
        self.table.currentCellChanged.connect(lambda row, *_: self._show_picture(row))
        self.adopt.clicked.connect(self.adopt_wanted)
        self.keep.clicked.connect(self.keep_wanted)
        self.clear()

    def clear(self) -> None:
        """Nothing to decide."""
        self._shown = None
        for widget in (self.checks, self.table, self.picture, self.adopt, self.keep):
            widget.hide()

    def show_review(self, shown: Pictured) -> None:
        """Show a run's figures and pictures; the person decides where the gate did not let it in."""
        self._shown = shown
        rows, verdict = shown.review.rows, shown.review.verdict
        marks = "".join(f"{'✓' if check.passed else '✗'} {check.text}\n" for check in verdict.checks)
        legend = "Green: your mask; orange: the network's, before (left) and after." if rows else ""
        self.checks.setText(marks + legend)
        self.table.setRowCount(len(rows))
        for number, row in enumerate(rows):
            cells = (row.name, f"{row.dice_before:.3f}", f"{row.dice_after:.3f}")
            for column, text in enumerate((*cells, f"{row.hd95_before:.1f}", f"{row.hd95_after:.1f}")):
                self.table.setItem(number, column, QTableWidgetItem(text))
        # no taller than its rows
        height = self.table.horizontalHeader().height() + sum(map(self.table.rowHeight, range(len(rows)))) + 4
        self.table.setFixedHeight(min(HIGHEST, height))
        self.checks.show()
        self.table.setVisible(bool(rows))
        self.picture.setVisible(bool(rows))
        for button in (self.adopt, self.keep):
            button.setVisible(not verdict.adopt)
        if rows:
            self.table.setCurrentCell(0, 0)
            self._show_picture(0)

    def decided(self) -> None:
        """The figures stay, the question goes."""
        self.adopt.hide()
        self.keep.hide()

    def _show_picture(self, row: int) -> None:
        if self._shown is not None and 0 <= row < len(self._shown.pictures):
            picture = self._shown.pictures[row]
            height, width, _ = picture.shape
            image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            self.picture.setPixmap(QPixmap.fromImage(image.copy()))
