"""How much doubt there is about a mask: what images, and frames of a slide, are put in order by."""

from __future__ import annotations

import numpy as np


def doubt_of(p: np.ndarray, mask: np.ndarray) -> float:
    """One minus the Dice that is to be expected of a mask, in [0, 1].

    The Dice to be expected of a mask m under probabilities p is 2 sum(p m) / (sum(p) + sum(m)): it is about the
    object, however large the background. Where p is the mean of mirrored copies, their disagreement lowers it too.

    Parameters
    ----------
    p : np.ndarray
        Probability of any foreground, in [0, 1].
    mask : np.ndarray
        Of the same shape, bool.
    """
    total = float(p.sum(dtype=np.float64)) + int(mask.sum())
    return 1 - 2 * float(p[mask].sum(dtype=np.float64)) / total if total > 0 else 0.0
