"""Images larger than memory through a network: tile by tile, block by block, and on from where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from napari_medseg.app.doubt import doubt_of
from napari_medseg.app.large_run import Progress, facts_asked, go_on
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.slide_plan import WORTH, SlidePlan, in_order, note_seconds, units_of
from napari_medseg.inference.normalize import between
from napari_medseg.inference.prediction import to_labels
from napari_medseg.inference.tiles import KeptTiles, Place, enlarge, join
from napari_medseg.inference.tissue import is_empty
from napari_medseg.io.label_blocks import Index, LabelBlocks
from napari_medseg.io.large import Large, Part
from napari_medseg.weights import resolve_weights

# how tiles are laid and joined; a change of it is another result
FORM = 1


class Planned(Protocol):
    """A plan of a slide or a volume."""

    @property
    def request(self) -> PredictRequest:
        """What was asked for."""

    def what(self) -> str:
        """What is done, in words."""


def facts_of(plan: SlidePlan) -> dict[str, Any]:
    """What a slide's labels are made by: those of other facts are others."""
    facts = {"form": FORM, **facts_asked(plan.path, plan.request)}
    facts |= {"level": plan.level, "side": plan.grid.side, "pixel_um": plan.pixel_um}
    # of eight bits these are always the same
    return facts if plan.window == (0.0, 255.0) else {**facts, "window": list(plan.window)}


def origin_of(plan: Planned, facts: dict[str, Any]) -> dict[str, Any]:
    """Where a slide's labels come from, as :class:`napari_medseg.inference.Prediction` tells it."""
    first = facts["members"][0]
    return {
        **{key: first[key] for key in ("network", "weights", "sha256")},
        "plan": plan.what(),
        "device": plan.request.device,
        "tiles": facts,
    }


class SlideRun:
    """Works on blocks of a slide's labels; safe to be ended at any moment.

    Parameters
    ----------
    slide : Large
    plan : SlidePlan
    store : LabelBlocks
        Made with :func:`facts_of` the plan.
    """

    def __init__(self, slide: Large, plan: SlidePlan, store: LabelBlocks) -> None:
        self._slide, self.plan, self.store = slide, plan, store
        self._kept = KeptTiles()
        entry, _ = resolve_weights(plan.request.network, plan.request.weights)
        self._numbers = entry.labels
        # tiles that went through the network in this run, and how long they took, s
        self.passes, self.seconds = 0, 0.0

    def units(self, first: Part | None = None) -> list[tuple[Index, ...]]:
        """What is left to do, in order: see :func:`~napari_medseg.app.slide_plan.units_of`."""
        left = [index for index in self.store.blocks() if not self.store.done(index)]
        return in_order(units_of(self.plan, left), first)

    def size(self, index: Index) -> int:
        """Tiles that a block stands for."""
        return len(self.plan.places(self.store.box(index)))

    @property
    def count(self) -> int:
        """Tiles that go through the network, at most."""
        return self.plan.count

    def work(self, unit: tuple[Index, ...], check: Callable[[], None] = lambda: None) -> None:
        """Do some blocks.

        Parameters
        ----------
        unit : tuple of index
        check : callable
            Called between tiles; what it raises ends the work, and the blocks are not done.
        """
        boxes = {index: self.store.box(index) for index in unit}
        whole = (
            *(min(box[axis] for box in boxes.values()) for axis in (0, 1)),
            *(max(box[axis] for box in boxes.values()) for axis in (2, 3)),
        )
        region = self.plan.level_box(whole)

        def maps_of(place: Place) -> np.ndarray | None:
            check()
            return self._kept.get(place, self._tile)

        maps = join(self.plan.grid, region, maps_of, len(self._numbers))
        for index, box in boxes.items():
            if maps is None:
                self.store.write(index, np.zeros((box[2] - box[0], box[3] - box[1]), np.uint8))
                continue
            y0, x0, y1, x1 = self.plan.level_box(box)
            part = maps[:, y0 - region[0] : y1 - region[0], x0 - region[1] : x1 - region[1]]
            found = enlarge(part, (y0, x0), (box[0], box[1], box[2], box[3]), self.plan.down)
            labels = _labels(found, self.plan.request.threshold, self._numbers)
            # before the block: what is done has it
            if self.store.holds_doubts and self.plan.share(box) >= WORTH:
                self.store.note_doubt(index, doubt_of(found.sum(axis=0).clip(0, 1), labels > 0))
            self.store.write(index, labels)

    def see(self, box: Part) -> np.ndarray:
        """Labels (uint8) of any part, at once: the same as its blocks will have."""
        region = self.plan.level_box(box)
        maps = join(self.plan.grid, region, lambda place: self._kept.get(place, self._tile), len(self._numbers))
        if maps is None:
            return np.zeros((box[2] - box[0], box[3] - box[1]), np.uint8)
        found = enlarge(maps, region[:2], (box[0], box[1], box[2], box[3]), self.plan.down)
        return _labels(found, self.plan.request.threshold, self._numbers)

    def _tile(self, place: Place) -> np.ndarray | None:
        plan = self.plan
        if plan.tiles is not None and place not in plan.tiles:
            return None
        data = self._slide.read(plan.grid.box(place), plan.level)
        # a slide of which nobody knew where it is empty
        if plan.tiles is None and is_empty(between(data, plan.window)):
            return None
        started = time.perf_counter()
        request = replace(plan.request, pixel_um=None)
        found = predict_array(_squared(data, plan.grid.side), request, volume=False, window=plan.window)
        self.passes += 1
        self.seconds += time.perf_counter() - started
        height, width = data.shape[:2]
        return found.probabilities[:, :height, :width]


def _squared(image: np.ndarray, side: int) -> np.ndarray:
    """A tile of an image that is smaller than one, made as large: it goes on with its last rows and columns."""
    missing = [(0, max(0, side - n)) for n in image.shape[:2]]
    return np.pad(image, missing + [(0, 0)] * (image.ndim - 2), mode="edge") if any(n for _, n in missing) else image


def _labels(maps: np.ndarray, threshold: float, numbers: tuple[int, ...]) -> np.ndarray:
    if len(numbers) == 1:
        return to_labels(maps, threshold, numbers)
    # where all is background, the background's share is 1
    return to_labels(np.concatenate((1 - maps.sum(axis=0, keepdims=True), maps)), threshold, numbers)


def predict_slide(
    slide: Large,
    plan: SlidePlan,
    store: LabelBlocks,
    *,
    first: Part | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    done: Callable[[tuple[Index, ...]], None] = lambda unit: None,
) -> None:
    """Do what is left of a slide; parameters and errors are those of :class:`SlideRun` and :func:`go_on`."""
    run = SlideRun(slide, plan, store)
    go_on(run, first=first, progress=progress, cancelled=cancelled, done=done)
    if run.passes:
        note_seconds(plan.request, run.seconds / run.passes)


def partial_of(target: Path) -> Path:
    """Where a mask that is not finished lies, beside where it will."""
    name = target.name
    suffix = next((one for one in (".ome.zarr", ".zarr") if name.endswith(one)), "")
    return target.with_name(f"{name.removesuffix(suffix)}.unfinished{suffix}")
