"""Draws Dice against the time of an image as SVG, from rows of ``beside.py``: a panel a set of images.

Each network is a numbered disc; its name, time and Dice stand in the list beside it. Left is quicker, up is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

WIDTH, LIST, TOP, ROW, GAP = 860, 440, 58, 24, 70
PLOT = (LIST + 62, WIDTH - 24)
SETS = {
    "dsb2018_nuclei": "Cell nuclei (microscopy)",
    "kvasir_seg": "Polyps (colonoscopy)",
    "busi": "Breast ultrasound",
}
# ours as shipped, ours after a few minutes, others
COLOURS = ("#1f6fb5", "#8fbfe6", "#e08a2e")
MEANINGS = ("MedSeg, as shipped", "MedSeg, trained for minutes", "others, trained for the same minutes")
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
Row = Mapping[str, Any]


def picture(results: Sequence[Mapping[str, Any]]) -> str:
    """The whole picture, a text of SVG."""
    rows = [row for result in results for row in result["rows"]]
    names = list(dict.fromkeys(row["set"] for row in rows))
    y: float = TOP
    parts = [_legend() if rows else _text(20, 40, "Not measured yet.", 16)]
    for name in names:
        panel, y = _panel(name, sorted((row for row in rows if row["set"] == name), key=lambda row: row["ms"]), y)
        parts.append(panel)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    return "\n".join(
        [f'{head} font-family="DejaVu Sans, Arial, sans-serif">', _box(0, 0, WIDTH, y, "#ffffff"), *parts, "</svg>", ""]
    )


def _kind(row: Row) -> int:
    # only others are called by whose they are
    if "MONAI" in row["network"]:
        return 2
    return 0 if row["start"] == "as shipped" else 1


def _name(row: Row) -> str:
    short = row["network"].partition(" (")[0] + (", OpenVINO" if row["engine"] == "openvino" else "")
    minutes = f"{row['minutes'] or 0:.0f} min"
    ways = {"from random weights": minutes, "from the shipped file": f"shipped, then {minutes}"}
    return f"{short}, {ways.get(row['start'], row['start'])}"


def _text(x: float, y: float, text: str, size: int = 12, *, anchor: str = "start", colour: str = "#222222") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _line(x0: float, y0: float, x1: float, y1: float, colour: str = "#dddddd", width: float = 1) -> str:
    ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'


def _disc(x: float, y: float, number: int, colour: str) -> str:
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{colour}" stroke="#ffffff" stroke-width="1.5"/>'
    return circle + _text(x, y + 4, str(number), 11, anchor="middle", colour="#ffffff")


def _legend() -> str:
    parts, x = [], 20.0
    for colour, meaning in zip(COLOURS, MEANINGS, strict=True):
        parts += [_box(x, 14, 12, 12, colour), _text(x + 18, 24.5, meaning)]
        x += 44 + 6.6 * len(meaning)
    return "\n".join(parts)


def _seconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _panel(name: str, rows: Sequence[Row], top: float) -> tuple[str, float]:
    """List and plot of one set, and where the next begins."""
    height = max(ROW * len(rows), 200)
    bottom = top + 26 + height
    times = [row["ms"] for row in rows]
    # whole ticks around all of them
    low = max((one for one in TICKS if one <= min(times) * 0.95), default=TICKS[0])
    high = min((one for one in TICKS if one >= max(times) * 1.05), default=TICKS[-1])
    floor = math.floor(10 * min(row["dice_low"] for row in rows)) / 10
    ceiling = min(1.0, math.ceil(20 * max(row["dice_high"] for row in rows)) / 20)

    def across(ms: float) -> float:
        return PLOT[0] + (PLOT[1] - PLOT[0]) * math.log(ms / low) / math.log(high / low)

    def down(dice: float) -> float:
        return bottom - (bottom - top - 26) * (dice - floor) / (ceiling - floor)

    parts = [
        _text(20, top + 6, f"{SETS.get(name, name)}, {rows[0]['n']} images that none of them learned from", 14),
        _text(LIST - 60, top + 24, "an image", 11, anchor="end", colour="#666666"),
        _text(LIST - 8, top + 24, "Dice", 11, anchor="end", colour="#666666"),
    ]
    for step in range(round((ceiling - floor) * 20) + 1):
        dice = floor + step / 20
        if step % 2 == 0 or ceiling - floor <= 0.3:
            parts += [
                _line(PLOT[0], down(dice), PLOT[1], down(dice)),
                _text(PLOT[0] - 8, down(dice) + 4, f"{dice:.2f}", 11, anchor="end"),
            ]
    for one in TICKS:
        if low <= one <= high:
            parts += [
                _line(across(one), bottom, across(one), top + 26),
                _text(across(one), bottom + 16, _seconds(one), 11, anchor="middle"),
            ]
    parts += [
        _text((PLOT[0] + PLOT[1]) / 2, bottom + 34, "time for one image (left is quicker)", 12, anchor="middle"),
        _text(PLOT[0] - 8, top + 16, "Dice (up is better)", 12),
    ]
    for number, row in enumerate(rows, start=1):
        colour, y = COLOURS[_kind(row)], top + 26 + ROW * (number - 0.5)
        x = across(row["ms"])
        parts += [
            _disc(30, y, number, colour),
            _text(46, y + 4, _name(row)),
            _text(LIST - 60, y + 4, _seconds(row["ms"]), anchor="end"),
            _text(LIST - 8, y + 4, f"{row['dice']:.3f}", anchor="end"),
            _line(x, down(row["dice_low"]), x, down(row["dice_high"]), colour, 1.5),
            _disc(x, down(row["dice"]), number, colour),
        ]
    return "\n".join(parts), bottom + GAP
