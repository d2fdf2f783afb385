"""Where the person was: project, image, place and tool, from one opening of the panel or the program to the next."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import MedsegError
from napari_medseg.project import Project
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.habits import MODES
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.tool_table import SNAP, WIRE
from napari_medseg.widgets.tools import EditTools
from napari_medseg.widgets.workers import Workers


class Session:
    """Notes where the person is, and goes there again.

    Parameters
    ----------
    viewer : napari.Viewer
    state : PanelState
    view : CaseView
    tools : EditTools
    workers : Workers
    """

    def __init__(self, viewer: Any, state: PanelState, view: CaseView, tools: EditTools, workers: Workers) -> None:
        self._viewer, self._state, self._view, self._tools, self._workers = viewer, state, view, tools, workers
        # an older place is never written over a newer one
        self._turn, self._lock = 0, Lock()
        # of the image that is on its way
        self._wanted: dict[str, Any] | None = None
        state.events.project.connect(self._project_changed)
        state.events.case_id.connect(self._case_changed)

    def note(self) -> None:
        """Before something is closed: which image is open, which part of it is seen, and with what one draws."""
        opened, project = self._view.current, self._state.project
        slide = self._view.slides.case_id
        if project is None or (opened is None and slide is None):
            return
        camera, drawn = self._viewer.scene.camera, {}
        if opened is not None:
            labels = opened.labels
            drawn = {"mode": str(labels.mode), "label": int(labels.selected_label)}
        self._save(
            case=slide if opened is None else opened.case_id,
            listed=opened is None or opened.listed,
            zoom=float(camera.zoom),
            canvas=[int(value) for value in self._viewer.canvas.size],
            center=[float(value) for value in camera.center],
            step=[int(value) for value in self._viewer.dims.current_step],
            tool=self._tools.row.wanted or "",
            **drawn,
        )

    def resume(self) -> bool:
        """Open the image that was open last in this project; False where none is known."""
        place, project = load_settings().get("place"), self._state.project
        if not isinstance(place, dict) or project is None or place.get("project") != str(project.path):
            return False
        case_id = place.get("case")
        if not isinstance(case_id, int) or not _is_there(project, case_id):
            return False
        if place.get("listed") is False and len(self._viewer.layers):
            # the person's own layers are there still
            return True
        self._wanted = place
        self._view.open_case(case_id)
        return True

    def _save(self, **place: Any) -> None:
        self._saving(**place)()

    def _saving(self, **place: Any) -> Callable[[], None]:
        """What stores a place, unless another one was to be stored since; on any thread."""
        assert self._state.project is not None
        self._turn += 1
        turn, stored = self._turn, {"project": str(self._state.project.path), **place}

        def save() -> None:
            with self._lock:
                if turn == self._turn:
                    save_settings(place=stored)

        return save

    def _project_changed(self, *_: Any) -> None:
        self._wanted = None
        if self._state.project is not None:
            # also one that was made by itself, as my-images is
            save_settings(project=str(self._state.project.path))

    def _case_changed(self, *_: Any) -> None:
        wanted, self._wanted = self._wanted, None
        opened, slide = self._view.current, self._view.slides.case_id
        if self._state.project is None or (opened is None and slide is None):
            return
        if opened is None and self._state.case_id != slide:
            # its frame was closed, and so it will be in a moment
            return
        if opened is None:
            # of a slide, the frame opens where one looks
            if wanted is not None and wanted.get("case") == slide:
                self._look(wanted)
            self._save(case=slide, listed=True)
            return
        if wanted is not None and wanted.get("case") == opened.case_id:
            self._show(wanted)
        # a crash comes back here too
        save = self._saving(case=opened.case_id, listed=opened.listed)
        # the disk may be slow, and the image is not shown yet
        self._workers.run(lambda *_: save(), on_done=lambda _: None, lane="files")

    def _show(self, place: dict[str, Any]) -> None:
        """The part of the image that was seen, and what was drawn with; what is no such thing is passed over."""
        opened = self._view.current
        assert opened is not None
        self._look(place)
        label = place.get("label")
        if isinstance(label, int) and 0 <= label <= 255:
            opened.labels.selected_label = label
        if place.get("mode") in MODES:
            opened.labels.mode = place["mode"]
        if place.get("tool") in (WIRE, SNAP):
            self._tools.row.use(place["tool"])

    def _look(self, place: dict[str, Any]) -> None:
        camera = self._viewer.scene.camera
        if _numbers(place.get("center"), len(camera.center)) and _numbers([place.get("zoom")], 1) and place["zoom"] > 0:
            # of a window of another size, the same part of the image
            then: Any = place.get("canvas")
            known = _numbers(then, 2) and min(then) > 0
            scale = min(self._viewer.canvas.size) / min(then) if known else 1.0
            camera.center, camera.zoom = tuple(place["center"]), place["zoom"] * scale
        step: Any = place.get("step")
        if _numbers(step, len(self._viewer.dims.current_step)):
            self._viewer.dims.current_step = tuple(map(int, step))


def _is_there(project: Project, case_id: int) -> bool:
    """Whether a project lists an image of this number, and has its file."""
    try:
        return any(case.id == case_id and not case.missing for case in project.cases())
    except MedsegError:
        return False


def _numbers(values: Any, count: int) -> bool:
    """Whether these are so many finite numbers."""
    fits = isinstance(values, list) and len(values) == count
    return fits and all(isinstance(value, int | float) and abs(value) < 1e9 for value in values)
