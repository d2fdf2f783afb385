"""Images that are dropped, or lie where a project is made: added to the open project, or to one that is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.intake import Found, can_take, find_images, images_beside, make_project, without
from napari_medseg.app.series import gathered
from napari_medseg.app.stacks import Slices, stack_into
from napari_medseg.errors import sentence
from napari_medseg.io import READ_SUFFIXES
from napari_medseg.project import Project
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.patients import PatientChoice
from napari_medseg.widgets.series_dialog import SeriesDialog
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.volume_dialog import VolumeDialog
from napari_medseg.widgets.workers import Ticket, Workers, stepping
from napari_medseg.words import tr, trn


class Intake(QWidget):
    """Says what was found and offers to add it; hidden while there is nothing to offer.

    Parameters
    ----------
    state, workers
    patients : PatientChoice
        Shows how patients are told, and is proposed ``each folder`` where there are folders.
    load : callable
        Makes or opens a project by a function, and then calls another one.
    add : callable
        Adds files to the open project; ``show``: opens the first of them.
    tell : callable
        Called with a sentence.
    """

    def __init__(
        self,
        state: PanelState,
        workers: Workers,
        patients: PatientChoice,
        *,
        load: Callable[[Callable[[], Project], Callable[[], None] | None], None],
        add: Callable[..., None],
        tell: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._state, self._workers, self._patients = state, workers, patients
        self._load, self._add, self._tell = load, add, tell
        self._images: tuple[Path, ...] = ()
        self._slices: Slices | None = None
        self.text, self.yes, self.no = TextLabel(), QPushButton(), QPushButton(tr("Not now"))
        self.text.setWordWrap(True)
        self.yes.setObjectName("medseg_add_found")
        row = QHBoxLayout()
        self.volume = QPushButton(tr("As one volume..."))
        self.volume.setToolTip(tr("They are the slices of one volume, in the order of the numbers in their names"))
        row.addWidget(self.yes, 1)
        row.addWidget(self.volume, 1)
        row.addWidget(self.no)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.yes.clicked.connect(self._agreed)
        self.volume.clicked.connect(self._ask_sizes)
        self.no.clicked.connect(self.withdraw)
        state.events.project.connect(self.withdraw)
        self.hide()

    def take(self, paths: Sequence[Path], *, show: bool = True) -> None:
        """What was dropped: a project is opened, images are added to the open one, or to one that is made for them.

        ``show``: the first of them is opened, whatever is open.
        """
        if not any(map(can_take, paths)):
            self._tell(
                tr(
                    "'{name}' is no image that MedSeg reads; expected {suffixes}, or a folder. "
                    "Export it as one of these.",
                    name=paths[0].name,
                    suffixes=", ".join(READ_SUFFIXES),
                )
            )
            return
        self._tell(tr("Looking for images..."))
        project = self._state.project
        self._workers.run(
            lambda ticket, progress: find_images(gathered(paths), stepping(ticket, progress), project=project),
            on_done=lambda found: self._found(paths, found, show),
            on_error=lambda error: self._tell(sentence(error)),
            lane="files",
            waits=tr("Looking for images..."),
            on_cancelled=lambda: self._tell(tr("Cancelled: nothing was opened.")),
        )

    def look_beside(self) -> None:
        """Offer the images that lie in the folder of the open project."""
        project = self._state.project
        if project is None:
            return

        def offer(what: Found) -> None:
            if what.images and project is self._state.project:
                self._offer(what, here=True)

        def found(what: Found) -> None:
            if what.choices and project is self._state.project:
                self._ask(what, offer)
            else:
                offer(what)

        self._workers.run(lambda ticket, progress: images_beside(project), on_done=found, lane="files")

    def _ask(self, found: Found, then: Callable[[Found], None]) -> None:
        """Which of several series are meant."""
        self._tell("")
        dialog = SeriesDialog(found.choices, self._workers, self.window())
        dialog.chosen.connect(lambda chosen: then(found.with_chosen(chosen)))
        dialog.rejected.connect(lambda: self._tell(tr("Cancelled: nothing was opened.")))
        dialog.open()

    def _found(self, paths: Sequence[Path], found: Found, show: bool = True) -> None:
        if found.choices:
            self._ask(found, lambda chosen: self._found(paths, chosen, show))
        elif found.project is not None and not found.images:
            folder = found.project
            self._load(lambda: Project.open(folder), None)
        elif not found.images:
            self._tell(" ".join((tr("'{name}' holds no image.", name=paths[0].name), _left_out(found))).strip())
        elif self._state.project is None:
            self._load(lambda: make_project(paths, found), lambda: self._into(self._state.project, found, made=True))
        else:
            self._into(self._state.project, found, show)

    def _into(self, project: Project | None, found: Found, show: bool = True, *, made: bool = False) -> None:
        """Add what is not there yet; of several patients' folders the person says whether they are that.

        ``made``: nobody named the project's folder, so it is told.
        """
        if project is None:
            return
        where = tr("Masks are kept in the project {folder}.", folder=project.path) if made else ""

        def done(fresh: Found) -> None:
            if project is not self._state.project:
                return
            if fresh.images and fresh.by is None and fresh.slices is None:
                self._add(list(map(str, fresh.images)), show=show, note=f"{where} {_left_out(fresh)}".strip())
            elif fresh.images:
                self._offer(fresh, here=False, where=where)
            else:
                # there already: whoever drops it wants to see it
                self._add(list(map(str, found.images[:1])), show=show)

        def work(ticket: Ticket, progress: Any) -> Found:
            return without(found, project)

        self._workers.run(work, on_done=done, lane="files")

    def _offer(self, found: Found, *, here: bool, where: str = "") -> None:
        self._images = found.images
        count = len(found.images)
        if found.folders > 1:
            # of images there are then several too
            fields = {"n": count, "folders": found.folders}
            text = (
                tr("{n} images found here, in {folders} folders.", **fields)
                if here
                else tr("{n} images found, in {folders} folders.", **fields)
            )
        elif here:
            text = trn("{n} image found here.", "{n} images found here.", count)
        else:
            text = trn("{n} image found.", "{n} images found.", count)
        if found.by is not None:
            self._patients.propose(found.by)
            text += " " + tr("Each folder is taken for one patient; choose above if that is wrong.")
        self._slices = found.slices
        self.volume.setVisible(found.slices is not None)
        if found.slices is not None:
            text += " " + tr("They are numbered and of one size: images, or the slices of one volume?")
        self._tell("")
        self.text.setText(" ".join(filter(None, (text, where, _left_out(found)))))
        self.yes.setText(trn("Add {n} image", "Add {n} images", count))
        self.show()

    def _agreed(self) -> None:
        images = self._images
        self.hide()
        self._add(list(map(str, images)), show=self._state.case_id is None)
        self.withdraw()

    def _ask_sizes(self) -> None:
        if self._slices is not None:
            dialog = VolumeDialog(self._slices, self.window())
            dialog.chosen.connect(self.stack)
            dialog.open()

    def stack(self, spacing: tuple[float, float, float] | None) -> None:
        """Make one volume of the pictures, and open it."""
        project, slices = self._state.project, self._slices
        if project is None or slices is None:
            return
        self.withdraw()
        self._tell(tr("Making a volume..."))

        def done(made: tuple[Path, list[str]]) -> None:
            if project is self._state.project:
                self._add([str(made[0])], show=True, note=" ".join(made[1]))

        self._workers.run(
            lambda ticket, progress: stack_into(
                project.path, slices.folder, spacing=spacing, progress=stepping(ticket, progress)
            ),
            on_done=done,
            on_error=lambda error: self._tell(sentence(error)),
            lane="files",
            waits=tr("Making a volume..."),
            on_cancelled=lambda: self._tell(tr("Cancelled: nothing was opened.")),
        )

    def withdraw(self, *_: Any) -> None:
        """Nothing is offered any more; patients are told as the person chose."""
        self._images, self._slices = (), None
        self._patients.take_back()
        self.hide()


def _left_out(found: Found) -> str:
    """What of it is not added; empty where all is."""
    told = []
    if found.others:
        told.append(
            trn(
                "{n} file was left out: it is no image that MedSeg reads.",
                "{n} files were left out: they are no images that MedSeg reads.",
                found.others,
            )
        )
    if names := ", ".join(f"'{name}'" for name in dict.fromkeys(found.left_out)):
        told.append(tr("Left out as masks: {names}.", names=names))
    return " ".join(told)
