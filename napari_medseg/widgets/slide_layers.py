"""Layers of a picture of any size: shown in a moment, filled by threads, nothing read where the window is painted."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap
from napari.utils.colormaps.standardize_color import transform_color
from qtpy.QtCore import QObject, Qt, QTimer, Signal

from napari_medseg.app.layer_keys import (
    FILE_KEY,
    GRID_KEY,
    OF_KEY,
    PREVIEW_SUFFIX,
    SIZE_KEY,
    SLIDE_KEY,
    TOLD_KEY,
)
from napari_medseg.app.places import name_of_unit
from napari_medseg.app.tile_cache import TileCache
from napari_medseg.app.tile_grid import steps_of
from napari_medseg.classes import COLOURS
from napari_medseg.io.large import Large
from napari_medseg.io.large_open import open_large
from napari_medseg.io.large_values import check_large
from napari_medseg.project import Box
from napari_medseg.widgets.lazy_level import LazyLevel

# what came within so long is painted at once
PAINT_MS = 60
# px: a coarsest level of the file that is no larger is read before anything is shown
AT_ONCE = 4_000_000


class Painter(QObject):
    """Paints a layer again when tiles came, off whichever thread that is told.

    Parameters
    ----------
    cache : TileCache
        Told before there is a layer of it: from then on nothing is read where the window is painted.
    tell : callable
        Called on the GUI thread with a sentence on what cannot be read.
    parent : QObject
    """

    _came = Signal()
    _failed = Signal(str)

    def __init__(self, cache: TileCache, tell: Callable[[str], None], parent: QObject) -> None:
        super().__init__(parent)
        self.cache = cache
        self.layer: Layer | None = None
        self._soon = QTimer(self, singleShot=True, interval=PAINT_MS)
        self._soon.timeout.connect(self._paint)
        self._came.connect(self._start, Qt.ConnectionType.QueuedConnection)
        self._failed.connect(tell, Qt.ConnectionType.QueuedConnection)
        cache.came, cache.failed = self._came.emit, self._failed.emit

    def _start(self) -> None:
        # started anew each time, it would never come while tiles come
        if not self._soon.isActive():
            self._soon.start()

    def _paint(self) -> None:
        if self.layer is not None:
            self.layer.refresh(thumbnail=True, highlight=False, extent=False)

    def stop(self) -> None:
        """Nothing is read or painted any more."""
        self._soon.stop()
        self.cache.came = self.cache.failed = None
        self.cache.close()
        self.deleteLater()


class OpenedSlide:
    """A large image that was opened, with its coarsest level in memory: made off the GUI thread.

    Raises
    ------
    ImageReadError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.large: Large = open_large(path)
        try:
            large = self.large
            self.told = (*large.told, *check_large(large))
            self.cache = TileCache(
                steps_of([level.shape for level in large.levels]),
                large.read,
                dtype=large.dtype,
                channels=large.channels,
            )
            # where nobody tells when its layer is gone
            weakref.finalize(self.cache, large.close)
            coarsest = self.cache.steps[-1]
            self.limits: tuple[float, float] | None = None
            if coarsest.source is not None and np.prod(coarsest.shape) <= AT_ONCE:
                self.cache.load(len(self.cache.steps) - 1)
                whole = self.cache.read(len(self.cache.steps) - 1, tuple(slice(0, n) for n in coarsest.shape))
                self.limits = _ends(whole)
            elif large.dtype != np.uint8:
                self.limits = self._guessed()
        except BaseException:
            self.large.close()
            raise

    def _guessed(self) -> tuple[float, float]:
        """Darkest and brightest of a part from the middle: who sees it otherwise moves the sliders."""
        shape = self.large.levels[-1].shape
        starts = [side // 2 if axis < len(shape) - 2 else max(0, side // 2 - 512) for axis, side in enumerate(shape)]
        ends = [
            start + 1 if axis < len(shape) - 2 else min(side, start + 1024)
            for axis, (start, side) in enumerate(zip(starts, shape, strict=True))
        ]
        part = self.large.read((*starts, *ends), len(self.large.levels) - 1)
        return _ends(part)

    def close(self) -> None:
        """Let go of the file."""
        self.cache.close()
        self.large.close()

    def layer_facts(self, name: str) -> dict[str, Any]:
        """What a layer of it is made with, besides its data."""
        large = self.large
        size = large.grid.spacing
        facts: dict[str, Any] = {FILE_KEY: str(large.path), SLIDE_KEY: str(large.path)}
        if large.volume:
            facts[GRID_KEY] = large.grid
        if size is not None:
            facts[SIZE_KEY] = size
        if self.told:
            facts[TOLD_KEY] = self.told
        return {
            "name": name,
            "multiscale": True,
            "scale": size or (1.0,) * len(large.shape),
            "units": (name_of_unit(large.grid.unit),) * len(large.shape),
            "metadata": facts,
        }

    def layer_data(self, name: str) -> tuple[list[LazyLevel], dict[str, Any], str]:
        """A layer of all levels, as napari's readers give it."""
        look = self.layer_facts(name)
        look["rgb"] = bool(self.large.channels)
        if not self.large.channels:
            look["contrast_limits"] = (0.0, 255.0) if self.large.dtype == np.uint8 else self.limits
        return [LazyLevel(self.cache, number) for number in range(len(self.cache.steps))], look, "image"

    def layer(self, name: str) -> Image:
        """As a layer."""
        levels, look, _ = self.layer_data(name)
        return Image(levels, **look)


def show_slide(viewer: Any, opened: OpenedSlide, *, name: str, tell: Callable[[str], None], parent: QObject) -> Image:
    """Add a large image as a layer; its file is let go of when the layer is removed."""
    painter = Painter(opened.cache, tell, parent)
    painter.layer = layer = opened.layer(name)

    def removed(event: Any) -> None:
        if event.value is layer or event.value == layer:
            viewer.layers.events.removed.disconnect(removed)
            painter.stop()
            opened.close()

    viewer.layers.events.removed.connect(removed)
    viewer.add_layer(layer)
    return layer


def paint_read(viewer: Any, tell: Callable[[str], None], parent: QObject) -> Callable[[], None]:
    """Large images that napari's own Open brings are painted from here on as ours are; gives what ends that."""

    def look(layer: Any) -> None:
        levels: list[Any] = list(layer.data) if isinstance(layer, Image) and layer.multiscale else []
        if levels and isinstance(levels[0], LazyLevel) and levels[0].cache.came is None:
            Painter(levels[0].cache, tell, parent).layer = layer

    def inserted(event: Any) -> None:
        look(event.value)

    for layer in viewer.layers:
        look(layer)
    viewer.layers.events.inserted.connect(inserted)
    return lambda: viewer.layers.events.inserted.disconnect(inserted)


def paint_next(parent: QObject) -> None:
    """As :func:`paint_read`, for what is read right now, with no panel beside it."""
    import napari
    from napari.utils.notifications import show_warning

    viewer = napari.current_viewer()
    if viewer is not None:
        end = paint_read(viewer, show_warning, parent)
        # the layers are there when the reader has returned
        QTimer.singleShot(0, end)


def new_preview(image: Layer, labels: np.ndarray, box: Box, name: str) -> Labels:
    """Labels of a part of a slide, to look at for a moment."""
    scale = np.array(image.scale)
    layer = Labels(
        labels,
        name=name + PREVIEW_SUFFIX,
        opacity=0.5,
        colormap=_colours(),
        scale=image.scale,
        translate=np.array(image.translate) + scale * box[:2],
        units=image.units,
        metadata={OF_KEY: (str(image.unique_id), PREVIEW_SUFFIX)},
    )
    layer.editable = False
    return layer


def _colours() -> CyclicLabelColormap:
    return CyclicLabelColormap(colors=np.array([transform_color(one)[0] for one in ("transparent", *COLOURS)]))


def new_overview(cache: TileCache, image: Layer) -> Labels:
    """A mask of any size over its image, to look at: what is drawn in is a window's."""
    return Labels(
        [LazyLevel(cache, number) for number in range(len(cache.steps))],
        multiscale=True,
        opacity=0.5,
        colormap=_colours(),
        **{key: getattr(image, key) for key in ("scale", "translate", "units")},
    )


def _ends(part: np.ndarray) -> tuple[float, float]:
    """The least and the largest number, apart."""
    known = part[np.isfinite(part)] if part.dtype.kind == "f" else part
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return low, max(high, low + 1)
