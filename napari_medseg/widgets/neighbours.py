"""To neighbours: corrected slices of a volume carried on, shown first, then taken as one step or dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_medseg.app.carry import Carried, carry
from napari_medseg.app.layer_keys import PREVIEW_SUFFIX
from napari_medseg.errors import Cancelled, sentence
from napari_medseg.project.touched import CARRIED
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.greyed import NO_IMAGE, able
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import SPACING
from napari_medseg.widgets.layers import find, made_for, place_of, plain_image
from napari_medseg.widgets.message import Message, Of
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.sight import axis_in_view
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr

# the outline of what is shown, px
OUTLINE = 2


class Neighbours(QWidget):
    """The button, and the row that is there, in the foot, while something is looked at or shown.

    Attributes
    ----------
    button : QPushButton
        Stands among the other tools.
    take, drop : QPushButton
    """

    def __init__(self, viewer: Any, view: CaseView, workers: Workers, message: Message) -> None:
        super().__init__()
        self._viewer, self._view, self._workers = viewer, view, workers
        self._ticket: Ticket | None = None
        self._case: OpenCase | None = None
        self._shown: Carried | None = None
        self.button = QPushButton(tr("To neighbours"))
        self.take, self.drop, self.message = QPushButton(tr("Take")), QPushButton(tr("Drop")), message
        self.button.setToolTip(
            tr(
                "Carries the slices that you corrected on to their neighbours, along the edges of the image  ({key})",
                key=key_of("to_neighbours"),
            )
        )
        self.take.setToolTip(tr("Fill these slices; one Undo takes it back  ({key})", key=key_of("to_neighbours")))
        self.drop.setToolTip(tr("Leave the mask as it is"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACING)
        row.addWidget(self.take)
        row.addWidget(self.drop)
        row.addStretch()
        self.button.clicked.connect(lambda: self.go())
        self.take.clicked.connect(lambda: self.accept())
        self.drop.clicked.connect(lambda: self.forget())
        view.mask_changed.connect(self._changed)
        for widget in (self, self.button):
            widget.hide()

    def enable(self) -> None:
        """Offer it where a volume is open; what was shown of another image goes."""
        case = self._view.current
        if case is not self._case:
            self.forget()
        volume = case is not None and case.labels.ndim == 3
        able(self.button, None if volume else tr(NO_IMAGE))
        # of an image it would take room for nothing
        self.button.setVisible(volume)

    # ---- looking -------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """Show what would be filled; where that is shown, fill it."""
        if self._shown is not None:
            self.accept()
            return
        case = self._view.to_change()
        if case is None or not self.button.isEnabled() or self._ticket is not None:
            return
        self._case = case
        self._tell(tr("Looking at the slices beside those that you corrected..."))
        # in its turn: an undo before it is shown first
        case.then(lambda: self._look(case))

    def _look(self, case: OpenCase) -> None:
        image = plain_image(case.image)
        why = case.problem()
        if why is not None or image is None:
            self._tell(why or "")
            return
        labels, axis, said = np.array(case.labels.data), axis_in_view(self._viewer, case.labels) or 0, case.said
        session, project, number = case.session, case.project, case.case_id

        def work(ticket: Ticket, progress: Any) -> Carried:
            # which slices were drawn in, the project knows
            session.flush()

            def step(at: int) -> None:
                if ticket.cancelled:
                    raise Cancelled
                progress(0.0, tr("Slice {number}...", number=at))

            return carry(project, number, image, labels, axis=axis, said=said, step=step)

        self._ticket = self._workers.run(
            work,
            on_done=lambda found: self._found(case, found),
            on_progress=lambda _, text: self._tell(text),
            on_error=self._failed,
            lane="edit",
        )
        self._offer(taking=False)

    def _failed(self, error: BaseException) -> None:
        self._ticket = None
        self._clear()
        self._tell(sentence(error))

    def _found(self, case: OpenCase, found: Carried) -> None:
        self._ticket = None
        self._clear()
        if not self._same(case, found):
            self._tell(tr("The mask changed meanwhile. Press it again."))
            return
        if np.array_equal(found.before, found.after):
            self._tell(found.text)
            return
        active = self._viewer.layers.selection.active
        changed = np.where(found.before == found.after, 0, found.after)
        # what is taken away is shown by no label: so all of a filled slice is outlined
        axis = axis_in_view(self._viewer, case.labels) or 0
        inside = np.zeros(found.after.shape, bool)
        np.moveaxis(inside, axis, 0)[list(found.filled)] = True
        shown = np.where(inside, found.after, changed).astype(found.after.dtype)
        layer = Labels(
            shown,
            name=case.image.name + PREVIEW_SUFFIX,
            colormap=case.labels.colormap,
            metadata=made_for(case.image, PREVIEW_SUFFIX),
            **place_of(case.image),
        )
        layer.contour = OUTLINE
        layer.editable = False
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active
        self._shown = found
        self._tell(tr("{text} Outlined in the image: take it, or drop it.", text=found.text))
        self._offer(taking=True)

    def _offer(self, *, taking: bool) -> None:
        self.take.setVisible(taking)
        self.show()

    def _same(self, case: OpenCase, found: Carried) -> bool:
        return self._view.holds(case) and np.array_equal(case.labels.data, found.before)

    # ---- taking --------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Fill what is shown, as one step that can be undone."""
        case, found = self._case, self._shown
        if case is None or found is None or self._view.to_change() is not case:
            return
        self._clear()

        def apply() -> None:
            if (why := case.problem()) is not None:
                self._tell(why)
            elif not self._same(case, found):
                self._tell(tr("The mask changed meanwhile. Press it again."))
            else:
                case.apply(found.after, CARRIED)
                self._tell(tr("Filled. {text}", text=found.text))

        case.then(apply)

    def forget(self) -> None:
        """Stop looking, and show nothing; the mask stays as it is."""
        told = self._ticket is not None or self._shown is not None
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None
        self._clear()
        if told:
            self._tell(tr("Dropped: the mask stays as it was."))

    def _changed(self, case: OpenCase) -> None:
        """What someone drew counts for more than what was shown."""
        if case is self._case and self._shown is not None and not self._same(case, self._shown):
            self._clear()
            self._tell(tr("The mask changed: what was outlined is dropped. Press it again."))

    def _clear(self) -> None:
        self._shown = None
        self.hide()
        if self._case is not None:
            layer = find(self._viewer, Labels, self._case.image, PREVIEW_SUFFIX)
            if layer is not None:
                self._viewer.layers.remove(layer)

    def _tell(self, text: str) -> None:
        self.message.say(text, Of.MASK)

    def let_go(self) -> None:
        """Show nothing any more; more calls do nothing."""
        if self._ticket is not None:
            self._ticket.cancel()
        self._clear()
