"""Mouse, keys and eyes for the window of ``window.py``."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path


class Driver:
    """Starts the window and acts on it as a person would.

    Parameters
    ----------
    folder : Path
        For the state, the log and the pictures; also the user's home of settings and data.
    paths : sequence of path
        To open; none: the sample project.
    """

    def __init__(self, folder: Path, *paths: Path) -> None:
        self.folder = folder
        self.state_file = folder / "state.json"
        self.state_file.unlink(missing_ok=True)
        homes = {name: str(folder / "home") for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME")}
        environment = {**os.environ, **homes, "LIBGL_ALWAYS_SOFTWARE": "1"}
        environment.pop("QT_QPA_PLATFORM", None)
        script = Path(__file__).parent / "window.py"
        with (folder / "window.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(script), str(self.state_file), *map(str, paths)],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.wait(lambda s: s["canvas"][2] > 100, 120)

    def state(self) -> dict:
        """The last state that was told; the window may be busy, so it can be old."""
        return json.loads(self.state_file.read_text())

    def wait(self, wanted, seconds: float = 60) -> dict:
        """Wait until the state is as wanted."""
        end = time.monotonic() + seconds
        state: dict = {}
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "window.log").read_text()[-3000:]
            if self.state_file.exists():
                state = self.state()
                if wanted(state):
                    return state
            time.sleep(0.05)
        self.shot("timeout")
        raise AssertionError(f"waited {seconds} s in vain; last state: {state}")

    def tool(self, *arguments) -> None:
        """Call xdotool."""
        subprocess.run(["xdotool", *map(str, arguments)], check=True)

    def click(self, text: str) -> None:
        """Click the middle of the button or tab with this text, once it can be clicked and the image was seen."""
        ready = lambda s: s["items"].get(text, {}).get("enabled") and s["seen"]  # noqa: E731
        rect = None
        # a message that comes meanwhile moves what stands below it
        while rect != (rect := self.wait(ready)["items"][text]["rect"]):
            time.sleep(0.3)
        x, y, width, height = rect
        self.tool("mousemove", x + width // 2, y + height // 2, "sleep", 0.1, "click", 1)
        time.sleep(0.4)

    def screen(self, y: float, x: float) -> tuple[int, int]:
        """Where a data coordinate of the 2D canvas lies on the screen."""
        state = self.state()
        left, top, width, height = state["canvas"]
        return (
            round(left + width / 2 + (x - state["center"][1]) * state["zoom"]),
            round(top + height / 2 + (y - state["center"][0]) * state["zoom"]),
        )

    def drag(self, *points: tuple[float, float]) -> None:
        """Hold the left button along points (y, x) of the data."""
        places = [self.screen(*point) for point in points]
        self.tool("mousemove", *places[0], "sleep", 0.2, "mousedown", 1, "sleep", 0.1)
        for a, b in pairwise(places):
            for k in range(1, 9):
                self.tool("mousemove", *(round(p + (q - p) * k / 8) for p, q in zip(a, b, strict=True)))
                time.sleep(0.02)
        self.tool("mouseup", 1)
        time.sleep(0.3)

    def key(self, key: str) -> None:
        """Press a key where the focus is, once the image was seen."""
        self.wait(lambda s: s["seen"])
        self.tool("key", key)
        time.sleep(0.3)

    def shot(self, name: str) -> None:
        """Save a picture of the screen."""
        target = self.folder / f"{name}.png"
        # whole or not at all: the window looks for it at any moment
        wish = self.folder / "shot.new"
        wish.write_text(str(target))
        wish.replace(self.folder / "shot")
        end = time.monotonic() + 10
        while not target.exists() and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.1)

    def kill(self) -> None:
        """End the process as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def close(self) -> None:
        """End the process if it still lives."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
