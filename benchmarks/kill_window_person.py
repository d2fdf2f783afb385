"""The window of ``kill_window.py``: napari with the panel, in which someone works fast until the process is killed.

``python kill_window_person.py PROJECT SEED``. Says ``ready``, and of each stroke that the panel showed as stored
``stored CASE STROKE Y X VALUE``; what else was done, by a word.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

from napari import run
from napari.layers import Labels
from qtpy.QtCore import QTimer

from napari_medseg.app import plan_round
from napari_medseg.widgets.launch import open_window

# rounds of seconds: what is killed is the point, not what is learned
plan_round.LEAST_DRAWN, plan_round.LEAST_ANCHORS = 4, 2
DRAWN = "SELECT MAX(id) FROM strokes WHERE case_id = ? AND kind NOT IN ('proposal', 'unlock', 'import')"
CHANCES = (
    ("draw", 70),
    ("undo", 8),
    ("redo", 4),
    ("propose", 6),
    ("accept", 5),
    ("retrain", 7),
)


class Person:
    """Does one thing after the other, each as soon as the one before is stored."""

    def __init__(self, project: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self._viewer, self._panel = open_window([project])
        # case, y, x and value of the stroke that is not told yet, and the stroke before it
        self._drawn: tuple[int, int, int, int] | None = None
        self._before = 0
        self._idle = 0
        self._said = False
        self._timer = QTimer()
        self._timer.timeout.connect(self._work)
        self._timer.start(20)

    def _work(self) -> None:
        panel = self._panel
        opened = panel.correct.view.current
        project, case_id = panel.state.project, panel.state.case_id
        masks = [layer for layer in self._viewer.layers if isinstance(layer, Labels)]
        if project is not None and case_id is None:
            # all are accepted: a person looks at one of them again
            self._idle += 1
            if self._idle % 50 == 0:
                panel.correct.table.cellActivated.emit(self._random.randrange(panel.correct.table.rowCount()), 0)
        if opened is None or project is None or case_id is None or not masks:
            return
        if not self._said:
            self._said = True
            print("ready", flush=True)
        if opened.session.status.pending:
            return
        if self._drawn is not None:
            # the panel looks at a stroke a moment after the brush is lifted
            number = self._newest(case_id)
            if self._drawn[0] == case_id and number == self._before:
                return
            if self._drawn[0] == case_id:
                print("stored", case_id, number, *self._drawn[1:], flush=True)
            self._drawn = None
        words, weights = zip(*CHANCES, strict=True)
        what = self._random.choices(words, weights)[0]
        getattr(self, f"_{what}")(opened.labels, case_id)

    def _newest(self, case_id: int) -> int:
        project = self._panel.state.project
        assert project is not None
        row = project._db.row(DRAWN, case_id)
        return 0 if row is None or row[0] is None else int(row[0])

    def _draw(self, mask: Any, case_id: int) -> None:
        self._before = self._newest(case_id)
        y, x = (self._random.randrange(side) for side in mask.data.shape)
        value = 0 if mask.data[y, x] else 1
        mask.brush_size = self._random.choice((1, 5, 15))
        mask.paint((y, x), value)
        self._drawn = (case_id, y, x, value)

    def _undo(self, *_: Any) -> None:
        self._panel.correct.undo.click()

    def _redo(self, *_: Any) -> None:
        self._panel.correct.redo.click()

    def _propose(self, *_: Any) -> None:
        self._panel.propose.run.click()
        print("proposed", flush=True)

    def _accept(self, *_: Any) -> None:
        self._panel.correct.accept.click()
        print("accepted", flush=True)

    def _retrain(self, *_: Any) -> None:
        retrain = self._panel.retrain
        if retrain.start.isEnabled():
            retrain.epochs.setValue(self._random.randint(1, 3))
            retrain.start.click()
            print("retrains", flush=True)


if __name__ == "__main__":
    person = Person(Path(sys.argv[1]), int(sys.argv[2]))
    run()
