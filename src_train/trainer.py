"""A run from its spec to its weights: read top to bottom."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_medseg.inference import Predictor
from napari_medseg.metrics import dice
from napari_medseg.networks import create_network, get_spec
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, WEIGHTS_FILE, RunSpec
from napari_medseg.weights import WeightsEntry, load_network
from napari_medseg.weights.load import save_state
from src_train.augment import Augmentation
from src_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from src_train.dataset import Sample, TrainingSet, load_pair
from src_train.engine import Engine
from src_train.events import EventLog
from src_train.losses import build_loss
from src_train.optim import build_optimizer, learning_rate_at
from src_train.roi_losses import roi_loss
from src_train.targets import boxes_of


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
        self.recipe = self.network_spec.recipe
        self.engine = Engine(spec.device)
        self.augmentation = Augmentation() if spec.augment else None
        boxes = self.network_spec.capabilities.boxes
        self.loss = None if boxes else build_loss(self.recipe)
        self.learning_rate = spec.learning_rate or self.recipe.learning_rate
        self.train_samples = [load_pair(pair, folder) for pair in spec.train]
        self.val_samples = [load_pair(pair, folder) for pair in spec.val]
        torch.manual_seed(spec.seed)
        self.network = self.engine.place(self._fresh_network())
        self.optimizer = build_optimizer(self.network.parameters(), self.recipe, learning_rate=self.learning_rate)
        self.state = Checkpoint(epoch=0, network={}, optimizer={})
        # last: nothing may fail once the file is open
        self.events = EventLog(folder / EVENTS_FILE)

    def _fresh_network(self) -> nn.Module:
        channels = self._entry(self.spec.stages[-1].size).output_channels
        if self.spec.start_from is None:
            return create_network(self.spec.network, classes=channels)
        network, _ = load_network(self.spec.network, self.spec.start_from)
        return network

    def run(self) -> WeightsEntry:
        """Train to the end of the stages or of the time budget.

        Returns
        -------
        WeightsEntry
            Of ``weights.safetensors``: the best on validation, or the last where there is none.
        """
        try:
            self._resume()
            return self._run()
        finally:
            self.events.close()

    def _run(self) -> WeightsEntry:
        spec = self.spec
        self.events.write(
            "start",
            network=spec.network,
            device=str(self.engine.device),
            epochs=spec.epochs,
            train=len(self.train_samples),
            val=len(self.val_samples),
            resumed_epoch=self.state.epoch,
        )
        if self.state.epoch == 0 and spec.start_from is not None and self.val_samples:
            # the starting weights compete too: a round on few corrections need not make things worse
            self._consider(self._validate(spec.stages[-1].size), epoch=0)
            score = self.state.best_dice
            self.events.write("epoch", epoch=0, epochs=spec.epochs, loss=None, val_dice=score, best_dice=score)
        started, before = time.monotonic(), self.state.seconds
        first = 0
        for stage in spec.stages:
            last = first + stage.epochs
            if self.state.epoch < last:
                data = self._training_set(stage.size)
                for epoch in range(max(first, self.state.epoch), last):
                    facts = self._epoch(data, epoch, stage.size, last)
                    self.state.seconds = before + time.monotonic() - started
                    save_checkpoint(self.folder / CHECKPOINT_FILE, self.state, spec)
                    # told only now: whoever hears of an epoch may kill the run and find it again
                    self.events.write("epoch", **facts)
                    if self._budget_used(started):
                        return self._finish(finished=epoch + 1 == spec.epochs)
            first = last
        return self._finish(finished=True)

    def _resume(self) -> None:
        found = load_checkpoint(self.folder / CHECKPOINT_FILE, self.spec)
        if found is not None:
            self.state = found
            self.network.load_state_dict(found.network)
            self.optimizer.load_state_dict(found.optimizer)

    def _training_set(self, size: int) -> TrainingSet:
        return TrainingSet(
            self.train_samples,
            size=size,
            classes=len(self.spec.classes),
            augmentation=self.augmentation,
            spec=self.network_spec.input,
        )

    def _epoch(self, data: TrainingSet, epoch: int, size: int, stage_end: int) -> dict[str, Any]:
        spec, started = self.spec, time.monotonic()
        rate = learning_rate_at(self.recipe, start=self.learning_rate, epoch=epoch, epochs=spec.epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # all randomness of an epoch hangs on its number: a resumed run repeats it exactly
        torch.manual_seed(spec.seed * 100_003 + epoch)
        self.network.train()
        if spec.freeze_norm:
            freeze_norm(self.network)
        drawn = spec.epoch_images or len(data)
        total, batches = 0.0, max(1, drawn // spec.batch_size)
        loader = data.batches(spec.batch_size, seed=spec.seed, epoch=epoch, images=spec.epoch_images)
        for step, (images, masks) in enumerate(loader, start=1):
            images, masks = self.engine.place_batch(images, masks)
            self.optimizer.zero_grad(set_to_none=True)
            loss = self._loss(images, masks, epoch)
            loss.backward()
            self.optimizer.step()
            total += float(loss.detach()) * len(images)
            self.events.write(
                "batch", epoch=epoch + 1, batch=step, batches=max(batches, step), loss=float(loss.detach())
            )
        due = (epoch + 1) % spec.validate_every == 0 or epoch + 1 == stage_end
        score = self._validate(size) if self.val_samples and due else None
        self.state.epoch = epoch + 1
        self._consider(score, epoch=epoch + 1)
        self.state.network = {name: t.detach().cpu().clone() for name, t in self.network.state_dict().items()}
        self.state.optimizer = self.optimizer.state_dict()
        seconds = time.monotonic() - started
        return {
            "epoch": epoch + 1,
            "epochs": spec.epochs,
            "loss": total / drawn,
            "val_dice": score,
            "best_dice": self.state.best_dice,
            "seconds": seconds,
            "seconds_left": self._seconds_left(seconds, size, epoch + 1),
            "lr": rate,
        }

    def _loss(self, images: Tensor, masks: Tensor, epoch: int) -> Tensor:
        if not self.network_spec.capabilities.boxes:
            with self.engine.autocast():
                output = self.network(images)
            assert self.loss is not None
            return self.loss(output, masks)
        truth = [boxes_of(mask).to(images.device) for mask in masks]
        with self.engine.autocast():
            output = self.network(images, truth=truth)
        return roi_loss(output, masks, done=epoch / max(self.spec.epochs, 1))

    def _seconds_left(self, epoch_seconds: float, size: int, done: int) -> float:
        """Later stages cost in proportion to their pixels."""
        left, first = 0.0, 0
        for stage in self.spec.stages:
            todo = max(0, first + stage.epochs - max(done, first))
            left += todo * epoch_seconds * (stage.size / size) ** 2
            first += stage.epochs
        return left

    def _budget_used(self, started: float) -> bool:
        budget = self.spec.time_budget_minutes
        return budget is not None and time.monotonic() - started >= budget * 60

    def _consider(self, score: float | None, *, epoch: int) -> None:
        if score is not None and (self.state.best_dice is None or score > self.state.best_dice):
            self.state.best_dice, self.state.best_epoch = score, epoch
            self.state.best = {name: t.detach().cpu().clone() for name, t in self.network.state_dict().items()}

    def _validate(self, size: int) -> float:
        """Mean Dice over the validation pairs at their own sizes, by the predictor that users run."""
        predictor = Predictor(self.network.eval(), self.network_spec, self._entry(size), device=str(self.engine.device))
        scores = mean_dice(predictor, self.val_samples, classes=len(self.spec.classes))
        self.engine.place(self.network)
        return scores

    def _entry(self, size: int) -> WeightsEntry:
        spec = self.spec
        return WeightsEntry(
            id=f"{spec.network}/{spec.task}@{spec.version}",
            network=spec.network,
            task=spec.task,
            version=spec.version,
            licence=spec.licence,
            trained_on=spec.trained_on,
            classes=spec.classes,
            input_size=(size, size),
        )

    def _size_of(self, epoch: int) -> int:
        """Input size of an epoch; the starting weights (0) were scored at the last stage's."""
        first = 0
        for stage in self.spec.stages:
            first += stage.epochs
            if 0 < epoch <= first:
                return stage.size
        return self.spec.stages[-1].size

    def _finish(self, *, finished: bool) -> WeightsEntry:
        state, spec = self.state, self.spec
        # scores of all stages compare: each is at the images' own sizes
        chosen, epoch = (state.best, state.best_epoch) if state.best else (state.network, state.epoch)
        metrics = (
            {} if state.best_dice is None else {"dice": round(state.best_dice, 4), "n": len(spec.val), "split": "val"}
        )
        entry = replace(
            self._entry(self._size_of(epoch)),
            metrics=metrics,
            training={
                "seed": spec.seed,
                "epochs": state.epoch,
                "best_epoch": epoch,
                "stages": [[stage.size, stage.epochs] for stage in spec.stages],
                "images": len(spec.train),
                "start_from": spec.start_from,
                "seconds": round(state.seconds),
                "finished": finished,
            },
        )
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


def freeze_norm(network: nn.Module) -> None:
    """Let batch norms use the statistics they were trained with, in training too.

    The statistics of a handful of images would replace those of hundreds within an epoch or two.
    """
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def mean_dice(predictor: Predictor, samples: Sequence[Sample], *, classes: int) -> float:
    """Mean Dice over samples and foreground classes."""
    scores = []
    for sample in samples:
        labels = predictor.predict(sample.image).labels
        truth = (sample.mask > 0).astype(np.uint8) if classes == 1 else sample.mask
        scores.append(np.mean([dice(labels == k, truth == k) for k in range(1, classes + 1)]))
    return float(np.mean(scores))
