"""Add masks: finished ones, of another program, to the images of the project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_medseg.app.mask_files import MASK_SUFFIXES, only_masks
from napari_medseg.app.masks import AddedMasks, add_masks
from napari_medseg.app.settings import load_settings
from napari_medseg.errors import sentence
from napari_medseg.widgets.greyed import NO_PROJECT, able
from napari_medseg.widgets.message import Message
from napari_medseg.widgets.once import warn_unseen
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers, stepping
from napari_medseg.words import tr, trn


class MasksIn(QPushButton):
    """A button that asks for files.

    Parameters
    ----------
    state, workers
    message : Message
    in_hand : callable
        Gives the cases that are open: whoever looks at one draws on it.
    let_go, go_on : callable
        Close the image that is open, which may be one of those (False: it stays), and open one again.
    """

    # there are accepted ones among the images
    added = Signal()

    def __init__(
        self,
        state: PanelState,
        workers: Workers,
        message: Message,
        *,
        in_hand: Callable[[], set[int]],
        let_go: Callable[[], bool],
        go_on: Callable[[], None],
    ) -> None:
        super().__init__(tr("Add masks..."))
        self._state, self._workers, self._message = state, workers, message
        self._in_hand, self._let_go, self._go_on = in_hand, let_go, go_on
        self.setToolTip(
            tr(
                "Finished masks of images in this project, such as DICOM-SEG, COCO or QuPath's GeoJSON: they are "
                "accepted. What you drew or accepted stays."
            )
        )
        self.clicked.connect(self._ask)
        state.events.project.connect(self._enable)
        self._enable()

    def _enable(self, *_: object) -> None:
        able(self, tr(NO_PROJECT) if self._state.project is None else None)

    def _ask(self) -> None:
        filters = tr("Masks ({suffixes})", suffixes=" ".join("*" + suffix for suffix in MASK_SUFFIXES))
        start = str(load_settings().get("folder", Path.home()))
        dialog = QFileDialog(self, tr("Masks of the project's images"), start, f"{filters};;{tr('All files (*)')}")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda files: self.take(list(map(Path, files))))
        dialog.open()

    def takes(self, paths: Sequence[Path]) -> bool:
        """Whether these can be masks alone, and there is a project whose images they may be of."""
        return self._state.project is not None and only_masks(paths)

    def take(self, paths: Sequence[Path]) -> None:
        """Accept these masks, off the GUI thread."""
        project = self._state.project
        if project is None or not paths or not self._let_go():
            return
        self._message.setText(tr("Adding masks..."))

        def end(told: str) -> None:
            if project is self._state.project:
                self.added.emit()
                self._go_on()
                self._message.note(told)

        def failed(error: BaseException) -> None:
            end(sentence(error))
            warn_unseen(self, sentence(error))

        self._workers.run(
            lambda ticket, progress: add_masks(
                project, paths, leave=self._in_hand, progress=stepping(ticket, progress)
            ),
            on_done=lambda added: end(_words(added)),
            on_error=failed,
            lane="files",
            waits=tr("Adding masks..."),
            on_cancelled=lambda: end(tr("Cancelled: masks that were not read yet were not added.")),
        )


def _words(added: AddedMasks) -> str:
    """How many of the masks were taken, and what was not."""
    taken = trn("{n} mask was added and accepted.", "{n} masks were added and accepted.", added.used)
    rest = added.masks - added.used
    left = trn(
        "{n} was left out: its image is not here, or has a mask of yours.",
        "{n} were left out: their images are not here, or have masks of yours.",
        rest,
    )
    return " ".join([taken, *([left] if rest else []), *added.told, *added.refused])
