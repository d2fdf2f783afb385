"""The cases that are open in the viewer: each is followed until its layers go, and let go of without loss."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QWidget

from napari_medseg.app.case_labels import CaseLabels, undo_text
from napari_medseg.app.correct import SaveStatus
from napari_medseg.app.places import grid_of
from napari_medseg.errors import sentence
from napari_medseg.project import Box, Case, Project
from napari_medseg.widgets.elsewhere import copy_of, note_new, without_image
from napari_medseg.widgets.habits import Habits
from napari_medseg.widgets.keys import bind, unbind
from napari_medseg.widgets.layers import OF_KEY, layers_of, remove_all
from napari_medseg.widgets.load import kept_grid
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.words import tr


class OpenCases(QObject):
    """Those of the project's list and those of the user's own layers."""

    _called = Signal(object)
    # another layer is selected; whether it is a copy of the open case's mask
    copy_selected = Signal(bool)
    # a network's mask is shown on the case that is looked at
    proposal_shown = Signal()
    # the mask of this case is another one
    mask_changed = Signal(object)

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, parent: QWidget) -> None:
        super().__init__(parent)
        self._viewer, self._state, self._bus = viewer, state, bus
        self._open: dict[int, OpenCase] = {}
        self._detached = False
        self._habits = Habits()
        # what keys ask for while a case's mask is the active layer
        self.actions: dict[str, Callable[[], None]] = {}
        self._called.connect(self._run_call, Qt.ConnectionType.QueuedConnection)
        viewer.layers.events.inserted.connect(self._layer_inserted)
        viewer.layers.events.removed.connect(self._layer_removed)
        viewer.layers.selection.events.active.connect(self._layer_selected)

    @property
    def current(self) -> OpenCase | None:
        """The case that keys and buttons act on."""
        return self._open.get(self._state.case_id or 0)

    def case_of(self, layer: Labels) -> OpenCase | None:
        """The case whose mask a layer is; a copy of that mask is none."""
        return next((opened for opened in self._open.values() if opened.labels == layer), None)

    def holds(self, case: OpenCase) -> bool:
        """Whether a case is still open."""
        return self._open.get(case.case_id) is case

    # ---- followed ----------------------------------------------------------------------------------------------------

    def _follow(
        self,
        project: Project,
        case: Case,
        image: Image,
        labels: Labels,
        stored: CaseLabels,
        *,
        picture: tuple,
        listed: bool,
        window: Box | None = None,
    ) -> OpenCase:
        current = self.current
        opened = OpenCase(
            project,
            case.id,
            image,
            labels,
            stored,
            kept=(None if window else kept_grid(case)) or grid_of(image),
            picture=picture,
            listed=listed,
            naming=self._state.naming,
            on_status=self._on_status,
            window=window,
            parent=self,
        )
        opened.left.connect(lambda: self._left(opened))
        opened.proposal_shown.connect(lambda: self.proposal_shown.emit() if opened is self.current else None)
        opened.changed.connect(lambda: self.mask_changed.emit(opened))
        opened.undone.connect(lambda took: self._say_undone(undo_text(took, frame=window is not None)))
        self._open[case.id] = opened
        if current is not None:
            self._habits.learn(current.labels, current.project)
        self._habits.give(labels, project)
        bind(labels, self.actions)
        return opened

    def _say_undone(self, told: str) -> None:
        if told:
            self.say(told)

    def follow_window(
        self, case: Case, image: Image, mask: Labels, stored: CaseLabels, picture: tuple, window: Box
    ) -> OpenCase:
        """Hand what is drawn in a window to the project from here on."""
        project = self._state.project
        assert project is not None
        opened = self._follow(project, case, image, mask, stored, picture=picture, listed=True, window=window)
        mask.mode = self._habits.mode
        return opened

    def close_window(self, opened: OpenCase) -> bool:
        """Store what is left and let go; False where it stays open, which is told."""
        return self._close(opened, force=False)

    def _layer_selected(self, event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        for opened in self._open.values():
            if active in (opened.labels, opened.image, *layers_of(self._viewer, opened.image)):
                self._state.case_id = opened.case_id
        self.copy_selected.emit(copy_of(self._viewer, self.current) is not None)

    def _layer_inserted(self, event: Any) -> None:
        if (told := note_new(self._viewer, event.value)) is not None:
            self.say(told)

    def _left(self, opened: OpenCase) -> None:
        """A case's image layer shows another picture now: both layers are the user's own from here on."""
        image, labels = opened.image, opened.labels
        opened.listed = False
        self._close(opened, force=True)
        # of the other picture: nothing may take it for a mask of this one
        labels.metadata.pop(OF_KEY, None)
        labels.visible = False
        self._viewer.layers.selection.active = image
        self._bus.cases_changed.emit()
        self.say(
            tr(
                "'{name}' shows another picture than before. What was drawn is stored with the first one, and "
                "its mask is out of sight. Propose again for this one.",
                name=image.name,
            )
        )

    # ---- closing -----------------------------------------------------------------------------------------------------

    def _layer_removed(self, event: Any) -> None:
        for opened in list(self._open.values()):
            if event.value not in (opened.labels, opened.image):
                continue
            mine = event.value == opened.image and not opened.listed
            self._close(opened, force=True)
            self._bus.cases_changed.emit()
            if mine and opened.labels in self._viewer.layers:
                self.say(without_image(opened))

    def _close(self, opened: OpenCase, *, force: bool, keep: bool = False) -> bool:
        """Where its layers are to ``keep``, they stay for the next case."""
        told = opened.close(force=force)
        if told is not None:
            self.say(told)
            if not opened.closed:
                return False
        if opened is self.current:
            self._habits.learn(opened.labels, opened.project)
        unbind(opened.labels)
        self._open.pop(opened.case_id, None)
        if self._state.case_id == opened.case_id:
            self._state.case_id = None
        if opened.listed:
            remove_all(self._viewer, opened.image, opened.labels, keep=keep)
        if keep:
            opened.leave()
        opened.deleteLater()
        return True

    def _close_listed(self, keep: OpenCase | None = None) -> bool:
        return all(
            self._close(opened, force=False, keep=opened is keep)
            for opened in list(self._open.values())
            if opened.listed
        )

    def resized(self) -> str | None:
        """Why an open image has another size than the project's exports say; None where all have theirs."""
        return next((why for opened in self._open.values() if (why := opened.resized()) is not None), None)

    def unstored(self) -> list[tuple[str, str]]:
        """Names of the cases that cannot be closed without loss, and why."""
        found = [(opened.image.name, opened.unstored()) for opened in self._open.values()]
        return [(name, why) for name, why in found if why is not None]

    def close_all(self, *, force: bool = False) -> bool:
        """Store what is left and let go of all cases; False where something cannot be stored and stays open."""
        closed = [self._close(opened, force=force) for opened in list(self._open.values())]
        return all(closed)

    def detach(self) -> None:
        """Let go of the viewer."""
        self._detached = True
        self._viewer.layers.events.inserted.disconnect(self._layer_inserted)
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self._viewer.layers.selection.events.active.disconnect(self._layer_selected)

    # ---- what is told ------------------------------------------------------------------------------------------------

    def say(self, why: str) -> None:
        """Tell what was not done, in the panel."""
        self._bus.told.emit(why)

    def _tell(self, error: BaseException) -> None:
        self.say(sentence(error))

    def _when_done(self, future: Future, use: Callable[[Any], None]) -> None:
        """Use a result on the GUI thread."""

        def call() -> None:
            error = future.exception()
            if error is not None:
                self._tell(error)
            else:
                use(future.result())

        future.add_done_callback(lambda _: self._called.emit(call))

    def _on_status(self, status: SaveStatus) -> None:
        # on the writing thread
        self._called.emit(lambda: self._bus.save_status.emit(status))

    def _run_call(self, call: Callable[[], None]) -> None:
        # what a writing thread has to say after the panel went is for nobody
        if not self._detached:
            call()
