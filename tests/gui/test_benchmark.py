"""The measurement of the window's gaps still runs: it drives the panel by its names, which no type checker sees."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux" or not os.environ.get("DISPLAY"), reason="needs Linux and a display"),
]
SCRIPT = [sys.executable, str(Path(__file__).parents[2] / "benchmarks" / "gui.py"), "--blame", "--idle", "1"]


def test_parts_are_measured(tmp_path):
    told = tmp_path / "gaps.json"
    done = subprocess.run(
        [*SCRIPT, "propose", "spots", "train", "close", "--epochs", "1", "--times", "2", "--json", str(told)],
        env={**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(told.read_text())["rows"]
    asked = ["idle", "predicting", "N, to the first place", "N, to the last opinion", "training", "closing"]
    assert [row["while"] for row in rows] == asked
    measured = [row for row in rows if row["shots"]]
    # 5 ms between shots: the loop ran all the time, not only at the ends; proposals are soon made
    least = {"idle": 20, "predicting": 5, "training": 20}
    assert all(row["shots"] > least[row["while"]] for row in measured if row["while"] in least)
    assert [row["n"] for row in rows] == [0, 2, 2, 2, 1, 1]
