"""A run from its spec to its weights: read top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_medseg.errors import TrainingError
from napari_medseg.inference import Predictor
from napari_medseg.networks import create_network, get_spec
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, WEIGHTS_FILE
from napari_medseg.weights import WeightsEntry
from napari_medseg.weights.load import load_network, save_state
from napari_medseg.weights.pipeline import pipeline_of
from napari_medseg.weights.pretrained import load_pretrained
from napari_medseg.weights.trainable import check_classes
from napari_medseg.weights.widen import load_widened
from src_train.augment import Augmentation
from src_train.average import Average
from src_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from src_train.dataset import Key, Sample, TrainingSet, draw_batches, load_pairs, split_batches
from src_train.engine import Engine
from src_train.events import EventLog
from src_train.losses import build_loss
from src_train.optim import build_optimizer, learning_rate_at, set_rate, stale
from src_train.roi_losses import roi_loss
from src_train.scoring import freeze_norm, mean_dice
from src_train.targets import boxes_of
from src_train.volumes import TrainingVolumes


class Trainer:
    """Trains one network as a :class:`RunSpec` says, inside a folder.

    Parameters
    ----------
    spec : RunSpec
    folder : Path
        Holds ``events.jsonl``, ``checkpoint.pt`` and ``weights.safetensors``. A checkpoint that is there is resumed.

    Raises
    ------
    MedsegError
        If a pair, the starting weights, the device or the checkpoint cannot be used.
    """

    def __init__(self, spec: RunSpec, folder: Path) -> None:
        self.spec, self.folder = spec, folder
        self.network_spec = get_spec(spec.network)
        recipe = self.network_spec.recipe
        self.recipe = recipe if spec.schedule.curve is None else replace(recipe, schedule=spec.schedule.curve)
        self.engine = Engine(
            spec.budget.device,
            precision=spec.budget.precision,
            ndim=self.network_spec.input.ndim,
            unused_parameters=bool(self.network_spec.unused),
        )
        self.augmentation = Augmentation(spec.data.augmentation) if spec.data.augment else None
        boxes = self.network_spec.capabilities.boxes
        self.loss = None if boxes else build_loss(self.recipe, void=spec.data.ignore is not None)
        self.learning_rate = spec.schedule.learning_rate or self.recipe.learning_rate
        check_classes(spec.network, spec.data.named, ignore=spec.data.ignore)
        how = {"classes": spec.data.named, "rule": spec.data.rule}
        self.train_samples, self.val_samples = (
            load_pairs(part, folder, **how) for part in (spec.data.train, spec.data.val)
        )
        torch.manual_seed(spec.schedule.seed)
        self.options, self.intensity = self._form()
        self.network = self.engine.place(self._fresh_network())
        self.average = None if spec.schedule.average is None else Average(spec.schedule.average)
        kept = (
            None if spec.start.keep_from is None else load_widened(spec.network, spec.start.keep_from, spec.data.labels)
        )
        self._kept = None if kept is None else kept.state_dict()
        optimizer = build_optimizer(
            self.network,
            self.recipe,
            learning_rate=self.learning_rate,
            encoder=self.network_spec.encoder,
            encoder_rate=spec.schedule.encoder_rate,
        )
        # what trains may be a wrapper around the network, one of several copies in step
        self.trained, self.optimizer = self.engine.prepare(self.network, optimizer)
        self.state = Checkpoint(epoch=0, network={}, optimizer={})
        # of this sitting
        self._started, self._resumed, self._before = time.monotonic(), 0, 0.0
        # last: nothing may fail once the file is open
        self.events = EventLog(folder / EVENTS_FILE if self.engine.main else None)

    def _form(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Options and intensities of the network: those of the weights it starts from, or the declared ones."""
        spec, declared = self.spec, self.network_spec
        if spec.start.start_from is not None:
            entry = load_network(spec.network, spec.start.start_from)[1]
            return {**entry.options, **spec.start.options}, dict(entry.intensity)
        fresh = declared.fresh if spec.start.pretrained is None else {}
        intensity = pipeline_of(spec.network, spec.start.pipeline or "declared")[1]
        return {**declared.options, **fresh, **spec.start.options}, intensity

    def _fresh_network(self) -> nn.Module:
        channels = self._entry(self.spec.schedule.stages[-1].sides).output_channels
        if self.spec.start.start_from is None:
            fresh = create_network(self.spec.network, classes=channels, **self.options)
            if self.spec.start.pretrained is not None:
                load_pretrained(fresh, self.spec.network, self.spec.start.pretrained)
            return fresh
        return load_widened(self.spec.network, self.spec.start.start_from, self.spec.data.labels)

    def run(self) -> WeightsEntry:
        """Train to the end of the stages or of the time budget.

        Returns
        -------
        WeightsEntry
            Of ``weights.safetensors``: the best on validation, or the last scored; the last where there is none.
        """
        try:
            self._resume()
            return self._run()
        finally:
            self.events.close()
            self.engine.close()

    def _run(self) -> WeightsEntry:
        spec = self.spec
        self.events.write(
            "start",
            network=spec.network,
            device=str(self.engine.device),
            processes=self.engine.processes,
            epochs=spec.schedule.epochs,
            train=len(self.train_samples),
            val=len(self.val_samples),
            resumed_epoch=self.state.epoch,
        )
        if self.state.epoch == 0 and spec.start.start_from is not None and self.val_samples:
            # the starting weights compete too, or stand until others were scored; and the curve has its beginning
            self._consider(self._validate(spec.schedule.stages[-1].sides, epoch=0), epoch=0)
            score = self.state.best_dice
            self.events.write("epoch", epoch=0, epochs=spec.schedule.epochs, loss=None, val_dice=score, best_dice=score)
        self._started, self._resumed, self._before = time.monotonic(), self.state.epoch, self.state.seconds
        first = 0
        for stage in spec.schedule.stages:
            last = min(first + stage.epochs, self._planned)
            if self.state.epoch < last:
                data = self._data(self.train_samples, stage.sides, augmentation=self.augmentation)
                for epoch in range(max(first, self.state.epoch), last):
                    facts = self._epoch(data, epoch, stage.sides, last)
                    self.state.seconds = self._before + time.monotonic() - self._started
                    if self.engine.main:
                        save_checkpoint(self.folder / CHECKPOINT_FILE, self.state, spec)
                    # told only now: whoever hears of an epoch may kill the run and find it again
                    self.events.write("epoch", **facts)
                    if self._stale() or self.state.epoch >= self._planned:
                        return self._finish(finished=True)
                    if self.engine.agree(self._budget_left() <= 0):
                        return self._finish(finished=spec.budget.clock)
            first = last
        return self._finish(finished=True)

    def _resume(self) -> None:
        found = load_checkpoint(self.folder / CHECKPOINT_FILE, self.spec)
        if found is not None:
            self.state = found
            self.network.load_state_dict(found.network)
            self.optimizer.load_state_dict(found.optimizer)
            if self.average is not None:
                self.average.resume(found.average, found.steps)

    def _data(
        self, samples: Sequence[Sample], sides: tuple[int, ...], *, augmentation: Augmentation | None
    ) -> TrainingSet | TrainingVolumes:
        spec = self.spec
        options: dict[str, Any] = {
            "sides": sides,
            "classes": len(spec.data.classes),
            "augmentation": augmentation,
            "input": self._entry(sides).input_of(self.network_spec.input),
            "device": self.engine.device,
        }
        if self.network_spec.input.ndim == 2:
            return TrainingSet(samples, **options)
        return TrainingVolumes(samples, spacing=spec.data.spacing, window=spec.data.window, **options)

    def _epoch(
        self, data: TrainingSet | TrainingVolumes, epoch: int, sides: tuple[int, ...], stage_end: int
    ) -> dict[str, Any]:
        spec, state, started = self.spec, self.state, time.monotonic()
        # all randomness of an epoch hangs on its number: a resumed run repeats it exactly
        torch.manual_seed(spec.schedule.seed * 100_003 + epoch + 7919 * self.engine.rank)
        self.network.train()
        if spec.start.freeze_norm:
            freeze_norm(self.network)
        total = 0.0
        batches = draw_batches(
            data.weights,
            spec.schedule.batch_size,
            seed=spec.schedule.seed,
            epoch=epoch,
            images=spec.schedule.epoch_images,
        )
        for number, keys in enumerate(batches, start=1):
            rate = self._rate(epoch, (number - 1) / len(batches))
            set_rate(self.optimizer, rate)
            loss = self._step(data, keys, epoch)
            total += loss * len(keys)
            self.events.write("batch", epoch=epoch + 1, batch=number, batches=len(batches), loss=loss)
        if spec.budget.fit_budget:
            state.planned = self._fitting(epoch + 1)
        due = (epoch + 1) % spec.schedule.validate_every == 0 or epoch + 1 in (stage_end, self._planned)
        # by the clock, this is the last epoch when the time is over
        due = due or (spec.budget.clock and bool(self.engine.agree(self._budget_left() <= 0)))
        score = self._validate(sides, epoch=epoch + 1) if self.val_samples and due else None
        state.epoch = epoch + 1
        if score is not None:
            # the larger, the better
            watched = score if self.recipe.monitor == "dice" else -self._validation_loss(sides, epoch)
            state.scores.append(watched)
        self._consider(score, epoch=epoch + 1)
        facts = {} if self.average is None else self._consider_average(sides, epoch + 1, due=due)
        state.network = self._state_now()
        state.optimizer = self.optimizer.state_dict()
        seconds = time.monotonic() - started
        return {
            "epoch": epoch + 1,
            "epochs": self._planned,
            "loss": total / sum(map(len, batches)),
            "val_dice": score,
            "best_dice": self.state.best_dice,
            "seconds": seconds,
            "seconds_left": self._seconds_left(seconds, sides, epoch + 1),
            "lr": rate,
            **facts,
        }

    def _step(self, data: TrainingSet | TrainingVolumes, keys: list[Key], epoch: int) -> float:
        """One step on a batch, of which this process sees its share; the loss of all of it."""
        own, weight = self.engine.share(keys)
        parts = [part for i in range(self.spec.budget.accumulate) if (part := own[i :: self.spec.budget.accumulate])]
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for i, part in enumerate(parts):
            images, masks = self.engine.place_batch(*data.batch(part))
            loss = self._loss(images, masks, epoch) * (weight * len(part) / len(own))
            total += float(loss.detach())
            if not math.isfinite(total):
                raise TrainingError(
                    f"the loss became {total} in epoch {epoch + 1}; expected a number. Choose a lower learning rate, "
                    "or --precision no."
                )
            self.engine.backward(self.trained, loss, last=i + 1 == len(parts))
        if self.recipe.clip is not None:
            self.engine.clip(self.trained, self.recipe.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.network)
        return self.engine.mean(total)

    def _rate(self, epoch: int, share: float) -> float:
        """Learning rate of a step after a share of an epoch; within one it changes in a cycle and by the clock."""
        planned, done = self._planned, float(epoch)
        if self.spec.budget.clock:
            assert self.spec.budget.time_budget_minutes is not None
            spent = self._before + time.monotonic() - self._started
            done = self.engine.agree(min(1.0, spent / (60 * self.spec.budget.time_budget_minutes))) * planned
        elif self.recipe.schedule == "onecycle":
            done += share
        return learning_rate_at(
            self.recipe, start=self.learning_rate, epoch=done, epochs=planned, scores=self.state.scores
        )

    def _stale(self) -> bool:
        return self.spec.schedule.patience is not None and stale(self.state.scores) >= self.spec.schedule.patience

    def _loss(self, images: Tensor, masks: Tensor, epoch: int) -> Tensor:
        if not self.network_spec.capabilities.boxes:
            assert self.loss is not None
            return self.loss(self.trained(images), masks)
        masks = masks[:, :1]
        truth = [boxes_of(mask).to(images.device) for mask in masks]
        output = self.trained(images, truth=truth)
        return roi_loss(output, masks, done=epoch / max(self._planned, 1))

    @torch.no_grad()
    def _validation_loss(self, sides: tuple[int, ...], epoch: int) -> float:
        """The loss on the validation pairs as they are; the statistics of norms stay as training left them."""
        self.network.train()
        freeze_norm(self.network)
        torch.manual_seed(self.spec.schedule.seed)
        data = self._data(self.val_samples, sides, augmentation=None)
        batches = split_batches([(i, 0) for i in range(len(data))], self.spec.schedule.batch_size)
        found = [float(self._loss(*self.engine.place_batch(*data.batch(keys)), epoch)) * len(keys) for keys in batches]
        return self.engine.mean(sum(found) / len(data))

    def _consider_average(self, sides: tuple[int, ...], epoch: int, *, due: bool) -> dict[str, Any]:
        """Keep the averaged weights for a resume; where validation is due, score them beside the others."""
        assert self.average is not None
        self.state.average, self.state.steps = self.average.state, self.average.steps
        if not self.val_samples or not due:
            return {}
        own = self._state_now()
        self.network.load_state_dict(self.average.state)
        score = self._validate(sides, epoch=epoch)
        self._consider(score, epoch=epoch)
        self.network.load_state_dict(own)
        return {"val_dice_averaged": score}

    def _seconds_left(self, epoch_seconds: float, sides: tuple[int, ...], done: int) -> float:
        """Later stages cost in proportion to their pixels."""
        left, first = 0.0, 0
        for stage in self.spec.schedule.stages:
            todo = max(0, min(first + stage.epochs, self._planned) - max(done, first))
            left += todo * epoch_seconds * prod(stage.sides) / prod(sides)
            first += stage.epochs
        return left

    def _budget_left(self) -> float:
        """Seconds."""
        budget, spent = self.spec.budget.time_budget_minutes, time.monotonic() - self._started
        if self.spec.budget.clock:
            spent += self._before
        return math.inf if budget is None else budget * 60 - spent

    @property
    def _planned(self) -> int:
        return self.spec.schedule.epochs if self.state.planned is None else self.state.planned

    def _fitting(self, done: int) -> int:
        """So many of the epochs fit into the budget, if the others take as long as those of this sitting."""
        left = self._budget_left()
        if math.isinf(left):
            return self.spec.schedule.epochs
        each = (time.monotonic() - self._started) / (done - self._resumed)
        return min(self.spec.schedule.epochs, done + int(self.engine.agree(max(0.0, left) // max(each, 1e-6))))

    def _consider(self, score: float | None, *, epoch: int) -> None:
        before = self.state.best_dice
        if score is not None and (before is None or not self.spec.schedule.choose_best or score > before):
            self.state.best_dice, self.state.best_epoch = score, epoch
            self.state.best = self._result(epoch)

    def _state_now(self) -> dict[str, Tensor]:
        return {name: t.detach().cpu().clone() for name, t in self.network.state_dict().items()}

    def _result(self, epoch: int) -> dict[str, Tensor]:
        """What the network comes to after an epoch: its mean with the weights to keep; the start is left as it is."""
        state = self._state_now()
        if self._kept is None or epoch == 0:
            return state
        share = self.spec.start.keep_share
        mixed = {name: t.lerp(self._kept[name], share) for name, t in state.items() if t.is_floating_point()}
        return {**state, **mixed}

    def _validate(self, sides: tuple[int, ...], *, epoch: int) -> float:
        """Mean Dice over the validation pairs at their own sizes, by the predictor that users run."""
        score = 0.0
        if self.engine.main:
            # what is scored is what will be used: in full precision, and mixed with what is kept
            entry, network = self._entry(sides), self.engine.plain_copy(self.network)
            network.load_state_dict(self._result(epoch))
            predictor = Predictor(network, self.network_spec, entry, device=str(self.engine.device))
            score = mean_dice(predictor, self.val_samples)
        return float(self.engine.agree(score))

    def _entry(self, sides: tuple[int, ...]) -> WeightsEntry:
        spec = self.spec
        return WeightsEntry(
            id=f"{spec.network}/{spec.task}@{spec.provenance.version}",
            network=spec.network,
            task=spec.task,
            version=spec.provenance.version,
            licence=spec.provenance.licence,
            trained_on=spec.provenance.trained_on,
            classes=spec.data.classes,
            labels=spec.data.labels,
            input_size=sides,
            spacing=spec.data.spacing,
            window=spec.data.window,
            options=self.options,
            intensity=self.intensity,
        )

    def _sides_of(self, epoch: int) -> tuple[int, ...]:
        """Input size of an epoch; the starting weights (0) were scored at the last stage's."""
        first = 0
        for stage in self.spec.schedule.stages:
            first += stage.epochs
            if 0 < epoch <= first:
                return stage.sides
        return self.spec.schedule.stages[-1].sides

    def _finish(self, *, finished: bool) -> WeightsEntry:
        state, spec = self.state, self.spec
        # scores of all stages compare: each is at the images' own sizes
        chosen, epoch = (state.best, state.best_epoch) if state.best else (self._result(state.epoch), state.epoch)
        metrics = (
            {}
            if state.best_dice is None
            else {"dice": round(state.best_dice, 4), "n": len(spec.data.val), "split": "val"}
        )
        entry = replace(
            self._entry(self._sides_of(epoch)),
            metrics=metrics,
            training={
                "seed": spec.schedule.seed,
                "epochs": state.epoch,
                "best_epoch": epoch,
                "stages": [[stage.size, stage.epochs] for stage in spec.schedule.stages],
                "processes": self.engine.processes,
                "images": len(spec.data.train),
                "start_from": spec.start.start_from,
                "keep_from": spec.start.keep_from,
                "keep_share": spec.start.keep_share,
                "seconds": round(state.seconds),
                "finished": finished,
            },
        )
        if self.engine.main:
            entry = save_state(self.folder / WEIGHTS_FILE, chosen, entry)
        self.events.write(
            "done",
            weights=WEIGHTS_FILE,
            best_dice=state.best_dice,
            epochs=state.epoch,
            seconds=state.seconds,
            finished=finished,
        )
        return entry
