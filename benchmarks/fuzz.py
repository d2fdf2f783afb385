"""Damaged files: does each end in one sentence? ``python benchmarks/fuzz.py [--mutations 10000] [FILE...]``.

Small sound files of every format that is read (images, masks, volumes, boxes, weights, a run's settings, a project's
database) are damaged in chance ways that a seed repeats, and read. A fault is: an error that is none of ours or no
single sentence, a warning that gets out, more than ten seconds, more than a gigabyte, or the end of the process. With
files, these are read as they are. Linux only: memory is measured by the system.
"""

from __future__ import annotations

import argparse
import json
import random
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

SECONDS, BYTES = 10.0, 1_000_000_000
HERE = Path(__file__).resolve()


@dataclass
class Result:
    """What came of it."""

    mutations: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    largest: int = 0
    faults: list[str] = field(default_factory=list)


class Reader:
    """A process that reads files, so that one that hangs or dies takes nothing with it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path) -> dict[str, object]:
        """What became of a file: ``outcome`` is ``read``, ``refused`` or ``fault``."""
        process = self.start()
        started = time.monotonic()
        # a process that died takes no more
        with suppress(BrokenPipeError):
            _pipe(process.stdin).write(f"{path}\n")
            _pipe(process.stdin).flush()
        line = _line(_pipe(process.stdout), SECONDS + 2)
        if line:
            return dict(json.loads(line))
        took = time.monotonic() - started
        self._end()
        text = f"no answer after {took:.0f} s" if took >= SECONDS + 2 else "the process died"
        return {"outcome": "fault", "text": text, "seconds": took, "bytes": 0}

    def start(self) -> subprocess.Popen[str]:
        """The process, ready to read."""
        if self.process is None:
            command = [sys.executable, str(HERE), "--reader"]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent
            )
            if _line(_pipe(self.process.stdout), 120) != "ready":
                raise RuntimeError("the reading process did not start")
        return self.process

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            with suppress(BrokenPipeError):
                _pipe(process.stdin).close()
            _pipe(process.stdout).close()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _line(stream: IO[str], seconds: float) -> str:
    """The next line; empty where none comes in time."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        return stream.readline().strip() if waiting.select(seconds) else ""


def run(folder: Path, mutations: int, *, seed: int = 0, keep: Path | None = None) -> Result:
    """Damage and read so many files.

    Parameters
    ----------
    folder : Path
        Empty.
    mutations, seed : int
        The same seed gives the same files, however many there are.
    keep : Path, optional
        Folder for files that end in a fault.
    """
    # beside this script, wherever it is called from
    if str(HERE.parent) not in sys.path:
        sys.path.append(str(HERE.parent))
    from fuzz_seeds import damage, make_seeds

    (folder / "seeds").mkdir()
    seeds = make_seeds(folder / "seeds")
    blobs = [path.read_bytes() for path in seeds]
    result = Result()
    with Reader() as reader:
        for path in seeds:
            _note(result, reader.read(path), path, sound=True)
        for number in range(mutations):
            chance = random.Random(f"{seed}:{number}")
            # all formats in turn
            one, other = number % len(seeds), chance.randrange(len(seeds))
            path = folder / f"{seed}-{number}-{seeds[one].name}"
            path.write_bytes(damage(blobs[one], blobs[other], chance, name=path.name))
            before = len(result.faults)
            _note(result, reader.read(path), path)
            if keep is not None and len(result.faults) > before:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, keep / path.name)
            path.unlink()
            result.mutations += 1
    return result


def _note(result: Result, found: dict[str, object], path: Path, *, sound: bool = False) -> None:
    seconds, peak = float(str(found["seconds"])), int(str(found["bytes"]))
    result.slowest, result.largest = max(result.slowest, seconds), max(result.largest, peak)
    outcome, text = str(found["outcome"]), str(found["text"])
    if outcome == "fault":
        result.faults.append(f"{path.name}: {text}")
    elif sound and outcome != "read" and "two" not in path.name:
        result.faults.append(f"{path.name}: a sound file was refused: {text}")
    elif seconds > SECONDS or peak > BYTES:
        result.faults.append(f"{path.name}: {seconds:.1f} s, {peak / 1e6:.0f} MB")
    elif not sound:
        result.read += outcome == "read"
        result.refused += outcome == "refused"


def read_forever() -> None:
    """The reading process: a path a line in, a line of JSON out."""
    from fuzz_reader import judge, warm_up

    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(judge(Path(line.rstrip("\n")))), flush=True)


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="copy files that end in a fault into this folder")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--reader", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("files", type=Path, nargs="*")
    options = parser.parse_args()
    if options.reader:
        read_forever()
        return 0
    if options.files:
        with Reader() as reader:
            for path in options.files:
                found = reader.read(path.resolve())
                figures = f"{float(str(found['seconds'])):.1f} s, {int(str(found['bytes'])) / 1e6:.0f} MB"
                print(f"{path.name}: {found['outcome']}, {figures}: {found['text']}", flush=True)
        return 0
    from facts import report

    with tempfile.TemporaryDirectory() as folder:
        found_all = run(Path(folder), options.mutations, seed=options.seed, keep=options.keep)
    row = (
        found_all.mutations,
        found_all.read,
        found_all.refused,
        len(found_all.faults),
        found_all.slowest,
        found_all.largest / 1e6,
    )
    columns = ("mutations", "read", "refused in a sentence", "faults", "slowest s", "most MB")
    report(columns, [row], json_path=options.json)
    for fault in found_all.faults:
        print(fault)
    return int(bool(found_all.faults))


if __name__ == "__main__":
    sys.exit(main())
