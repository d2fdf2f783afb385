"""What a figure was measured on."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_medseg.io import write_text


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system, versions, device."""
    import torch

    from napari_medseg import __version__

    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "napari_medseg": __version__,
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def measured() -> dict[str, str]:
    """When, and by which command; files and folders by their last names, since where they lie says nothing."""
    names, words = (Path(sys.argv[0]).name, *sys.argv[1:]), []
    for word in names:
        words.append(Path(word).name if os.sep in word else word)
    if "--json" in words:
        place = words.index("--json")
        del words[place : place + 2]
    return {"date": time.strftime("%Y-%m-%d"), "command": " ".join(["python", f"benchmarks/{words[0]}", *words[1:]])}


def report(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, json_path: Path | None) -> None:
    """Print a table with the machine's facts below it, and write both as JSON.

    ``benchmarks/results`` keeps such files; ``speed_page.py`` makes a page of them.
    """
    facts = machine()
    cells = [
        [f"{cell:.3g}" if isinstance(cell, float) else "-" if cell is None else str(cell) for cell in row]
        for row in rows
    ]
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    for row in [list(columns), *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("\n" + ", ".join(f"{key}: {value}" for key, value in facts.items()))
    keep(columns, rows, json_path)


def keep(columns: Sequence[str], rows: Sequence[Sequence[Any]], json_path: Path | None) -> None:
    """Write a table and the machine's facts as JSON, where a file is named."""
    if json_path is not None:
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        values = {"machine": machine(), "measured": measured(), "rows": named}
        write_text(json_path, json.dumps(values, indent=1) + "\n")
