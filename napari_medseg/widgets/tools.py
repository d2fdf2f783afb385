"""Tools of correcting: those under the mouse, and one-step operations on the chosen label."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QGridLayout, QGroupBox, QPushButton, QSpinBox, QVBoxLayout

from napari_medseg.app.planes import changed_text
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.editing import operations
from napari_medseg.editing.instances import number_objects
from napari_medseg.errors import sentence
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.edge_maps import EdgeMaps
from napari_medseg.widgets.greyed import NO_IMAGE, able
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import MARGINS, SPACING
from napari_medseg.widgets.layers import OBJECTS_SUFFIX, find, show_objects
from napari_medseg.widgets.livewire_tool import LiveWireTool
from napari_medseg.widgets.message import Message, Of
from napari_medseg.widgets.neighbours import Neighbours
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.presses_told import Press, PressesTold
from napari_medseg.widgets.sight import axis_in_view
from napari_medseg.widgets.snap_tool import SnapTool
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.tool_table import SNAP, WIRE
from napari_medseg.widgets.toolbar import ToolRow
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr, trn

Operation = Callable[[np.ndarray, int], np.ndarray]
# the objects are counted again so long after the last change of the mask
RECOUNT_MS = 400


class EditTools(QGroupBox):
    """Acts on the open case."""

    def __init__(self, viewer: Any, state: PanelState, view: CaseView, workers: Workers, message: Message) -> None:
        super().__init__(tr("Tools"))
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        self.wire = LiveWireTool(viewer, workers, lambda back: self.row.went_off(back), self)
        self.snap = SnapTool(viewer, lambda back: self.row.went_off(back), self)
        self.maps = EdgeMaps(
            viewer,
            state,
            view,
            workers,
            in_use=lambda: self.wire.case is not None or self.snap.case is not None,
            tell=self._tell,
            parent=self,
        )
        self.row = ToolRow(
            viewer,
            lambda: view.current,
            {WIRE: self.wire, SNAP: self.snap},
            started=lambda case: self.maps.fetch(case),
            say=view.say,
        )
        self.wire_button, self.snap_button = self.row.buttons[WIRE], self.row.buttons[SNAP]
        view.take_back = self.row.take_back
        self.smallest, self.objects = QSpinBox(), QPushButton(tr("Number objects"))
        self.message, self._told = message, PressesTold(self._tell)
        self.neighbours = Neighbours(viewer, view, workers, message)
        self._case: OpenCase | None = None
        # the objects are counted again when the mask is at rest
        self._stale: list[OpenCase] = []
        self._recount = QTimer(self)
        self._recount.setSingleShot(True)
        self._recount.setInterval(RECOUNT_MS)
        self._recount.timeout.connect(self._count_again)
        view.mask_changed.connect(self._edited)
        self.operations: dict[str, tuple[str, Operation]] = {
            "fill_holes": (tr("Fill holes"), operations.fill_holes),
            "smooth": (tr("Smooth"), operations.smooth),
            "keep_largest": (tr("Keep largest"), operations.keep_largest),
            "remove_small": (tr("Remove small"), self._remove_small),
            "split": (tr("Split"), operations.split),
            "interpolate": (tr("Interpolate"), operations.interpolate),
        }
        self.buttons = {name: QPushButton(text) for name, (text, _) in self.operations.items()}
        self._build()
        self.enable()

    def _build(self) -> None:
        self.smallest.setRange(1, 100_000)
        self.smallest.setValue(int(load_settings().get("smallest_piece", 20)))
        self.smallest.setPrefix("< ")
        self.smallest.setSuffix(tr(" px"))
        self.smallest.setToolTip(tr("'Remove small' removes pieces of fewer pixels"))
        self.objects.setToolTip(
            tr("Counts nuclei or cells: a layer of their own  ({key})", key=key_of("number_objects"))
        )
        self.objects.clicked.connect(lambda: self.number_objects())
        grid = QGridLayout()
        for name, button in self.buttons.items():
            button.setToolTip(tr("The chosen label only  ({key})", key=key_of(name)))
            button.clicked.connect(lambda _, name=name: self.apply(name))
        b = self.buttons
        # how small is said beside what removes the small; what goes from slice to slice stands in one column
        rows_of = (
            (b["fill_holes"], b["smooth"], b["keep_largest"]),
            (b["split"], self.objects, b["interpolate"]),
            (b["remove_small"], self.smallest, self.neighbours.button),
        )
        for y, row in enumerate(rows_of):
            for x, widget in enumerate(row):
                grid.addWidget(widget, y, x)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*MARGINS)
        for rows in (layout, grid):
            rows.setSpacing(SPACING)
        layout.addWidget(self.row)
        layout.addLayout(grid)
        layout.addWidget(self.neighbours)

    def enable(self) -> None:
        """Offer what the open case takes; a tool that is on goes over to the case that is open now."""
        case = self._view.current
        if case is not self._case:
            # what came of a press is of the last image, or of the last frame of this one
            self._case = case
            self.message.past(Of.MASK)
        self.row.enable()
        for button in (self.objects, *self.buttons.values()):
            able(button, tr(NO_IMAGE) if case is None else None)
        if case is not None and case.labels.ndim != 3:
            able(self.buttons["interpolate"], tr("It fills the slices between two that you drew: on volumes only."))
        self.neighbours.enable()

    # ---- under the mouse -----------------------------------------------------------------------------------------

    def toggle_wire(self) -> None:
        """Live-wire on or off."""
        self.row.toggle(WIRE)

    def toggle_snap(self) -> None:
        """Snapping brush on or off."""
        self.row.toggle(SNAP)

    def let_go(self) -> None:
        """Give the mouse back and let go of the viewer."""
        self.row.let_go()
        self.neighbours.let_go()
        self.maps.close()

    # ---- one step ------------------------------------------------------------------------------------------------

    def _remove_small(self, labels: np.ndarray, label: int) -> np.ndarray:
        return operations.remove_small(labels, label, self.smallest.value())

    def apply(self, name: str) -> None:
        """Run an operation on the chosen label, off the GUI thread, as one step that can be undone."""
        case = self._view.to_change()
        if case is None or not self.buttons[name].isEnabled():
            return
        text, operation = self.operations[name]
        # across which the slices lie that are told of
        axis: int | None = None
        if name == "interpolate":
            axis = axis_in_view(self._viewer, case.labels) or 0
            operation = partial(operations.interpolate, axis=axis)
        label = int(case.labels.selected_label)
        if label == 0:
            self._tell(tr("Label 0 is the background; choose the label to work on in the layer controls."))
            return
        save_settings(smallest_piece=self.smallest.value())
        press = self._told.press(text, case)
        # in its turn: an undo before it is shown first, and accepting after it waits
        case.then(lambda: self._start(case, name, operation, label, axis, press))

    def _start(
        self, case: OpenCase, name: str, operation: Operation, label: int, axis: int | None, press: Press
    ) -> None:
        text, tell = press.name, partial(self._told.done, press)
        if (why := case.problem()) is not None:
            tell(why)
            return
        before = np.array(case.labels.data)

        def work(ticket: Ticket, progress: Any) -> tuple[np.ndarray, str]:
            after = operation(before, label)
            return after, changed_text(text, before, after, axis)

        def done(found: tuple[np.ndarray, str]) -> None:
            try:
                show(*found)
            finally:
                case.end()

        def show(after: np.ndarray, told: str) -> None:
            if not self._view.holds(case):
                tell(tr("'{name}' was dropped: its image was closed meanwhile.", name=text))
                return
            if not np.array_equal(case.labels.data, before):
                # what someone drew meanwhile counts for more
                tell(tr("'{name}' was dropped: the mask changed meanwhile. Press it again.", name=text))
                return
            # stored in English
            case.apply(after, name.replace("_", " "))
            tell(told)

        def failed(error: BaseException) -> None:
            tell(sentence(error))
            case.end()

        case.begin()
        self._workers.run(
            work,
            on_done=done,
            on_error=failed,
            lane="edit",
        )

    def _edited(self, case: OpenCase) -> None:
        if find(self._viewer, Labels, case.image, OBJECTS_SUFFIX) is not None:
            self._stale.append(case)
            self._recount.start()

    def _count_again(self) -> None:
        """The objects that are shown are those of the mask as it is now."""
        stale, self._stale = {id(case): case for case in self._stale}, []
        for case in stale.values():
            shown = find(self._viewer, Labels, case.image, OBJECTS_SUFFIX)
            if shown is not None and self._view.holds(case):
                self._number(case, partial(self._told.also, case), shown)

    def number_objects(self) -> None:
        """Count the objects of the mask and show each in a colour of its own; the mask stays as it is."""
        case = self._view.current
        if case is not None:
            press = self._told.press(self.objects.text(), case)
            # what was pressed before is counted with
            case.then(lambda: self._number(case, partial(self._told.done, press)))

    def _number(self, case: OpenCase, tell: Callable[[str], None], again: Labels | None = None) -> None:
        """Where they are counted ``again``, their layer stays as visible as it was."""
        labels = np.array(case.labels.data)

        def done(numbered: np.ndarray) -> None:
            current = self._view.current is case
            if not self._view.holds(case) or not (current or again):
                if again is None:
                    tell("")
                return
            if again is not None and again not in self._viewer.layers:
                # closed meanwhile
                return
            active = self._viewer.layers.selection.active
            show_objects(self._viewer, case.image, numbered, visible=again is None)
            self._viewer.layers.selection.active = case.labels if again is None else active
            if not current:
                return
            tell(counted_text(numbered))

        self._workers.run(
            lambda ticket, progress: number_objects(labels),
            on_done=done,
            on_error=lambda error: tell(sentence(error)),
            lane="edit",
        )

    def _tell(self, text: str) -> None:
        self.message.say(text, Of.MASK)


def counted_text(numbered: np.ndarray) -> str:
    """How many objects there are, and what is counted as one; ``numbered``: integer, 0 where none is."""
    sizes = np.bincount(numbered.ravel())[1:]
    if not len(sizes):
        return tr("No object.")
    return trn(
        "{n} object, half of them over {size:.0f} px.",
        "{n} objects, touching ones counted apart; half of them over {size:.0f} px.",
        len(sizes),
        size=np.median(sizes),
    )
