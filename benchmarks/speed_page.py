"""Makes the page on speed: ``python benchmarks/speed_page.py [--measure [NAME ...]]``, or ``make speed``.

``benchmarks/results`` keeps what was measured, a small JSON file a script, or several (``speed.json``,
``speed-one-thread.json``); the page's tables and its picture follow from these files alone, which a test holds. The
words around the tables are written in the page. ``--measure``
first runs the scripts whose results are missing, ``--measure all`` every one, or those that are named.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE, PICTURE = ROOT / "docs" / "reference" / "speed.md", ROOT / "docs" / "pictures" / "speed.svg"
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """Tables of the page, one for each file of results; what they are about stands in the page itself.

    Parameters
    ----------
    name : str
        Of the script, and how the names of its files begin.
    columns : mapping of str to str
        Keys in the files and their headings, in order; keys that a file lacks are left out. None: all keys.
    arguments : tuple of str
        Of the script where it is run from here; DATA and RUNS are put in.
    split : str
        A table for each value of this key.
    spread : tuple of str
        Two keys: a column for each value of the first, that holds the second. Rows of the same columns are one table.
    screen, card : bool
        Needs a display; a graphics card.
    """

    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    split: str = ""
    spread: tuple[str, ...] = ()
    screen: bool = False
    card: bool = False


SECTIONS = (
    Section(
        "beside",
        {
            "network": "network", "start": "weights", "engine": "runs in", "parameters": "parameters",
            "minutes": "minutes trained", "steps": "steps", "px": "input", "split": "split", "n": "n", "seed": "seed",
            "dice": "Dice", "dice_interval": "95 %", "ms": "ms an image", "cpu_ms": "of processor time",
            "memory_mb": "MB",
        },
        ("DATA", "RUNS", "--openvino"),
        split="set",
    ),
    Section(
        "speed",
        {
            "network": "network", "input": "input", "threads": "threads", "plain_ms": "published form, ms",
            "ours_ms": "ours, ms", "ratio": "times quicker", "cpu_ratio": "by processor time",
            "difference": "largest difference", "flipped": "pixels that differ", "share": "share of the matrix rate",
            "where": "what our time goes into",
        },
    ),
    Section(
        "engines",
        {
            "network": "network", "engine": "engine", "size": "input", "plain_ms": "PyTorch, ms",
            "ours_ms": "engine, ms", "ratio": "times quicker", "cpu_ratio": "by processor time",
            "max_difference": "largest difference", "flipped": "pixels that differ",
        },
    ),
    Section(
        "int8",
        {
            "how": "how", "runs in": "runs in", "convolutions": "convolutions in 8 bits", "n": "n", "dice_int8": "Dice",
            "lost_points": "points lost", "lost_interval": "95 %", "int8_ms": "ms", "ratio": "times quicker",
            "cpu_ratio": "by processor time", "kept": "would pay",
        },
        ("DATA", "--threads", "1"),
        split="task",
    ),
    Section("memory", {"network": "network", "weights": "weights"}, spread=("image", "peak_mb")),
    Section("gpu_speed", card=True),
    Section(
        "finetune",
        {
            "set": "images", "network": "network", "weights": "weights", "device": "device", "seed": "seed",
            "images": "corrected", "epochs": "epochs", "seconds": "seconds", "cpu_seconds": "of processor time",
            "held_out": "held out (n)", "dice_before": "Dice before", "dice_after": "Dice after",
        },
        ("DATA",),
    ),
    Section(
        "gui",
        {
            "while": "while", "n": "n", "median s": "median, s", "slowest s": "slowest, s",
            "p99 ms": "99 of 100 gaps, ms", "longest ms": "longest gap, ms",
        },
        screen=True,
    ),
)  # fmt: skip


def read_results(folder: Path = RESULTS) -> dict[str, list[Result]]:
    """What was measured, by the name of the section; a file without rows is one row."""
    found: dict[str, list[Result]] = {}
    for section in SECTIONS:
        paths = sorted({*folder.glob(f"{section.name}.json"), *folder.glob(f"{section.name}-*.json")})
        values = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        found[section.name] = [_with_rows(value) for value in values]
    return found


def _with_rows(value: dict[str, Any]) -> Result:
    if "rows" in value:
        return value
    apart = ("machine", "measured")
    row = {key: one for key, one in value.items() if key not in apart}
    return {**{key: value[key] for key in apart if key in value}, "rows": [row]}


def cell(value: Any) -> str:
    """A value as a person reads it: three digits, no more than are known."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if value == 0:
            return "0"
        if abs(value) < 1e-3:
            return f"{value:.0e}"
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    if isinstance(value, int):
        # thousands stand apart
        return f"{value:,}".replace(",", " ") if abs(value) >= 10_000 else str(value)
    return str(value).replace("|", "/")


