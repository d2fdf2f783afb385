"""The main job with the real mouse and keys in a real window; MEDSEG_SHOTS=FOLDER keeps the pictures."""

import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_medseg.io import read_mask
from napari_medseg.project import Project
from tests.gui.driver import Driver

pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or not shutil.which("xdotool") or not os.environ.get("DISPLAY"),
        reason="needs Linux, xdotool and a display",
    ),
]


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """A window on the sample project, opened when one is asked for and none lives."""
    folder, opened = tmp_path_factory.mktemp("mouse"), []

    def living():
        if not opened or opened[-1].process.poll() is not None:
            opened.append(Driver(folder, *([Path(opened[-1].state()["project"])] if opened else [])))
        return opened[-1]

    yield living
    for window in opened:
        window.close()
    if os.environ.get("MEDSEG_SHOTS"):
        target = Path(os.environ["MEDSEG_SHOTS"])
        target.mkdir(parents=True, exist_ok=True)
        for picture in folder.glob("*.png"):
            shutil.copy(picture, target)


@pytest.fixture
def window(windows, request):
    """The window as the test before left it; after one that failed, another."""
    window = windows()
    window.wait(lambda s: s["case"] is not None and s["label_sum"] is not None, 120)
    yield window
    if request.node.rep_call.failed:
        window.close()


def take_the_brush(window):
    """By keys, each waited for: on a busy machine they arrive late."""
    # above the image a click draws nothing, and gives the canvas the focus
    window.tool("mousemove", *window.screen(-12, 128), "click", 1)
    for key, mode in (("1", "erase"), ("2", "paint")):
        window.key(key)
        window.wait(lambda s, mode=mode: s["mode"] == mode)


def test_the_live_wire_is_drawn_clicked_and_closed_with_the_mouse(window):
    start = window.wait(lambda s: s["case"] == 1 and s["case_state"] == "proposed", 120)
    before, strokes = start["label_sum"], start["strokes"]
    window.click("tab Correct")
    take_the_brush(window)
    window.key("w")
    window.wait(lambda s: s["items"]["Live-wire"]["on"])
    corners = [(20, 20), (20, 70), (60, 70), (60, 20)]
    for point in corners:
        window.tool("mousemove", *window.screen(*point), "sleep", 0.5, "click", 1)
        time.sleep(1.0)
    window.tool("mousemove", *window.screen(40, 24), "sleep", 1)
    window.shot("8-wire")
    # nothing is drawn before it is closed
    assert window.state()["strokes"] == strokes
    zoom = window.state()["zoom"]
    window.tool("click", "--repeat", 2, "--delay", 80, 1)
    drawn = window.wait(lambda s: s["strokes"] == strokes + 1)
    assert drawn["label_sum"] > before + 200
    # a double-click closes the contour; it does not zoom as well
    assert drawn["zoom"] == zoom
    window.shot("9-wired")
    window.key("ctrl+z")
    window.wait(lambda s: s["label_sum"] == before)


def test_a_killed_window_loses_nothing_that_was_drawn(window, windows):
    take_the_brush(window)
    strokes = window.state()["strokes"]
    window.drag((60, 60), (60, 180))
    window.drag((90, 60), (90, 180))
    drawn = window.wait(lambda s: s["strokes"] == strokes + 2)
    window.kill()
    again = windows()
    state = again.wait(lambda s: s["case"] is not None and "ended unexpectedly" in s["correct"])
    assert state["label_sum"] == drawn["label_sum"]
    again.shot("7-recovered")
    again.click("Undo")
    again.wait(lambda s: s["label_sum"] != drawn["label_sum"])


def test_propose_correct_retrain_export(window):
    start = window.wait(lambda s: s["case"] == 1, 120)
    strokes, proposals = start["strokes"], start["history"].count("proposal")
    window.shot("1-proposed")
    take_the_brush(window)
    before = window.state()["label_sum"]
    window.drag((60, 60), (60, 180), (120, 180))
    painted = window.wait(lambda s: s["strokes"] == strokes + 1)["label_sum"]
    assert painted > before
    window.shot("2-painted")
    window.key("ctrl+z")
    window.wait(lambda s: s["label_sum"] == before)
    window.key("ctrl+shift+z")
    window.wait(lambda s: s["label_sum"] == painted)
    # proposing again is a step in the history that can be taken back
    window.key("g")
    window.wait(lambda s: s["history"].count("proposal") == proposals + 1)
    window.key("ctrl+z")
    window.wait(lambda s: s["label_sum"] == painted)

    opened = []
    for _ in range(6):
        # at random, each of the six once
        opened.append(window.wait(lambda s: s["case"] not in opened and s["case_state"] != "new")["case"])
        window.key("a")
    window.wait(lambda s: "All images are accepted" in s["correct"])
    window.shot("3-accepted")

    window.click("tab Retrain")
    window.click("spin 0")
    window.key("ctrl+a")
    window.tool("type", "1")
    window.click("Retrain")
    # pressed again in the middle: nothing happens
    x, y, width, height = window.state()["items"]["Retrain"]["rect"]
    window.tool("mousemove", x + width // 2, y + height // 2, "click", 1)
    old = window.state()["weights"]
    judged = window.wait(
        lambda s: any(word in s["retrain"] for word in ("is in use", "old network stays", "Your choice")), 240
    )
    window.shot("4-retrained")
    if "old network stays" in judged["retrain"]:
        window.click("Use the new one all the same")
    elif "Your choice" in judged["retrain"]:
        window.click("Use the new one")
    window.wait(lambda s: s["weights"] != old)

    window.click("tab Export")
    window.click("All accepted masks of the project")
    window.click("Export")
    state = window.wait(lambda s: "Wrote 6 files" in s["export"])
    window.shot("5-exported")
    window.click("tab Propose")
    window.shot("6-propose")
    window.close()
    out = Path(state["export"].partition(" to ")[2].rstrip("."))
    written = read_mask(out / "nuclei_1_mask.tif")
    with Project.open(state["project"]) as project:
        first = project.cases()[0]
        np.testing.assert_array_equal(written, project.labels(first.id))
        assert project.verify() == []
