"""Beside the tools: where in a volume one is, its three planes, and what the mask measures."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.layer_keys import WINDOW_KEY
from napari_medseg.app.measure import count_labels, measured_text
from napari_medseg.app.places import grid_of
from napari_medseg.app.planes import position_text
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import sentence
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import TextLabel, as_tip
from napari_medseg.widgets.marks import CanvasMarks
from napari_medseg.widgets.measurements import Measurements
from napari_medseg.widgets.planes import NAME, ThreePlanes
from napari_medseg.widgets.same_units import SameUnits
from napari_medseg.widgets.shown_mask import numbers_of, shown_mask
from napari_medseg.widgets.sight import Sight
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr

# the mask is measured again so long after its last change
REST_MS = 400


class VolumeBox(QWidget):
    """Of an image there is only what the mask measures."""

    def __init__(self, viewer: Any, state: PanelState, view: CaseView, workers: Workers) -> None:
        super().__init__()
        self._state, self._view, self._workers = state, view, workers
        self.sight = Sight(viewer, view, state.events.case_id, self)
        self.planes = ThreePlanes(viewer, self.sight, self)
        self.marks = CanvasMarks(viewer, self.sight, self)
        self._units = SameUnits(viewer)
        self._closed = False
        self._counting: Ticket | None = None
        # of which layers the number is
        self._told_of: tuple[str, ...] = ()
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.measure)
        self.three, self.next = QCheckBox(tr(NAME)), QPushButton(tr("Next plane"))
        self.position, self.measured = TextLabel(), TextLabel()
        self.measurements = Measurements(viewer, state, view, self.sight, workers, self)
        self.table = QPushButton(tr("Table"))
        self._build()

    def _build(self) -> None:
        self.three.setChecked(bool(load_settings().get("three_planes", True)))
        self.three.setToolTip(
            as_tip(tr("The other planes beside the image, with a crosshair; a click there goes there"))
        )
        self.next.setToolTip(
            as_tip(tr("Another plane in the large canvas, to draw in it  ({key})", key=key_of("next_plane")))
        )
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.three)
        row.addStretch()
        row.addWidget(self.next)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for label in (self.position, self.measured):
            label.setWordWrap(True)
        # no higher than the line beside it
        self.table.setStyleSheet("QPushButton { padding: 0px 8px; }")
        self.table.setMaximumHeight(self.table.fontMetrics().height() + 2)
        self.table.setToolTip(
            as_tip(
                tr(
                    "Each lesion in a table below the image: size, diameters, intensity  ({key})",
                    key=key_of("measure"),
                )
            )
        )
        self._sizes = QWidget()
        sizes = QHBoxLayout(self._sizes)
        sizes.setContentsMargins(0, 0, 0, 0)
        sizes.addWidget(self.measured, 1)
        sizes.addWidget(self.table)
        # it is counted a moment after an image opens: what stands below it stays where it is
        keeps = self._sizes.sizePolicy()
        keeps.setRetainSizeWhenHidden(True)
        self._sizes.setSizePolicy(keeps)
        for widget in (self._row, self.position, self._sizes):
            widget.hide()
            layout.addWidget(widget)
        self.table.clicked.connect(self.measurements.toggle)
        self.three.toggled.connect(self._choose)
        self.next.clicked.connect(self.next_plane)
        self.planes.closed.connect(lambda: self.three.setChecked(False))
        self.sight.turned.connect(self._turned)
        self.sight.moved.connect(self._tell_position)
        self.sight.drawn.connect(self._rest.start)
        # another task, another name
        for changed in (self._state.events.task, self._state.events.weights):
            changed.connect(self._named_anew)
        self._choose(self.three.isChecked(), keep=False)

    def _choose(self, on: bool, *, keep: bool = True) -> None:
        if keep:
            save_settings(three_planes=on)
        self.marks.cross = on
        self.planes.set_on(on)
        self.marks.update()

    def next_plane(self) -> None:
        """Bring the next plane of the volume into the main canvas."""
        if self.sight.volume:
            in_view = self.sight.in_view
            self.sight.bring(0 if in_view is None else (in_view + 1) % 3)

    def _named_anew(self, *_: Any) -> None:
        self._rest.start()

    def _turned(self) -> None:
        self._row.setVisible(self.sight.volume)
        self._tell_position()
        shown = numbers_of(self.sight)
        if shown != self._told_of:
            # another image: its own number comes, the last one's is gone at once
            self._told_of = shown
            self._stop_counting()
            self._tell_measured("")
        self._rest.start()

    def _tell_position(self) -> None:
        sight = self.sight
        if sight.image is None or not sight.volume:
            self.position.hide()
            return
        self.position.setText(position_text(grid_of(sight.image), sight.index, sight.letters))
        self.position.setToolTip(as_tip(sight.why_no_letters() or ""))
        self.position.show()

    # ---- what the mask measures ----------------------------------------------------------------------------------

    def measure(self) -> None:
        """Count the mask's pixels off the GUI thread, and say what they are in ml or mm²."""
        self._stop_counting()
        shown = shown_mask(self.sight, self._view, self._state)
        if shown is None:
            self._tell_measured("")
            return

        part = tr("In the frame:") + " " if WINDOW_KEY in shown.mask.metadata else ""

        def work(ticket: Ticket, progress: Any) -> str:
            told = measured_text(count_labels(shown.labels), *shown.facts())
            return told and part + told

        self._counting = self._workers.run(
            work,
            on_done=self._tell_measured,
            on_error=lambda error: self._tell_measured(f"{tr('The mask was not measured.')} {sentence(error)}"),
            lane="edit",
        )

    def _stop_counting(self) -> None:
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None

    def _tell_measured(self, text: str) -> None:
        self.measured.setText(text)
        self._sizes.setVisible(bool(text))

    # ---- the window ----------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent | None) -> None:
        """Docked by now, perhaps."""
        super().showEvent(event)
        self.sight.look()

    def close_box(self) -> None:
        """Let go of the viewer; the planes go from its window. More calls do nothing."""
        if self._closed:
            return
        self._closed = True
        for changed in (self._state.events.task, self._state.events.weights):
            changed.disconnect(self._named_anew)
        self._rest.stop()
        self._stop_counting()
        self.measurements.close_box()
        self.planes.detach()
        self.marks.detach()
        self.sight.detach()
        self._units.stop()
