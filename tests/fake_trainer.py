"""A trainer that trains nothing: it writes what a real one would, at once, to test what is around a round."""

import json
import shutil
import threading
import time
from pathlib import Path

from napari_medseg.errors import TrainingError
from napari_medseg.project.lock import lock_run
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import (
    CANCEL_FILE,
    CHECKPOINT_FILE,
    EVENTS_FILE,
    SPEC_FILE,
    WEIGHTS_FILE,
    read_events,
)
from napari_medseg.weights import resolve_weights


class FakeTrainer:
    """Holds the run's folder as a real one does. It writes one epoch; the rest comes when it is told so.

    Parameters
    ----------
    folder : Path
    weights : str or None
        What it comes to; None: what it started from.
    """

    def __init__(self, folder: Path, weights: str | None = None) -> None:
        self.folder, self.spec = folder, RunSpec.read(folder / SPEC_FILE)
        self._made = weights or self.spec.start.start_from
        self._lock = lock_run(folder)
        self._over, self._failed = threading.Event(), ""
        events = folder / EVENTS_FILE
        self._offset = events.stat().st_size if events.exists() else 0
        done = [event["epoch"] for event in read_events(events)[0] if event["event"] == "epoch"]
        self._epoch = max(done, default=0) if (folder / CHECKPOINT_FILE).exists() else 0
        self.stays: bool | None = None
        # hears nothing of those who did not start it
        self.deaf = False
        self._write("start", resumed_epoch=self._epoch, val=len(self.spec.data.val), device="cpu")
        self.train_one()
        threading.Thread(target=self._follow_wish, daemon=True).start()

    def _follow_wish(self):
        """Whoever found it may ask it to end."""
        while not self._over.wait(0.02):
            if not self.deaf and (self.folder / CANCEL_FILE).exists():
                self.cancel()

    def _write(self, event, **values):
        with (self.folder / EVENTS_FILE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"event": event, "time": time.time(), **values}) + "\n")

    def train_one(self):
        """One epoch more."""
        self._epoch += 1
        (self.folder / CHECKPOINT_FILE).touch()
        self._write("batch", epoch=self._epoch, batch=1, batches=1, loss=0.5)
        facts = {"loss": 1 / self._epoch, "val_dice": 0.5, "seconds_left": 5}
        self._write("epoch", epoch=self._epoch, epochs=self.spec.schedule.epochs, **facts)

    def _end(self):
        self._lock.release()
        self._over.set()

    def finish(self):
        """It comes to its end."""
        while self._epoch < self.spec.schedule.epochs:
            self.train_one()
        shutil.copyfile(resolve_weights(self.spec.network, self._made)[1], self.folder / WEIGHTS_FILE)
        self._write("done", weights=WEIGHTS_FILE, finished=True)
        self._end()

    def fail(self, text="Training ran out of memory."):
        """It dies."""
        self._failed = text
        self._write("failed", error=text)
        self._end()

    # ---- what a round knows of it ----------------------------------------------------------------------------------

    def follow(self, unwanted=lambda: False):
        while not unwanted():
            over = self._over.wait(0.01)
            events, self._offset = read_events(self.folder / EVENTS_FILE, self._offset)
            yield from events
            if over:
                if self._failed:
                    raise TrainingError(self._failed)
                return

    def stay(self, wanted=True):
        self.stays = wanted

    def leave(self):
        """It works on alone."""
        self.stays = True

    def cancel(self):
        if not self._over.is_set():
            self._failed = "Training was cancelled; its whole epochs are kept."
            self._write("cancelled", text=self._failed)
            self._end()


class FakeTrainers(list):
    """The fake trainers that were started, in order.

    Attributes
    ----------
    waits : bool
        Those to come stay in their first epoch; else they come to their end at once.
    weights : str or None
        What those to come make.
    """

    waits, weights = False, None

    def start(self, folder: Path) -> FakeTrainer:
        """In the place of :class:`napari_medseg.app.trainer_process.OwnTrainer`."""
        trainer = FakeTrainer(folder, self.weights)
        self.append(trainer)
        if not self.waits:
            trainer.finish()
        return trainer

    def end(self) -> None:
        """Nothing stays open."""
        for trainer in self:
            trainer.cancel()
