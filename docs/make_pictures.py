"""Makes the pictures of the docs from the real window, by mouse and keys, on the images that come with it.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/make_pictures.py       (on a screen: without xvfb-run)

A few minutes: a round of training is among it. The user's settings and projects are not touched. ``--only box.png``
makes what is made together with that picture. The chart ``loop.png`` is no window: ``--runs RUNS`` draws it from what
``benchmarks/loop.py`` measured. A test holds that the docs show exactly these pictures.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SIZE, PANEL, LIMIT = (1280, 820), 360, 150_000
WAIT = 600
CHARTS = ("loop.png", "speed.svg")
# of the eraser, px
WIDE = 24


class Window:
    """A window with the panel, and a hand on mouse and keys.

    Parameters
    ----------
    out : Path
        Folder of the pictures.
    options
        Of ``open_window``.
    """

    def __init__(self, out: Path, paths: tuple[Path, ...] = (), **options: Any) -> None:
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QDockWidget

        from napari_medseg.widgets.launch import open_window

        self.out = out
        self.viewer, self.panel = open_window(paths, **options)
        self.main = self.viewer.window._qt_window
        self.main.setGeometry(0, 0, *SIZE)
        dock = self.panel.parentWidget()
        while not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        # as a person who drags its rim: the image has the room
        self.main.resizeDocks([dock], [PANEL], Qt.Orientation.Horizontal)
        self.rest(1)

    @property
    def canvas(self) -> Any:
        """The image, as Qt knows it."""
        return self.viewer.window._qt_viewer.canvas.native

    @property
    def case(self) -> Any:
        """The open image's mask and what is known of it; None: none is open."""
        return self.panel.correct.view.current

    def proposed(self) -> bool:
        """An image is open, and its proposal is there."""
        return self.case is not None and self.panel.state.project.case(self.case.case_id).state != "new"

    def rest(self, seconds: float = 0.4) -> None:
        """Let the window work."""
        from qtpy.QtTest import QTest

        QTest.qWait(round(1000 * seconds))

    def wait(self, wanted: Callable[[], Any]) -> None:
        """Until something has come true."""
        end = time.monotonic() + WAIT
        while not wanted():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {WAIT} s in vain; the panel says: {self.panel.correct.status.text()!r}")
            self.rest(0.1)
        self.rest()

    def click(self, button: Any) -> None:
        """Click a button."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        area = self.panel.tabs.currentWidget()
        if area.isAncestorOf(button):
            area.ensureWidgetVisible(button)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.rest()

    def tab(self, name: str) -> None:
        """Click a tab."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        tabs = self.panel.tabs
        number = next(n for n in range(tabs.count()) if tabs.tabText(n) == name)
        QTest.mouseClick(tabs.tabBar(), Qt.MouseButton.LeftButton, pos=tabs.tabBar().tabRect(number).center())
        self.rest()

    def key(self, key: str, *, shift: bool = False) -> None:
        """Press a key over the image."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        QTest.keyClick(self.canvas, key, held)
        self.rest(0.2)

    def place(self, point: tuple[float, float]) -> Any:
        """Where (y, x) of the image lies on the canvas."""
        from qtpy.QtCore import QPoint

        camera, canvas = self.viewer.scene.camera, self.canvas
        y, x = ((p - c) * camera.zoom for p, c in zip(point, camera.center[-2:], strict=True))
        return QPoint(round(canvas.width() / 2 + x), round(canvas.height() / 2 + y))

    def press(self, point: tuple[float, float]) -> None:
        """Click a place of the image."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.mouseMove(self.canvas, self.place(point))
        self.rest(0.6)
        QTest.mouseClick(self.canvas, Qt.MouseButton.LeftButton, pos=self.place(point))
        self.rest(0.6)

    def drag(self, first: tuple[float, float], last: tuple[float, float]) -> None:
        """Hold the button from one place of the image to another."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=self.place(first))
        for step in range(1, 9):
            between = tuple(a + (b - a) * step / 8 for a, b in zip(first, last, strict=True))
            QTest.mouseMove(self.canvas, self.place(between))
            self.rest(0.02)
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=self.place(last))
        self.rest(0.2)

    def shoot(self, name: str) -> None:
        """Keep a picture of the window, small."""
        from napari._qt.dialogs.qt_notification import NapariQtNotification

        for told in self.main.findChildren(NapariQtNotification):
            told.close()
        self.rest(1)
        save_small(self.viewer.window.screenshot(canvas_only=False, flash=False), self.out / name)


def save_small(pixels: Any, path: Path) -> None:
    """Write a picture with as many colours, and as large, as its limit takes."""
    from PIL import Image

    whole = Image.fromarray(pixels).convert("RGB")
    for share in (1, 0.9, 0.8, 0.7):
        picture = whole.resize((round(whole.width * share), round(whole.height * share)), Image.Resampling.LANCZOS)
        for colours in (256, 128, 64):
            few = picture.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            few.save(path, optimize=True)
            if path.stat().st_size <= LIMIT:
                return
    raise ValueError(f"{path.name} has {path.stat().st_size} bytes, expected at most {LIMIT}: show less")


@contextmanager
def opened(out: Path, paths: tuple[Path, ...] = (), **options: Any) -> Iterator[Window]:
    """A window, closed in the end."""
    window = Window(out, paths, **options)
    try:
        yield window
    finally:
        window.viewer.close()
        window.rest()


def sample(name: str) -> Any:
    """A sample image by its name."""
    from napari_medseg.app.samples import sample_images

    return next(one for one in sample_images() if one.name == name)


def generalist() -> str:
    """SGD-Net that knows several kinds of image, the newest."""
    from napari_medseg.weights import list_weights

    return [entry.id for entry in list_weights(network="sgd-net-s") if entry.task == "generalist"][-1]


def correct(window: Window) -> None:
    """Go over the largest errors of the open mask, one stroke each, as the maker of the image would."""
    import numpy as np
    from skimage.measure import label, regionprops

    from napari_medseg.io import read_mask

    layer = window.case.labels
    name = window.panel.state.project.case(window.case.case_id).name
    truth, mask = read_mask(sample(name).mask) > 0, np.asarray(layer.data) > 0
    for key, wrong in (("2", truth & ~mask), ("1", mask & ~truth)):
        window.key(key)
        regions = sorted(regionprops(label(wrong)), key=lambda region: -region.area)
        for region in regions[:6]:
            if region.area >= 15:
                half = region.axis_major_length * 0.35
                y, x = half * np.cos(region.orientation), half * np.sin(region.orientation)
                layer.brush_size = max(1, round(0.8 * region.axis_minor_length))
                (cy, cx) = region.centroid
                window.drag((cy - y, cx - x), (cy + y, cx + x))


def a_round(out: Path) -> None:
    """The sample project: correct five images, retrain, and see the sixth."""
    with opened(out, sample_project=True) as window:
        panel = window.panel
        window.wait(window.proposed)
        window.tab("Correct")
        window.shoot("window.png")
        # the first is nearly right as it is: it stays, for what the new network makes of it
        order = panel.correct.next_image.order
        order.setCurrentIndex(order.findText("as listed"))
        window.key("n", shift=True)
        window.wait(lambda: window.case is not None and window.case.case_id == 2 and window.proposed())
        for _ in range(5):
            before = window.case
            for _ in range(3):
                correct(window)
            window.key("a")
            window.wait(lambda before=before: window.case is not before and window.proposed())
        window.tab("Retrain")
        window.click(panel.retrain.start)
        outcome = panel.retrain.outcome
        window.wait(lambda: panel.retrain.start.isEnabled() and outcome.table.isVisible())
        panel.tabs.currentWidget().ensureWidgetVisible(outcome.wipe)
        window.shoot("tour-judged.png")
        if outcome.adopt.isVisible():
            window.click(outcome.adopt)
        window.tab("Correct")
        window.key("g")
        window.rest(3)
        window.wait(lambda: panel.propose.run.isEnabled())
        window.shoot("tour-next.png")


def a_lesion(out: Path) -> None:
    """A project of ultrasound images: the live-wire half-way around a lesion."""
    import numpy as np
    from skimage.measure import approximate_polygon, find_contours

    from napari_medseg.io import read_mask

    lesion = sample("breast-ultrasound_1")
    with tempfile.TemporaryDirectory() as folder, opened(out) as window:
        panel = window.panel
        panel.correct.create(Path(folder) / "study")
        window.wait(lambda: panel.state.project is not None)
        window.tab("Correct")
        panel.correct.add_files([str(sample(f"breast-ultrasound_{n}").image) for n in (1, 2)])
        window.wait(lambda: panel.state.project.cases())
        panel.correct.view.open_case(panel.state.project.cases()[0].id)
        window.wait(lambda: window.case is not None and window.case.case_id == panel.state.project.cases()[0].id)
        panel.propose.choice.choose(lesion.task, generalist())
        window.key("g")
        window.wait(window.proposed)
        truth = read_mask(lesion.mask) > 0
        ys, xs = np.nonzero(truth)
        low = float(np.quantile(ys, 0.6))
        # what lies low is wiped off with a large eraser, and drawn anew along the rim
        window.key("1")
        window.case.labels.brush_size = WIDE
        for y in np.arange(low + WIDE / 2, ys.max() + WIDE, WIDE * 0.7):
            window.drag((y, xs.min() - 10), (y, xs.max() + 10))
        window.click(panel.correct.tools.wire_button)
        window.rest(2)
        rim = approximate_polygon(max(find_contours(truth, 0.5), key=len), 4)
        # from left to right along the lower rim, and not yet to its end
        lower = sorted((float(x), float(y)) for y, x in rim if y > low - 10)
        for x, y in lower[:: max(1, len(lower) // 6)][:-1]:
            window.press((y, x))
        window.rest(1)
        window.shoot("tour-wire.png")


def an_image(out: Path) -> None:
    """An ultrasound image without a project: SGD-Net's edge map; then a box, and DCSNet in it."""
    import numpy as np

    from napari_medseg.io import read_mask

    lesion = sample("breast-ultrasound_1")
    with opened(out, (lesion.image,)) as window:
        propose = window.panel.propose
        window.wait(lambda: propose.current_image() is not None)
        window.tab("Propose")
        propose.choice.choose(lesion.task, generalist())
        propose.options.shown["edges"].value = True
        window.click(propose.run)
        window.wait(lambda: propose.run.isEnabled())
        window.shoot("edges.png")
        for layer in list(window.viewer.layers)[1:]:
            window.viewer.layers.remove(layer)
        propose.options.shown["edges"].value = False
        window.click(propose.options.draw)
        ys, xs = np.nonzero(read_mask(lesion.mask))
        window.drag((ys.min() - 6, xs.min() - 6), (ys.max() + 6, xs.max() + 6))
        window.click(propose.run)
        window.wait(lambda: propose.run.isEnabled())
        window.shoot("box.png")


SCENES: dict[Callable[[Path], None], tuple[str, ...]] = {
    a_round: ("window.png", "tour-judged.png", "tour-next.png"),
    a_lesion: ("tour-wire.png",),
    an_image: ("edges.png", "box.png"),
}
NAMES = {name for names in SCENES.values() for name in names} | set(CHARTS)


def main() -> None:
    """All pictures, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument(
        "--only", nargs="*", choices=sorted(NAMES - set(CHARTS)), help="these, and what comes with them"
    )
    parser.add_argument("--runs", type=Path, help="folder of benchmarks/loop.py: draws loop.png, and nothing else")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.runs is not None:
        script = ROOT / "benchmarks" / "plot_loop.py"
        subprocess.run([sys.executable, str(script), str(asked.runs), str(asked.out / CHARTS[0])], check=True)
        return
    with tempfile.TemporaryDirectory() as home:
        folders = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA")
        os.environ.update(dict.fromkeys(folders, home), LIBGL_ALWAYS_SOFTWARE="1")
        from napari_medseg.app.settings import save_settings

        save_settings(toured=True)
        for scene, names in SCENES.items():
            if asked.only is None or set(asked.only) & set(names):
                scene(asked.out.resolve())


if __name__ == "__main__":
    main()
