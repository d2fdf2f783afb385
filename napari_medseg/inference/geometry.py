"""From the image's grid to the network's and exactly back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F


@dataclass(frozen=True, slots=True)
class Geometry:
    """A resize between two grids and its inverse.

    Pixel centres lie at whole numbers; the outer borders of both grids coincide.

    Parameters
    ----------
    original, network : tuple of int
        (Y, X) of the image and of the network's input, px.
    """

    original: tuple[int, ...]
    network: tuple[int, ...]

    def forward(self, image: np.ndarray) -> np.ndarray:
        """Resize an image to the network's grid; bilinear, smoothed first where it shrinks.

        Parameters
        ----------
        image : np.ndarray
            (Y, X, C), float32, of the original size.

        Returns
        -------
        np.ndarray
            (h, w, C), float32.
        """
        return np.ascontiguousarray(_resize(image.transpose(2, 0, 1), self.network).transpose(1, 2, 0))

    def inverse(self, maps: np.ndarray) -> np.ndarray:
        """Resize maps back to the image's grid.

        Parameters
        ----------
        maps : np.ndarray
            (K, h, w), float32, of the network's size.

        Returns
        -------
        np.ndarray
            (K, Y, X), float32.
        """
        return _resize(maps, self.original)


def _resize(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    if maps.shape[1:] == size:
        return np.ascontiguousarray(maps, dtype=np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(maps, dtype=np.float32))[None]
    return F.interpolate(tensor, size=size, mode="bilinear", align_corners=False, antialias=True)[0].numpy()
