"""Files of formats that napari cannot read itself, opened or dropped in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napari_medseg.app.layer_keys import facts_of
from napari_medseg.app.places import name_of_unit
from napari_medseg.app.series import sorted_out
from napari_medseg.io import Image, format_of, name_of, read_image
from napari_medseg.io.format import Progress
from napari_medseg.io.large_open import is_large

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """A reader for files of the formats that say so; None for anything else."""
    formats = [format_of(p) for p in ([path] if isinstance(path, str) else path)]
    return read_layers if formats and all(one is not None and one.reader for one in formats) else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Images and volumes as layers of their own pixel size; of a folder with several series, those that are chosen.

    Raises
    ------
    ImageReadError
        If a file is damaged; the message names it.
    """
    from napari.utils.notifications import show_info

    paths = [Path(path)] if isinstance(path, str) else list(map(Path, path))
    layers: list[LayerData] = []
    for name, image in _read(paths):
        if not isinstance(image, Image):
            layers.append(image)
            continue
        for words in image.told:
            show_info(f"{name}: {words}")
        facts = facts_of(image)
        look = {
            "name": name,
            "scale": image.spacing or (1.0,) * len(image.shape),
            "units": (name_of_unit(image.unit),) * len(image.shape),
            "rgb": image.data.ndim == 3 and not image.volume,
            "metadata": facts,
        }
        if image.window is not None:
            look["contrast_limits"] = image.window
        layers.append((image.data, look, "image"))
    _paint(layers)
    # napari's own way to say that nothing is to be shown
    return layers or [(None,)]  # type: ignore[list-item]


def _paint(layers: Sequence[LayerData]) -> None:
    """Large images come bit by bit where there is a window."""
    from qtpy.QtWidgets import QApplication

    from napari_medseg.widgets.slide_layers import paint_next

    if any(look.get("multiscale") for _, look, _ in layers) and QApplication.instance() is not None:
        paint_next(QApplication.instance())


def _read(paths: Sequence[Path]) -> list[tuple[str, Image | LayerData]]:
    """Where a window is open, with a list to choose from and a bar that can be cancelled."""
    from napari_medseg.widgets.ask_series import ask_series, has_window, wait_for

    if not has_window():
        images, choices = sorted_out(paths)
        images += [image for one in choices for image in one.images]
        return [_read_one(image, lambda share: None) for image in images]
    found = wait_for(lambda step: sorted_out(paths, step))
    if found is None:
        return []
    images, choices = found
    images += [image for one in ask_series(choices) for image in one.images]
    read = [wait_for(partial(_read_one, image)) for image in images]
    return [one for one in read if one is not None]


def _read_one(path: Path, step: Progress) -> tuple[str, Image | LayerData]:
    """An image; of one that is read in parts, a layer of all its levels, whose pixels come as they are looked at."""
    if not is_large(path):
        return name_of(path), read_image(path, step)
    from napari_medseg.widgets.slide_layers import OpenedSlide

    return name_of(path), OpenedSlide(path).layer_data(name_of(path))
