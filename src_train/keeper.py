"""Which of a run's weights are kept: scored on its validation pairs, as they will be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from napari_medseg.inference import Predictor
from napari_medseg.networks import get_spec, prepare_for_inference
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.weights.widen import load_widened
from src_train.average import Average
from src_train.checkpoint import Checkpoint
from src_train.dataset import Sample
from src_train.engine import Engine
from src_train.form import Form, entry_of
from src_train.lanes import Lanes
from src_train.scoring import mean_dice


class Keeper:
    """Scores a network while it is trained, and keeps the weights that the run will come to.

    Parameters
    ----------
    spec : RunSpec
    form : Form
    network : nn.Module
        In training.
    samples : sequence of Sample
        The validation pairs; there may be none.
    state : Checkpoint
        Of the run: the best weights and their score are noted in it.
    engine : Engine
    lanes : Lanes, optional
        To score in.

    Raises
    ------
    MedsegError
        If the weights to keep from cannot be used.
    """

    def __init__(
        self,
        spec: RunSpec,
        form: Form,
        network: nn.Module,
        samples: Sequence[Sample],
        *,
        state: Checkpoint,
        engine: Engine,
        lanes: Lanes | None = None,
    ) -> None:
        self._spec, self._form, self._network, self._samples = spec, form, network, samples
        self._state, self._engine, self._lanes = state, engine, lanes
        start = spec.start
        kept = None if start.keep_from is None else load_widened(spec.network, start.keep_from, spec.data.labels)
        self._kept = None if kept is None else kept.state_dict()

    def weights(self) -> dict[str, Tensor]:
        """A copy of the network's, on the CPU."""
        return {name: t.detach().cpu().clone() for name, t in self._network.state_dict().items()}

    def result(self, epoch: int, weights: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """What the network's weights, or others, come to after an epoch: their mean with those to keep; the start is
        left as it is.
        """
        state = self.weights() if weights is None else {name: t.cpu() for name, t in weights.items()}
        if self._kept is None or epoch == 0:
            return state
        share = self._spec.start.keep_share
        mixed = {name: t.lerp(self._kept[name], share) for name, t in state.items() if t.is_floating_point()}
        return {**state, **mixed}

    def score(self, sides: tuple[int, ...], *, epoch: int) -> float:
        """Mean Dice over the validation pairs at their own sizes, by the predictor that users run."""
        score = 0.0
        if self._engine.main:
            # what is scored is what will be used: in full precision, and mixed with what is kept
            network = self._engine.plain_copy(self._network)
            network.load_state_dict(self.result(epoch))
            network = prepare_for_inference(network.eval())
            entry, device = entry_of(self._spec, self._form, sides), str(self._engine.device)
            predictor = Predictor(network, get_spec(self._spec.network), entry, device=device)
            score = mean_dice(predictor, self._samples, self._lanes)
        return float(self._engine.agree(score))

    def consider(self, score: float | None, *, epoch: int, averaged: bool = False) -> None:
        """Keep the weights where they are the best yet, or the last that were scored."""
        before = self._state.best_dice
        if score is not None and (before is None or not self._spec.schedule.choose_best or score > before):
            self._state.best_dice, self._state.best_epoch, self._state.best_averaged = score, epoch, averaged
            self._state.best = self.result(epoch)

    def consider_average(self, average: Average, sides: tuple[int, ...], epoch: int, *, due: bool) -> dict[str, Any]:
        """Keep the averaged weights for a resume; where validation is due, score them beside the others."""
        self._state.average, self._state.steps = average.state, average.steps
        if not self._samples or not due:
            return {}
        own = self.weights()
        self._network.load_state_dict(average.state)
        score = self.score(sides, epoch=epoch)
        self.consider(score, epoch=epoch, averaged=True)
        self._network.load_state_dict(own)
        return {"val_dice_averaged": score}

    def chosen(self) -> tuple[dict[str, Tensor], int]:
        """The weights that the run has come to, and their epoch: scores of all stages compare.

        Where nothing was scored, the last: averaged where there is an average.
        """
        state = self._state
        if state.best:
            return state.best, state.best_epoch
        state.best_averaged = bool(state.average)
        return self.result(state.epoch, state.average or None), state.epoch
