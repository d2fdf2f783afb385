"""From an image array to a :class:`Prediction`."""

from napari_medseg.inference.device import available_devices, resolve_device
from napari_medseg.inference.ensemble import combine
from napari_medseg.inference.plan import PredictionPlan, plan_prediction
from napari_medseg.inference.prediction import Prediction
from napari_medseg.inference.predictor import Predictor

__all__ = [
    "Prediction",
    "PredictionPlan",
    "Predictor",
    "available_devices",
    "combine",
    "plan_prediction",
    "resolve_device",
]
