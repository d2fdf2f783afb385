"""The cases in the viewer: opened from the project's list, or taken in from the user's own layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QWidget

from napari_medseg.app.correct import CaseLabels
from napari_medseg.app.layer_keys import FILE_KEY
from napari_medseg.app.picture import picture_of
from napari_medseg.app.places import grid_of
from napari_medseg.app.scratch import keep_somewhere
from napari_medseg.errors import InputError, sentence
from napari_medseg.inference import Prediction
from napari_medseg.project import Case, Project, Revision
from napari_medseg.widgets.ahead import Ahead
from napari_medseg.widgets.ask_undo import ask_undo
from napari_medseg.widgets.elsewhere import copy_of, looks_elsewhere, take_over, unseen
from napari_medseg.widgets.layers import (
    MASK_SUFFIX,
    layers_of,
    new_labels,
    plain_image,
    show_image,
    show_labels,
)
from napari_medseg.widgets.load import Loaded, load_case
from napari_medseg.widgets.one_picture import one_picture
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.open_cases import OpenCases
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers, stepping
from napari_medseg.words import tr


class CaseView(OpenCases):
    """Shows one case of the project's list at a time, and follows the user's own layers beside it.

    ``next_of`` gives what finds the case that will come after one, so that its proposal is ready by then.
    """

    def __init__(
        self,
        viewer: Any,
        state: PanelState,
        bus: Bus,
        workers: Workers,
        next_of: Callable[[Project, int], Callable[[Ticket], Case | None]],
        parent: QWidget,
    ) -> None:
        super().__init__(viewer, state, bus, parent)
        self._window, self._workers = parent, workers
        self._opening: Ticket | None = None
        # which case that is
        self._loading: int | None = None
        self.ahead = Ahead(state, workers, next_of)
        # a contour that is open takes its last click back instead, and says so
        self.take_back: Callable[[], bool] = lambda: False
        bus.proposed.connect(self._proposed)

    def in_hand(self) -> set[int]:
        """Numbers of the cases that are open or about to be; may be asked on any thread."""
        return {*tuple(self._open), *(() if self._loading is None else (self._loading,))}

    # ---- from the project's list ---------------------------------------------------------------------------------

    def is_opening(self, case_id: int) -> bool:
        """Whether a case is being loaded, to be shown."""
        return self._loading == case_id

    def open_case(self, case_id: int) -> None:
        """Load a case off the GUI thread and show it; what was asked before and is not shown yet is dropped."""
        project = self._state.project
        if project is None:
            return
        if self._opening is not None:
            self._opening.cancel()
        self._loading = None
        self.ahead.make_way(case_id)
        if case_id in self._open:
            self._select(self._open[case_id])
            return
        state = self._state
        self._loading = case_id
        self._bus.opening.emit(True)
        self._opening = self._workers.run(
            lambda ticket, progress: load_case(project, case_id, state, self.ahead, ticket, stepping(ticket, progress)),
            on_done=self._show,
            on_error=self._failed,
            waits=tr("Opening the image..."),
            on_cancelled=self._cancelled,
        )

    def _cancelled(self) -> None:
        self._failed(InputError(tr("Cancelled: the image was not opened.")))

    def _failed(self, error: BaseException) -> None:
        self._opening = self._loading = None
        self._bus.opening.emit(False)
        self._tell(error)

    def _show(self, loaded: Loaded) -> None:
        with one_picture(self._window):
            self._show_layers(loaded)

    def _show_layers(self, loaded: Loaded) -> None:
        case, image, stored, prediction, picture = loaded
        self._opening = self._loading = None
        self._bus.opening.emit(False)
        project = self._state.project
        if project is None or not self._close_listed():
            return
        own = list(self._open.values())
        shown = show_image(self._viewer, image, name=case.name)
        mask = new_labels(shown, stored.labels, name=case.name + MASK_SUFFIX)
        self._viewer.add_layer(mask)
        opened = self._follow(project, case, shown, mask, stored, picture=picture, listed=True)
        for other in own:
            # the user's own layers stay, out of sight
            for layer in (other.image, other.labels, *layers_of(self._viewer, other.image)):
                layer.visible = False
        if prediction is not None:
            opened.propose(prediction, self._tell)
        # before the case is told of: a tool of ours that is on takes it over then
        mask.mode = self._habits.mode
        self._select(opened)
        self.ahead.compute(project, case.id)

    def _select(self, opened: OpenCase) -> None:
        for layer in (opened.image, opened.labels):
            # told to show what it shows, napari puts the tool away
            if not layer.visible:
                layer.visible = True
        self._viewer.layers.selection.active = opened.labels
        self._viewer.reset_view()
        self._state.case_id = opened.case_id
        self._bus.cases_changed.emit()

    # ---- from a proposal on the user's own layers ----------------------------------------------------------------

    def _proposed(self, image: Image, prediction: Prediction, picture: tuple) -> None:
        """Show a proposal; where the image is no case yet, keep it in the project so that strokes are stored too."""
        opened = self._open.get(image.metadata.get("medseg_case", 0))
        if opened is not None and opened.image == image and opened.picture not in (None, picture):
            # its pixels were changed in their place, which napari tells nobody
            self._left(opened)
            opened = None
        if opened is not None and opened.image == image:
            opened.picture = picture
            opened.propose(prediction, self._tell)
            self._viewer.layers.selection.active = opened.labels
            return
        data, project = plain_image(image), self._state.project
        if data is None:
            # its data were exchanged while the network ran
            return
        labels = show_labels(self._viewer, image, prediction)
        name, grid = image.name, grid_of(image)
        source = image.source.path or image.metadata.get(FILE_KEY)

        def keep(ticket: Ticket, progress: Any) -> tuple[Project, Case, CaseLabels]:
            if picture_of(data) != picture:
                raise InputError(tr("'{name}' shows another picture by now. Propose again.", name=image.name))
            return keep_somewhere(project, data, prediction, name=name, source=source, grid=grid)

        self._workers.run(
            keep,
            on_done=lambda kept: self._kept(image, labels, prediction.labels, picture, project is None, *kept),
            on_error=lambda error: self.say(f"{tr('Strokes on this mask are not stored.')} {sentence(error)}"),
            on_dropped=lambda kept: kept[0].close() if project is None else None,
            lane="files",
        )

    def _kept(
        self,
        image: Image,
        labels: Labels,
        proposed: np.ndarray,
        picture: tuple,
        made: bool,
        project: Project,
        case: Case,
        stored: CaseLabels,
    ) -> None:
        if self._state.project is None and not self._state.loading:
            self._state.project = project
        if self._state.project is not project:
            # another one was opened meanwhile; one that was made for this mask alone is nobody's
            if made:
                project.close()
            told = tr(
                "Strokes on '{name}' are not stored: another project was opened. Propose again.", name=labels.name
            )
            self.say(told)
            return
        if case.id in self._open:
            # the same image is open as another layer; there the proposal and its strokes are
            opened = self._open[case.id]
            opened.move(opened.session.shown, self._tell)
            self._viewer.layers.remove(labels)
            self._viewer.layers.selection.active = opened.labels
        elif labels in self._viewer.layers and image in self._viewer.layers:
            drawn = np.asarray(labels.data)
            if not np.array_equal(stored.labels, proposed) and drawn.shape == proposed.shape:
                # someone drew in this image in an earlier session, and perhaps again while it was looked up
                labels.data = np.where(drawn != proposed, drawn, stored.labels)
            opened = self._follow(project, case, image, labels, stored, picture=picture, listed=False)
            self._state.case_id = opened.case_id
        self._bus.cases_changed.emit()

    # ---- what is drawn -------------------------------------------------------------------------------------------

    def to_change(self) -> OpenCase | None:
        """The case that keys and buttons act on, if it is what the person looks at; None: there is none, or told why.

        Whoever has selected another layer means that one.
        """
        opened = self.current
        if opened is not None and (why := looks_elsewhere(self._viewer, opened)) is not None:
            self.say(why)
            return None
        return opened

    def undo(self) -> None:
        """Go back by one stroke, also one from an earlier session; or to what is stored, see :meth:`OpenCase.undo`."""
        if self.take_back():
            return
        opened = self.to_change()
        if opened is not None:
            opened.undo(self._tell, lambda: ask_undo(self._window, partial(self._undo_proposal, opened)))

    def _undo_proposal(self, opened: OpenCase) -> None:
        if self.holds(opened):
            opened.undo(self._tell)

    def redo(self) -> None:
        """Take an undo back."""
        opened = self.to_change()
        if opened is not None:
            opened.move(opened.session.redo, self._tell)

    def unlock(self) -> int | None:
        """Let later proposals change what was drawn in the open case; how many pixels that are, None: not done."""
        opened = self.to_change()
        if opened is None:
            return None
        pixels = int(opened.touched().sum())
        if pixels:
            opened.unlock()
        return pixels

    def take_over(self) -> None:
        """Make what was drawn in the selected copy of the open case's mask the mask."""
        opened = self.current
        copy = copy_of(self._viewer, opened)
        if opened is not None and copy is not None and (why := take_over(self._viewer, opened, copy)) is not None:
            self.say(why)

    def accept(self, done: Callable[[Revision, str], None]) -> None:
        """Accept the labels as they are drawn now; where they are not the case's, say why."""
        opened = self.to_change()
        if opened is None:
            return

        def accept() -> None:
            if (why := opened.problem() or unseen(opened.labels)) is not None:
                self.say(why)
                return
            other = opened.resized()
            accepted = opened.session.accept(np.asarray(opened.labels.data), opened.other_picture())
            self._when_done(accepted, lambda revision: done(revision, other or ""))

        opened.then(accept)

    # ---- closing -------------------------------------------------------------------------------------------------

    def close_all(self, *, force: bool = False) -> bool:
        """Store what is left and let go of all cases; False where something cannot be stored and stays open."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = self._loading = None
        self.ahead.ready.clear()
        return super().close_all(force=force)
