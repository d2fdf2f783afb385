"""A proposal on a slide: what it will be, as it comes, block by block, and on from where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_medseg.app.layer_keys import OF_KEY, PROGRESS_SUFFIX, number_of
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.slide_plan import SlidePlan, plan_slide
from napari_medseg.app.slide_work import (
    DONE,
    EMPTY,
    WAITING,
    Asked,
    Progressed,
    boxes_of,
    go_on,
    on_its_way,
    progressed,
    unfinished,
)
from napari_medseg.errors import sentence
from napari_medseg.io.label_blocks import Index, LabelBlocks
from napari_medseg.io.large import Part
from napari_medseg.plain import real_path
from napari_medseg.project import Box
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.slides import SlideShown
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr, trn

# red, green, blue, alpha of a block: nothing is there, it waits, it is done
COLOURS = {EMPTY: (0, 0, 0, 0), WAITING: (255, 179, 0, 60), DONE: (0, 200, 83, 20)}


class _Planned(NamedTuple):
    """A plan, and how far the proposal is that it would go on with."""

    plan: SlidePlan
    there: Progressed | None
    # frames that are accepted, which it leaves as they are
    accepted: int = 0


class Seen(NamedTuple):
    """The middle of what is seen, px, and its labels."""

    box: Part
    labels: np.ndarray


class SlideRuns(QObject):
    """Plans and runs proposals on the slide that is open; one at a time, and on that slide only.

    Parameters
    ----------
    viewer, state, bus, view, workers
    """

    # what will happen, or why it cannot, in words; whether it can
    planned = Signal(str, bool)
    progressed = Signal(float, str)
    # another slide, or none; what was asked for of one that is not done
    turned = Signal()
    resumes = Signal(object)
    # how it ended, in words
    ended = Signal(str)
    # whether tiles that wait or are done are coloured
    mapped = Signal(bool)
    # how far one is that is not done, 0 to 1, and what to do, in words; without words there is none
    waits = Signal(float, str)

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, view: CaseView, workers: Workers) -> None:
        super().__init__(view)
        self._viewer, self._state, self._bus, self._view, self._workers = viewer, state, bus, view, workers
        self._slides = view.slides
        self.plan: SlidePlan | None = None
        self._of: SlideShown | None = None
        self._asked: tuple[Any, ...] = ()
        self._planning: Ticket | None = None
        self._ticket: Ticket | None = None
        self._map: Image | None = None
        self._far: Progressed | None = None
        self._slides.turned.connect(self._turned)

    @property
    def running(self) -> bool:
        """Whether a proposal is on its way."""
        return self._ticket is not None

    def shows(self, layer: Image) -> bool:
        """Whether a layer is the slide that is open from the project's list."""
        shown = self._slides.shown
        return shown is not None and shown.layer == layer

    def is_of(self, path: Path) -> bool:
        """Whether the slide that is open is this file."""
        shown = self._slides.shown
        return shown is not None and shown.case.image == real_path(path)

    # ---- what it will be -------------------------------------------------------------------------------------------

    def ask(self, request: PredictRequest, task: str) -> None:
        """What a request will do with the slide that is open: told by :attr:`planned`."""
        shown = self._slides.shown
        asked = (shown, request, task)
        if shown is None or self.running or asked == self._asked:
            return
        self._asked, self.plan = asked, None
        if self._planning is not None:
            self._planning.cancel()
        self.planned.emit(tr("Looking where on the slide there is tissue..."), False)

        def work(ticket: Ticket, progress: Any) -> _Planned:
            plan = plan_slide(shown.large, request, task=task)
            there = on_its_way(shown.project, shown.case, plan)
            return _Planned(plan, there, len(shown.project.frames(shown.case.id)))

        def done(found: _Planned) -> None:
            if self._slides.shown is shown and self._asked == asked:
                self.plan = found.plan
                self._show_map(found.there)
                self.planned.emit(told(found), True)
                self._tell_waiting(found.there)

        def failed(error: BaseException) -> None:
            if self._asked == asked:
                self.planned.emit(sentence(error), False)

        self._planning = self._workers.run(work, on_done=done, on_error=failed, lane="measure")

    def _tell_waiting(self, there: Progressed | None) -> None:
        if there is None or there.whole:
            self.waits.emit(0.0, "")
        else:
            self.waits.emit(there.done / max(1, there.of), _far(there))

    def _turned(self) -> None:
        if self._slides.shown is not self._of:
            self.waits.emit(0.0, "")
            self._of, self.plan, self._asked = self._slides.shown, None, ()
            self.stop()
            self._hide_map()
            self.turned.emit()
            if self._of is not None:
                self._look_back(self._of)

    def _look_back(self, shown: SlideShown) -> None:
        """Of a proposal that was not done, what was asked for is asked for again: it is gone on with."""

        def done(found: Asked | None) -> None:
            if found is not None and self._slides.shown is shown:
                self.resumes.emit(found)

        self._workers.run(
            lambda ticket, progress: unfinished(shown.project, shown.case.id),
            on_done=done,
            on_error=lambda error: None,
            lane="files",
        )

    # ---- on its way ------------------------------------------------------------------------------------------------

    def start(self) -> bool:
        """Begin, or go on, with what is seen; False where nothing is planned."""
        shown, plan = self._slides.shown, self.plan
        task = self._state.task
        if shown is None or plan is None or self.running:
            return False
        view = self._slides.view()
        first = view if view[2] > view[0] and view[3] > view[1] else None

        def work(ticket: Ticket, progress: Any) -> LabelBlocks:
            far: list[Progressed] = []

            def done(store: LabelBlocks, unit: tuple[Index, ...]) -> None:
                if not far:
                    far.append(progressed(plan, store))
                for index in unit:
                    if far[0].map[index] == WAITING:
                        far[0].map[index] = DONE
                doubts = boxes_of(store, store.doubts(unit))
                progress(-1.0, (replace(far[0], map=far[0].map.copy()), _around(store, unit), doubts))

            def begun(store: LabelBlocks, new: bool) -> None:
                far.append(progressed(plan, store))
                progress(-1.0, (replace(far[0], map=far[0].map.copy()), None, None if new else {}))

            return go_on(
                shown.project,
                shown.case,
                shown.large,
                plan,
                task=task,
                first=first,
                progress=progress,
                cancelled=lambda: ticket.cancelled,
                begun=begun,
                seen=lambda box, labels: progress(-1.0, Seen(box, labels)),
                done=done,
            )

        self._ticket = self._workers.run(
            work,
            on_done=lambda store: self._done(shown),
            on_progress=lambda share, told: self._stepped(shown, share, told),
            on_error=self._failed,
        )
        self.progressed.emit(0.0, tr("loading the network"))
        return True

    def stop(self) -> None:
        """Cancel; what is finished stays, and is gone on with whenever one likes."""
        if self._ticket is None:
            return
        self._ticket.cancel()
        self._ticket, self._asked = None, ()
        self._slides.end_preview()
        self.waits.emit(0.0, "")
        self.ended.emit(tr("Cancelled. What is finished stays; press Propose to go on."))

    def _stepped(self, shown: SlideShown, share: float, told: Any) -> None:
        if self._slides.shown is not shown:
            return
        if isinstance(told, str):
            self.progressed.emit(share, told)
            return
        if isinstance(told, Seen):
            y0, x0, y1, x1 = told.box
            self._slides.preview((y0, x0, y1, x1), told.labels)
            return
        far, box, doubts = told
        self._paint_map(far)
        self._slides.refresh(box)
        self._bus.doubts.emit(shown.case.id, doubts)
        if box is None:
            self._bus.cases_changed.emit()

    def _done(self, shown: SlideShown) -> None:
        self._ticket, self._asked = None, ()
        self._hide_map()
        self._slides.end_preview()
        self._bus.cases_changed.emit()
        self.waits.emit(0.0, "")
        self.ended.emit(tr("The proposal on this slide is whole. Correct it where you look closely."))

    def _failed(self, error: BaseException) -> None:
        self._ticket, self._asked = None, ()
        self._slides.end_preview()
        self.waits.emit(0.0, "")
        self.ended.emit(f"{sentence(error)} {tr('What is finished stays; press Propose to go on.')}")

    # ---- the map of blocks -----------------------------------------------------------------------------------------

    def _show_map(self, there: Progressed | None) -> None:
        if there is None or there.whole:
            self._hide_map()
        else:
            self._paint_map(there)

    def _paint_map(self, far: Progressed) -> None:
        shown, blocks = self._slides.shown, far.map
        if shown is None:
            return
        colours = np.zeros((*blocks.shape, 4), np.uint8)
        for state, colour in COLOURS.items():
            colours[blocks == state] = colour
        self.mapped.emit(True)
        if self._map is not None and self._map in self._viewer.layers:
            self._map.data = colours
            return
        scale = np.array(shown.layer.scale)
        self._map = Image(
            colours,
            rgb=True,
            name=shown.case.name + PROGRESS_SUFFIX,
            scale=scale * far.block,
            translate=np.array(shown.layer.translate) + scale * (np.array(far.block) - 1) / 2,
            units=shown.layer.units,
            metadata={OF_KEY: (number_of(shown.layer), PROGRESS_SUFFIX)},
        )
        active = self._viewer.layers.selection.active
        self._viewer.layers.insert(self._viewer.layers.index(shown.layer) + 1, self._map)
        self._viewer.layers.selection.active = active

    def _hide_map(self) -> None:
        layer, self._map = self._map, None
        self.mapped.emit(False)
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)


def told(found: _Planned) -> str:
    """What will happen, for the person."""
    if found.there is not None and found.there.whole:
        return tr("All {of} tiles have this proposal. Another network or pixel size makes another.", of=found.there.of)
    kept = trn(
        "The {n} frame that you accepted stays as it is.",
        "The {n} frames that you accepted stay as they are.",
        found.accepted,
    )
    what = found.plan.describe_in_sight() if found.there is None else _far(found.there)
    return f"{what} {kept}" if found.accepted else what


def _far(there: Progressed) -> str:
    return tr("{done} of {of} tiles are done: go on.", done=there.done, of=there.of)


def _around(store: LabelBlocks, unit: tuple[Index, ...]) -> Box:
    boxes = [store.box(index) for index in unit]
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    return min(tops), min(lefts), max(bottoms), max(rights)