def _intervals(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with ``x_low`` and ``x_high`` as one cell ``x_interval``, and Dice with its digits."""
    # of Dice three digits are known, also where they end with a nought
    found = {
        key: f"{one:.3f}" if key.startswith("dice") and isinstance(one, float) else one for key, one in row.items()
    }
    for key in [key for key in row if key.endswith("_low")]:
        name = key.removesuffix("_low")
        low, high = row[key], row[f"{name}_high"]
        del found[key], found[f"{name}_high"]
        digits = 3 if name.startswith("dice") else 2
        found[f"{name}_interval"] = f"{low:.{digits}f} to {high:.{digits}f}"
    return found


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[str]:
    """Lines of a table: the columns that are there, or all; those that are empty in each row are left out."""
    rows = [_intervals(row) for row in rows]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    shown = {key: title for key, title in columns.items() if key in keys} or {
        key: key.replace("_ms", ", ms").replace("_", " ") for key in keys
    }
    cells = [{key: cell(row.get(key)) for key in shown} for row in rows]
    shown = {key: title for key, title in shown.items() if any(one[key] for one in cells)}
    head = [f"| {' | '.join(shown.values())} |", f"|{'---|' * len(shown)}"]
    return [*head, *(f"| {' | '.join(one[key] for key in shown)} |" for one in cells)]


def _spread(rows: Sequence[Mapping[str, Any]], section: Section) -> list[tuple[list[dict[str, Any]], dict[str, str]]]:
    """Rows with a column for each value of a key, in groups whose columns are the same or a part of a group's."""
    key, value = section.spread
    wide: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        own = tuple(row[name] for name in section.columns)
        wide.setdefault(own, dict(zip(section.columns, own, strict=True)))[row[key] or "loaded"] = row[value]
    groups: list[tuple[list[dict[str, Any]], dict[str, str]]] = []
    for row in sorted(wide.values(), key=len, reverse=True):
        heads = {name: section.columns.get(name, name) for name in row}
        home = next((group for group in groups if heads.keys() <= group[1].keys()), None)
        groups = groups if home else [*groups, ([], heads)]
        (home or groups[-1])[0].append(row)
    return groups


def tables(rows: Sequence[Mapping[str, Any]], section: Section) -> list[str]:
    """Lines of one table, or of several with a title each."""
    if section.spread:
        return "\n\n".join("\n".join(table(*group)) for group in _spread(rows, section)).split("\n")
    if not section.split:
        return table(rows, section.columns)
    lines: list[str] = []
    for value in dict.fromkeys(row[section.split] for row in rows):
        own = [row for row in rows if row[section.split] == value]
        lines += [f"**{value}**", "", *table(own, section.columns), ""]
    return lines[:-1]


def told(result: Result) -> str:
    """The machine, the day and the command of a table."""
    machine, measured = result.get("machine", {}), result.get("measured", {})
    cores, threads = machine.get("cores"), machine.get("threads")
    parts = [
        machine.get("gpu") or machine.get("processor") or "a machine that is not known",
        f"{cores} cores" if cores else "",
        f"{threads} thread{'s' * (threads != 1)}" if threads else "",
        f"torch {machine['torch']}" if "torch" in machine else "",
        # others at work
        f"load {machine['load'][0]}" if machine.get("load") else "",
        measured.get("date", ""),
    ]
    command = f"`{measured['command']}`" if "command" in measured else ""
    return f"{', '.join(part for part in parts if part)}. {command}".strip()


def page(text: str, results: Mapping[str, Sequence[Result]]) -> str:
    """The page with its tables written anew, each between its two marks.

    Raises
    ------
    ValueError
        If the page lacks the marks of a section.
    """
    for section in SECTIONS:
        begin, end = f"<!-- measured: {section.name} -->\n", f"<!-- end: {section.name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{PAGE} has no lines {begin!r} and {end!r}; expected both")
        lines = [] if results.get(section.name) else ["Not measured yet.", ""]
        for result in results.get(section.name, ()):
            lines += [*tables(result["rows"], section), "", told(result), ""]
        text = before + begin + "\n" + "\n".join(lines) + "\n" + end + after
    return text


def command_of(section: Section, data: Path, runs: Path) -> list[str]:
    """What measures a section, into its file."""
    put_in = {"DATA": str(data), "RUNS": str(runs)}
    script, into = ROOT / "benchmarks" / f"{section.name}.py", RESULTS / f"{section.name}.json"
    words = [sys.executable, str(script), *(put_in.get(word, word) for word in section.arguments), "--json", str(into)]
    return ["xvfb-run", "-a", *words] if section.screen and not os.environ.get("DISPLAY") else words


def measure(names: Sequence[str], data: Path, runs: Path) -> None:
    """Run scripts whose results are missing, all, or some; one that cannot run here says so."""
    missing = {name for name, found in read_results().items() if not found}
    wanted = missing if not names else {one.name for one in SECTIONS} if "all" in names else set(names)
    RESULTS.mkdir(exist_ok=True)
    for section in SECTIONS:
        if section.name not in wanted:
            continue
        command = command_of(section, data, runs)
        if section.card and shutil.which("nvidia-smi") is None:
            print(f"{section.name}: there is no graphics card here.")
        elif shutil.which(command[0]) is None:
            print(f"{section.name}: {command[0]} is not installed.")
        elif code := subprocess.run(command).returncode:
            print(f"{section.name}: ended with {code}; its results are what they were.")


def main() -> None:
    """Write the page and its picture."""
    from speed_plot import picture

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs="*", metavar="NAME", choices=["all", *(one.name for one in SECTIONS)])
    parser.add_argument("--data", type=Path, default=ROOT / "data")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "beside", help="what beside.py trained")
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure, options.data, options.runs)
    results = read_results()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    PICTURE.write_text(picture(results["beside"]), encoding="utf-8")


if __name__ == "__main__":
    main()
