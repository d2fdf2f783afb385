"""Where the processor time of a trainer goes, by phase."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import SPEC_FILE

Row = dict[str, Any]
# each loads what the ones before it do; this program has what is measured loaded already, hence processes of their own
STARTS = (("python", "pass"), ("torch", "import torch"), ("trainer", "import src_train.__main__, src_train.trainer"))


def start_up() -> list[Row]:
    """CPU seconds of starting the process, loading torch, and loading the trainer."""
    rows, before = [], 0.0
    for phase, code in STARTS:
        began = _of_children()
        subprocess.run([sys.executable, "-c", code], check=True)
        took = _of_children() - began
        rows.append({"phase": f"start: {phase}", "cpu_seconds": round(max(0.0, took - before), 2), "calls": 1})
        before = took
    return rows


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Phases:
    """CPU seconds by phase; what a phase inside another takes is not counted twice.

    In one thread: the lanes of a round are then walked one after the other, and what they take is told apart.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._calls: dict[str, int] = {}
        self._inner: list[float] = []

    def watch(self, owner: Any, name: str, phase: str) -> None:
        """Count what calls of a function or a method take."""
        plain: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return plain(*args, **options)
            finally:
                took = time.process_time() - began
                self._seconds[phase] = self._seconds.get(phase, 0.0) + took - self._inner.pop()
                self._calls[phase] = self._calls.get(phase, 0) + 1
                if self._inner:
                    self._inner[-1] += took

        setattr(owner, name, timed)

    def rows(self) -> list[Row]:
        """The largest first."""
        order = sorted(self._seconds, key=lambda phase: -self._seconds[phase])
        return [{"phase": p, "cpu_seconds": round(self._seconds[p], 2), "calls": self._calls[p]} for p in order]


def profile(folder: Path) -> list[Row]:
    """Train a run's folder here, in one thread."""
    import torch

    from src_train import trainer
    from src_train.memory import keep_memory
    from src_train.start_up import without_compiler

    torch.set_num_threads(1)
    keep_memory()
    without_compiler()
    phases = Phases()
    phases.watch(trainer, "load_pairs", "pairs read")
    phases.watch(trainer, "starting_network", "network made")
    phases.watch(trainer, "save_checkpoint", "checkpoint")
    phases.watch(trainer, "looks_of", "looks")
    phases.watch(trainer, "save_state", "weights written")
    phases.watch(trainer.TrainingSet, "__init__", "pairs resized")
    phases.watch(trainer.TrainingSet, "batch", "augmentation")
    phases.watch(trainer.Trainer, "__init__", "prepared")
    phases.watch(trainer.Trainer, "run", "the rest")
    phases.watch(torch.autograd, "grad", "backward")
    made = trainer.Trainer(RunSpec.read(folder / SPEC_FILE), folder)
    phases.watch(made, "objective", "forward and loss")
    phases.watch(made.engine, "backward", "backward")
    phases.watch(made.optimizer, "step", "optimizer")
    phases.watch(made.keeper, "score", "validation")
    phases.watch(made.keeper, "weights", "weights copied")
    phases.watch(made.events, "write", "events")
    made.run()
    return [*start_up(), *phases.rows()]
