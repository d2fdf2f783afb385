"""Several networks' opinions on one image as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_medseg.errors import InputError
from napari_medseg.inference.prediction import Prediction, to_labels

# of each network beside the first
_SAID = ("network", "weights", "sha256", "engine", "precision")


def combine(predictions: Sequence[Prediction], *, threshold: float = 0.5) -> Prediction:
    """The mean probability of several predictions, and where they disagree.

    Parameters
    ----------
    predictions : sequence of Prediction
        Of one image, at least two, of the same classes.
    threshold : float
        As :meth:`Predictor.predict` takes it.

    Returns
    -------
    Prediction
        ``disagreement`` is the standard deviation over all mirrored copies and networks together; edges and boxes are
        the first prediction's.

    Raises
    ------
    InputError
        If the predictions are of different classes.
    """
    # not the names: two networks may call one thing 'lesion' and 'foreground'
    numbers = [tuple(p.classes) for p in predictions]
    if len(set(numbers)) > 1:
        told = "; ".join(
            f"{p.origin['weights']} {', '.join(f'{n} {name}' for n, name in p.classes.items())}" for p in predictions
        )
        raise InputError(f"the networks give different classes: {told}. Choose networks of one task.")
    stack = np.stack([p.probabilities for p in predictions])  # (N, K, *spatial)
    mean = stack.mean(axis=0, dtype=np.float32)
    foreground = stack.sum(axis=1).clip(0, 1)
    # the spread of all is the mean of the spreads within and the spread between
    within = [p.disagreement**2 for p in predictions if p.disagreement is not None]
    spread = np.sqrt(foreground.var(axis=0) + sum(within) / len(predictions)).astype(np.float32)
    first = predictions[0]
    maps = mean if len(mean) == 1 else np.concatenate((1 - mean.sum(axis=0, keepdims=True), mean))
    return Prediction(
        labels=to_labels(maps, threshold, numbers[0]),
        probabilities=mean,
        edges=first.edges,
        boxes=first.boxes,
        disagreement=spread.clip(0, 0.5),
        classes=first.classes,
        origin={
            **first.origin,
            "also": [{key: p.origin.get(key) for key in _SAID} for p in predictions[1:]],
            "seconds": sum(p.origin["seconds"] for p in predictions),
            "messages": tuple(dict.fromkeys(m for p in predictions for m in p.origin["messages"])),
        },
    )
