"""From an image array to a :class:`Prediction`.

What a prediction is and how it will be made needs no torch; what makes one imports it when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_medseg.inference.plan import PredictionPlan, plan_prediction
from napari_medseg.inference.prediction import Prediction

if TYPE_CHECKING:
    from napari_medseg.inference.device import available_devices, resolve_device
    from napari_medseg.inference.ensemble import combine
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
_LATER = {"Predictor": "predictor", "available_devices": "device", "combine": "ensemble", "resolve_device": "device"}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
