"""What a network says of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a network says of an image, on the image's own grid.

    Attributes
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), uint8: numbers of the classes; 0 is the background.
    probabilities : np.ndarray
        (K, *spatial), float32, in [0, 1]: one map for each foreground class.
    classes : mapping of int to str
        Names of the classes by their numbers, in the order of the maps.
    edges : np.ndarray or None
        (Y, X) or (Z, Y, X), float32, in [0, 1]: probability of a boundary, where the network has such a map.
    boxes : np.ndarray or None
        (N, 4: y0, x0, y1, x1), half-open, px: what was segmented, found by the network or given by a person.
    disagreement : np.ndarray or None
        spatial, float32, in [0, 0.5]: standard deviation of the foreground's probability over mirrored copies and
        networks, where there were several.
    origin : mapping
        Network, weights and their sha256, device, engine, precision, plan, seconds, messages; ``gain``: how many times
        quicker than torch the engine was when that was measured here, None where it was not.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    edges: np.ndarray | None = None
    boxes: np.ndarray | None = None
    disagreement: np.ndarray | None = None
    classes: Mapping[int, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """What its arrays take in memory."""
        arrays = (self.labels, self.probabilities, self.edges, self.boxes, self.disagreement)
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def kept_origin(self) -> dict[str, Any]:
        """The origin as files and projects keep it: without what is for the user alone."""
        return {key: fact for key, fact in self.origin.items() if key not in ("messages", "gain")}


def to_labels(maps: np.ndarray, threshold: float, numbers: Sequence[int]) -> np.ndarray:
    """Labels (spatial, uint8) of maps (C, *spatial): one channel of foreground, or all classes with the background.

    ``numbers`` are those of the classes, in the order of the channels.
    """
    if maps.ndim == 4:
        # what is needed in between is that of one slice
        labels = np.empty(maps.shape[1:], np.uint8)
        for number, cut in enumerate(labels):
            cut[...] = to_labels(maps[:, number], threshold, numbers)
        return labels
    if len(maps) == 1:
        return (maps[0] >= threshold).astype(np.uint8) * np.uint8(numbers[0])
    return np.array((0, *numbers), np.uint8)[maps.argmax(axis=0)]
