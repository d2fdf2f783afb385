"""Measurements: the lesions of the mask that is looked at, in a table of their own below the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.lesion_columns import summary
from napari_medseg.app.lesions import Measured, measure
from napari_medseg.app.measure_files import TABLE, write_table
from napari_medseg.app.places import grid_of
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import Cancelled, sentence
from napari_medseg.metrics.lesions import Lesion
from napari_medseg.names import clean_name
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.diameter_lines import DiameterLines
from napari_medseg.widgets.docks import Dock, dock_of
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.lesion_table import LesionTable
from napari_medseg.widgets.rings import go_to
from napari_medseg.widgets.shown_mask import ShownMask, numbers_of, shown_mask
from napari_medseg.widgets.sight import Sight
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import mark, tr, trn

NAME = mark("Measurements")
# measured again so long after the last change; whoever waits longer is told how far it is, and offered to give up, ms
REST_MS, PATIENCE_MS = 600, 700
# of the dock, px
HEIGHT = 210
# so much more than half the longest diameter is seen around a lesion
ROOM = 0.8


class Measurements(QWidget):
    """Measures while it is open, after each rest; what is on the screen, stored or not.

    Parameters
    ----------
    viewer : napari.Viewer
    state : PanelState
    view : CaseView
    sight : Sight
    workers : Workers
    panel : QWidget
        Of the panel: the dock goes into its window.
    """

    def __init__(
        self, viewer: Any, state: PanelState, view: CaseView, sight: Sight, workers: Workers, panel: QWidget
    ) -> None:
        super().__init__()
        self._viewer, self._state, self._view, self._sight = viewer, state, view, sight
        self._workers, self._panel = workers, panel
        self.dock: Dock | None = None
        self.on = bool(load_settings().get("measurements", False))
        # what the table shows, of which mask, and what it hangs on
        self.measured: Measured | None = None
        self._key: tuple[Any, ...] = ()
        self._of: ShownMask | None = None
        self._ticket: Ticket | None = None
        self.lines = DiameterLines(viewer)
        self.table, self.message, self.progress = LesionTable(), TextLabel(), QProgressBar()
        self.cancel, self.again = QPushButton(tr("Cancel")), QPushButton(tr("Measure"))
        self.apart = QCheckBox(tr("Part touching objects"))
        self.copy, self.save = QPushButton(tr("Copy")), QPushButton(tr("Save as CSV..."))
        self.bar, self.close_button = QWidget(self), QToolButton()
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._build()

    def _build(self) -> None:
        self.apart.setChecked(bool(load_settings().get("measure_apart", False)))
        self.apart.setToolTip(
            tr("Nuclei or cells that touch are told apart, as by 'Number objects'; those under 10 pixels are left out")
        )
        self.copy.setToolTip(tr("The chosen lines, or all, to paste into a spreadsheet  (Ctrl+C)"))
        self.save.setToolTip(tr("A row for each lesion; numbers with a decimal point"))
        self.progress.setRange(0, 100)
        self.progress.setMaximumWidth(120)
        for widget in (self.progress, self.cancel, self.again):
            widget.hide()
        self.close_button.setAutoRaise(True)
        self.close_button.setText("\u2715")
        self.close_button.setToolTip(tr("Close"))
        title = TextLabel()
        title.set_bold(tr(NAME), "")
        # one line with the title: on a small screen, each costs a line of the table
        top = QHBoxLayout(self.bar)
        top.setContentsMargins(4, 2, 4, 0)
        top.setSpacing(SPACING)
        top.addWidget(title)
        top.addWidget(self.message, 1)
        for widget in (self.progress, self.cancel, self.again, self.apart, self.copy, self.save, self.close_button):
            top.addWidget(widget)
        for button in (self.cancel, self.again, self.copy, self.save):
            button.setStyleSheet("QPushButton { padding: 2px 8px; }")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 2)
        layout.addWidget(self.table)
        # what does not fit is cut, and told in its tip
        self.message.setMinimumWidth(1)
        self._rest.timeout.connect(self.measure)
        self._patience.timeout.connect(self._show_progress)
        self._sight.turned.connect(self.turn)
        self._sight.drawn.connect(self._changed)
        for changed in (self._state.events.task, self._state.events.weights):
            changed.connect(self._changed)
        self.apart.toggled.connect(self._part)
        self.close_button.clicked.connect(lambda: self.set_on(False))
        self.cancel.clicked.connect(self.give_up)
        self.again.clicked.connect(self.measure)
        self.copy.clicked.connect(self._copy)
        self.save.clicked.connect(self._ask)
        self.table.chosen.connect(self.go)
        self._enable()

    # ---- open and closed -----------------------------------------------------------------------------------------

    def set_on(self, on: bool) -> None:
        """Open or close it, and remember that."""
        self.on = on
        save_settings(measurements=on)
        self.turn()
        if on and self.dock is not None:
            self.dock.raise_()
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def toggle(self) -> None:
        """Open it, or close it."""
        self.set_on(not self.on)

    def turn(self) -> None:
        """Another image, or none."""
        wanted = self.on and self._sight.image is not None
        if wanted and self.dock is None:
            self._make_dock()
        if self.dock is None:
            return
        if self.dock.isHidden() == wanted:
            self.dock.setVisible(wanted)
            # once the window has found its layout
            QTimer.singleShot(0, self._heighten)
        if not wanted:
            self._forget()
        elif self._of is None or self._of.numbers != numbers_of(self._sight):
            self._forget()
            self.measure()
        elif grid_of(self._of.image).describe() != self._of.lies.describe():
            # of another size, or elsewhere
            self.measure()

    def _make_dock(self) -> None:
        window, beside = self._panel.window(), dock_of(self._panel)
        if not isinstance(window, QMainWindow):
            # not docked yet
            return
        self.dock = Dock(window, self, tr(NAME), "medseg_measurements")
        self.dock.setTitleBarWidget(self.bar)
        self.dock.closed.connect(lambda: self.set_on(False))
        areas = Qt.DockWidgetArea
        # below the image, not below the panel: that keeps its height
        area = areas.RightDockWidgetArea if beside is None else window.dockWidgetArea(beside)
        if area in (areas.LeftDockWidgetArea, areas.RightDockWidgetArea):
            left = area == areas.LeftDockWidgetArea
            window.setCorner(Qt.Corner.BottomLeftCorner if left else Qt.Corner.BottomRightCorner, area)
        window.addDockWidget(areas.BottomDockWidgetArea, self.dock)

    def _heighten(self) -> None:
        window = None if self.dock is None else self.dock.parentWidget()
        if isinstance(window, QMainWindow) and self.dock is not None and not self.dock.isHidden():
            window.resizeDocks([self.dock], [max(HEIGHT, self.dock.height())], Qt.Orientation.Vertical)

    # ---- measured ------------------------------------------------------------------------------------------------

    def _changed(self, *_: Any) -> None:
        if self.dock is None or self.dock.isHidden():
            return
        self._stop()
        self._rest.start()
        self._enable()

    def measure(self) -> None:
        """Measure what is on the screen, off the GUI thread."""
        self._stop()
        shown, apart = shown_mask(self._sight, self._view, self._state), self.apart.isChecked()
        self._of = shown
        if shown is None:
            self.show_measured(None)
            self._tell(tr("No mask is shown. Propose one, or open an image of the list."))
            return
        self._patience.start()
        before = self._key, self.measured

        def work(ticket: Ticket, progress: Any) -> tuple[tuple[Any, ...], Measured]:
            def step(share: float) -> None:
                if ticket.cancelled:
                    raise Cancelled
                progress(share, "")

            grid, names = shown.facts()
            # the look of a mask changes more often than its pixels
            key = (crc32(np.ascontiguousarray(shown.labels).data), grid.describe(), tuple(names.items()), apart)
            if key == before[0] and before[1] is not None:
                return key, before[1]
            return key, measure(shown.labels, grid, shown.values, names=names, apart=apart, progress=step)

        self._ticket = self._workers.run(
            work, on_done=self._done, on_progress=self._progressed, on_error=self._failed, lane="measure"
        )
        self._enable()

    def _done(self, found: tuple[tuple[Any, ...], Measured]) -> None:
        self._stop()
        self._key, measured = found
        self.show_measured(measured)
        self._tell(summary(measured))
        if self._of is not None and self.lines.lesion is not None:
            # as it is now
            now = self.table.current()
            if now is None:
                self.lines.hide()
            else:
                self.lines.show(self._of.image, self._of.mask, now)

    def show_measured(self, measured: Measured | None) -> None:
        """Fill the table."""
        self.measured = measured
        self.table.show_measured(measured)
        self._enable()

    def _tell(self, text: str) -> None:
        self.message.setText(text)
        self.message.setToolTip(as_tip(text))

    def _progressed(self, share: float, _: Any) -> None:
        self.progress.setValue(round(100 * share))

    def _show_progress(self) -> None:
        self.progress.setValue(0)
        self.progress.show()
        self.cancel.show()

    def _failed(self, error: BaseException) -> None:
        self._stop()
        self.show_measured(None)
        self._tell(f"{tr('The mask was not measured.')} {sentence(error)}")

    def give_up(self) -> None:
        """Measure no further; after the next change it is measured again."""
        self._stop()
        self.show_measured(None)
        self._tell(tr("Not measured: cancelled."))
        self.again.show()

    def _stop(self) -> None:
        self._rest.stop()
        self._patience.stop()
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        for widget in (self.progress, self.cancel, self.again):
            widget.hide()

    def _forget(self) -> None:
        self._stop()
        self._of = None
        self.lines.hide()
        self.show_measured(None)
        self._tell("")

    def _enable(self) -> None:
        # what was drawn since is not in the table yet
        fresh = self.measured is not None and self._ticket is None and not self._rest.isActive()
        why = None if fresh else tr("There is no table yet of the mask as it is now: wait until it is there.")
        for button in (self.copy, self.save):
            able(button, why)

    def _part(self, apart: bool) -> None:
        save_settings(measure_apart=apart)
        self.measure()

    # ---- gone to, copied, saved ----------------------------------------------------------------------------------

    def go(self, lesion: Lesion) -> None:
        """Show a lesion in the image, on its slice, with its diameters."""
        shown = self._of
        if shown is None or shown.mask not in self._viewer.layers:
            return
        if lesion.axis is not None and self._sight.in_view != lesion.axis:
            self._sight.bring(lesion.axis)
        sizes = [stop - start for axis, (start, stop) in enumerate(lesion.box) if axis != lesion.axis]
        go_to(self._viewer, shown.mask, lesion.point, reach=ROOM * max(sizes))
        self.lines.show(shown.image, shown.mask, lesion)

    def _copy(self) -> None:
        count = self.table.copy()
        self._tell(trn("{n} line copied.", "{n} lines copied.", count))

    def _ask(self) -> None:
        if self._of is None:
            return
        folder = Path(str(load_settings().get("export_folder", Path.home())))
        name = f"{clean_name(self._of.image.name)}_{TABLE}"
        dialog = QFileDialog(self, tr("Save measurements"), str((folder if folder.is_dir() else Path.home()) / name))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(tr("Tables (*.csv)"))
        dialog.setDefaultSuffix("csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda file: self.write(Path(file)))
        dialog.open()

    def write(self, path: Path) -> None:
        """Write what the table shows as CSV."""
        measured, shown = self.measured, self._of
        if measured is None or shown is None:
            return
        name = shown.image.name

        def failed(error: BaseException) -> None:
            self._tell(sentence(error))

        self._workers.run(
            lambda ticket, progress: write_table(path, name, measured, shown.file()),
            on_done=lambda written: self._tell(tr("Wrote {file}.", file=written)),
            on_error=failed,
            lane="export",
        )

    def close_box(self) -> None:
        """Let go of the viewer, and be gone from its window."""
        for changed in (self._state.events.task, self._state.events.weights):
            changed.disconnect(self._changed)
        self._stop()
        self.lines.close()
        if self.dock is not None:
            self.dock.leave()
            self.dock = None
        else:
            self.deleteLater()
