"""A person who corrects masks, simulated: what a correction costs, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage
from skimage.measure import perimeter
from skimage.segmentation import find_boundaries

from napari_medseg.editing.livewire import LiveWire

# seconds to find and begin a stroke, px drawn in a second, seconds for a click of the live-wire
BEGIN, SPEED, CLICK = 1.5, 40.0, 1.0
# errors of fewer pixels, or nowhere so many px from the reference's rim, are let be; the hand is off by so many px
LEAST, DEEP, HAND = 12, 2.5, 1.0
# the live-wire is taken where it runs within so many px of the reference
NEAR = 2.5


@dataclass
class Cost:
    """Of one image.

    Attributes
    ----------
    strokes, clicks : int
    length : float
        Contour drawn by hand, px.
    """

    strokes: int = 0
    clicks: int = 0
    length: float = 0.0

    @property
    def seconds(self) -> float:
        """By the stated model."""
        return self.strokes * BEGIN + self.length / SPEED + self.clicks * CLICK


def shaky(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The reference as a hand draws it: its rim moved by smooth noise of about a pixel."""
    inside = ndimage.distance_transform_edt(truth) - ndimage.distance_transform_edt(~truth)
    noise = ndimage.gaussian_filter(rng.normal(size=truth.shape), 6)
    return inside + HAND * noise / max(float(noise.std()), 1e-9) > 0.5


def correct(
    mask: np.ndarray,
    truth: np.ndarray,
    rng: np.random.Generator,
    *,
    image: np.ndarray | None = None,
    edges: np.ndarray | None = None,
) -> tuple[np.ndarray, Cost]:
    """Correct every error of a mask that is worth it.

    Each connected error is one stroke along its side that lies on the reference. With an ``image``, the person first
    tries the live-wire, and draws by hand where it strays.

    Parameters
    ----------
    mask, truth : np.ndarray
        (Y, X), bool.
    image, edges : np.ndarray, optional
        For the live-wire.

    Returns
    -------
    mask : np.ndarray
        (Y, X), bool: corrected.
    cost : Cost
    """
    wanted = shaky(truth, rng)
    errors, _ = ndimage.label(mask != wanted, np.ones((3, 3)))
    out, cost = mask.copy(), Cost()
    wire = None if image is None else LiveWire(image, edges)
    rim = find_boundaries(wanted, mode="inner") | find_boundaries(wanted, mode="outer")
    away = ndimage.distance_transform_edt(~find_boundaries(truth, mode="inner"))
    for number, place in enumerate(ndimage.find_objects(errors), start=1):
        part = errors[place] == number
        if part.sum() < LEAST or away[place][part].max() < DEEP:
            continue
        out[place][part] = wanted[place][part]
        along = np.argwhere(part & rim[place]) + [axis.start for axis in place]
        if len(along) < 2:
            # no border of the reference runs here: a blot that is wiped off, or an island that is filled
            cost.strokes += 1
            cost.length += perimeter(part) / 2
            continue
        length = len(along) / 2
        clicks = _clicks(wire, along, away) if wire is not None else None
        if clicks is not None and clicks * CLICK < BEGIN + length / SPEED:
            cost.clicks += clicks
        else:
            cost.strokes += 1
            cost.length += length
    return out, cost


def _clicks(wire: LiveWire, along: np.ndarray, away: np.ndarray) -> int | None:
    """How many clicks of the live-wire follow this piece of the rim; None where it strays."""
    # the two ends are the points farthest apart, as seen from the first
    start = along[np.hypot(*(along - along[0]).T).argmax()]
    end = along[np.hypot(*(along - start).T).argmax()]
    for clicks in (2, 3, 5):
        steps = np.hypot(*(along - start).T).argsort()
        places = [along[steps[int(share * (len(steps) - 1))]] for share in np.linspace(0, 1, clicks)]
        places[-1] = end
        good = True
        for a, b in pairwise(places):
            wire.anchor((float(a[0]), float(a[1])))
            path = wire.path_to((float(b[0]), float(b[1])))
            good = good and float(np.percentile(away[path[:, 0], path[:, 1]], 90)) <= NEAR
        if good:
            return clicks
    return None
