"""A run from its spec to its weights: read top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from napari_medseg.errors import InputError, TrainingError
from napari_medseg.networks import get_spec
from napari_medseg.project.run_groups import FALLING
from napari_medseg.project.run_spec import RunSpec, Stage
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, WEIGHTS_FILE
from napari_medseg.weights import WeightsEntry
from napari_medseg.weights.load import save_state
from napari_medseg.weights.trainable import check_classes
from src_train.augment import Augmentation
from src_train.average import Average
from src_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from src_train.dataset import Key, Sample, TrainingSet, draw_batches, load_pairs, split_batches
from src_train.engine import Engine
from src_train.events import EventLog
from src_train.folding import fold_frozen
from src_train.form import entry_of, form_of, starting_network
from src_train.keeper import Keeper
from src_train.lanes import LANES, Lanes, add_gradients, goes_apart
from src_train.looks import looks_of
from src_train.objective import build_objective
from src_train.optim import build_optimizer, learning_rate_at, set_rate, stale
from src_train.pace import Pace
from src_train.scoring import freeze_norm
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
        If a pair, the classes, the starting weights, the device or the checkpoint cannot be used.
    """

    def __init__(self, spec: RunSpec, folder: Path) -> None:
        self.spec, self.folder = spec, folder
        self.network_spec = get_spec(spec.network)
        data, schedule = spec.data, spec.schedule
        self._check_schedule()
        recipe = self.network_spec.recipe
        self.recipe = recipe if schedule.curve is None else replace(recipe, schedule=schedule.curve)
        self.learning_rate = schedule.learning_rate or self.recipe.learning_rate
        self.engine = Engine(
            spec.budget.device,
            precision=spec.budget.precision,
            ndim=self.network_spec.input.ndim,
            unused_parameters=bool(self.network_spec.unused),
        )
        self.objective = build_objective(self.recipe, void=data.ignore is not None)
        check_classes(spec.network, data.named, ignore=data.ignore)
        how = {"classes": data.named, "rule": data.rule}
        # what was accepted as proposed is some network's own word: nobody is scored by it
        judging = [pair for pair in data.val if not pair.as_proposed]
        self.train_samples, self.val_samples = (load_pairs(part, folder, **how) for part in (data.train, judging))
        torch.manual_seed(schedule.seed)
        self.form = form_of(spec)
        self.network = self.engine.place(starting_network(spec, self.form))
        self.average = None if schedule.average is None else Average(schedule.average)
        optimizer = build_optimizer(
            self.network,
            self.recipe,
            learning_rate=self.learning_rate,
            encoder=self.network_spec.encoder,
            encoder_rate=schedule.encoder_rate,
        )
        self.state = Checkpoint(epoch=0, network={}, optimizer={})
        self.pace = Pace(spec, self.state, self.engine.agree)
        # with kept statistics an image is its own affair; the parts are the same ones on any number of cores
        alone = self.engine.processes == 1 and self.engine.device.type == "cpu" and spec.budget.accumulate == 1
        apart = alone and spec.start.freeze_norm and goes_apart(self.network, self.recipe)
        self.lanes = Lanes() if apart else None
        if alone and spec.start.freeze_norm:
            fold_frozen(self.network)
        self.keeper = Keeper(
            spec, self.form, self.network, self.val_samples, state=self.state, engine=self.engine, lanes=self.lanes
        )
        # what trains may be a wrapper around the network, one of several copies in step
        self.trained, self.optimizer = self.engine.prepare(self.network, optimizer)
        # last: nothing may fail once the file is open
        self.events = EventLog(folder / EVENTS_FILE if self.engine.main else None)

    def _check_schedule(self) -> None:
        takes = self.network_spec.input
        for side in (n for stage in self.spec.schedule.stages for n in (*stage.sides, stage.view or takes.multiple)):
            if side != takes.whole(side):
                raise InputError(
                    f"a stage of the run has a side of {side} px; {self.spec.network} expects multiples of "
                    f"{takes.multiple} px. Choose {takes.whole(side)}."
                )
        count = len(self.spec.schedule.stages)
        if self.spec.budget.clock and count > 1:
            raise InputError(
                f"clock in the run is true with {count} stages of epochs; expected one. Leave the others out, or set "
                "clock to false."
            )
        curve = self.spec.schedule.curve or self.network_spec.recipe.schedule
        if self.spec.budget.clock and curve not in FALLING:
            raise InputError(
                f"schedule in the run is '{curve}', and clock is true; expected one that comes down with the time: "
                f"{', '.join(FALLING)}. Choose one of these, or set clock to false."
            )

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
            if self.lanes is not None:
                self.lanes.close()
            self.engine.close()

    def _resume(self) -> None:
        found = load_checkpoint(self.folder / CHECKPOINT_FILE, self.spec)
        if found is not None:
            self.state.become(found)
            self.network.load_state_dict(found.network)
            self.optimizer.load_state_dict(found.optimizer)
            if self.average is not None:
                self.average.resume(found.average, found.steps)

    def _run(self) -> WeightsEntry:
        schedule, state, pace = self.spec.schedule, self.state, self.pace
        self.events.write(
            "start",
            network=self.spec.network,
            device=str(self.engine.device),
            processes=self.engine.processes,
            epochs=pace.expected(state.epoch),
            train=len(self.train_samples),
            val=len(self.val_samples),
            resumed_epoch=state.epoch,
        )
        if state.epoch == 0 and self.spec.start.start_from is not None and self.val_samples:
            # the starting weights compete too, or stand until others were scored; and the curve has its beginning
            self.keeper.consider(self.keeper.score(schedule.stages[-1].sides, epoch=0), epoch=0)
            score = state.best_dice
            self.events.write("epoch", epoch=0, epochs=pace.expected(0), loss=None, val_dice=score, best_dice=score)
        pace.begin()
        stage, data = None, None
        by_clock = self.spec.budget.clock
        # one that was killed at its end has no epoch to come
        over = by_clock and state.epoch > 0 and pace.over
        while not (over or self._complete()):
            if data is None or pace.stage(state.epoch) != stage:
                stage = pace.stage(state.epoch)
                data = self._data(self.train_samples, stage.sides, augmentation=self._augmentation(stage))
            facts, over = self._epoch(data, stage)
            state.seconds = pace.seconds
            if self.engine.main:
                save_checkpoint(self.folder / CHECKPOINT_FILE, state, self.spec)
            # told only now: whoever hears of an epoch may kill the run and find it again
            self.events.write("epoch", **facts)
            over = over if by_clock else pace.over
        return self._finish(finished=by_clock or self._complete())

    def _complete(self) -> bool:
        patience = self.spec.schedule.patience
        stopped = patience is not None and stale(self.state.scores) >= patience
        return stopped or self.state.epoch >= self.pace.planned

    def _epoch(self, data: TrainingSet | TrainingVolumes, stage: Stage) -> tuple[dict[str, Any], bool]:
        """Train an epoch, by the clock as much of it as there is time for; what to tell of it, and whether that is up.

        The last of a run is scored: what is up when this is decided stays so.
        """
        schedule, state, pace, started = self.spec.schedule, self.state, self.pace, time.monotonic()
        epoch, sides = state.epoch, stage.sides
        # all randomness of an epoch hangs on its number: a resumed run repeats it exactly
        torch.manual_seed(schedule.seed * 100_003 + epoch + 7919 * self.engine.rank)
        self.network.train()
        if self.spec.start.freeze_norm:
            freeze_norm(self.network)
        total, seen = 0.0, 0
        batches = draw_batches(
            data.weights, schedule.batch_size, seed=schedule.seed, epoch=epoch, images=schedule.epoch_images
        )
        for number, keys in enumerate(batches, start=1):
            place, length = pace.place(epoch, (number - 1) / len(batches), within=self.recipe.schedule == "onecycle")
            if number > 1 and place >= length:
                break
            rate = learning_rate_at(
                self.recipe, start=self.learning_rate, epoch=place, epochs=length, scores=state.scores
            )
            set_rate(self.optimizer, rate)
            loss = self._step(data, keys, epoch)
            total, seen = total + loss * len(keys), seen + len(keys)
            self.events.write("batch", epoch=epoch + 1, batch=number, batches=len(batches), loss=loss)
        if self.spec.budget.fit_budget:
            state.planned = pace.fitting(epoch + 1)
        last = epoch + 1 == pace.planned or pace.stage(epoch + 1).sides != sides
        due = last or (epoch + 1) % schedule.validate_every == 0
        over = self.spec.budget.clock and pace.over
        due = due or over
        score = self.keeper.score(sides, epoch=epoch + 1) if self.val_samples and due else None
        state.epoch = epoch + 1
        if score is not None:
            # the larger, the better
            watched = score if self.recipe.monitor == "dice" else -self._validation_loss(sides, epoch)
            state.scores.append(watched)
        self.keeper.consider(score, epoch=epoch + 1)
        averaged = self.average
        facts = {} if averaged is None else self.keeper.consider_average(averaged, sides, epoch + 1, due=due)
        state.network = self.keeper.weights()
        state.optimizer = self.optimizer.state_dict()
        seconds = time.monotonic() - started
        told = {
            "epoch": epoch + 1,
            "epochs": pace.expected(epoch + 1),
            "loss": total / seen,
            "val_dice": score,
            "best_dice": state.best_dice,
            "seconds": seconds,
            "seconds_left": pace.seconds_left(seconds, epoch + 1),
            "lr": rate,
            **facts,
        }
        return told, over

    def _step(self, data: TrainingSet | TrainingVolumes, keys: list[Key], epoch: int) -> float:
        """One step on a batch, of which this process sees its share; the loss of all of it."""
        own, weight = self.engine.share(keys)
        count = self.spec.budget.accumulate if self.lanes is None else LANES
        parts = [part for i in range(count) if (part := own[i::count])]
        self.optimizer.zero_grad(set_to_none=True)

        def loss_of(part: list[Key]) -> tuple[torch.Tensor, float]:
            loss = self._loss(data, part, epoch) * (weight * len(part) / len(own))
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss became {value} in epoch {epoch + 1}; expected a number. Choose a lower learning rate, "
                    "or --precision no."
                )
            return loss, value

        total = 0.0
        if self.lanes is None:
            for i, part in enumerate(parts):
                loss, value = loss_of(part)
                total += value
                self.engine.backward(self.trained, loss, last=i + 1 == len(parts))
        else:
            learned = [parameter for parameter in self.network.parameters() if parameter.requires_grad]

            def gradients(part: list[Key]) -> tuple[float, Sequence[torch.Tensor | None]]:
                loss, value = loss_of(part)
                return value, torch.autograd.grad(loss, learned, allow_unused=True)

            found = self.lanes.map(gradients, parts)
            total = sum(value for value, _ in found)
            add_gradients(learned, [each for _, each in found])
        if self.recipe.clip is not None:
            self.engine.clip(self.trained, self.recipe.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.network)
        return self.engine.mean(total)

    def _loss(self, data: TrainingSet | TrainingVolumes, keys: list[Key], epoch: int) -> torch.Tensor:
        images, masks = self.engine.place_batch(*data.batch(keys))
        return self.objective(self.trained, images, masks, self.pace.done(epoch))

    @torch.no_grad()
    def _validation_loss(self, sides: tuple[int, ...], epoch: int) -> float:
        """The loss on the validation pairs as they are; the statistics of norms stay as training left them."""
        self.network.train()
        freeze_norm(self.network)
        torch.manual_seed(self.spec.schedule.seed)
        data = self._data(self.val_samples, sides, augmentation=None)
        batches = split_batches([(i, 0) for i in range(len(data))], self.spec.schedule.batch_size)
        found = [float(self._loss(data, keys, epoch)) * len(keys) for keys in batches]
        return self.engine.mean(sum(found) / len(data))

    def _augmentation(self, stage: Stage) -> Augmentation | None:
        data = self.spec.data
        return Augmentation(data.augmentation, view=stage.view) if data.augment else None

    def _data(
        self, samples: Sequence[Sample], sides: tuple[int, ...], *, augmentation: Augmentation | None
    ) -> TrainingSet | TrainingVolumes:
        data = self.spec.data
        options: dict[str, Any] = {
            "sides": sides,
            "classes": len(data.classes),
            "augmentation": augmentation,
            "input": entry_of(self.spec, self.form, sides).input_of(self.network_spec.input),
            "device": self.engine.device,
        }
        if self.network_spec.input.ndim == 2:
            return TrainingSet(samples, **options)
        return TrainingVolumes(samples, spacing=data.spacing, window=data.window, **options)

    def _finish(self, *, finished: bool) -> WeightsEntry:
        state, spec = self.state, self.spec
        chosen, epoch = self.keeper.chosen()
        best, judges = state.best_dice, len(self.val_samples)
        # by the clock there were as many as there was time for
        most = state.epoch if spec.budget.clock else spec.schedule.epochs
        # the starting weights (epoch 0) are scored at the last stage's
        sides = (self.pace.stage(epoch - 1) if epoch else spec.schedule.stages[-1]).sides
        entry = replace(
            entry_of(spec, self.form, sides),
            metrics={} if best is None else {"dice": round(best, 4), "n": judges, "split": "val"},
            training={
                "seed": spec.schedule.seed,
                "epochs": state.epoch,
                "best_epoch": epoch,
                "stages": [[s.size, min(s.epochs, most), *([s.view] if s.view else [])] for s in spec.schedule.stages],
                "processes": self.engine.processes,
                "images": len(spec.data.train),
                "start_from": spec.start.start_from,
                "keep_from": spec.start.keep_from,
                "keep_share": spec.start.keep_share,
                **({} if self.average is None else {"averaged": state.best_averaged}),
                "seconds": round(state.seconds),
                "finished": finished,
            },
        )
        if self.engine.main:
            start = spec.start.start_from
            looks = looks_of(spec.network, spec.task, self.train_samples, self.val_samples, start_from=start)
            entry = save_state(self.folder / WEIGHTS_FILE, {**chosen, **looks}, entry)
        self.events.write(
            "done",
            weights=WEIGHTS_FILE,
            best_dice=best,
            epochs=state.epoch,
            seconds=state.seconds,
            finished=finished,
        )
        return entry
