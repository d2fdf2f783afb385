"""What a run has come to: the gate's verdict, a table and pictures side by side, and all versions to go back to."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
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
from napari_medseg.app.versions import Version

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
    version_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown: Pictured | None = None
        self.checks, self.picture = QLabel(), QLabel()
        self.table = QTableWidget(0, len(COLUMNS))
        self.adopt, self.keep = QPushButton("Use new all the same"), QPushButton("Keep old")
        self.versions, self.use = QComboBox(), QPushButton("Use this version")
        self.checks.setWordWrap(True)
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().setVisible(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, len(COLUMNS)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        # as wide as the panel, not as the longest name
        self.versions.setMinimumContentsLength(8)
        self.versions.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.table.setMinimumWidth(0)
        verdict, back = QHBoxLayout(), QHBoxLayout()
        verdict.addWidget(self.adopt)
        verdict.addWidget(self.keep)
        back.addWidget(self.versions, 1)
        back.addWidget(self.use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.checks)
        # the question stands above the pictures: below them it would be out of sight
        layout.addLayout(verdict)
        layout.addWidget(self.table)
        layout.addWidget(self.picture)
        layout.addLayout(back)
        self.table.currentCellChanged.connect(lambda row, *_: self._show_picture(row))
        self.adopt.clicked.connect(self.adopt_wanted)
        self.keep.clicked.connect(self.keep_wanted)
        self.use.clicked.connect(lambda: self.version_wanted.emit(self.versions.currentData()))
        self.clear()
        self.show_versions([])

    def clear(self) -> None:
        """Nothing to decide."""
        self._shown = None
        for widget in (self.checks, self.table, self.picture, self.adopt, self.keep):
            widget.hide()

    def show_review(self, shown: Pictured) -> None:
        """Show a run's figures and pictures; the person decides where the gate did not let it in."""
        self._shown = shown
        rows, verdict = shown.review.rows, shown.review.verdict
        marks = "".join(f"{'✓' if check.passed else '✗'} {check.text}<br>" for check in verdict.checks)
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

    def show_versions(self, versions: list[Version]) -> None:
        """List what can be gone back to."""
        self.versions.clear()
        for version in versions:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(version.adopted))
            name = version.weights.rpartition("/")[2].removesuffix(".safetensors")
            name = version.weights if version.sha256 is None else name
            self.versions.addItem(f"{name}, {when}{' (in use)' if version.in_use else ''}", version)
            if version.in_use:
                self.versions.setCurrentIndex(self.versions.count() - 1)
        for widget in (self.versions, self.use):
            widget.setVisible(len(versions) > 1)
