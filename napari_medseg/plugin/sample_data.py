"""Samples in napari's File menu: real images with their sources."""

from __future__ import annotations

from typing import Any

from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image


def _layers(name: str) -> list[tuple[Any, dict[str, Any], str]]:
    sample = next(sample for sample in sample_images() if sample.name == name)
    image = read_image(sample.image)
    facts = {"licence": sample.licence, "citation": sample.citation, "source": sample.source}
    return [(image.data, {"name": sample.name, "metadata": facts, "rgb": image.data.ndim == 3}, "image")]


def dermoscopy_1() -> list[tuple[Any, dict[str, Any], str]]:
    """A skin lesion."""
    return _layers("dermoscopy_4")


def dermoscopy_2() -> list[tuple[Any, dict[str, Any], str]]:
    """A skin lesion with hairs."""
    return _layers("dermoscopy_5")


def nuclei_1() -> list[tuple[Any, dict[str, Any], str]]:
    """Fluorescent nuclei."""
    return _layers("nuclei_1")


def nuclei_2() -> list[tuple[Any, dict[str, Any], str]]:
    """Stained nuclei."""
    return _layers("nuclei_5")


def breast_ultrasound_1() -> list[tuple[Any, dict[str, Any], str]]:
    """A breast lesion in ultrasound."""
    return _layers("breast-ultrasound_1")
