"""Near copies by indexes of the database: no look is compared with all others.

A look, 64 hexadecimal digits, is cut into pieces. Two looks that differ in few bits have a piece in which they differ
in at most one: :data:`~napari_medseg.io.look.NEAR` bits are fewer than two for each piece. SQLite keeps an index of
each piece, which its own check covers; asked are the pieces of a look, and each of them with one bit flipped.
"""

from __future__ import annotations

from collections.abc import Iterable

from napari_medseg.errors import InputError
from napari_medseg.io.look import NEAR, difference

DIGITS = 64
# digits of the look: from, how many; long ones are rarely shared by chance
PIECES = tuple((start, min(5, DIGITS - start)) for start in range(0, DIGITS, 5))
_OF_LOOK = "substr(look, {}, {})"
INDEXES = tuple(
    f"CREATE INDEX IF NOT EXISTS looks_{number} ON cases ({_OF_LOOK.format(start + 1, length)})"
    for number, (start, length) in enumerate(PIECES)
)


def plain(look: str) -> str:
    """A look as it is kept, and as its pieces are asked for.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return f"{int(look, 16):0{DIGITS}x}"
    except ValueError as error:
        raise InputError(f"look is '{look:.80}'; expected hexadecimal digits, as 'look_of' gives them.") from error


def near(look: str) -> tuple[str, list[str]]:
    """Query for the cases of which some may be near copies, oldest first: rows of (name, group, split, look)."""
    look = plain(look)
    values, asked = [], []
    for start, length in PIECES:
        piece = int(look[start : start + length], 16)
        close = [piece, *(piece ^ 1 << bit for bit in range(4 * length))]
        values += [f"{one:0{length}x}" for one in close]
        marks = ", ".join("?" * len(close))
        asked.append(f"SELECT id FROM cases WHERE {_OF_LOOK.format(start + 1, length)} IN ({marks})")
    union = " UNION ".join(asked)
    return f"SELECT name, group_key, split, look FROM cases WHERE id IN ({union}) ORDER BY id", values


def nearest(rows: Iterable[tuple], look: str) -> tuple[str, str, str] | None:
    """Name, group and split of the nearest near copy among the rows of :func:`near`; None where none is."""
    found = min(((difference(row[3], look), row[:3]) for row in rows), key=lambda one: one[0], default=None)
    return None if found is None or found[0] > NEAR else found[1]
