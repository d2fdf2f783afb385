"""``medseg app``: napari with the panel docked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from napari_medseg.project.database import FILE_NAME

PLUGIN, WIDGET = "napari-medseg", "MedSeg"


def open_window(paths: Sequence[Path], *, sample_project: bool = False) -> tuple[Any, Any]:
    """Open a viewer with the panel on images, or on a project.

    Returns
    -------
    viewer : napari.Viewer
    panel : MedSegPanel
    """
    import napari

    viewer = napari.Viewer(title="napari-medseg")
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    images: list[Path] = []
    for path in paths:
        if path.name == FILE_NAME or (path / FILE_NAME).exists():
            panel.correct.open_project(path)
            panel.tabs.setCurrentIndex(1)
        else:
            images.append(path)
    if images:
        panel.propose.open_images(images)
    if sample_project:
        panel.correct.open_or_make_samples(user_data_path("napari-medseg", appauthor=False) / "sample-project")
        panel.tabs.setCurrentIndex(1)
    return viewer, panel


def launch(paths: Sequence[Path], *, sample_project: bool = False) -> None:
    """Open a window and run until it is closed."""
    import napari

    open_window(paths, sample_project=sample_project)
    napari.run()
