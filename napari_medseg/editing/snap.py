"""A brush whose rim lies on the edge, where there is one within reach."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from napari_medseg.editing.strength import edge_strength

# the rim reaches an edge between these shares of the radius
NEAREST, FARTHEST = 0.4, 1.5
STEPS = 24
# what a step of the rim to the next ray costs, and leaving the plain rim; an edge is worth up to 1
ROUGH, AWAY = 0.25, 0.25
WEAK = 0.15


def snapped_disk(
    image: np.ndarray, centre: tuple[float, float], radius: float, edges: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels that a stroke of the brush paints at one place.

    The rim is the best closed curve around the centre: on edges, smooth, and otherwise the plain circle.

    Parameters
    ----------
    image : np.ndarray
        (Y, X) or (Y, X, C), real.
    centre : tuple of float
        (y, x), px.
    radius : float
        px.
    edges : np.ndarray, optional
        (Y, X), float in [0, 1].

    Returns
    -------
    rows, columns : np.ndarray
        Indices inside the image. Those of a plain disk where no edge is near.
    """
    from scipy import ndimage
    from skimage.draw import disk, polygon

    shape = (image.shape[0], image.shape[1])
    plain = disk(centre, max(radius, 0.5), shape=shape)
    reach = int(np.ceil(radius * FARTHEST)) + 4
    y0, x0 = max(0, int(centre[0]) - 3 * reach), max(0, int(centre[1]) - 3 * reach)
    part = np.s_[y0 : int(centre[0]) + 3 * reach + 1, x0 : int(centre[1]) + 3 * reach + 1]
    if radius < 2 or not image[part].size:
        return plain
    strength = edge_strength(image[part], None if edges is None else edges[part])
    rays = int(np.clip(4 * radius, 24, 96))
    angles = np.linspace(0, 2 * np.pi, rays, endpoint=False)
    radii = radius * np.linspace(NEAREST, FARTHEST, STEPS)
    at = np.stack(
        (
            centre[0] - y0 + radii[None] * np.sin(angles)[:, None],
            centre[1] - x0 + radii[None] * np.cos(angles)[:, None],
        )
    )
    seen = ndimage.map_coordinates(strength, at, order=1, mode="nearest")  # (rays, STEPS)
    if seen.max() < WEAK:
        return plain
    rim = radii[_closed_path(seen, int(np.abs(radii - radius).argmin()))]
    ys, xs = centre[0] + rim * np.sin(angles), centre[1] + rim * np.cos(angles)
    return polygon(ys, xs, shape=shape)


@lru_cache(maxsize=4)
def _steps(count: int) -> np.ndarray:
    return ROUGH * np.abs(np.arange(count)[:, None] - np.arange(count)[None])


def _closed_path(strength: np.ndarray, rest: int) -> np.ndarray:
    """For each ray the step (0 to STEPS - 1) of the best closed curve."""
    rays, count = strength.shape
    cost = -strength + AWAY * np.abs(np.arange(count) - rest)[None] / count
    # once around from anywhere; then closed, from the step found half way round, where no end distorts it
    first = _open_path(cost, None)
    return _open_path(cost, int(first[rays // 2]), start=rays // 2)


def _open_path(cost: np.ndarray, fixed: int | None, start: int = 0) -> np.ndarray:
    """Cheapest path over the rays by dynamic programming; with ``fixed``, from and to this step at ray ``start``."""
    rays, count = cost.shape
    rolled = np.roll(cost, -start, axis=0)
    total = rolled[0].copy()
    if fixed is not None:
        total = np.where(np.arange(count) == fixed, total, np.inf)
    steps, back = _steps(count), np.zeros((rays, count), np.int64)
    for ray in range(1, rays):
        way = total[None] + steps  # (to, from)
        back[ray] = way.argmin(axis=1)
        total = rolled[ray] + way[np.arange(count), back[ray]]
    if fixed is not None:
        total = total + steps[fixed]
    path = np.empty(rays, np.int64)
    path[-1] = total.argmin()
    for ray in range(rays - 1, 0, -1):
        path[ray - 1] = back[ray, path[ray]]
    return np.roll(path, start)
