"""Scores of predictions against reference masks."""

from napari_medseg.metrics.counts import Counts
from napari_medseg.metrics.overlap import dice, iou, precision, recall
from napari_medseg.metrics.report import SCORES, score_case, summarise
from napari_medseg.metrics.surface import hd95

__all__ = ["SCORES", "Counts", "dice", "hd95", "iou", "precision", "recall", "score_case", "summarise"]
