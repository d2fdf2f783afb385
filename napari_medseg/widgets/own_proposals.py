"""From a proposal on the user's own layers to a case: kept in the project, so that strokes are stored too."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QWidget

from napari_medseg.app.carry import said_by
from napari_medseg.app.case_labels import CaseLabels
from napari_medseg.app.layer_keys import FILE_KEY, number_of
from napari_medseg.app.picture import picture_of
from napari_medseg.app.places import grid_of
from napari_medseg.app.scratch import keep_somewhere
from napari_medseg.errors import InputError, sentence
from napari_medseg.inference import Prediction
from napari_medseg.project import Case, Project
from napari_medseg.widgets.layers import plain_image, show_labels
from napari_medseg.widgets.open_cases import OpenCases
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr


class OwnProposals(OpenCases):
    """Cases that are open, and images that become some by a proposal."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers, parent: QWidget) -> None:
        super().__init__(viewer, state, bus, parent)
        self._workers = workers
        # images of the user's own that are just being kept: proposals that came meanwhile
        self._keeping: dict[str, list[tuple[Prediction, tuple, int | None]]] = {}
        bus.proposed.connect(self._proposed)
        bus.late.connect(self._closed_meanwhile)

    def _proposed(self, image: Image, prediction: Prediction, picture: tuple, over: int | None) -> None:
        """Show a proposal; where the image is no case yet, keep it in the project so that strokes are stored too."""
        opened = self._open.get(image.metadata.get("medseg_case", 0))
        if opened is not None and opened.image == image and opened.picture not in (None, picture):
            # its pixels were changed in their place, which napari tells nobody
            self._left(opened)
            opened = None
        if opened is not None and opened.image == image:
            opened.picture = picture
            opened.offers.add(
                prediction, over=over, late=partial(self._came_late, opened.image.name), failed=self._tell
            )
            self._viewer.layers.selection.active = opened.labels
            return
        waiting = self._keeping.get(number_of(image))
        if waiting is not None:
            # a draft is just being kept: what comes after it finds its case
            waiting.append((prediction, picture, over))
            return
        data, project = plain_image(image), self._state.project
        if data is None or image not in self._viewer.layers:
            # its data were exchanged, or it was closed, while the network ran
            return
        self._keeping[number_of(image)] = []
        labels = show_labels(self._viewer, image, prediction)
        name, grid = image.name, grid_of(image)
        source = image.source.path or image.metadata.get(FILE_KEY)

        def keep(ticket: Ticket, progress: Any) -> tuple[Project, Case, CaseLabels]:
            if picture_of(data) != picture:
                raise InputError(tr("'{name}' shows another picture by now. Propose again.", name=image.name))
            return keep_somewhere(project, data, prediction, name=name, source=source, grid=grid)

        def done(kept: tuple[Project, Case, CaseLabels]) -> None:
            waited = self._keeping.pop(number_of(image), [])
            self._kept(image, labels, prediction, picture, project is None, *kept)
            for late in waited:
                if image in self._viewer.layers:
                    self._proposed(image, *late)
                elif self._state.project is kept[0]:
                    self._closed_meanwhile(kept[0], kept[1].id, late[0])

        def failed(error: BaseException) -> None:
            self.say(f"{tr('Strokes on this mask are not stored.')} {sentence(error)}")
            for late in self._keeping.pop(number_of(image), []):
                self._proposed(image, *late)

        self._workers.run(
            keep,
            on_done=done,
            on_error=failed,
            on_dropped=lambda kept: kept[0].close() if project is None else None,
            lane="files",
        )

    def _came_late(self, name: str, closed: bool = False) -> None:
        """What is shown stays; the proposal is one press away."""
        if closed:
            told = tr("'{name}' was closed meanwhile. Its proposal is kept: open it, and Redo shows it.", name=name)
        else:
            told = tr(
                "The mask of '{name}' is accepted, and stays. The new proposal is kept: Redo there shows it.", name=name
            )
        self.say(told)
        self._bus.cases_changed.emit()

    def _closed_meanwhile(self, project: Project, case_id: int, prediction: Prediction) -> None:
        """Nobody saw it: what the image shows stays as it was left."""

        def keep(ticket: Ticket, progress: Any) -> str:
            project.set_aside(case_id, prediction.labels, prediction.kept_origin)
            return project.case(case_id).name

        def told(name: str) -> None:
            self._came_late(name, closed=True)

        self._workers.run(keep, on_done=told, on_error=self._tell, lane="files")

    def _kept(
        self,
        image: Image,
        labels: Labels,
        prediction: Prediction,
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
        self._bus.kept.emit(image, project, case.id)
        if case.id in self._open:
            # the same image is open as another layer; there the proposal and its strokes are
            opened = self._open[case.id]
            opened.move(opened.session.shown, self._tell)
            self._viewer.layers.remove(labels)
            self._viewer.layers.selection.active = opened.labels
        elif labels in self._viewer.layers and image in self._viewer.layers:
            drawn, proposed = np.asarray(labels.data), prediction.labels
            if not np.array_equal(stored.labels, proposed) and drawn.shape == proposed.shape:
                # someone drew in this image in an earlier session, and perhaps again while it was looked up
                labels.data = np.where(drawn != proposed, drawn, stored.labels)
            opened = self._follow(project, case, image, labels, stored, picture=picture, listed=False)
            opened.said = said_by(prediction)
            self._state.case_id = opened.case_id
        if case.state == "accepted":
            # in this project, perhaps long ago
            self._came_late(image.name)
        self._bus.cases_changed.emit()
