"""Open...: image files into the viewer, read off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import sentence
from napari_medseg.io import read_image, stem_of
from napari_medseg.widgets.layers import image_filter, show_image
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr


class ImageOpener(QPushButton):
    """A button that asks for files and shows each as a layer.

    Parameters
    ----------
    viewer : napari.Viewer
    workers : Workers
    tell : callable
        Called with the sentence of a file that cannot be read.
    """

    def __init__(self, viewer: Any, workers: Workers, tell: Callable[[str], None]) -> None:
        super().__init__(tr("Open..."))
        self._viewer, self._workers, self._tell = viewer, workers, tell
        self.clicked.connect(self._ask)

    def _ask(self) -> None:
        dialog = QFileDialog(
            self, tr("Images to open"), str(load_settings().get("folder", Path.home())), image_filter()
        )
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self.open_images)
        dialog.open()

    def open_images(self, paths: Sequence[str | Path]) -> None:
        """Open image files, each as a layer."""
        for path in map(Path, paths):
            self._open(path)

    def _open(self, path: Path) -> None:
        save_settings(folder=str(path.parent))
        self._workers.run(
            lambda ticket, progress: read_image(path),
            on_done=lambda image: show_image(self._viewer, image, name=stem_of(path)),
            on_error=self._failed,
            lane="files",
        )

    def _failed(self, error: BaseException) -> None:
        self._tell(sentence(error))
        show_warning(sentence(error))
