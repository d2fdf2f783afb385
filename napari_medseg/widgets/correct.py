"""Correct: a project's images one after the other, every stroke stored at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.demo import sample_project
from napari_medseg.app.images import add_images
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import MedsegError, sentence
from napari_medseg.project import Case, Project, Revision
from napari_medseg.project.database import FILE_NAME
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.classes import ClassList
from napari_medseg.widgets.elsewhere import TAKE_OVER
from napari_medseg.widgets.intake import Intake
from napari_medseg.widgets.keys import cheat_sheet, key_of
from napari_medseg.widgets.labels import TextLabel, as_tip
from napari_medseg.widgets.last_project import LastProject
from napari_medseg.widgets.layers import IMAGE_FILTER
from napari_medseg.widgets.next_image import NextImage
from napari_medseg.widgets.patients import PatientChoice
from napari_medseg.widgets.propose_all import ProposeAll
from napari_medseg.widgets.session import Session
from napari_medseg.widgets.spots import SpotList
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.tools import EditTools
from napari_medseg.widgets.undo_buttons import UndoButtons
from napari_medseg.widgets.volume import VolumeBox
from napari_medseg.widgets.workers import Ticket, Workers

CHOOSING = "Choosing the next image..."
COLOURS = {"new": "#8a8f98", "proposed": "#4c9be8", "in progress": "#e8a33d", "accepted": "#4fb76a"}


class CorrectSection(QWidget):
    """The project, its images, and the keys to go through them."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers) -> None:
        super().__init__()
        self._viewer, self._state, self._bus, self._workers = viewer, state, bus, workers
        # asked before another project is opened
        self.may_leave: Callable[[], bool] = lambda: True
        # a list is being read; it changed meanwhile
        self._reading = self._stale = False
        self.next_image = NextImage(state, workers)
        self.view = CaseView(viewer, state, bus, workers, self.next_image.question, self)
        self.everything = ProposeAll(state, bus, workers, self.view, self._note_doubt)
        self.tools = EditTools(viewer, state, self.view, workers)
        self.spots = SpotList(viewer, state, self.view, workers)
        self.volume = VolumeBox(viewer, state, self.view, workers)
        self.classes = ClassList(viewer, state, bus, self.view, workers)
        self.project, self.status, self.saved, self.keys = TextLabel(), TextLabel(), TextLabel(), QLabel()
        # what will propose next
        self.proposes = TextLabel(state.proposes)
        # the message is of the image that is opened next, too; the case that was shown last
        self._keep, self._shown = False, state.case_id
        self.new, self.open, self.add = QPushButton("New..."), QPushButton("Open..."), QPushButton("Add images...")
        self.last, self.patients = LastProject(self.open_project), PatientChoice()
        self.intake = Intake(
            state, workers, self.patients, load=self._load, add=self.add_files, tell=self.status.setText
        )
        self.table = QTableWidget(0, 3)
        self.moves = UndoButtons(self.view)
        self.undo, self.redo = self.moves.undo, self.moves.redo
        self.accept, self.unlock = QPushButton("Accept, open next  (A)"), QPushButton("Unlock")
        self.take = QPushButton(TAKE_OVER)
        self.actions: dict[str, Callable[[], None]] = {
            "accept": self.accept_and_next,
            "next": lambda: self.open_neighbour(1),
            "previous": lambda: self.open_neighbour(-1),
            "next_spot": lambda: self.spots.step(1),
            "previous_spot": lambda: self.spots.step(-1),
            "toggle_mask": self.toggle_mask,
            "toggle_edges": self.tools.maps.toggle,
            "live_wire": self.tools.toggle_wire,
            "snap_brush": self.tools.toggle_snap,
            "number_objects": self.tools.number_objects,
            "next_plane": self.volume.next_plane,
            "undo": self.view.undo,
            "redo": self.view.redo,
            "unlock": self.unlock_drawn,
            "cheat_sheet": self.toggle_cheat_sheet,
            **{name: partial(self.tools.apply, name) for name in self.tools.operations},
        }
        self._build()
        bus.cases_changed.connect(self.refresh)
        bus.save_status.connect(self._show_status)
        bus.opening.connect(self._show_opening)
        bus.told.connect(self.status.setText)
        state.events.case_id.connect(self._case_changed)
        state.events.proposes.connect(self.proposes.setText)
        # after the tools know of the image
        self.session = Session(viewer, state, self.view, self.tools)

    def _build(self) -> None:
        for label in (self.project, self.status, self.saved, self.keys, self.proposes):
            label.setWordWrap(True)
        self.keys.setText("<b>Keys</b>: <b>K</b> shows all. 2 brush · 1 eraser · A accept · N next worst · T mask")
        self.table.setHorizontalHeaderLabels(["Image", "State", "Strokes"])
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setMinimumHeight(160)
        # names are cut short instead: a bar that comes and goes would hide the last row
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.accept.setObjectName("medseg_accept")
        self.take.hide()
        top, bottom = QHBoxLayout(), QGridLayout()
        for button in (self.new, self.open, self.add):
            top.addWidget(button)
        bottom.addWidget(self.undo, 0, 0)
        bottom.addWidget(self.redo, 0, 1)
        bottom.addWidget(self.unlock, 0, 2)
        bottom.addWidget(self.accept, 1, 0, 1, 3)
        bottom.addWidget(self.take, 2, 0, 1, 3)
        self.unlock.setToolTip(f"Proposals leave what you drew as it is, until you unlock it  ({key_of('unlock')})")
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.patients)
        layout.addWidget(self.intake)
        layout.addWidget(self.project)
        layout.addWidget(self.last)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.everything)
        layout.addWidget(self.next_image)
        layout.addWidget(self.proposes)
        layout.addLayout(bottom)
        for widget in (self.saved, self.status, self.volume, self.classes, self.tools, self.spots, self.keys):
            layout.addWidget(widget)
        self.everything.finished.connect(lambda proposed: self.next_image.worst_first() if proposed else None)
        self.next_image.order.currentIndexChanged.connect(self.refresh)
        self.new.clicked.connect(self._ask_new)
        self.open.clicked.connect(self._ask_open)
        self.add.clicked.connect(self._ask_images)
        self.table.cellDoubleClicked.connect(self._row_chosen)
        self.table.cellActivated.connect(self._row_chosen)
        self.accept.clicked.connect(self.accept_and_next)
        self.unlock.clicked.connect(self.unlock_drawn)
        self.take.clicked.connect(self.view.take_over)
        self.view.copy_selected.connect(self.take.setVisible)
        self.refresh()

    # ---- the project ---------------------------------------------------------------------------------------------

    def _dialog(self, title: str, mode: QFileDialog.FileMode, filters: str | None, use: Any) -> None:
        dialog = QFileDialog(self, title, str(load_settings().get("folder", Path.home())), filters)
        dialog.setFileMode(mode)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(use)
        dialog.open()

    def _ask_new(self) -> None:
        self._dialog("Folder for the new project", QFileDialog.FileMode.Directory, None, lambda f: self.create(f[0]))

    def _ask_open(self) -> None:
        self._dialog("Folder of a project", QFileDialog.FileMode.Directory, None, lambda f: self.open_project(f[0]))

    def _ask_images(self) -> None:
        self._dialog("Images to add", QFileDialog.FileMode.ExistingFiles, IMAGE_FILTER, self.add_files)

    def create(self, folder: str | Path) -> None:
        """Make a project in a folder and open it; one that is there is opened. Images that lie there are offered."""
        folder = Path(folder)

        def opened() -> None:
            self._go_on()
            self.intake.look_beside()

        self._load(lambda: Project.open(folder) if (folder / FILE_NAME).exists() else Project.create(folder), opened)

    def open_project(self, folder: str | Path) -> None:
        """Open a project."""
        self._load(lambda: Project.open(folder))

    def open_or_make_samples(self, folder: Path) -> None:
        """Open the project of sample images, made at the first time."""
        self._load(lambda: Project.open(folder) if (folder / FILE_NAME).exists() else sample_project(folder))

    def _load(self, make: Callable[[], Project], then: Callable[[], None] | None = None) -> None:
        """Open what ``make`` gives in place of the open project; ``then``: instead of its image of last time."""
        self.session.note()
        if not self.may_leave() or not self.view.close_all():
            return
        old, self._state.project, self._state.loading = self._state.project, None, True
        self.refresh()
        self.last.hide()
        self.status.setText("Opening the project...")

        def work(ticket: Ticket, progress: Any) -> Project:
            if old is not None:
                old.close()
            return make()

        def failed(error: BaseException) -> None:
            self._state.loading = False
            self._failed(error)

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
        self._note(project.recovered or "")
        if project.recovered:
            show_info(project.recovered)
        self.refresh()
        then()

    def _go_on(self) -> None:
        if not self.session.resume():
            self.open_next()

    def _failed(self, error: BaseException) -> None:
        self.refresh()
        self.status.setText(sentence(error))
        show_warning(sentence(error))

    def add_files(self, paths: list[str], *, show: bool = False, note: str = "") -> None:
        """Add images to the project, off the GUI thread; ``show``: open the first of them, also if it was there."""
        project = self._state.project
        if project is None:
            return
        self.add.setEnabled(False)
        self.status.setText("Adding images...")
        by = self.patients.by

        def done(result: tuple[list[Case], list[str], Case | None]) -> None:
            added, refused, there = result
            patients = len({case.group for case in added})
            told = f"Added {len(added)} image(s) of {patients} patient(s)." if added else "Nothing new was added."
            self._note(f"{told} {note}".strip())
            if there is None:
                for text in refused[:5]:
                    show_warning(text)
            self.refresh()
            first = added[0] if added else there
            if show and first is not None:
                self.view.open_case(first.id)
            elif self._state.case_id is None:
                self.open_next()

        def work(ticket: Ticket, progress: Any) -> tuple[list[Case], list[str], Case | None]:
            added, refused = add_images(project, paths, patients=by, progress=progress)
            there = project.find_image(paths[0]) if show and not added and Path(paths[0]).is_file() else None
            return added, refused, there

        self._workers.run(
            work,
            on_done=done,
            on_progress=lambda share, name: self.status.setText(f"Adding images... {share:.0%}, {name}"),
            on_error=self._failed,
            lane="files",
        )

    # ---- cases ---------------------------------------------------------------------------------------------------

    def refresh(self, *_: Any) -> None:
        """Show the project's images and their states, read off the GUI thread; many calls at once become one."""
        project = self._state.project
        if project is None:
            self.moves.tell((None, False, False))
            self._fill(None, [])
        elif self._reading:
            self._stale = True
        else:
            self._reading, self._stale = True, False
            case_id = self._state.case_id

            def done(found: tuple[list[Case], tuple[int | None, bool, bool]]) -> None:
                self.moves.tell(found[1])
                self._read(project, found[0])

            self._workers.run(
                lambda ticket, progress: (
                    self.next_image.sorted(project, project.cases()),
                    self.moves.look(project, case_id),
                ),
                on_done=done,
                on_error=lambda error: self._read(project, None),
                lane="files",
            )

    def _note_doubt(self, case_id: int, doubt: float | None) -> None:
        if self._state.project is not None:
            self.next_image.queue(self._state.project).note(case_id, doubt)

    def _read(self, project: Project, cases: list[Case] | None) -> None:
        self._reading = False
        if cases is not None and project is self._state.project:
            self._fill(project, cases)
        if self._stale or project is not self._state.project:
            self.refresh()

    def _fill(self, project: Project | None, cases: list[Case]) -> None:
        if project is None:
            self.project.setText("No project is open. A project keeps your images' masks and every stroke.")
        else:
            done = sum(case.state == "accepted" for case in cases)
            self.project.set_bold(project.path.name, f": {done} of {len(cases)} accepted")
        self.last.offer(project is None)
        self.table.setRowCount(len(cases))
        for row, case in enumerate(cases):
            name = case.name + ("  (held out)" if case.split == "heldout" else "")
            state = "image missing" if case.missing else case.state
            for column, text in enumerate((name, state, str(case.strokes))):
                item = QTableWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, case.id)
                item.setToolTip(as_tip(str(case.image)))
                if column == 1:
                    item.setForeground(QColor("#e05d5d" if case.missing else COLOURS[case.state]))
                self.table.setItem(row, column, item)
        self._mark()
        self._enable()

    def _enable(self) -> None:
        has_project, has_case = self._state.project is not None, self._state.case_id is not None
        self.add.setEnabled(has_project)
        for button in (self.accept, self.unlock):
            button.setEnabled(has_case)
        self.moves.enable()
        self.tools.enable()
        self.spots.enable()

    def _row_chosen(self, row: int, _: int) -> None:
        self.view.open_case(self.table.item(row, 0).data(Qt.ItemDataRole.UserRole))

    def open_next(self, note: str = "") -> None:
        """Open the next image that is not accepted; a note on the last one goes on being told."""
        project, after = self._state.project, self._state.case_id
        if project is None:
            return

        if self.next_image.asks and after is not None:
            self.status.setText(f"{self.status.text().removesuffix(CHOOSING).strip()} {CHOOSING}".strip())

        def done(case: Case | None) -> None:
            self.status.setText(self.status.text().removesuffix(CHOOSING).strip())
            if project is not self._state.project or self._state.case_id != after:
                # the user was faster
                return
            if case is not None:
                self.view.open_case(case.id)
            elif after is not None:
                self.status.setText(f"{note} All images are accepted. Retrain, or export the masks.".strip())
                self._keep = False

        self.next_image.choose(project, after, done, self._failed)

    def open_neighbour(self, by: int) -> None:
        """Open the next or the previous image of the list, accepted or not."""
        ids = [self.table.item(row, 0).data(Qt.ItemDataRole.UserRole) for row in range(self.table.rowCount())]
        if self._state.case_id in ids:
            self.view.open_case(ids[(ids.index(self._state.case_id) + by) % len(ids)])
        elif ids:
            self.view.open_case(ids[0])

    def _note(self, text: str) -> None:
        """A message that stays when the next image opens."""
        self.status.setText(text)
        self._keep = True

    def _show_opening(self, opening: bool) -> None:
        if opening:
            self._forget()
        self.saved.setText("Opening the image and its proposal..." if opening else "")

    def _forget(self) -> None:
        """What was said of the last image goes with it."""
        if not self._keep:
            self.status.setText("")
        self._keep = False

    def _case_changed(self, *_: Any) -> None:
        self.saved.setText("")
        opened = self.view.current
        if opened is not None:
            if opened.case_id != self._shown and not opened.listed:
                self._forget()
            self._shown = opened.case_id
        self._enable()
        self._mark()
        # at random, it may be anywhere in a long list; and once more when what changed above has found its place
        self._scroll()
        QTimer.singleShot(0, self._scroll)

    def _scroll(self) -> None:
        for row in range(self.table.rowCount()):
            if self.table.item(row, 0).data(Qt.ItemDataRole.UserRole) == self._state.case_id:
                self.table.scrollToItem(self.table.item(row, 0))

    def _mark(self) -> None:
        """The open image stands out in the list."""
        for row in range(self.table.rowCount()):
            for column in range(3):
                item = self.table.item(row, column)
                font = item.font()
                font.setBold(item.data(Qt.ItemDataRole.UserRole) == self._state.case_id)
                item.setFont(font)

    def accept_and_next(self) -> None:
        """Accept the open image's mask and open the next one."""
        if self._state.project is None or self._state.case_id is None:
            self.view.say("No image is open here, so nothing was accepted. Open one of the list, or propose a mask.")
            return

        def done(revision: Revision, note: str) -> None:
            self._note(f"Accepted revision {revision.number}. {note}".strip())
            self._bus.cases_changed.emit()
            self.open_next(note)

        self.view.accept(done)

    def unlock_drawn(self) -> None:
        """Let proposals change what was drawn so far; undo takes it back."""
        pixels = self.view.unlock()
        if pixels:
            self.status.setText(f"The next proposal may change the {pixels} pixel(s) that you drew. Undo locks them.")
        elif pixels == 0:
            self.status.setText("Nothing is locked: no pixel of this mask was drawn by a person.")

    def toggle_mask(self) -> None:
        """Show or hide the open case's mask."""
        opened = self.view.current
        if opened is not None:
            opened.labels.visible = not opened.labels.visible

    def toggle_cheat_sheet(self) -> None:
        """Show or hide all keys over the image."""
        overlay = self._viewer.canvas.overlays.text
        if overlay.visible:
            overlay.visible = False
            return
        overlay.text, overlay.font_size, overlay.box = cheat_sheet(), 9, True
        overlay.position = "top_left"
        overlay.visible = True

    def _show_status(self, status: Any) -> None:
        if status.lost or status.error:
            self.saved.setText(f"{status.lost + status.pending} stroke(s) are not stored: see above.")
        else:
            self.saved.setText("Storing..." if status.pending else "All strokes are stored.")
        self.refresh()

    def close_section(self) -> None:
        """Store what is left and close the project."""
        self.session.note()
        self.tools.off()
        self.tools.maps.close()
        self.view.close_all(force=True)
        self.view.detach()
        self.volume.close_box()
        if self._state.project is not None:
            try:
                self._state.project.close()
            except MedsegError as error:
                show_warning(sentence(error))
            self._state.project = None
