"""Shapes of GeoJSON: polygons, each its outer ring and then its holes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.outlines import corners


def polygons_of(geometry: object, path: Path) -> list[list[np.ndarray]]:
    """The polygons of an object, of rings (N, 2) of x and y, px.

    Raises
    ------
    ImageReadError
        If it is another shape, or damaged.
    """
    if not isinstance(geometry, dict):
        raise damaged(path, "an object without a shape")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(coordinates, list):
        raise ImageReadError(
            f"{path} has an object that is a {kind!s:.40}; expected polygons. Make it an area, or leave it out."
        )
    polygons = [coordinates] if kind == "Polygon" else coordinates
    if not all(isinstance(polygon, list) and polygon for polygon in polygons):
        raise damaged(path, "a polygon that is none")
    return [[_ring(ring, path) for ring in polygon] for polygon in polygons]


def _ring(points: object, path: Path) -> np.ndarray:
    found = corners(points)
    if found is None:
        raise damaged(path, "a polygon that is none")
    return found


def damaged(path: Path, what: str) -> ImageReadError:
    """A sentence on a GeoJSON file."""
    return ImageReadError(f"{path} has {what}; expected a whole GeoJSON file. Export it again.")
