"""The cases in the viewer: opened from the project's list, or taken in from the user's own layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_medseg.errors import sentence
from napari_medseg.inference import Prediction
from napari_medseg.project import Box, Case, Project, Revision
from napari_medseg.widgets.ahead import Ahead
from napari_medseg.widgets.ask_undo import ask_undo
from napari_medseg.widgets.draft_text import stopped
from napari_medseg.widgets.elsewhere import copy_of, looks_elsewhere, take_over, unseen
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.layers import (
    MASK_SUFFIX,
    layers_of,
    new_labels,
    show_image,
)
from napari_medseg.widgets.load import Loaded, LoadedSlide
from napari_medseg.widgets.one_picture import one_picture
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.opening import Opening
from napari_medseg.widgets.own_proposals import OwnProposals
from napari_medseg.widgets.refill import Refill
from napari_medseg.widgets.slides import LOOK_CLOSELY, Slides
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr

# after an image was shown, ms
AHEAD_MS = 200


class CaseView(OwnProposals):
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
        super().__init__(viewer, state, bus, workers, parent)
        self._window, self._refill = parent, Refill(viewer)
        self.slides = Slides(viewer, state, self, workers, parent)
        self.ahead = Ahead(state, workers, next_of)
        self.opener = Opening(
            state,
            workers,
            self.ahead,
            show=self._show,
            offer=self._first_proposal,
            failed=self._failed,
            parent=self,
        )
        # a contour that is open takes its last click back instead, and says so
        self.take_back: Callable[[], bool] = lambda: False
        # ends what another network still does on a case that is accepted; gives what is to be said of that
        self.end_draft: Callable[[OpenCase], str] = lambda opened: ""
        bus.asking.connect(self._asking)
        self.opener.cancelled.connect(self._cancelled)
        self.opener.replaced.connect(self.say)

    def in_hand(self) -> set[int]:
        """Numbers of the cases that are open or about to be; may be asked on any thread."""
        open_or_not = (self.opener.case_id, self.slides.case_id)
        return {*tuple(self._open), *(case_id for case_id in open_or_not if case_id is not None)}

    # ---- from the project's list ---------------------------------------------------------------------------------

    def is_opening(self, case_id: int) -> bool:
        """Whether a case is being loaded, to be shown."""
        return self.opener.case_id == case_id

    @property
    def opening(self) -> bool:
        """Whether any case is being loaded."""
        return self.opener.case_id is not None

    def open_case(self, case_id: int) -> None:
        """Load a case off the GUI thread and show it; what was asked before and is not shown yet is dropped."""
        project = self._state.project
        if project is None:
            return
        self.ahead.make_way(case_id)
        if case_id in self._open:
            if self.opening:
                self.opener.stop()
            self._select(self._open[case_id])
            return
        if case_id == self.slides.case_id:
            self.opener.stop()
            return
        self._bus.opening.emit(True)
        self.opener.open(project, case_id)

    def _failed(self, error: BaseException, more: str) -> None:
        self._bus.opening.emit(False)
        self.say(f"{sentence(error)} {more}".strip())

    def _cancelled(self, shown: bool, draft: str) -> None:
        self._bus.opening.emit(False)
        if draft:
            self.say(f"{tr('Cancelled.')} {draft}")
        elif shown:
            self.say(tr("Cancelled: this image has no proposal. Draw, or ask for one  ({key}).", key=key_of("propose")))
        else:
            self.say(tr("Cancelled: the image was not opened."))

    def _asking(self, image: Image) -> None:
        """The person asks a network themselves: the first proposal is not waited for."""
        opened = self._open.get(image.metadata.get("medseg_case", 0))
        if opened is not None and self.opener.proposes_on(opened):
            self.opener.stop()

    def _show(self, loaded: Loaded | LoadedSlide, prediction: Prediction | None) -> OpenCase | None:
        with one_picture(self._window):
            if not isinstance(loaded, LoadedSlide):
                return self._show_layers(loaded, prediction)
            self._show_slide(loaded)
            return None

    def _show_slide(self, loaded: LoadedSlide) -> None:
        self._bus.opening.emit(False)
        if self._state.project is None or not self._close_listed():
            loaded.opened.close()
            return
        self._hide(list(self._open.values()))
        self.slides.show(loaded)
        self._bus.cases_changed.emit()

    def _show_layers(self, loaded: Loaded, prediction: Prediction | None) -> OpenCase | None:
        case, image, stored, picture, *_ = loaded
        self._bus.opening.emit(False)
        project = self._state.project
        listed = [one for one in self._open.values() if one.listed]
        keep = listed[0] if len(listed) == 1 and self._refill.fits(listed[0], image, stored.labels) else None
        layers = None if keep is None else (keep.image, keep.labels)
        if project is None or not self._close_listed(keep):
            return None
        own = list(self._open.values())
        if layers is not None:
            shown, mask = layers
            self._refill.fill(shown, mask, image, stored.labels, name=case.name)
            self._bus.filled.emit(shown)
        else:
            shown = show_image(self._viewer, image, name=case.name)
            mask = new_labels(shown, stored.labels, name=case.name + MASK_SUFFIX)
            self._viewer.add_layer(mask)
            self._refill.built(shown, mask)
        opened = self._follow(project, case, shown, mask, stored, picture=picture, listed=True)
        self._hide(own)
        if prediction is not None:
            opened.propose(prediction, self._tell)
        # before the case is told of: a tool of ours that is on takes it over then
        mask.mode = self._habits.mode
        self._select(opened)
        # the picture first: without a graphics card it is drawn by the same processor
        QTimer.singleShot(AHEAD_MS, partial(self._look_ahead, opened))
        return opened

    def _look_ahead(self, opened: OpenCase) -> None:
        if self.holds(opened):
            self.ahead.compute(opened.project, opened.case_id)

    def _hide(self, own: list[OpenCase]) -> None:
        """The user's own layers stay, out of sight."""
        for other in own:
            for layer in (other.image, other.labels, *layers_of(self._viewer, other.image)):
                layer.visible = False

    def _close_listed(self, keep: OpenCase | None = None) -> bool:
        if not super()._close_listed(keep):
            return False
        self.slides.close()
        return True

    def _first_proposal(self, opened: OpenCase, prediction: Prediction) -> None:
        """It comes after its image: what was drawn on that meanwhile stays."""
        if self.holds(opened):
            late = partial(self._came_late, opened.image.name)
            opened.offers.add(prediction, over=None, late=late, failed=self._tell)
        else:
            self._closed_meanwhile(opened.project, opened.case_id, prediction)

    def _select(self, opened: OpenCase) -> None:
        for layer in (opened.image, opened.labels):
            # told to show what it shows, napari puts the tool away
            if not layer.visible:
                layer.visible = True
        self._viewer.layers.selection.active = opened.labels
        self._viewer.reset_view()
        self._state.case_id = opened.case_id
        self._bus.case_changed.emit(opened.case_id)

    # ---- what is drawn -------------------------------------------------------------------------------------------

    def to_change(self) -> OpenCase | None:
        """The case that keys and buttons act on, if it is what the person looks at; None: there is none, or told why.

        Whoever has selected another layer means that one.
        """
        opened = self.current
        if opened is None and self.slides.shown is not None:
            self.say(tr(LOOK_CLOSELY, key=key_of("look_closely")))
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

    def accept(self, done: Callable[[Revision, str], None], *, proposed: int | None = None) -> None:
        """Accept the labels as they are drawn now; where they are not the case's, say why.

        Nothing is accepted where more than ``proposed`` proposals were shown by then: the person saw the mask before.
        """
        opened = self.to_change()
        if opened is None:
            return

        def accept() -> None:
            if proposed is not None and opened.proposed != proposed:
                self.say(tr("Nothing was accepted: a new proposal came before that. Look at it, and accept it then."))
                return
            if (why := opened.problem() or unseen(opened.labels)) is not None:
                self.say(why)
                return
            other = opened.resized()
            changes = opened.changes
            accepted = opened.session.accept(np.asarray(opened.labels.data), opened.other_picture())

            def tell(revision: Revision) -> None:
                opened.accepted = opened.changes == changes
                done(revision, " ".join(filter(None, (other, self._end_draft(opened)))))

            self._when_done(accepted, tell)

        opened.then(accept)

    def withdraw(self, box: Box, done: Callable[[], None]) -> None:
        """Take back that a part of the slide was accepted, px of it; ``done`` is called then."""
        opened = self.to_change()
        if opened is None:
            return

        def withdraw() -> None:
            opened.accepted = False
            self._when_done(opened.session.withdraw(box), lambda _: done())

        opened.then(withdraw)

    def _end_draft(self, opened: OpenCase) -> str:
        draft = self.opener.draft if self.opener.proposes_on(opened) else None
        if draft is None:
            return self.end_draft(opened)
        self.opener.stop()
        return stopped(draft)

    # ---- closing -------------------------------------------------------------------------------------------------

    def close_all(self, *, force: bool = False) -> bool:
        """Store what is left and let go of all cases; False where something cannot be stored and stays open."""
        self.opener.stop()
        self.ahead.ready.clear()
        closed = super().close_all(force=force)
        if closed or force:
            self.slides.close()
        return closed

    def detach(self) -> None:
        """Let go of the viewer."""
        super().detach()
        self.slides.detach()
