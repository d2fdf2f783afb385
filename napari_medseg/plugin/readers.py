"""Files of formats that napari cannot read itself, opened or dropped in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari_medseg.app.layer_keys import facts_of
from napari_medseg.app.places import name_of_unit
from napari_medseg.io import format_of, read_image, stem_of

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """A reader for files of the formats that say so; None for anything else."""
    formats = [format_of(p) for p in ([path] if isinstance(path, str) else path)]
    return read_layers if formats and all(one is not None and one.reader for one in formats) else None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Images and volumes as layers of their own pixel size.

    Raises
    ------
    ImageReadError
        If a file is damaged; the message names it.
    """
    from napari.utils.notifications import show_info

    paths = [path] if isinstance(path, str) else list(path)
    layers: list[LayerData] = []
    for file in paths:
        image = read_image(file)
        for words in image.told:
            show_info(f"{stem_of(file)}: {words}")
        look = {
            "name": stem_of(file),
            "scale": image.spacing or (1.0,) * len(image.shape),
            "units": (name_of_unit(image.unit),) * len(image.shape),
            "rgb": image.data.ndim == 3 and not image.volume,
            "metadata": facts_of(image),
        }
        if image.window is not None:
            look["contrast_limits"] = image.window
        layers.append((image.data, look, "image"))
    return layers
