"""Open...: image files into the viewer, read off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_medseg.app.series import Choice, is_slice_of, sorted_out
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import sentence
from napari_medseg.io import Image, name_of, read_image
from napari_medseg.io.large_open import is_large
from napari_medseg.widgets.layers import image_filter, show_image
from napari_medseg.widgets.series_dialog import SeriesDialog
from napari_medseg.widgets.slide_layers import OpenedSlide, Painter, paint_read, show_slide
from napari_medseg.widgets.workers import Ticket, Workers, stepping
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
        # what napari's own Open brings, too
        self._end = paint_read(viewer, tell, self)

    def _ask(self) -> None:
        dialog = QFileDialog(
            self, tr("Images to open"), str(load_settings().get("folder", Path.home())), image_filter()
        )
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self.open_images)
        dialog.open()

    def open_images(self, paths: Sequence[str | Path]) -> None:
        """Open image files, each as a layer; of a folder or a DICOMDIR with several series, those that are chosen."""
        named = list(map(Path, paths))
        if named:
            save_settings(folder=str(named[0].parent))

        def look(ticket: Ticket, progress: Any) -> tuple[list[Path], list[Choice]]:
            return sorted_out(named, stepping(ticket, progress))

        self._run(look, self._looked, tr("Looking for images..."))

    def _looked(self, found: tuple[list[Path], list[Choice]]) -> None:
        files, choices = found
        for path in files:
            self._open(path)
        if choices:
            dialog = SeriesDialog(choices, self._workers, self.window())
            dialog.chosen.connect(self._open_chosen)
            dialog.open()

    def _open_chosen(self, chosen: Sequence[Choice]) -> None:
        for path in (path for one in chosen for path in one.images):
            self._open(path)

    def _open(self, path: Path) -> None:
        def read(ticket: Ticket, progress: Any) -> tuple[Image | OpenedSlide, str, int]:
            if is_large(path):
                return OpenedSlide(path), name_of(path), 0
            return read_image(path, stepping(ticket, progress)), name_of(path), is_slice_of(path)

        self._run(read, self._show, tr("Opening the image..."))

    def _show(self, read: tuple[Image | OpenedSlide, str, int]) -> None:
        image, name, slices = read
        if isinstance(image, OpenedSlide):
            show_slide(self._viewer, image, name=name, tell=self._tell, parent=self)
            return
        show_image(self._viewer, image, name=name)
        if slices:
            self._tell(
                tr(
                    "'{name}' is one of {n} slices of a volume. To open all of them, drop their folder on the window.",
                    name=name,
                    n=slices,
                )
            )

    def _run(self, work: Callable[[Ticket, Any], Any], use: Callable[[Any], None], waits: str) -> None:
        self._workers.run(
            work,
            on_done=use,
            on_error=self._failed,
            lane="files",
            waits=waits,
            on_cancelled=lambda: self._tell(tr("Cancelled: nothing was opened.")),
        )

    def let_go(self) -> None:
        """Nothing is painted any more by threads of large images; their layers stay."""
        self._end()
        for painter in self.findChildren(Painter):
            painter.stop()

    def _failed(self, error: BaseException) -> None:
        self._tell(sentence(error))
        show_warning(sentence(error))
