"""Live-wire: between two clicks the contour follows the edge."""

from __future__ import annotations

import numpy as np

from napari_medseg.editing.strength import edge_strength

WINDOW = 256
# a step over no edge costs so many times one along a sure edge
CONTRAST = 20.0
# a path of less edge than this on average is none: the straight line it is
WEAK = 0.08

Point = tuple[float, float]


class LiveWire:
    """Paths along edges from an anchor, in a window around it.

    Parameters
    ----------
    image : np.ndarray
        (Y, X) or (Y, X, C), real.
    edges : np.ndarray, optional
        (Y, X), float in [0, 1].
    window : int
        Side of the square in which paths are sought, px; beyond it they go on straight.
    """

    def __init__(self, image: np.ndarray, edges: np.ndarray | None = None, *, window: int = WINDOW) -> None:
        self._image, self._edges, self._half = image, edges, window // 2
        self.shape = (int(image.shape[0]), int(image.shape[1]))

    def anchor(self, point: Point) -> None:
        """Start paths here: works out the way from here to everywhere in the window."""
        from skimage.graph import MCP_Geometric

        self._start = self._pixel(point)
        y, x = self._start
        self._corner = (max(0, y - self._half), max(0, x - self._half))
        part = np.s_[self._corner[0] : y + self._half, self._corner[1] : x + self._half]
        edges = None if self._edges is None else self._edges[part]
        self._strength = edge_strength(self._image[part], edges)
        self._ways = MCP_Geometric(1 / (1 / CONTRAST + self._strength))
        self._ways.find_costs([(y - self._corner[0], x - self._corner[1])])

    def path_to(self, point: Point) -> np.ndarray:
        """The way from the anchor to a point.

        Parameters
        ----------
        point : tuple of float
            (y, x), px; outside the image the nearest pixel of it counts.

        Returns
        -------
        np.ndarray
            (N, 2: y, x), int: connected pixels, both ends among them. A straight line where there is no edge.
        """
        end = self._pixel(point)
        height, width = self._strength.shape
        inner = (
            min(max(end[0] - self._corner[0], 0), height - 1),
            min(max(end[1] - self._corner[1], 0), width - 1),
        )
        found = np.array(self._ways.traceback(inner))
        if self._strength[found[:, 0], found[:, 1]].mean() < WEAK:
            return straight(self._start, end)
        found += self._corner
        if tuple(found[-1]) == end:
            return found
        return np.concatenate((found, straight((int(found[-1, 0]), int(found[-1, 1])), end)[1:]))

    def _pixel(self, point: Point) -> tuple[int, int]:
        return (
            int(min(max(round(point[0]), 0), self.shape[0] - 1)),
            int(min(max(round(point[1]), 0), self.shape[1] - 1)),
        )


def straight(start: tuple[int, int], end: tuple[int, int]) -> np.ndarray:
    """Pixels (N, 2: y, x) of the line between two, both included."""
    from skimage.draw import line

    return np.stack(line(*start, *end), axis=1)
