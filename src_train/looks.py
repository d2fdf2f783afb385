"""What the images of a run look like: kept with its weights, so that another kind of image is told from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_medseg.inference.familiar import NUMBERS, REFERENCES, Familiar, describe, known_to
from napari_medseg.weights import resolve_weights
from src_train.dataset import Sample


def looks_of(
    network: str, task: str, train: Sequence[Sample], val: Sequence[Sample], *, start_from: str | None
) -> dict[str, Tensor]:
    """Tensors to store beside a network's own: what it was trained on, and what the weights it began with knew.

    Volumes are not described.
    """
    if any(sample.image.ndim == 3 and sample.image.shape[-1] not in (3, 4) for sample in train[:1]):
        return {}
    known = Familiar({}, {}) if start_from is None else known_to(*resolve_weights(network, start_from))
    return {
        name: torch.from_numpy(values)
        for name, values in known.grown(task, _described(train), _described(val)).tensors().items()
    }


def _described(samples: Sequence[Sample]) -> np.ndarray:
    chosen = samples[:: max(1, len(samples) // REFERENCES)][:REFERENCES]
    return (
        np.stack([describe(one.image, window=one.window) for one in chosen])
        if chosen
        else np.zeros((0, NUMBERS), np.float32)
    )
