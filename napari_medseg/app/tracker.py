"""What changed in an array that someone paints in, and what of it a project can hold."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np

from napari_medseg.app.case_labels import CaseLabels
from napari_medseg.app.correct import CorrectionSession
from napari_medseg.errors import ShapeError
from napari_medseg.project import Box
from napari_medseg.project.labels import changed_box, stacked, within
from napari_medseg.project.shown import inside
from napari_medseg.project.touched import keep_touched
from napari_medseg.words import mark, tr, trn

MOST = 255
"""A project holds labels up to this."""
HINT = mark(" Press Undo to see the stored mask again.")
"""What to do about a mask that cannot be stored as it is, as long as it is open."""


class StrokeTracker:
    """Finds what changed in an array that someone paints in, and hands it to a session.

    Parameters
    ----------
    session : CorrectionSession
    stored : CaseLabels
        As the project holds it; copied.
    """

    def __init__(self, session: CorrectionSession, stored: CaseLabels) -> None:
        self.session = session
        self.shape = stored.labels.shape
        # (rows, X), as the project has them
        self._stored: np.ndarray
        self._touched: np.ndarray
        # below proposals inside boxes
        self._base: np.ndarray | None
        self.reset(stored)

    def update(self, labels: np.ndarray, tool: str) -> Box | None:
        """Compare with what was handed over last, and hand over the difference.

        What a project cannot hold is held back, and the session is told why: a mask of another shape as a whole, of
        any other the pixels whose label is none of 0 to 255. The rest is stored.

        Returns
        -------
        tuple of int or None
            The box that changed, half-open; None where nothing did.
        """
        if (why := self._other_shape(labels)) is not None:
            self.session.refuse(why)
            return None
        labels = labels.reshape(self._stored.shape)
        box = changed_box(self._stored, labels)
        if box is None:
            self.session.refuse(None)
            return None
        drawn, why = self._storable(labels[inside(box)], box)
        if why is not None:
            found = changed_box(self._stored[inside(box)], drawn)
            box = None if found is None else within(box, found)
            drawn = drawn if box is None else self._storable(labels[inside(box)], box)[0]
        if box is not None:
            part = inside(box)
            self._touched[part] |= self._stored[part] != drawn
            self.session.stroke(drawn, box, tool, seen=self._stored[part])
            self._stored[part] = drawn
        self.session.refuse(why)
        return box

    def _other_shape(self, labels: np.ndarray) -> str | None:
        if labels.shape == self.shape and labels.dtype.kind in "bui":
            return None
        if labels.shape == self.shape:
            return tr("The mask's numbers are {dtype}; expected whole ones.{hint}", dtype=labels.dtype, hint=tr(HINT))
        return tr(
            "The mask's shape is {shape}; expected {wanted}, that of its image.{hint}",
            shape=labels.shape,
            wanted=self.shape,
            hint=tr(HINT),
        )

    def _storable(self, drawn: np.ndarray, box: Box) -> tuple[np.ndarray, str | None]:
        """What of a box can be stored, and why the rest cannot."""
        if drawn.dtype == np.uint8:
            return drawn, None
        bad = (drawn < 0) | (drawn > MOST)
        if not bad.any():
            return drawn.astype(np.uint8), None
        numbers = np.unique(drawn[bad])
        found = ", ".join(map(str, numbers[:3])) + (", ..." if len(numbers) > 3 else "")
        why = trn(
            "The mask has label {found} in {n} pixel; expected 0 to {most}.{hint}",
            "The mask has label {found} in {n} pixels; expected 0 to {most}.{hint}",
            int(bad.sum()),
            found=found,
            most=MOST,
            hint=tr(HINT),
        )
        return np.where(bad, self._stored[inside(box)], drawn).astype(np.uint8), why

    def shown(self) -> np.ndarray:
        """What was handed over last, of the case's shape; a copy."""
        return self._stored.reshape(self.shape).copy()

    def propose(self, labels: np.ndarray, origin: Mapping[str, Any]) -> np.ndarray:
        """Hand over a proposal.

        What a person changed stays. A proposal inside boxes (``origin['boxes']``) adds to what was shown before the
        first of them; any other replaces it. Boxes that a network found (``origin['found_boxes']``) are the person's
        to correct: what it segmented in them goes when they are proposed in again.

        Returns
        -------
        np.ndarray
            What to show, of the shape of ``labels``.

        Raises
        ------
        ShapeError
            If the labels are not of the case's shape.
        """
        if labels.shape != self.shape:
            raise ShapeError(
                tr(
                    "the proposal's shape is {shape}; expected {wanted}. Open that image anew.",
                    shape=labels.shape,
                    wanted=self.shape,
                )
            )
        proposed, boxes = labels, origin.get("boxes")
        if boxes:
            if self._base is None:
                self._base = self._stored.copy()
            covered = np.zeros(labels.shape, bool)
            for box in boxes:
                # a pixel belongs to a box that covers any of it
                covered[int(box[0]) : ceil(box[2]), int(box[1]) : ceil(box[3])] = True
            proposed = np.where(covered & (labels > 0), labels, self._base.reshape(labels.shape))
        else:
            self._base = np.zeros_like(self._stored) if "found_boxes" in origin else None
        self._stored = keep_touched(proposed.reshape(self._stored.shape), self._stored, self._touched)
        shown = self._stored.reshape(labels.shape).copy()
        self.session.propose(shown, origin)
        return shown

    def unlock(self) -> None:
        """Let later proposals change what was drawn so far."""
        self._touched[...] = False
        self.session.unlock()

    @property
    def touched(self) -> np.ndarray:
        """Pixels that are a person's, bool, of the case's shape; a copy."""
        return self._touched.reshape(self.shape).copy()

    def rebase(self, stored: CaseLabels, labels: np.ndarray) -> tuple[Box, np.ndarray] | None:
        """Put what was drawn beyond what was handed over on top of what the project holds now.

        Returns
        -------
        box : tuple of int
            In which something else is to be shown.
        shown : np.ndarray
            (rows, columns): what; :meth:`update` hands over what was drawn of it. None instead of both: nothing else,
            as the mask is of another shape, a person's own, and shown until they press Undo.
        """
        if self._other_shape(labels) is not None:
            self.reset(stored)
            return None
        box = stored.box or (0, 0, *self._stored.shape)
        drawn = labels.reshape(self._stored.shape)[inside(box)]
        changed = drawn != self._stored[inside(box)]
        self.reset(stored)
        return box, np.where(changed, drawn, self._stored[inside(box)])

    def reset(self, stored: CaseLabels) -> None:
        """The array, or a part of it, was replaced by what the project holds."""
        if stored.box is None:
            rows = stacked(stored.labels.shape)
            self._stored = np.array(stored.labels).reshape(rows)
            self._touched = np.array(stored.touched).reshape(rows)
        else:
            self._stored[inside(stored.box)] = stored.labels
            self._touched[inside(stored.box)] = stored.touched
        self._base = np.zeros_like(self._stored) if stored.found_boxes else None
