"""What masks that were accepted as proposed do to the gate: ``python benchmarks/judges.py [--json FILE]``.

Rounds are drawn, not trained. On corrected images the new network gains so much in the mean (spread 0.02). On images
that were accepted as proposed it differs from the old network's own mask by Dice 0.03 (spread 0.01), whichever is the
better. Told is how often it is let in if those count like all others, and as the gate counts them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from facts import report

from napari_medseg.app.gate import judge

ROUNDS, GAINS, JUDGES = 1000, (-0.03, 0.0, 0.03, 0.06), ((2, 3), (5, 5), (0, 2))


@dataclass(frozen=True)
class Drawn:
    """A judge's scores."""

    name: str
    dice_before: float
    dice_after: float
    hd95_before: float
    hd95_after: float
    as_proposed: bool


def draw(rng: np.random.Generator, gain: float, corrected: int, others: int) -> list[Drawn]:
    """The judges of a round."""
    rows = [
        Drawn(f"corrected {n}", 0.8, 0.8 + gain + rng.normal(0, 0.02), 10, 10 + rng.normal(-20 * gain, 1), False)
        for n in range(corrected)
    ]
    for n in range(others):
        rows.append(Drawn(f"own {n}", 1.0, 1 - abs(rng.normal(0.03, 0.01)), 0, abs(rng.normal(2, 1)), True))
    return rows


def main() -> None:
    """A table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table = []
    for gain in GAINS:
        for corrected, others in JUDGES:
            rng = np.random.default_rng(0)
            rounds = [draw(rng, gain, corrected, others) for _ in range(ROUNDS)]
            alike = sum(judge([replace(row, as_proposed=False) for row in rows]).adopt for rows in rounds)
            found = [judge(rows) for rows in rounds]
            figures = (alike, sum(one.adopt for one in found), sum(one.asks for one in found))
            table.append((gain, corrected, others, *(f"{100 * one / ROUNDS:.0f} %" for one in figures)))
    columns = ("gain", "corrected", "as proposed", "let in, if all count alike", "let in", "asks")
    report(columns, table, json_path=options.json)


if __name__ == "__main__":
    main()
