"""The open case: its two layers, and what is drawn in them going to the disk."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_warning
from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_medseg.app.correct import CorrectionSession, SaveStatus, StrokeTracker
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.inference import Prediction
from napari_medseg.io import read_image
from napari_medseg.io.image import Image as ReadImage
from napari_medseg.project import Case, Project, Revision
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers, sentence

SETTLE_MS = 200
TOOLS = {"paint": "brush", "erase": "eraser", "fill": "fill", "polygon": "polygon"}
Loaded = tuple[Case, ReadImage, np.ndarray, Prediction | None]


class CaseView(QObject):
    """Shows one case of the project at a time."""

    _called = Signal(object)

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._state, self._bus, self._workers = viewer, state, bus, workers
        self._image: Image | None = None
        self._labels: Labels | None = None
        self._session: CorrectionSession | None = None
        self._tracker: StrokeTracker | None = None
        self._opening: Ticket | None = None
        self._ready: dict[tuple[int, str], Prediction] = {}
        self._called.connect(lambda call: call(), Qt.ConnectionType.QueuedConnection)
        # changes that come without a paint event (napari's own undo, a script) are found a moment later
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._compare)
        bus.propose_for_case.connect(self._propose)
        viewer.layers.events.removed.connect(self._layer_removed)

    # ---- opening -------------------------------------------------------------------------------------------------

    def open_case(self, case_id: int) -> None:
        """Load a case off the GUI thread and show it; what was asked before and is not shown yet is dropped."""
        project = self._state.project
        if project is None:
            return
        if self._opening is not None:
            self._opening.cancel()
        request = self._state.request()
        self._opening = self._workers.run(
            lambda ticket, progress: self._load(project, case_id, request, ticket),
            on_done=self._show,
            on_error=self._failed,
        )

    def _load(self, project: Project, case_id: int, request: PredictRequest, ticket: Ticket) -> Loaded:
        case = project.case(case_id)
        image = read_image(case.image)
        labels = project.labels(case_id)
        prediction = None
        if case.state == "new" and request.weights:
            prediction = self._ready.pop((case_id, request.weights), None) or predict_array(
                image.data, request, cancelled=lambda: ticket.cancelled
            )
        return case, image, labels, prediction

    def _failed(self, error: BaseException) -> None:
        self._opening = None
        show_warning(sentence(error))

    def _show(self, loaded: Loaded) -> None:
        case, image, labels, prediction = loaded
        self.close_case()
        project = self._state.project
        if project is None:
            return
        scale = image.spacing or (1.0, 1.0)
        unit = {"um": "micrometer", "mm": "millimeter"}.get(image.unit, "pixel")
        facts = {"medseg_case": case.id}
        self._image = Image(
            image.data, rgb=image.data.ndim == 3, name=case.name, scale=scale, units=(unit, unit), metadata=dict(facts)
        )
        self._labels = Labels(
            labels.copy(), name=f"{case.name} mask", scale=scale, units=(unit, unit), opacity=0.5, metadata=dict(facts)
        )
        self._viewer.add_layer(self._image)
        self._viewer.add_layer(self._labels)
        self._viewer.layers.selection.active = self._labels
        self._viewer.reset_view()
        self._session = CorrectionSession(project, case.id, self._on_status)
        self._tracker = StrokeTracker(self._session, labels)
        self._state.case_id = case.id
        if prediction is not None:
            self._propose(prediction)
        self._labels.events.paint.connect(self._painted)
        self._labels.events.set_data.connect(self._touched)
        self._labels.bind_key("Control-Z", lambda _: self.undo(), overwrite=True)
        self._labels.bind_key("Control-Shift-Z", lambda _: self.redo(), overwrite=True)
        self._labels.mode = "paint"
        self._opening = None
        self._bus.cases_changed.emit()
        self._prefetch(project, case.id)

    def _prefetch(self, project: Project, after: int) -> None:
        """Compute the next case's proposal while the person corrects this one."""
        case, request = project.next_case(after=after), self._state.request()
        if case is None or case.state != "new" or not request.weights or (case.id, request.weights) in self._ready:
            return

        def done(prediction: Prediction) -> None:
            self._ready[case.id, request.weights] = prediction

        self._workers.run(
            lambda t, progress: predict_array(read_image(case.image).data, request, cancelled=lambda: t.cancelled),
            on_done=done,
            # told when the case is opened
            on_error=lambda error: None,
        )

    # ---- what is drawn -------------------------------------------------------------------------------------------

    def _painted(self, event: Any = None) -> None:
        self._settle.stop()
        self._compare()

    def _touched(self, event: Any = None) -> None:
        self._settle.start()

    def _compare(self) -> None:
        if self._labels is not None and self._tracker is not None:
            self._tracker.update(self._labels.data, TOOLS.get(str(self._labels.mode), "edit"))

    def _propose(self, prediction: Prediction) -> None:
        if self._session is None or self._labels is None or self._tracker is None:
            return
        self._compare()
        self._session.propose(prediction.labels, {k: v for k, v in prediction.origin.items() if k != "messages"})
        self._replace(prediction.labels)

    def _replace(self, labels: np.ndarray) -> None:
        """Show labels that the project holds already."""
        if self._labels is not None and self._tracker is not None:
            self._tracker.reset(labels)
            self._labels.data = labels.copy()

    def undo(self) -> None:
        """Go back by one stroke, also one from an earlier session."""
        self._move(lambda session: session.undo())

    def redo(self) -> None:
        """Take an undo back."""
        self._move(lambda session: session.redo())

    def _move(self, ask: Callable[[CorrectionSession], Future]) -> None:
        if self._session is None:
            return
        self._compare()
        session = self._session

        def show(labels: np.ndarray | None) -> None:
            if labels is not None and session is self._session:
                self._replace(labels)

        self._when_done(ask(session), show)

    def accept(self, done: Callable[[Revision], None]) -> None:
        """Accept the labels as they are drawn now."""
        if self._session is not None:
            self._compare()
            self._when_done(self._session.accept(), done)

    def _when_done(self, future: Future, use: Callable[[Any], None]) -> None:
        """Use a result on the GUI thread."""

        def call() -> None:
            error = future.exception()
            if error is not None:
                show_warning(sentence(error))
            else:
                use(future.result())

        future.add_done_callback(lambda _: self._called.emit(call))

    def _on_status(self, status: SaveStatus) -> None:
        # on the writing thread
        self._called.emit(lambda: self._bus.save_status.emit(status))

    # ---- closing -------------------------------------------------------------------------------------------------

    def _layer_removed(self, event: Any) -> None:
        if event.value is self._labels:
            self.close_case()
            self._bus.cases_changed.emit()

    def close_case(self) -> None:
        """Store what is left and take the case's layers away."""
        self._settle.stop()
        session, self._session = self._session, None
        if session is not None:
            if self._labels is not None and self._tracker is not None:
                self._tracker.update(self._labels.data, "edit")
            if not session.close(timeout=5.0):
                show_warning(f"Some strokes are not stored: {session.status.error}")
        self._tracker = None
        layers = [layer for layer in (self._labels, self._image) if layer is not None]
        self._labels = self._image = None
        for layer in layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._state.case_id = None

    def detach(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
