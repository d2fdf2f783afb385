"""The project that is open: made, opened in place of another, and given images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.correct import SaveStatus
from napari_medseg.app.demo import sample_project
from napari_medseg.app.how_far import progress_text
from napari_medseg.app.images import add_images
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.io import format_of, is_there
from napari_medseg.project import Case, Project
from napari_medseg.project.database import FILE_NAME
from napari_medseg.widgets.folder_dialog import FolderDialog
from napari_medseg.widgets.greyed import NO_PROJECT, able
from napari_medseg.widgets.intake import Intake
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.last_project import LastProject
from napari_medseg.widgets.layers import image_filter
from napari_medseg.widgets.patients import PatientChoice
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers, stepping
from napari_medseg.words import tr, trn


class ProjectBar(QWidget):
    """Makes and opens one project at a time, off the GUI thread; images are added to it.

    Parameters
    ----------
    state : PanelState
    workers : Workers
    leave : callable
        Lets go of what is open; False: it stays.
    go_on : callable
        Called when a project is open: its image of last time, or its next.
    """

    # another one is being opened, it is open, it could not be
    opening = Signal()
    opened = Signal(object)
    failed = Signal(object)
    # what to say, and what to go on saying when the next image opens
    told = Signal(str)
    noted = Signal(str)
    # what the last text counts, each in a sentence
    listed = Signal(list)
    # the images that came, and one of them that is to be shown, or None
    added = Signal(list, object)

    def __init__(
        self, state: PanelState, workers: Workers, leave: Callable[[], bool], go_on: Callable[[], None]
    ) -> None:
        super().__init__()
        self._state, self._workers, self._leave, self._go_on = state, workers, leave, go_on
        self.new, self.open = QPushButton(tr("New...")), QPushButton(tr("Open..."))
        self.add = QPushButton(tr("Add images..."))
        # how far the project is, and whether all of it is on the disk
        self.title, self.saved = TextLabel(), TextLabel()
        self.title.setWordWrap(True)
        self.last, self.patients = LastProject(self.open_project), PatientChoice()
        self.intake = Intake(state, workers, self.patients, load=self.load, add=self.add_files, tell=self.told.emit)
        top, state_row = QHBoxLayout(), QHBoxLayout()
        for button in (self.new, self.open, self.add):
            top.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        state_row.addWidget(self.title, 1)
        state_row.addWidget(self.saved)
        layout.addLayout(top)
        layout.addWidget(self.intake)
        layout.addLayout(state_row)
        layout.addWidget(self.last)
        self.new.clicked.connect(self._ask_new)
        self.open.clicked.connect(self._ask_open)
        self.add.clicked.connect(self._ask_images)

    def show_saved(self, status: SaveStatus) -> None:
        """Whether all that was drawn is on the disk."""
        if status.lost or status.error:
            self.saved.setText(
                trn(
                    "{n} stroke is not stored: see above.",
                    "{n} strokes are not stored: see above.",
                    status.lost + status.pending,
                )
            )
        else:
            self.saved.setText(tr("Storing...") if status.pending else tr("All strokes are stored."))

    def show_cases(self, project: Project | None, cases: list[Case]) -> None:
        """How far the project is."""
        able(self.add, tr(NO_PROJECT) if project is None else None)
        # a drop makes one where a person would not look
        self.title.setToolTip("" if project is None else as_tip(str(project.path)))
        if project is None and self._state.loading:
            self.title.setText(tr("Opening the project..."))
        elif project is None:
            self.title.setText(tr("No project is open. A project keeps your images' masks and every stroke."))
        else:
            self.title.set_bold(project.path.name, f": {progress_text(cases)}")
        self.last.offer(project is None)

    # ---- dialogs -------------------------------------------------------------------------------------------------

    def _ask_new(self) -> None:
        start = Path(str(load_settings().get("folder", Path.home())))
        dialog = FolderDialog(self, tr("Folder for the new project"), start)
        dialog.filesSelected.connect(lambda found: self.create(found[0]))
        dialog.open()

    def _ask_open(self) -> None:
        kind = QFileDialog.FileMode.Directory
        self._dialog(tr("Folder of a project"), kind, None, lambda found: self.open_project(found[0]))

    def _ask_images(self) -> None:
        kind = QFileDialog.FileMode.ExistingFiles
        self._dialog(tr("Images to add"), kind, image_filter(), self._take)

    def _take(self, files: list[str]) -> None:
        self.intake.take(list(map(Path, files)), show=False)

    def _dialog(self, title: str, mode: QFileDialog.FileMode, filters: str | None, use: Any) -> None:
        dialog = QFileDialog(self, title, str(load_settings().get("folder", Path.home())), filters)
        dialog.setFileMode(mode)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(use)
        dialog.open()

    # ---- one in place of another ---------------------------------------------------------------------------------

    def create(self, folder: str | Path) -> None:
        """Make a project in a folder and open it; one that is there is opened. Images that lie there are offered."""

        def opened() -> None:
            self._go_on()
            self.intake.look_beside()

        self.load(lambda: open_or(Project.create, Path(folder)), opened)

    def open_project(self, folder: str | Path) -> None:
        """Open a project."""
        self.load(lambda: Project.open(folder))

    def open_or_make_samples(self, folder: Path) -> None:
        """Open the project of sample images, made at the first time."""
        self.load(lambda: open_or(sample_project, folder))

    def load(self, make: Callable[[], Project], then: Callable[[], None] | None = None) -> None:
        """Open what ``make`` gives in place of the open project; ``then``: instead of its image of last time."""
        if not self._leave():
            return
        old, self._state.project, self._state.loading = self._state.project, None, True
        self.opening.emit()
        self.last.hide()
        self.told.emit(tr("Opening the project..."))

        def work(ticket: Ticket, progress: Any) -> Project:
            if old is not None:
                old.close()
            return make()

        def failed(error: BaseException) -> None:
            self._state.loading = False
            self.failed.emit(error)

        self._workers.run(
            work,
            on_done=lambda project: self._opened(project, then or self._go_on),
            on_error=failed,
            on_dropped=lambda project: project.close(),
            lane="files",
        )

    def _opened(self, project: Project, then: Callable[[], None]) -> None:
        self._state.project, self._state.loading = project, False
        save_settings(folder=str(project.path.parent))
        self.noted.emit(project.recovered or "")
        if project.recovered:
            show_info(project.recovered)
        self.opened.emit(project)
        then()

    # ---- images --------------------------------------------------------------------------------------------------

    def add_files(self, paths: list[str], *, show: bool = False, note: str = "") -> None:
        """Add images to the project, off the GUI thread; ``show``: open the first of them, also if it was there."""
        project = self._state.project
        if project is None:
            return
        able(self.add, tr("Images are being added: wait until they are."))
        self.told.emit(tr("Adding images..."))
        by = self.patients.by

        def done(result: tuple[list[Case], list[str], Case | None]) -> None:
            added, refused, there = result
            told = _added(added, by) if added else tr("Nothing new was added.")
            why = _refusals(refused) if there is None else ""
            self.noted.emit(" ".join(part for part in (told, note, why) if part))
            self.listed.emit(refused if len(refused) > 1 else [])
            self.added.emit(added, (added[0] if added else there) if show else None)

        def cancelled() -> None:
            self.noted.emit(tr("Cancelled: images that were not read yet were not added."))
            self.added.emit([], None)

        def work(ticket: Ticket, progress: Any) -> tuple[list[Case], list[str], Case | None]:
            added, refused = add_images(project, paths, patients=by, progress=stepping(ticket, progress))
            first = Path(paths[0])
            known = show and not added and is_there(first) and format_of(first) is not None
            there = project.find_image(first) if known else None
            return added, refused, there

        self._workers.run(
            work,
            on_done=done,
            on_progress=lambda share, name: self.told.emit(
                tr("Adding images... {share:.0%}, {name}", share=share, name=name)
            ),
            on_error=self.failed.emit,
            lane="files",
            waits=tr("Adding images..."),
            on_cancelled=cancelled,
        )


def _added(added: list[Case], by: str) -> str:
    """How many, and of how many patients where something tells these."""
    images = trn("{n} image", "{n} images", len(added))
    if by == "image":
        return tr("Added {images}.", images=images)
    patients = trn("{n} patient", "{n} patients", len({case.group for case in added}))
    return tr("Added {images} of {patients}.", images=images, patients=patients)


def _refusals(refused: list[str]) -> str:
    """How many images were not added, and why the first was not; each reason is in the tip."""
    if len(refused) < 2:
        return "".join(refused)
    return tr(
        "{images} cannot be read (rest the mouse here for each reason). The first: {why}",
        images=trn("{n} more file", "{n} more files", len(refused)),
        why=refused[0],
    )


def open_or(make: Callable[[Path], Project], folder: Path) -> Project:
    """The project in a folder; one is made there where none is."""
    return Project.open(folder) if (folder / FILE_NAME).exists() else make(folder)
