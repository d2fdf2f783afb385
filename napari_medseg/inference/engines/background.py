"""Measures and loads engines while torch serves: one thread for all, one network after the other."""

from __future__ import annotations

import logging
import queue
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

from napari_medseg.errors import OperationError
from napari_medseg.inference.engines.measure import Measured
from napari_medseg.inference.engines.store import Key, keep, kept
from napari_medseg.inference.engines.table import TORCH, Runner, load_model

logger = logging.getLogger(__name__)

# of networks as they were exported; an engine takes about twice that
MOST_BYTES = 400_000_000
MOST_LOADED = 4
# longer than the slowest network takes on a busy computer
_SECONDS = 1800.0
# who asks once may never ask again
ASKED = 2


class Background:
    """What is known of engines in this process. Safe to use from several threads.

    Every answer is at once: the work is done on a thread of its own, the measurement in a process that yields to all
    others and ends with this one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: queue.Queue[tuple[Key, Path]] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._known: dict[Key, Measured] = {}
        self._ready: OrderedDict[Key, tuple[Runner, int]] = OrderedDict()
        self._asked: dict[Key, int] = {}
        self._under_way: set[Key] = set()

    def choice(self, key: Key) -> Measured | None:
        """What was chosen; without its network. None: nothing yet."""
        with self._lock:
            return self._known.get(key)

    def runner(self, key: Key, weights: Path) -> Runner | None:
        """The engine that was chosen, if it is ready; None: torch serves.

        Parameters
        ----------
        key : Key
        weights : Path
            The file whose checksum the key has.
        """
        with self._lock:
            if key in self._ready:
                self._ready.move_to_end(key)
                return self._ready[key][0]
            self._asked[key] = self._asked.get(key, 0) + 1
            known = self._known.get(key)
            if key not in self._under_way and (known is None or known.engine != TORCH):
                self._under_way.add(key)
                self._queue.put((key, weights))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="medseg-engines", daemon=True)
                    self._thread.start()
        return None

    def refuse(self, key: Key, why: str) -> None:
        """An engine was wrong on an image: torch serves from now on, also tomorrow."""
        logger.warning("an engine is no longer used: %s", why)
        with self._lock:
            before = self._known.get(key, Measured())
            self._known[key] = Measured(refused={**before.refused, before.engine: why})
            self._ready.pop(key, None)
        keep(key, self._known[key])

    def wait(self) -> None:
        """Until all that is under way is done; for tests and benchmarks."""
        self._queue.join()

    def _work(self) -> None:
        while True:
            key, weights = self._queue.get()
            # whatever it is, torch goes on serving
            try:
                self._do(key, weights)
            except Exception:
                logger.exception("an engine could not be made ready")
                with self._lock:
                    self._known[key] = Measured(refused={"all": "failed"})
            finally:
                with self._lock:
                    self._under_way.discard(key)
                self._queue.task_done()

    def _do(self, key: Key, weights: Path) -> None:
        found = kept(key)
        if found is None:
            with self._lock:
                if self._asked[key] < ASKED:
                    return
            _measure(key, weights)
            found = kept(key) or Measured(refused={"all": "not measured"})
        runner: Runner | None = None
        if found.engine != TORCH:
            try:
                runner = load_model(found.engine, found.model, key.threads)
            except OperationError as error:
                found = Measured(refused={found.engine: str(error)})
        with self._lock:
            self._known[key] = Measured(found.engine, found.gain, found.seconds, found.refused)
            if runner is not None:
                self._ready[key] = (runner, len(found.model))
                while len(self._ready) > 1 and (
                    len(self._ready) > MOST_LOADED or sum(size for _, size in self._ready.values()) > MOST_BYTES
                ):
                    self._ready.popitem(last=False)


def _measure(key: Key, weights: Path) -> None:
    """In a process of its own; what it found is on the disk then."""
    command = [sys.executable, "-m", "napari_medseg.inference.engines", "--with-parent"]
    command += ["--network", key.network, "--weights", str(weights), "--sha256", key.sha256]
    command += ["--shape", ",".join(map(str, key.shape)), "--threads", str(key.threads)]
    # on Windows, without a console window of its own
    flags: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, creationflags=flags
    ) as process:
        try:
            # not communicate(): that would close the pipe whose end ends the process
            code = process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    if code:
        logger.warning("a measurement of engines ended with %d", code)


BACKGROUND = Background()
