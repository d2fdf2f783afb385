"""A list of series to choose from, each with a small picture of its middle slice. No patient is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QKeyEvent, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.series import SIDE, Choice, note_of, small_picture, ticked_at_first
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr, trn

_PICTURE, _KIND, _DESCRIPTION, _COUNT, _SIZE = range(5)


class SeriesDialog(QDialog):
    """Which of several series are to be opened.

    Parameters
    ----------
    choices : sequence of Choice
    workers : Workers
        Makes the small pictures, which come one after the other.
    parent : QWidget, optional
    """

    chosen = Signal(list)

    def __init__(self, choices: Sequence[Choice], workers: Workers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("MedSeg: series to open"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._choices = tuple(choices)
        few = ticked_at_first(choices)
        self.why = TextLabel(f"{_found(choices)} {_why(few)}")
        self.why.setWordWrap(True)
        self.table = QTableWidget(len(choices), 5)
        self._fill(few)
        self.all, self.none = QPushButton(tr("Tick all")), QPushButton(tr("Tick none"))
        self.all.clicked.connect(lambda: self._tick(True))
        self.none.clicked.connect(lambda: self._tick(False))
        buttons = QDialogButtonBox()
        self.open_button = QPushButton(tr("Open"))
        self.open_button.setObjectName("medseg_open_series")
        self.cancel_button = QPushButton(tr("Cancel"))
        buttons.addButton(self.open_button, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.RejectRole)
        for button in (self.all, self.none, self.cancel_button):
            button.setAutoDefault(False)
        self.open_button.setDefault(True)
        row = QHBoxLayout()
        row.addWidget(self.all)
        row.addWidget(self.none)
        row.addStretch(1)
        row.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.addWidget(self.why)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        self.table.itemChanged.connect(self._count)
        # the column that Space ticks
        self.table.currentCellChanged.connect(self._moved)
        self.table.cellClicked.connect(self._clicked)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(lambda: self.chosen.emit(self.ticked()))
        self.resize(720, min(180 + (SIDE + 8) * len(choices), 700))
        self._count()
        self.table.setFocus()
        self._pictures = workers.run(
            self._make_pictures,
            on_done=lambda _: None,
            on_progress=lambda share, made: self._show_picture(*made),
            on_error=lambda error: None,
            lane="edit",
        )
        self.finished.connect(lambda _: self._pictures.cancel())

    def _fill(self, ticked: bool) -> None:
        table = self.table
        table.setHorizontalHeaderLabels([tr("Open"), tr("Kind"), tr("Description"), tr("Slices"), tr("Size, px")])
        table.setIconSize(QSize(SIDE, SIDE))
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        below = table.verticalHeader()
        if below is not None:
            below.setVisible(False)
            below.setDefaultSectionSize(SIDE + 8)
        for row, one in enumerate(self._choices):
            words = [note for note in (one.description or _no_description(one), note_of(one)) if note]
            count = (str(one.count), one.size) if one.is_series else ("", "")
            cells = ("", one.modality, "\n".join(words), *count)
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                table.setItem(row, column, item)
            first = table.item(row, _PICTURE)
            if first is not None:
                first.setFlags(first.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                first.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
        beside = table.horizontalHeader()
        if beside is not None:
            beside.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            beside.setSectionResizeMode(_PICTURE, QHeaderView.ResizeMode.Fixed)
            beside.setSectionResizeMode(_DESCRIPTION, QHeaderView.ResizeMode.Stretch)
        table.setColumnWidth(_PICTURE, SIDE + 44)
        if self._choices:
            table.setCurrentCell(0, _PICTURE)

    # ---- small pictures ------------------------------------------------------------------------------------------

    def _make_pictures(self, ticket: Ticket, progress: Any) -> None:
        for row, one in enumerate(self._choices):
            if ticket.cancelled:
                return
            picture = small_picture(one)
            if picture is not None:
                progress(row / len(self._choices), (row, picture))

    def _show_picture(self, row: int, picture: np.ndarray) -> None:
        item = self.table.item(row, _PICTURE)
        if item is None:
            return
        picture = np.ascontiguousarray(picture)
        kind = QImage.Format.Format_RGB888 if picture.ndim == 3 else QImage.Format.Format_Grayscale8
        image = QImage(picture.data, picture.shape[1], picture.shape[0], picture.strides[0], kind).copy()
        icon, shown = QIcon(), QPixmap.fromImage(image)
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            # else Qt colours the one of the row that is marked
            icon.addPixmap(shown, mode)
        self.table.blockSignals(True)
        item.setIcon(icon)
        self.table.blockSignals(False)

    # ---- ticks ---------------------------------------------------------------------------------------------------

    def ticked(self) -> list[Choice]:
        """Those to open."""
        return [one for row, one in enumerate(self._choices) if self._is_ticked(row)]

    def _is_ticked(self, row: int) -> bool:
        item = self.table.item(row, _PICTURE)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def _set(self, row: int, ticked: bool) -> None:
        item = self.table.item(row, _PICTURE)
        if item is not None:
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def _moved(self, row: int, column: int, *_: int) -> None:
        if column > _PICTURE:
            self.table.setCurrentCell(row, _PICTURE)

    def _clicked(self, row: int, column: int) -> None:
        # in the first column Qt does it
        if column > _PICTURE:
            self._set(row, not self._is_ticked(row))

    def _tick(self, ticked: bool) -> None:
        for row in range(len(self._choices)):
            self._set(row, ticked)

    def _count(self, *_: Any) -> None:
        ticked = self.ticked()
        words = " + ".join(_amounts(ticked))
        self.open_button.setText(tr("Open {what}", what=words) if words else tr("Open"))
        able(self.open_button, None if ticked else tr("Tick what is to be opened."))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Enter opens and Escape cancels, wherever the focus is; Space ticks in the list, as Qt has it."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.open_button.isEnabled():
                self.accept()
            return
        super().keyPressEvent(event)


def _amounts(choices: Sequence[Choice]) -> list[str]:
    """Such as ``2 series`` and ``1 image``; what there is none of is not said."""
    series = sum(one.is_series for one in choices)
    images = sum(one.count for one in choices if not one.is_series)
    told = [trn("{n} series", "{n} series", series)] if series else []
    return [*told, trn("{n} image", "{n} images", images)] if images else told


def _found(choices: Sequence[Choice]) -> str:
    series, *images = _amounts(choices)
    if not images:
        return tr("{n} series of images were found.", n=len(choices))
    return tr("Found: {series}, and {images} beside them.", series=series, images=images[0])


def _why(few: bool) -> str:
    if few:
        return tr("All are ticked, as they are few. Space ticks, Enter opens, Escape cancels.")
    return tr("None is ticked, as they are many: tick those to open. Space ticks, Enter opens, Escape cancels.")


def _no_description(one: Choice) -> str:
    if not one.is_series:
        # its note says all
        return ""
    return tr("Series {n}", n=one.number) if one.number else tr("without a description")
