"""One case in the viewer: its two layers, and what is drawn in them going to the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_medseg.app.carry import said_by
from napari_medseg.app.case_labels import WITHHELD, CaseLabels
from napari_medseg.app.correct import CorrectionSession, SaveStatus
from napari_medseg.app.layer_keys import HISTORY_KEY
from napari_medseg.app.picture import other_picture, picture_of
from napari_medseg.app.places import apart, grid_of, moved, resized
from napari_medseg.app.provenance import case_provenance, note_origin
from napari_medseg.app.rescue import rescue_labels
from napari_medseg.app.tracker import HINT, StrokeTracker
from napari_medseg.errors import InputError
from napari_medseg.inference import Prediction
from napari_medseg.io import Grid
from napari_medseg.project import Box, Project
from napari_medseg.widgets.case_layers import CaseLayers
from napari_medseg.widgets.layers import PLACE, place_of, plain_image, show_part
from napari_medseg.widgets.offers import Offers
from napari_medseg.words import tr

SETTLE_MS = 200
CLOSE_SECONDS = 2.0
TOOLS = {"paint": "brush", "erase": "eraser", "fill": "fill", "polygon": "polygon"}


class OpenCase(CaseLayers):
    """Follows a Labels layer from here to :meth:`close`.

    What changes the mask as a whole (undo, an operation, a proposal, accepting) goes one after the other, by
    :meth:`then`: an undo's answer comes from the disk, an operation's from another thread. Who draws never waits. What
    is drawn while an undo is on its way is handed over after it, on top of what it brings.

    Parameters
    ----------
    project : Project
    case_id : int
    image : Image
    labels : Labels
    stored : CaseLabels
        What the project holds; what the layer shows beyond it is stored as a stroke.
    kept : Grid
        Of the case, as the project keeps it.
    picture : tuple
        Of the image, as :func:`napari_medseg.app.picture.picture_of` tells it.
    listed : bool
        Opened from the project's list; its layers go when it is closed. Otherwise they are the user's own.
    on_status : callable
        Called with a :class:`SaveStatus` on the writing thread.
    window : tuple of int or None
        Of a large image: which part of it the two layers show, (y0, x0, y1, x1), px.
    parent : QObject
    """

    _answered = Signal()
    # the image layer shows another picture than this case's
    left = Signal()
    # a network's mask is shown, which nobody has seen yet
    proposal_shown = Signal()
    # the mask is another one than before, however that came: also while it is out of sight
    changed = Signal()
    # an undo or redo in a window changed this box of the whole, which may lie elsewhere
    whole_changed = Signal(object)
    # what an undo took back, see :class:`CaseLabels`
    undone = Signal(str)

    def __init__(
        self,
        project: Project,
        case_id: int,
        image: Image,
        labels: Labels,
        stored: CaseLabels,
        *,
        kept: Grid,
        picture: tuple | None,
        listed: bool,
        naming: Callable[[], dict[str, Any]],
        on_status: Callable[[SaveStatus], None],
        window: Box | None = None,
        parent: QObject,
    ) -> None:
        super().__init__(image, labels, parent)
        self.project, self.case_id, self.listed, self.window = project, case_id, listed, window
        self._kept, self.picture = kept, picture
        self._pixels = plain_image(image)
        self.session = CorrectionSession(project, case_id, on_status, window)
        self._tracker = StrokeTracker(self.session, stored)
        # proposals that come late
        self.offers = Offers(self, self.session, self._show_proposal)
        # of the mouse tool that is on, for the history; None: napari's own
        self.tool: str | None = None
        # (Y, X) of the image, at (), or of slices, at (z,): those that were drawn so far
        self.edges: dict[tuple[int, ...], np.ndarray] = {}
        # what the network that proposed says of each class, float16 in [0, 1]; None: nobody asked since it was opened
        self.said: dict[int, np.ndarray] | None = None
        for layer in (image, labels):
            layer.metadata["medseg_case"] = case_id
        labels.metadata[HISTORY_KEY] = lambda shown: case_provenance(project, project.case(case_id), shown, **naming())
        # how often the mask was another one, and shown proposals were among that, since it was opened
        self.changes = self.proposed = 0
        # what is shown was accepted here
        self.accepted = False
        self.changed.connect(self._count)
        # an undo or redo that is on its way
        self._move: Future[CaseLabels | None] | None = None
        self._failed: Callable[[BaseException], None] = lambda error: None
        self._withheld: Callable[[], None] | None = None
        self._answered.connect(self._look, Qt.ConnectionType.QueuedConnection)
        # changes that come without a paint event (napari's own undo, a script) are found a moment later
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._look)
        labels.events.paint.connect(self._painted)
        labels.events.set_data.connect(self._touched)
        image.events.data.connect(self._image_changed)
        for name in PLACE:
            getattr(image.events, name).connect(self._image_moved)
        self.compare()

    def _count(self) -> None:
        self.changes += 1
        self.accepted = False

    def _painted(self, event: Any = None) -> None:
        # napari tells of some changes just before it makes them: look now, and again a moment later
        self.compare()
        self._settle.start()

    def _touched(self, event: Any = None) -> None:
        self._settle.start()

    def _image_changed(self, event: Any = None) -> None:
        data = plain_image(self.image)
        if data is None or self._pixels is None or not np.array_equal(data, self._pixels):
            self.left.emit()
            return
        # the same numbers of another type, perhaps
        self.picture, self._pixels = picture_of(data), data

    def _image_moved(self, event: Any = None) -> None:
        """The mask is the image's: it goes with it. Where it was moved itself, see :meth:`problem`."""
        for name, value in place_of(self.image).items():
            setattr(self.labels, name, value)

    def _look(self) -> None:
        # one press of the button is one stroke: napari gathers it under this name, and says so only at its end
        if self.labels._block_history:
            self._settle.start()
            return
        self._take_answer()
        self.compare()
        self._go_on()

    @property
    def at_rest(self) -> bool:
        """Whether nobody is in the middle of a stroke, and nothing that was asked for is on its way."""
        return self._is_free() and not self._waiting and not self.labels._block_history

    # ---- one after the other -------------------------------------------------------------------------------------

    def _is_free(self) -> bool:
        # another array under a button that is down would make many steps of one press
        return super()._is_free() and self._move is None and not self.labels._block_history

    def _go_on(self) -> None:
        super()._go_on()
        if self._waiting and self.labels._block_history:
            self._settle.start()

    def move(self, ask: Callable[[], Future[CaseLabels | None]], failed: Callable[[BaseException], None]) -> None:
        """Show what the project will hold after an undo or a redo.

        Parameters
        ----------
        ask : callable
            Gives the future of it; None where there was nothing to go back to.
        failed : callable
            Called with an error.
        """

        self.then(lambda: self._start(ask, failed))

    def undo(self, failed: Callable[[BaseException], None], withheld: Callable[[], None] | None = None) -> None:
        """Go back by one stroke; where what is shown cannot be stored, to what is stored.

        ``withheld`` is called instead where that would take back the first proposal; None: it goes.
        """

        def start() -> None:
            self.compare()
            if self.session.unfit is None:
                self._start(lambda: self.session.undo(proposal=withheld is None), failed)
                self._withheld = withheld
                return
            self.labels.data = self._tracker.shown()
            self.compare()

        self.then(start)

    def _start(self, ask: Callable[[], Future[CaseLabels | None]], failed: Callable[[BaseException], None]) -> None:
        self.compare()
        if self.session.unfit is not None:
            failed(InputError(self.session.unfit))
            return
        self._failed = failed
        self._move = ask()
        # on the writing thread; who is closed by then asks no more
        self._move.add_done_callback(lambda _: self.closed or self._answered.emit())

    def _take_answer(self) -> None:
        if self._move is None or not self._move.done():
            return
        move, self._move = self._move, None
        error = move.exception()
        shown = None if error is not None else move.result()
        if shown is WITHHELD and self._withheld is not None:
            self._withheld()
        elif shown is not None:
            part = self._tracker.rebase(shown, np.asarray(self.labels.data))
            if part is not None:
                show_part(self.labels, *part)
                self.changed.emit()
            if shown.moved is not None:
                self.whole_changed.emit(shown.moved)
            if shown.took:
                self.undone.emit(shown.took)
        self.compare()
        if error is not None:
            self._failed(error)
        self._go_on()

    # ---- what is shown -------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Hand over what was drawn since the last time."""
        if self._move is not None:
            # a stroke over what is about to be taken back would bring it back
            return
        tool = self.tool or TOOLS.get(str(self.labels.mode), "edit")
        if self._tracker.update(np.asarray(self.labels.data), tool) is not None:
            self.changed.emit()

    def problem(self) -> str | None:
        """Why what is on the screen is not this case's mask as it would be stored; None where it is."""
        self.compare()
        return self.session.unfit or apart(self.labels, self.image)

    def resized(self) -> str | None:
        """Why the image has another size than the project's exports will say; None where it has that, or says none."""
        return moved(self.image) or resized(self.image, self._kept)

    def other_picture(self) -> Callable[[], str | None]:
        """Asked off the GUI thread, it says why the image's pixels are not those that its mask is of; None: they are.

        napari tells nobody of pixels that a script or a plugin changed in their place.
        """
        return partial(other_picture, self.picture, plain_image(self.image), self.image.name)

    def grid(self, lies: Grid) -> Grid:
        """On which grid the mask is written that lies so: where the layer knows no size, the project may."""
        return self._kept if lies.affine is None and lies.spacing is None else lies

    def apply(self, labels: np.ndarray, tool: str) -> None:
        """Show the labels that an operation made, as one stroke; in its turn, see :meth:`then`."""
        self.compare()
        self._tracker.update(labels, tool)
        self.labels.data = labels
        self.changed.emit()

    def propose(self, prediction: Prediction, failed: Callable[[BaseException], None]) -> None:
        """Show a network's labels instead, save where someone drew; what was before stays in the history.

        ``failed`` is called with an error where what is shown is not stored: it would be gone.
        """
        self.said = said_by(prediction)
        self.then(lambda: self._show_proposal(prediction, failed))

    def _show_proposal(self, prediction: Prediction, failed: Callable[[BaseException], None]) -> None:
        if (why := self.problem()) is not None:
            failed(InputError(why))
            return
        self.labels.data = self._tracker.propose(prediction.labels, prediction.kept_origin)
        self.proposed += 1
        self.changed.emit()
        self.proposal_shown.emit()

    def base_came(self, box: Box, failed: Callable[[BaseException], None]) -> None:
        """A proposal on the slide reached this window, in a box of the whole: show it, save where someone drew."""
        self.move(lambda: self.session.reread(box), failed)
        self.proposed += 1
        self.proposal_shown.emit()

    def unlock(self) -> None:
        """Let later proposals change what was drawn so far."""

        def unlock() -> None:
            self.compare()
            self._tracker.unlock()

        self.then(unlock)

    def touched(self) -> np.ndarray:
        """Pixels that proposals leave alone, bool, of the labels' shape; a copy."""
        self.compare()
        return self._tracker.touched

    def unstored(self) -> str | None:
        """Why not all that is on the screen is stored, after a try; None where it is."""
        stored, status = self._store_all(), self.session.status
        if stored and not status.lost:
            return tr("what you asked for last is not done yet.") if self._busy or self._waiting else None
        return (status.error or tr("The disk does not answer.")).removesuffix(tr(HINT))

    def close(self, *, force: bool) -> str | None:
        """Store what is left and let go of the layers.

        Parameters
        ----------
        force : bool
            Close even where something cannot be stored: the labels are then written to another place.

        Returns
        -------
        str or None
            What to tell the user: why it stays open, or where the labels are now.
        """
        why, name, told = self.unstored(), self.image.name, None
        status = self.session.status
        if self._waiting and not force:
            return tr("'{name}' stays open until what you asked for is done. Try again in a moment.", name=name)
        if why is not None and (status.pending or status.lost):
            if status.pending and not force:
                return tr("'{name}' stays open, its last strokes are not stored yet: {why}", name=name, why=why)
            place = self._rescue()
            where = tr("nowhere else could be written to") if place is None else tr("they are in {place}", place=place)
            told = tr(
                "The last strokes on '{name}' could not be stored in the project, {where}. {why}",
                name=name,
                where=where,
                why=why,
            )
        self._settle.stop()
        self.labels.events.paint.disconnect(self._painted)
        self.labels.events.set_data.disconnect(self._touched)
        self.image.events.data.disconnect(self._image_changed)
        for name in PLACE:
            getattr(self.image.events, name).disconnect(self._image_moved)
        for layer in (self.image, self.labels):
            layer.metadata.pop("medseg_case", None)
        self.labels.metadata.pop(HISTORY_KEY, None)
        note_origin(self.labels.metadata, self.project, self.case_id)
        self.offers.close(tell=not force)
        self.session.close(timeout=0.5)
        self.closed = True
        return told

    def _rescue(self) -> Path | None:
        """Write what is on the screen elsewhere, on its image's pixels where it lies on them."""
        labels, grid = np.asarray(self.labels.data), grid_of(self.image)
        return rescue_labels(self.image.name, labels, grid=grid if labels.shape == grid.shape else None)

    def _store_all(self) -> bool:
        """Whether all that was drawn and asked for reached the disk, or cannot ever."""
        self.compare()
        while self.session.flush(CLOSE_SECONDS):
            if self._move is None:
                return True
            # its answer is there, and what was drawn meanwhile goes to the disk now
            self._take_answer()
        return False
