"""``medseg app``: napari with the panel docked."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_medseg.app.demo import sample_folder
from napari_medseg.app.settings import load_settings
from napari_medseg.project.database import FILE_NAME
from napari_medseg.widgets.curves import load_plotting

# a screen that is no larger is a small one; what the panel takes of its width, px
SMALL, NARROW = QSize(1366, 768), 420
ROOMY = QSize(1560, 960)
PLUGIN, WIDGET = "napari-medseg", "MedSeg"


def open_window(paths: Sequence[Path], *, sample_project: bool = False, last: bool = False) -> tuple[Any, Any]:
    """Open a viewer with the panel on images, or on a project.

    Parameters
    ----------
    paths : sequence of Path
    sample_project : bool
        Open that of the sample images.
    last : bool
        Open the project of last time, if there is one.

    Returns
    -------
    viewer : napari.Viewer
    panel : MedSegPanel
    """
    import napari

    viewer = napari.Viewer(title="MedSeg")
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    fit_to_screen(panel.window(), dock)
    images: list[Path] = []
    for path in paths:
        if path.name == FILE_NAME or (path / FILE_NAME).exists():
            panel.correct.open_project(path)
            panel.tabs.setCurrentIndex(1)
        else:
            images.append(path)
    if images:
        panel.tabs.setCurrentIndex(0)
        panel.propose.open_images(images)
    if last:
        panel.correct.last.reopen()
        panel.tabs.setCurrentIndex(1 if panel.state.loading else panel.tabs.currentIndex())
    if sample_project:
        panel.correct.open_or_make_samples(sample_folder())
        panel.tabs.setCurrentIndex(1)
    return viewer, panel


def fit_to_screen(window: QMainWindow, dock: QDockWidget) -> None:
    """On a small screen the window takes all of it, and the panel no more than it needs: the rest is the image's.

    On another one the first window is large enough for both, and so is one after a window that was not closed, of which
    napari remembers nothing; later ones are as the last was left, by napari.
    """
    from napari.settings import get_settings

    screen = window.screen()
    if screen is None:
        return
    if not is_small(screen.size()):
        if get_settings().application.window_size is None or not load_settings().get("toured"):
            window.resize(window.size().expandedTo(ROOMY).boundedTo(screen.availableGeometry().size()))
    else:
        # as large as that also where nobody manages windows, and where napari remembers a larger one
        window.setGeometry(screen.availableGeometry())
        window.showMaximized()
        window.resizeDocks([dock], [NARROW], Qt.Orientation.Horizontal)


def is_small(size: QSize) -> bool:
    """Whether a screen is a laptop's, or a beamer's."""
    return size.width() <= SMALL.width() or size.height() <= SMALL.height()


# what proposing needs, and then what the rest does: seconds that nobody shall wait for in a window
HEAVY = (
    "torch",
    "napari_medseg.inference.predictor",
    "scipy.ndimage",
    "skimage.segmentation",
    "skimage.transform",
    "monai.inferers",
    "nibabel",
    "napari_medseg.app.round",
    "napari_medseg.app.review",
)
# by then the window is painted
AFTER_MS = 200


def warm_up(panel: Any) -> None:
    """Load the libraries that proposing and retraining need, off the GUI thread, and take them out of the collector.

    One after the other, so that a proposal that is asked for meanwhile waits for one of them at most. A full pass of
    Python's garbage collector over torch, scipy and napari stops the window for 0.2 s; after this it passes over what
    came later only. For a process whose viewer lives as long as it does.
    """
    left = list(HEAVY)

    def load(name: str) -> None:
        import_module(name)
        if not left:
            load_plotting()

    def go_on(_: None = None) -> None:
        # without a pass before it: that alone would stop the window, and what is garbage by now is little
        gc.freeze()
        if left and not panel.workers.closed:
            name = left.pop(0)
            panel.workers.run(lambda ticket, progress: load(name), on_done=go_on)

    QTimer.singleShot(AFTER_MS, go_on)


def launch(paths: Sequence[Path], *, sample_project: bool = False) -> None:
    """Open a window and run until it is closed."""
    import napari

    _, panel = open_window(paths, sample_project=sample_project, last=not paths and not sample_project)
    warm_up(panel)
    napari.run()
