"""Stray pieces: small ones beside a large one, of a label that is one thing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# a piece is stray that is smaller than this share of the largest
STRAY = 0.05
# more of them are a texture or many small things, and nobody's slip
MOST = 9


@dataclass(frozen=True, slots=True)
class Piece:
    """One connected piece.

    Attributes
    ----------
    point : tuple of int
        The pixel of it that is nearest to its middle, (y, x) or (z, y, x).
    radius : float
        No pixel of its box is further from the box's middle within a slice, px.
    pixels : int
        How large it is.
    """

    point: tuple[int, ...]
    radius: float
    pixels: int


@dataclass(frozen=True, slots=True)
class Strays:
    """A label in one large piece, and the others, largest first."""

    label: int
    pieces: tuple[Piece, ...]


def count_pieces(labels: np.ndarray) -> dict[int, int]:
    """How many connected pieces each label has, those that touch at a corner being one.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), integer, not below 0.
    """
    return {label: _pieces(labels[box] == label)[1] for label, box in _boxes(labels)}


def find_strays(labels: np.ndarray) -> list[Strays]:
    """Labels whose pieces are one large one and at most nine of less than a twentieth of it.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), integer, not below 0.

    Returns
    -------
    list of Strays
        By label.
    """
    from scipy import ndimage

    found = []
    for label, box in _boxes(labels):
        numbered, count = _pieces(labels[box] == label)
        if not 2 <= count <= MOST + 1:
            continue
        sizes = np.bincount(numbered.ravel())
        sizes[0] = 0
        order = np.argsort(-sizes, kind="stable")[:count]
        if sizes[order[1]] >= STRAY * sizes[order[0]]:
            continue
        places = ndimage.find_objects(numbered)
        corner = np.array([axis.start for axis in box])
        pieces = (_piece(numbered, int(number), places[number - 1], corner) for number in order[1:])
        found.append(Strays(label, tuple(pieces)))
    return found


def _piece(numbered: np.ndarray, number: int, place: tuple[slice, ...], corner: np.ndarray) -> Piece:
    inside = np.argwhere(numbered[place] == number)
    middle = inside[((inside - inside.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    start = np.array([axis.start for axis in place])
    sides = [axis.stop - axis.start for axis in place[-2:]]
    point = tuple(int(value) for value in middle + start + corner)
    return Piece(point, float(np.hypot(*sides)) / 2, len(inside))


def _boxes(labels: np.ndarray) -> list[tuple[int, tuple[slice, ...]]]:
    """Each label above 0, and the box that holds it."""
    from scipy import ndimage

    found = ndimage.find_objects(labels)
    return [(label, box) for label, box in enumerate(found, start=1) if box is not None]


def _pieces(mask: np.ndarray) -> tuple[np.ndarray, int]:
    from scipy import ndimage

    numbered, count = ndimage.label(mask, np.ones((3,) * mask.ndim, bool))
    return numbered, int(count)
