"""One launch in a process of its own: ``python gui_launch.py STARTED napari|panel [IMAGE]``; prints JSON.

``STARTED`` is the time at which it was begun. With an image, a mask is asked for as soon as the panel can be pressed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gui_pulse import Found, Painted, Pulse, spin

KINDS = ("napari", "panel")


def launch(kind: str, started: float, image: Path | None) -> dict[str, Any]:
    """Open a window; the seconds from the start of the process until it can be used."""
    import napari

    if kind == "napari":
        viewer, panel = napari.Viewer(title="napari"), None
    else:
        from napari_medseg.widgets.launch import open_window, warm_up

        viewer, panel = open_window([] if image is None else [image])
    painted, pulse = Painted(viewer), Pulse()
    if panel is not None:
        # as ``medseg app`` does
        warm_up(panel)
        spin(panel.tabs.isVisible, every=1)
    spin(lambda: painted.count > 0, every=1)
    told: dict[str, Any] = {"usable": time.time() - started}
    if panel is None:
        return told
    pulse.take()
    if image is None:
        # what proposing and retraining need comes while the window can be used
        spin(lambda: "pyqtgraph" in sys.modules and not panel.workers._tickets, 120)
        return {**told, "loaded": time.time() - started, "gaps": pulse.take()}
    spin(panel.propose.run.isEnabled, every=1)
    asked = time.perf_counter()
    panel.propose.run.click()
    spin(lambda: len(viewer.layers) > 1, 120, every=1)
    since = painted.count
    spin(lambda: painted.count > since, every=1)
    return {**told, "proposed": painted.last - asked, "gaps": pulse.take()}


def measure(found: Found, times: int, image: Path, home: str) -> None:
    """Launch napari and the panel in turn, so many times, each in a fresh process."""
    told: dict[str, list[dict[str, Any]]] = {"napari": [], "panel": [], "proposal": []}
    for _ in range(times):
        for kind in told:
            arguments = ["panel", str(image)] if kind == "proposal" else [kind]
            command = [sys.executable, __file__, str(time.time()), *arguments]
            environment = {**os.environ, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=True)
            told[kind].append(json.loads(done.stdout.strip().splitlines()[-1]))
    found.put("launching napari alone", [one["usable"] for one in told["napari"]], [])
    found.put("launching with the panel", [one["usable"] for one in told["panel"]], [])
    gaps = [gap for one in told["panel"] for gap in one["gaps"]]
    found.put("libraries come", [one["loaded"] - one["usable"] for one in told["panel"]], gaps)
    gaps = [gap for one in told["proposal"] for gap in one["gaps"]]
    found.put("first proposal, cold", [one["proposed"] for one in told["proposal"]], gaps)


if __name__ == "__main__":
    begun, which, *rest_of = sys.argv[1:]
    print(json.dumps(launch(which, float(begun), Path(rest_of[0]) if rest_of else None)), flush=True)
    # closing is measured elsewhere
    os._exit(0)
