"""One case in the viewer: its two layers, and what is drawn in them going to the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer

from napari_medseg.app.correct import CaseLabels, CorrectionSession, SaveStatus, StrokeTracker
from napari_medseg.app.export import rescue_labels
from napari_medseg.inference import Prediction
from napari_medseg.project import Project

SETTLE_MS = 200
CLOSE_SECONDS = 2.0
TOOLS = {"paint": "brush", "erase": "eraser", "fill": "fill", "polygon": "polygon"}


class OpenCase(QObject):
    """Follows a Labels layer from here to :meth:`close`.

    Parameters
    ----------
    project : Project
    case_id : int
    image : Image
    labels : Labels
    stored : CaseLabels
        What the project holds; what the layer shows beyond it is stored as a stroke.
    listed : bool
        Opened from the project's list; its layers go when it is closed. Otherwise they are the user's own.
    on_status : callable
        Called with a :class:`SaveStatus` on the writing thread.
    parent : QObject
    """

    def __init__(
        self,
        project: Project,
        case_id: int,
        image: Image,
        labels: Labels,
        stored: CaseLabels,
        *,
        listed: bool,
        on_status: Callable[[SaveStatus], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.project, self.case_id, self.listed = project, case_id, listed
        self.image, self.labels = image, labels
        self.session = CorrectionSession(project, case_id, on_status)
        self._tracker = StrokeTracker(self.session, stored)
        # of the mouse tool that is on, for the history; None: napari's own
        self.tool: str | None = None
        # (Y, X) of the image, at (), or of slices, at (z,): those that were drawn so far
        self.edges: dict[tuple[int, ...], np.ndarray] = {}
        for layer in (image, labels):
            layer.metadata["medseg_case"] = case_id
        # changes that come without a paint event (napari's own undo, a script) are found a moment later
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.compare)
        labels.events.paint.connect(self._painted)
        labels.events.set_data.connect(self._touched)
        self.compare()

    def _painted(self, event: Any = None) -> None:
        # napari tells of some changes just before it makes them: look now, and again a moment later
        self.compare()
        self._settle.start()

    def _touched(self, event: Any = None) -> None:
        self._settle.start()

    def compare(self) -> None:
        """Hand over what was drawn since the last time."""
        self._tracker.update(np.asarray(self.labels.data), self.tool or TOOLS.get(str(self.labels.mode), "edit"))

    def apply(self, labels: np.ndarray, tool: str) -> None:
        """Show the labels that an operation made, as one stroke."""
        self.compare()
        self._tracker.update(labels, tool)
        self.labels.data = labels

    def propose(self, prediction: Prediction) -> None:
        """Show a network's labels instead, save where someone drew; what was before stays in the history."""
        self.compare()
        origin = {k: v for k, v in prediction.origin.items() if k != "messages"}
        self.labels.data = self._tracker.propose(prediction.labels, origin)

    def unlock(self) -> None:
        """Let later proposals change what was drawn so far."""
        self.compare()
        self._tracker.unlock()

    def touched(self) -> np.ndarray:
        """Pixels that proposals leave alone, bool, of the labels' shape; a copy."""
        self.compare()
        return self._tracker.touched.reshape(self.labels.data.shape)

    def replace(self, shown: CaseLabels) -> None:
        """Show labels that the project holds, or will when its queue is empty."""
        self._tracker.reset(shown)
        self.labels.data = shown.labels.copy()

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
        self._settle.stop()
        self.compare()
        told = None
        if not self.session.flush(CLOSE_SECONDS):
            reason = self.session.status.error or "The disk does not answer."
            name = self.image.name
            if not force:
                return f"'{name}' stays open, its last strokes are not stored yet: {reason}"
            place = rescue_labels(name, np.asarray(self.labels.data))
            where = "nowhere else could be written to" if place is None else f"they are in {place}"
            told = f"The last strokes on '{name}' could not be stored in the project, {where}. {reason}"
        self.labels.events.paint.disconnect(self._painted)
        self.labels.events.set_data.disconnect(self._touched)
        for layer in (self.image, self.labels):
            layer.metadata.pop("medseg_case", None)
        self.session.close(timeout=0.5)
        return told
