"""What the parts of ``gui.py`` measure with: the gaps of an event loop, what stood in its way, and when was painted."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

# a gap worth an explanation, s; how often it is looked for one
LONG, LOOK = 0.1, 0.01
DEEP = 6


class Pulse:
    """Collects the gaps between shots of a timer that ought to fire every 5 ms, in ms."""

    def __init__(self, *, blame: bool = False) -> None:
        from qtpy.QtCore import QTimer

        self.gaps: list[float] = []
        self._last = time.perf_counter()
        # what the GUI thread was at in long gaps: how often each was seen, and what the other threads were at
        self.stacks: Counter[str] = Counter()
        self._timer = QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._shot)
        self._timer.start()
        if blame:
            threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True).start()

    def _shot(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self._last))
        self._last = now

    def _watch(self, gui: int) -> None:
        """As long as the program runs, on a thread of its own; what was seen counts once the gap is a long one."""
        since, seen = self._last, list[str]()
        while True:
            time.sleep(LOOK)
            now, last = time.perf_counter(), self._last
            if last != since:
                since, seen = last, []
            elif now - since > LOOK:
                frames = sys._current_frames()
                if gui not in frames:
                    return
                seen.append("\n".join([_lines(frames[gui], DEEP), *_beside(frames)]))
                if now - since > LONG:
                    self.stacks.update(seen)
                    seen.clear()

    def take(self) -> list[float]:
        """The gaps since the last call."""
        gaps, self.gaps = self.gaps, []
        return gaps

    def blamed(self) -> list[tuple[int, str]]:
        """Where the GUI thread was in long gaps since the last call: (seen so often, stack), most often first."""
        found, self.stacks = self.stacks, Counter()
        return [(count, stack) for stack, count in found.most_common(5)]


def _beside(frames: dict[int, Any]) -> list[str]:
    """What the program's other threads are at."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    ours = {names[number]: _lines(frame, 1) for number, frame in frames.items() if number in names}
    busy = {name: line for name, line in ours.items() if name.startswith("medseg") and "_worker" not in line}
    return [f"    beside {name}: {line}" for name, line in busy.items() if not line.endswith(" wait")]


def _lines(frame: Any, deep: int) -> str:
    """The innermost frames, and the innermost of our own."""
    stack = traceback.extract_stack(frame)
    own = [one for one in stack if "napari_medseg" in one.filename][-2:]
    shown = [one for one in stack if one in own or one in stack[-deep:]]
    return " < ".join(
        f"{'/'.join(one.filename.rsplit('/', 2)[-2:])}:{one.lineno} {one.name}" for one in reversed(shown)
    )


def spin(until: Callable[[], bool], seconds: float = 60, *, every: int = 20) -> float:
    """Let the loop run until something is so; looked at every so many ms. Returns the seconds that it took."""
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    loop, timer = QEventLoop(), QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    start = time.perf_counter()
    timer.timeout.connect(lambda: loop.quit() if until() or time.perf_counter() > start + seconds else None)
    timer.start(every)
    loop.exec()
    timer.stop()
    if not until():
        raise RuntimeError(f"not done in {seconds} s: {until}")
    return time.perf_counter() - start


def rest(seconds: float) -> None:
    """Let the loop run for a while."""
    end = time.perf_counter() + seconds
    spin(lambda: time.perf_counter() >= end, seconds + 10)


class Painted:
    """Knows when the canvas was painted last; ``count`` pictures so far."""

    def __init__(self, viewer: Any) -> None:
        self.count, self.last = 0, 0.0
        viewer.window._qt_viewer.canvas._scene_canvas.events.draw.connect(self._drawn, position="last")

    def _drawn(self, event: Any = None) -> None:
        self.count, self.last = self.count + 1, time.perf_counter()

    def after(self, do: Callable[[], object], shown: Callable[[], bool], seconds: float = 60) -> float:
        """Do something; the seconds from then to the end of the first picture after ``shown`` is so."""
        start = time.perf_counter()
        do()
        spin(shown, seconds, every=1)
        since = self.count
        # what is shown may be painted already, in the turn of the loop in which it came
        if not self.last > start or since == 0:
            spin(lambda: self.count > since, seconds, every=1)
        return self.last - start


class Found:
    """Rows of the table: what was done, how long it took each time, and the gaps of the loop meanwhile."""

    columns = ("while", "n", "median s", "slowest s", "shots", "median ms", "p99 ms", "longest ms")

    def __init__(self, pulse: Pulse | None = None) -> None:
        self.rows: list[tuple] = []
        self._pulse = pulse

    def begin(self) -> None:
        """What came before counts for nothing."""
        if self._pulse is not None:
            self._pulse.take()
            self._pulse.blamed()

    def add(self, name: str, seconds: list[float]) -> None:
        """What was measured since :meth:`begin`."""
        gaps = [] if self._pulse is None else self._pulse.take()
        self.put(name, seconds, gaps)
        for count, stack in [] if self._pulse is None else self._pulse.blamed():
            print(f"  in gaps, {count} x {stack}", file=sys.stderr, flush=True)

    def put(self, name: str, seconds: list[float], gaps: list[float]) -> None:
        """A row of figures from elsewhere."""
        times = (float(np.median(seconds)), max(seconds)) if seconds else (None, None)
        facts = (float(np.median(gaps)), float(np.percentile(gaps, 99)), max(gaps)) if gaps else (None,) * 3
        self.rows.append((name, len(seconds), *times, len(gaps), *facts))
        print(*self.rows[-1], file=sys.stderr, flush=True)
