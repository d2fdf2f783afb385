"""Objects of a mask as polygons along the edges of their pixels, and polygons as pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Ring = list[list[int]]
Polygon = list[Ring]


def number_pieces(labels: np.ndarray) -> np.ndarray:
    """Number the connected pieces of all labels, from 1; pixels of a label that touch at a corner are one piece.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X), integer; 0 is the background.

    Returns
    -------
    np.ndarray
        Integer; a piece has one label.
    """
    from skimage.measure import label

    return np.asarray(label(labels, connectivity=2, background=0))


def outlines(objects: np.ndarray) -> dict[int, list[Polygon]]:
    """The polygons of each object, exact: they hold the centres of its pixels and of no others.

    Parameters
    ----------
    objects : np.ndarray
        (Y, X), integer: the number of the object that a pixel is part of; 0 is the background.

    Returns
    -------
    dict of int to list of polygons
        A polygon is its outer ring and then its holes; a ring is closed, of whole (x, y), which count edges of pixels:
        (0, 0) is the upper left corner of the first one. Parts of an object that touch at a corner only are polygons of
        their own, so that no ring touches itself. Outer rings run as GeoJSON has them (RFC 7946), holes against them.
    """
    from skimage.measure import label

    parts = np.pad(np.asarray(label(objects, connectivity=1, background=0)), 1)
    width, part = parts.shape[1], parts.ravel()
    inside = np.flatnonzero(part)
    # the edges of a pixel: upper, right, lower, left; what lies beyond each, and the next pixel along it
    beyond, along = np.array([-width, 1, width, -1]), np.array([1, width, -1, -width])
    keys = np.sort(np.concatenate([inside[part[inside + beyond[n]] != part[inside]] * 4 + n for n in range(4)]))
    pixel, edge = keys >> 2, keys & 3
    ahead = pixel + along[edge]
    corner = ahead + beyond[edge]
    # where two of its pixels touch at a point, the way turns to the other: else a hole and the outside would be one
    turned, straight = part[corner] == part[pixel], part[ahead] == part[pixel]
    next_pixel = np.where(turned, corner, np.where(straight, ahead, pixel))
    next_edge = np.where(turned, (edge + 3) & 3, np.where(straight, edge, (edge + 1) & 3))
    after = np.searchsorted(keys, next_pixel * 4 + next_edge)
    bends = np.zeros(len(keys), bool)
    bends[after[next_edge != edge]] = True
    x = pixel % width - 1 + ((edge == 1) | (edge == 2))
    y = pixel // width - 1 + (edge >= 2)
    points = np.stack([x, y], axis=1).tolist()
    owner, number = part[pixel].tolist(), np.pad(objects, 1).ravel()[pixel].tolist()
    return _walk(after.tolist(), bends.tolist(), points, owner, number)


def _walk(
    after: list[int], bends: list[bool], points: list[list[int]], owner: list[int], number: list[int]
) -> dict[int, list[Polygon]]:
    """Edges, in the order of their pixels, to rings: the first of a part is its outer one."""
    found: dict[int, list[Polygon]] = {}
    polygons: dict[int, Polygon] = {}
    seen = bytearray(len(after))
    for start in range(len(after)):
        if seen[start]:
            continue
        ring: Ring = []
        edge = start
        while not seen[edge]:
            seen[edge] = 1
            if bends[edge]:
                ring.append(points[edge])
            edge = after[edge]
        ring.append(ring[0])
        part = owner[start]
        if part not in polygons:
            polygons[part] = []
            found.setdefault(number[start], []).append(polygons[part])
        polygons[part].append(ring)
    return found


def corners(numbers: object, *, flat: bool = False) -> np.ndarray | None:
    """The corners of a polygon as they stand in a file.

    Parameters
    ----------
    numbers : object
        What was read: pairs of x and y; with ``flat``, x and y by turns.

    Returns
    -------
    np.ndarray or None
        (N, 2: x, y), float64, finite, at least three; None where it is no polygon.
    """
    try:
        found = np.array(numbers, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if flat:
        if found.ndim != 1 or len(found) % 2:
            return None
        found = found.reshape(-1, 2)
    if found.ndim != 2 or found.shape[1] != 2 or len(found) < 3 or not np.isfinite(found).all():
        return None
    return found


def fill(rings: Sequence[np.ndarray], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The pixels whose centres lie inside rings: what two of them hold is a hole. On a left or upper rim is inside.

    Parameters
    ----------
    rings : sequence of np.ndarray
        (N, 2) each: (x, y) of its points, finite, in pixels from the upper left corner of the first one.
    shape : tuple of int
        (Y, X) of the image; what lies outside is left out.

    Returns
    -------
    y, x : np.ndarray
        The pixels.
    """
    one = np.concatenate([np.asarray(ring, np.float64) for ring in rings])
    two = np.concatenate([np.roll(np.asarray(ring, np.float64), -1, axis=0) for ring in rings])
    low, high = np.clip(one.min(axis=0), 0, shape[::-1]), np.clip(one.max(axis=0), 0, shape[::-1])
    (left, top), (right, bottom) = np.floor(low).astype(int), np.ceil(high).astype(int)
    height, width = max(0, bottom - top), max(0, right - left)
    # rows whose centres an edge crosses: the lower end is not part of it
    first = np.clip(np.ceil(np.minimum(one[:, 1], two[:, 1]) - 0.5), top, bottom).astype(int)
    last = np.clip(np.ceil(np.maximum(one[:, 1], two[:, 1]) - 0.5), top, bottom).astype(int)
    counts = last - first
    edge = np.repeat(np.arange(len(one)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    (x0, y0), (x1, y1) = one[edge].T, two[edge].T
    column = np.ceil(x0 + (row + 0.5 - y0) * ((x1 - x0) / (y1 - y0)) - 0.5)
    column = np.clip(column, left, right).astype(int)
    crossed = np.bincount((row - top) * (width + 1) + column - left, minlength=height * (width + 1))
    inside = np.cumsum(crossed.reshape(height, width + 1)[:, :-1], axis=1) & 1
    y, x = np.nonzero(inside)
    return y + top, x + left
