"""GeoJSON as QuPath reads and writes it: objects as polygons along the edges of their pixels, each with its class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.colours import colour_in, names_of, palette_of
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.json_file import read_json, to_json, write_json
from napari_medseg.io.outlines import Polygon, outlines
from napari_medseg.io.painted import Canvas, facts_of, objects_in, provenance_in, spacing_in
from napari_medseg.io.qupath import OURS, class_names, settle
from napari_medseg.io.rings import damaged, polygons_of

# QuPath keeps such texts with an object
NUMBER = "label"


def write_mask(
    path: Path,
    labels: np.ndarray,
    *,
    grid: Grid,
    provenance: Mapping[str, Any] | None = None,
    parts: np.ndarray | None = None,
) -> None:
    """Write labels (Y, X) as objects: connected pieces, or what ``parts`` numbers.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    facts = dict(provenance or {})
    names, palette = names_of(facts), palette_of(facts)
    objects, label_of = objects_in(labels, parts)
    shapes = outlines(objects)
    document = {
        "type": "FeatureCollection",
        "features": [_feature(shapes[one], label, names, palette) for one, label in label_of.items()],
        OURS: facts_of(grid, facts),
    }
    write_json(path, document)


def write_objects(
    path: Path, objects: Iterable[tuple[int, list[Polygon]]], *, grid: Grid, provenance: Mapping[str, Any]
) -> None:
    """Write objects, each by its label and its polygons, as they come: none but the one at hand is held.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    facts = dict(provenance)
    names, palette = names_of(facts), palette_of(facts)
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii") as stream:
        stream.write('{"type":"FeatureCollection","features":[')
        for number, (label, polygons) in enumerate(objects):
            stream.write(f"{',' if number else ''}{to_json(_feature(polygons, label, names, palette))}")
        stream.write(f'],"{OURS}":{to_json(facts_of(grid, facts))}}}')


def _feature(polygons: list[Polygon], label: int, names: Mapping[int, str], palette: np.ndarray) -> dict[str, Any]:
    one = len(polygons) == 1
    return {
        "type": "Feature",
        "geometry": {
            "type": "Polygon" if one else "MultiPolygon",
            "coordinates": polygons[0] if one else polygons,
        },
        "properties": {
            "objectType": "annotation",
            "classification": {"name": names.get(label, f"label {label}"), "color": colour_in(palette, label)},
            "metadata": {NUMBER: str(label)},
        },
    }


def read(path: Path, *, mask: bool = False) -> Image:
    """Read a mask of ours: a pixel is part of an object if its centre is.

    Raises
    ------
    ImageReadError
        If it does not say how large its image is, as QuPath does not, or is not whole.
    """
    document = read_json(path)
    canvas = Canvas(path, _facts(document).get("shape"))
    features = document.get("features")
    if not isinstance(features, list):
        raise damaged(path, "no list of features")
    names = names_of(provenance_in(_facts(document)))
    for feature in features:
        label = _label(feature, path)
        _check_name(feature, label, names, path)
        for polygon in polygons_of(feature.get("geometry"), path):
            canvas.paint(*canvas.pixels(polygon), label)
    spacing, unit = spacing_in(_facts(document))
    return Image(canvas.labels, spacing, unit, path, numbered=True)


def read_grid(path: Path) -> Grid | None:
    """Size of the image; None where the file does not say it."""
    try:
        facts = _facts(read_json(path))
        shape = Canvas(path, facts.get("shape")).labels.shape
    except ImageReadError:
        return None
    spacing, unit = spacing_in(facts)
    return Grid(shape, spacing=spacing, unit=unit)


def read_names(path: Path) -> dict[int, str]:
    """Names of the classes, as the file and its objects tell them; errors are those of :func:`read`."""
    document = read_json(path)
    names = names_of(provenance_in(_facts(document)))
    features = document.get("features")
    for feature in features if isinstance(features, list) else ():
        _check_name(feature, _label(feature, path), names, path)
    return names


def read_told(path: Path) -> object:
    """What this program wrote into a mask; errors are those of :func:`read`."""
    return provenance_in(_facts(read_json(path)))


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    found = document.get(OURS)
    return found if isinstance(found, dict) else {}


def _label(feature: Any, path: Path) -> int:
    """The number that we gave an object."""
    try:
        return int(feature["properties"]["metadata"][NUMBER])
    except (TypeError, KeyError, ValueError) as error:
        raise damaged(path, "an object without the number of its class") from error


def _check_name(feature: Mapping[str, Any], label: int, names: dict[int, str], path: Path) -> None:
    """Make sure that an object's class is called as its number is: QuPath changes the one and keeps the other.

    Of a number without a name, the first object's is ``names``' from then on.

    Raises
    ------
    ImageReadError
    """
    classification = feature["properties"].get("classification")
    name = classification.get("name") if isinstance(classification, dict) else None
    if isinstance(name, str) and name != names.setdefault(label, name):
        raise ImageReadError(
            f"{path} has an object of number {label} and of class '{name:.60}'; expected '{names[label]:.60}', as that "
            "number is called. Its class was changed, and its number not: export the mask again, or change both."
        )


FORMAT = Format(
    name="geojson",
    title="GeoJSON (QuPath)",
    suffixes=(".geojson",),
    read=read,
    grid=read_grid,
    names=read_names,
    told=read_told,
    write_mask=write_mask,
    class_names=class_names,
    settle=settle,
    gives=Gives(images=False),
    takes=Takes(parts=True),
    keeps=Keeps(spacing=Kept.AS_TEXT, classes=Kept.WHOLE, provenance=Kept.AS_TEXT),
    plain=True,
    judged="shapely",
)
