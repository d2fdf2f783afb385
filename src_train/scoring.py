"""How good a network is on pairs that it does not learn from, and what training must leave as it is."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from torch import nn

from napari_medseg.errors import NoNumbersError
from napari_medseg.inference import Predictor
from napari_medseg.metrics import dice
from src_train.dataset import Sample
from src_train.lanes import Lanes
from src_train.targets import VOID


def freeze_norm(network: nn.Module) -> None:
    """Let batch norms use the statistics they were trained with, in training too.

    The statistics of a handful of images would replace those of hundreds within an epoch or two.
    """
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def mean_dice(predictor: Predictor, samples: Sequence[Sample], lanes: Lanes | None = None) -> float:
    """Mean Dice over samples and foreground classes; what is ignored does not count. A network that gives NaN has 0."""

    def score(sample: Sample) -> float:
        # what one knows of its last image is not the others'
        labels = copy.copy(predictor).predict(sample.image, spacing=sample.spacing, window=sample.window).labels
        counted = sample.mask != VOID
        channels = enumerate(predictor.entry.labels, start=1)
        return float(np.mean([dice((labels == n) & counted, sample.mask == channel) for channel, n in channels]))

    try:
        return float(np.mean([score(one) for one in samples] if lanes is None else lanes.map(score, samples)))
    except NoNumbersError:
        # the next step's loss will end the run with a sentence; until then nothing is worse than this
        return 0.0
