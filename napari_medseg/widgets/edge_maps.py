"""The edge map of the open case: drawn when a tool or a person first asks for it, in volumes slice by slice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QObject, QTimer

from napari_medseg.app.predict import edges_request, predict_array
from napari_medseg.errors import InputError, sentence
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.layers import EDGES_SUFFIX, find, lie_of_layer, plain_image, show_map
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr

# whoever pages through a volume stays so long before a slice's map is drawn
STAY_MS = 300
# maps that are kept of a volume: 64 MB of slices of 512 px
KEPT = 64


class EdgeMaps(QObject):
    """SGD-Net's map of the image, or of the slice that is shown; without it the tools follow the image's own gradient.

    Parameters
    ----------
    viewer : napari.Viewer
    state : PanelState
    view : CaseView
    workers : Workers
    in_use : callable
        Whether a tool is on that wants the map of the next slice too.
    tell : callable
        Shows a sentence.
    parent : QObject
    """

    def __init__(
        self,
        viewer: Any,
        state: PanelState,
        view: CaseView,
        workers: Workers,
        *,
        in_use: Callable[[], bool],
        tell: Callable[[str], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        self._in_use, self._tell = in_use, tell
        self._ticket: Ticket | None = None
        self._stay = QTimer(self)
        self._stay.setSingleShot(True)
        self._stay.setInterval(STAY_MS)
        self._stay.timeout.connect(self._stayed)
        viewer.dims.events.current_step.connect(self._paged)

    def close(self) -> None:
        """Let go of the viewer."""
        self._viewer.dims.events.current_step.disconnect(self._paged)
        self._stay.stop()

    # ---- drawing -------------------------------------------------------------------------------------------------

    def fetch(self, case: OpenCase, then: Callable[[tuple[int, ...] | None], None] | None = None) -> None:
        """Have the map drawn, off the GUI thread, unless it is at hand.

        Parameters
        ----------
        case : OpenCase
        then : callable, optional
            Called with the slice when its map is there, or with None when there can be none; with it, what goes wrong
            is told in a window.
        """
        index, data = self.index(case), plain_image(case.image)
        if data is None or index is None or index in case.edges:
            if then is not None:
                then(index if index in case.edges else None)
            return
        shown = self._layer(case)
        if shown is not None and shown.data.shape == data.shape[: case.image.ndim]:
            # of the whole, from a proposal
            case.edges[index] = np.asarray(shown.data)[index]
            return
        if self._ticket is not None:
            # of a slice that was left
            self._ticket.cancel()
        state, picture, window = self._state, data[index], lie_of_layer(case.image).get("window")

        def work(ticket: Ticket, progress: Any) -> np.ndarray | None:
            # the hand waits for it: one look
            asked = replace(edges_request(state.request()), mirrored=False)
            return predict_array(picture, asked, edges=True, window=window, cancelled=lambda: ticket.cancelled).edges

        def done(edges: np.ndarray | None) -> None:
            self._ticket = None
            if edges is not None:
                case.edges[index] = edges
                while len(case.edges) > KEPT:
                    case.edges.pop(next(iter(case.edges)))
            if then is not None:
                then(None if edges is None else index)

        def failed(error: BaseException) -> None:
            self._ticket = None
            if then is not None:
                show_warning(sentence(error))
            elif not isinstance(error, InputError):
                self._tell(sentence(error))

        self._ticket = self._workers.run(work, on_done=done, on_error=failed)

    def index(self, case: OpenCase) -> tuple[int, ...] | None:
        """() of an image, (z,) of the slice that is shown; None where no slice is shown straight on."""
        if case.image.ndim == 2:
            return ()
        dims = self._viewer.dims
        if dims.ndisplay != 2 or tuple(dims.displayed) != tuple(range(dims.ndim))[-2:]:
            return None
        z = round(float(case.image.world_to_data(dims.point)[0]))
        return (min(max(z, 0), case.image.data.shape[0] - 1),)

    # ---- showing -------------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Show or hide the map; it is drawn when it is first asked for."""
        case = self._view.current
        if case is None:
            return
        layer = self._layer(case)
        if layer is not None:
            layer.visible = not layer.visible
            self._paged()
            return
        self.fetch(case, lambda index: self._show(case, index))

    def _layer(self, case: OpenCase) -> Image | None:
        return find(self._viewer, Image, case.image, EDGES_SUFFIX)

    def _show(self, case: OpenCase, index: tuple[int, ...] | None) -> None:
        if index is None:
            show_info(
                tr("The edge map is of images and of the slices of a volume seen from above: choose the 2D view.")
            )
        elif case.image in self._viewer.layers:
            active = self._viewer.layers.selection.active
            show_map(self._viewer, case.image, case.edges[index], suffix=EDGES_SUFFIX, index=index)
            self._viewer.layers.selection.active = active
            if self.index(case) != index:
                # the person went on meanwhile
                self._paged()

    def _paged(self, event: Any = None) -> None:
        self._stay.start()

    def _stayed(self) -> None:
        """Another slice is shown: the tools and the layer want its map."""
        case = self._view.current
        if case is None or case.image.ndim != 3 or self.index(case) is None:
            return
        layer = self._layer(case)
        if layer is not None and layer.visible:
            self.fetch(case, lambda index: self._show(case, index))
        elif self._in_use():
            self.fetch(case)
