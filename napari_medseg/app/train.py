"""Where planning a round lay before; scripts of users and checks from outside ask for it here."""

from __future__ import annotations

from napari_medseg.app.plan_round import RetrainOptions, accepted, plan_retrain
from napari_medseg.app.round_pairs import corrected_rim
from napari_medseg.app.versions import adopt_run, project_weights

__all__ = ["RetrainOptions", "accepted", "adopt_run", "corrected_rim", "plan_retrain", "project_weights"]
