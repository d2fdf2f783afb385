"""Who did what when: rows that are only added, each sealed by a hash over itself and the row before."""

from __future__ import annotations

import getpass
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

# a flipped bit makes a time text, bytes, or one that no clock shows; it is told by the audit, not here
LAST = "SELECT MAX(created) FROM {} WHERE typeof(created) IN ('real', 'integer') AND created < 253402300800"


@lru_cache(maxsize=1)
def author() -> str:
    """The user's name on this computer."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in a container, no pwd module on Windows
        return "unknown"


def when(created: object, format: str = "%Y-%m-%d %H:%M") -> str:
    """A time (seconds since the epoch) for a person; ``an unknown time`` where damage made it no time."""
    # text or bytes, or nothing, which the system would take for now
    if not isinstance(created, int | float):
        return "an unknown time"
    try:
        return time.strftime(format, time.localtime(created))
    # no number, a year beyond the calendar, one that the system does not know
    except (ValueError, OverflowError, OSError):
        return "an unknown time"


def clock_problem(last: float | None) -> str | None:
    """What to tell where the clock stands before the last entry; a minute is no matter.

    Parameters
    ----------
    last : float or None
        Seconds since the epoch.
    """
    if last is None or time.time() > last - 60:
        return None
    return (
        f"The computer's clock was set back: the last entry is of {when(last)}. Set the clock right; "
        "strokes keep their order whatever it says."
    )


def seal(previous: str, values: Iterable[object]) -> str:
    """Hash of a row that follows a row with hash ``previous``."""
    # repr: a damaged row may hold bytes
    return hashlib.sha256(json.dumps([previous, *values], default=repr).encode()).hexdigest()


def add(db: sqlite3.Connection, case_id: int | None, kind: str, detail: Mapping[str, Any]) -> None:
    """Append a row inside the caller's transaction."""
    last = db.execute("SELECT id, chain FROM history ORDER BY id DESC LIMIT 1").fetchone() or (0, "")
    values = (last[0] + 1, case_id, time.time(), author(), kind, json.dumps(detail, sort_keys=True, default=str))
    db.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, seal(last[1], values)))


def problems(rows: Iterable[tuple]) -> list[str]:
    """What is wrong with the chain: one sentence for each row that does not fit."""
    found, previous, expected = [], "", 1
    for row in rows:
        if row[0] != expected:
            found.append(f"History row {expected} is missing.")
        if seal(previous, row[:-1]) != row[-1]:
            found.append(f"History row {row[0]} does not match its seal: it or a row before it was changed.")
        # a damaged number is none
        previous, expected = row[-1], (row[0] if isinstance(row[0], int) else expected) + 1
    return found
