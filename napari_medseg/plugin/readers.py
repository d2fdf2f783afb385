"""NIfTI files that are opened or dropped in napari, which cannot read them itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari_medseg.app.layer_keys import facts_of
from napari_medseg.io import read_image, stem_of, suffix_of

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """A reader for NIfTI files; None for anything else."""
    paths = [path] if isinstance(path, str) else list(path)
    return read_volumes if paths and all(suffix_of(p) in (".nii", ".nii.gz") for p in paths) else None


def read_volumes(path: str | Sequence[str]) -> list[LayerData]:
    """Volumes as layers of their own voxel size.

    Raises
    ------
    ImageReadError
        If a file is damaged; the message names it.
    """
    paths = [path] if isinstance(path, str) else list(path)
    layers: list[LayerData] = []
    for file in paths:
        image = read_image(file)
        look = {
            "name": stem_of(file),
            "scale": image.spacing,
            "units": ("millimeter",) * 3,
            "rgb": False,
            "metadata": facts_of(image),
        }
        layers.append((image.data, look, "image"))
    return layers
