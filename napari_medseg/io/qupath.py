"""GeoJSON that QuPath exported: classes by name alone, and nothing on how large the image is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.image import Grid
from napari_medseg.io.json_file import read_any
from napari_medseg.io.painted import Canvas
from napari_medseg.io.rings import polygons_of

# what stands below this name only this program writes
OURS = "medseg"
# of its kinds of objects, those that divide an image up and mark nothing on it
PASSED_OVER = ("root", "tile", "tma_core")
# as it calls what is not to count
IGNORED = "ignore*"


def features_of(document: Any, path: Path) -> list[dict[str, Any]]:
    """The objects of a file: it may be a collection, a list or a single one.

    Raises
    ------
    ImageReadError
    """
    if isinstance(document, dict):
        document = [document] if document.get("type") == "Feature" else document.get("features")
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise ImageReadError(f"{path} has no list of features; expected GeoJSON, as QuPath writes it. Export it again.")
    return document


def class_names(path: Path) -> list[str] | None:
    """Names of the classes of its objects, each once, "" of those without one; None of a file of ours.

    Raises
    ------
    ImageReadError
        If it is not whole.
    """
    document = read_any(path)
    if isinstance(document, dict) and isinstance(document.get(OURS), dict):
        return None
    return list(dict.fromkeys(class_of(one) for one in _marks(document, path)))


def settle(path: Path, target: Path, *, grid: Grid, numbers: Mapping[str, int]) -> None:
    """Write a mask of ours of QuPath's objects.

    Parameters
    ----------
    path, target : Path
    grid : Grid
        Of the image, (Y, X).
    numbers : mapping of str to int
        Of each class.

    Raises
    ------
    ImageReadError
        If an object is no area, lies outside of the image, or on one of another class.
    OutputError
        If the file cannot be written.
    """
    from napari_medseg.io.geojson import write_mask

    labels = paint(path, grid.shape, numbers)
    classes = {str(number): name for name, number in numbers.items() if name}
    write_mask(target, labels, grid=grid, provenance={"classes": classes})


def paint(path: Path, shape: tuple[int, ...], numbers: Mapping[str, int]) -> np.ndarray:
    """The objects as labels (Y, X), uint16; errors are those of :func:`settle`."""
    canvas = Canvas(path, shape)
    for one in _marks(read_any(path), path):
        for polygon in polygons_of(one.get("geometry"), path):
            canvas.paint(*canvas.pixels(polygon), numbers[class_of(one)])
    return canvas.labels


def _marks(document: Any, path: Path) -> Iterator[dict[str, Any]]:
    """The objects that mark something.

    Raises
    ------
    ImageReadError
        If they lie on several slices or times.
    """
    planes = set[tuple[Any, Any]]()
    for one in features_of(document, path):
        if _facts(one).get("objectType") in PASSED_OVER:
            continue
        geometry = one.get("geometry")
        plane = geometry.get("plane") if isinstance(geometry, dict) else None
        planes.add((plane.get("z", 0), plane.get("t", 0)) if isinstance(plane, dict) else (0, 0))
        if len(planes) > 1:
            raise ImageReadError(
                f"{path} has objects on several slices or times; expected those of one image. Export them one by one."
            )
        yield one


def _facts(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    found = feature.get("properties")
    return found if isinstance(found, dict) else {}


def class_of(feature: Mapping[str, Any]) -> str:
    """What an object is called; empty where it has no class. What is not to count is called as here."""
    found = _facts(feature).get("classification")
    if not isinstance(found, dict):
        return ""
    # a class of a class, in newer files
    parts = found.get("names")
    name = found.get("name") or (": ".join(map(str, parts)) if isinstance(parts, list) else "")
    name = str(name).strip()
    return IGNORED.removesuffix("*") if name.casefold() == IGNORED else name
