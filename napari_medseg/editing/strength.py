"""How much of an edge there is at each pixel: what live-wire and snapping brush follow."""

from __future__ import annotations

import numpy as np

# below this, an edge map says nothing of its neighbourhood and the image's own gradient counts instead
SURE = 0.5
NEIGHBOURHOOD = 15
# half the width of the bands that the edge map draws, px
RIDGE = 3.0


def to_grey(image: np.ndarray) -> np.ndarray:
    """(Y, X) float32 of (Y, X) or (Y, X, C), any real dtype; NaN counts as 0."""
    grey = np.nan_to_num(np.asarray(image, np.float32))
    return grey if grey.ndim == 2 else grey[..., :3].mean(axis=-1)


def gradient_strength(grey: np.ndarray, sigma: float = 1.5) -> np.ndarray:
    """Edges of the image itself, in [0, 1]: 0 up to three times the usual gradient, so that noise is none.

    Parameters
    ----------
    grey : np.ndarray
        (Y, X), float.
    sigma : float
        Of the Gaussian before the derivative, px.

    Returns
    -------
    np.ndarray
        (Y, X), float32.
    """
    from scipy import ndimage

    size = ndimage.gaussian_gradient_magnitude(np.asarray(grey, np.float32), sigma, mode="nearest")
    # of pure noise, the 99th percentile is less than three medians
    noise = 3 * float(np.median(size)) + 1e-6 * (1 + float(np.abs(grey).max(initial=0)))
    strongest = max(float(np.percentile(size, 99.5)), 2 * noise)
    return np.clip((size - noise) / (strongest - noise), 0, 1).astype(np.float32)


def edge_strength(image: np.ndarray, edges: np.ndarray | None = None) -> np.ndarray:
    """The edge map where it is sure, the image's gradient where it is not.

    Parameters
    ----------
    image : np.ndarray
        (Y, X) or (Y, X, C), real.
    edges : np.ndarray, optional
        (Y, X), float in [0, 1]: probability of a boundary.

    Returns
    -------
    np.ndarray
        (Y, X), float32 in [0, 1].
    """
    from scipy import ndimage

    own = gradient_strength(to_grey(image))
    if edges is None:
        return own
    edges = np.clip(np.nan_to_num(np.asarray(edges, np.float32)), 0, 1)
    sure = np.clip(ndimage.maximum_filter(edges, NEIGHBOURHOOD) / SURE, 0, 1)
    return (sure * _ridge(edges) + (1 - sure) * own).astype(np.float32)


def _ridge(edges: np.ndarray) -> np.ndarray:
    """A map that is a band of ones along each edge, highest along the band's middle."""
    from scipy import ndimage

    blurred = ndimage.gaussian_filter(edges, RIDGE)
    return edges * blurred / np.maximum(ndimage.maximum_filter(blurred, NEIGHBOURHOOD), 1e-6)
