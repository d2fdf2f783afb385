"""Correct: a project's images one after the other, every stroke stored at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QAbstractButton, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_medseg.errors import MedsegError, sentence
from napari_medseg.project import Case, Project, Revision
from napari_medseg.widgets.all_accepted import AllAccepted
from napari_medseg.widgets.case_table import CaseTable
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.classes import ClassList
from napari_medseg.widgets.elsewhere import TAKE_OVER
from napari_medseg.widgets.find_image import FindImage
from napari_medseg.widgets.fold import Fold
from napari_medseg.widgets.greyed import NO_IMAGE, able
from napari_medseg.widgets.key_sheet import KeySheet, new_sheet
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import MARGINS, SPACING, RoomyLabel
from napari_medseg.widgets.listing import Listing
from napari_medseg.widgets.masks_in import MasksIn
from napari_medseg.widgets.message import Message, Of
from napari_medseg.widgets.next_image import NextImage
from napari_medseg.widgets.once import warn_unseen
from napari_medseg.widgets.opening_bar import OpeningBar
from napari_medseg.widgets.pieces import PieceQuestion
from napari_medseg.widgets.project_bar import ProjectBar
from napari_medseg.widgets.propose_all import ProposeAll
from napari_medseg.widgets.remove_image import RemoveImage
from napari_medseg.widgets.rest_in_3d import RestIn3D
from napari_medseg.widgets.rings import Rings
from napari_medseg.widgets.session import Session
from napari_medseg.widgets.slide_bar import SlideBar, accepted_text
from napari_medseg.widgets.spots import SpotList
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.tools import EditTools
from napari_medseg.widgets.undo_buttons import UndoButtons
from napari_medseg.widgets.volume import VolumeBox
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import mark, tr, trn

CHOOSING = mark("Choosing the next image...")


class CorrectSection(QWidget):
    """The project, its images, and the keys to go through them."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers) -> None:
        super().__init__()
        self._viewer, self._state, self._bus, self._workers = viewer, state, bus, workers
        # asked before another project is opened
        self.may_leave: Callable[[], bool] = lambda: True
        self.next_image = NextImage(state, workers)
        self.view = CaseView(viewer, state, bus, workers, self.next_image.question, self)
        self.opening = OpeningBar(self.view.opener)
        # whatever is said here, whoever says it
        self.status = Message()
        # before anyone of those below says what it changed
        self.view.mask_changed.connect(lambda case: self.status.past(Of.MASK) if case is self.view.current else None)
        self.everything = ProposeAll(state, bus, workers, self.view, self.next_image.note_doubt, self.status)
        self.tools = EditTools(viewer, state, self.view, workers, self.status)
        self.rest_in_3d = RestIn3D(viewer, lambda: self.view.current)
        self.volume = VolumeBox(viewer, state, self.view, workers)
        self.rings = Rings(viewer, self)
        self.spots = SpotList(viewer, state, self.view, workers, self.rings, self.status)
        self.slide = SlideBar(viewer, self.view, workers)
        self.view.slides.in_hand = self.tools.row.in_hand
        self.classes = ClassList(viewer, state, bus, self.view, workers)
        self.pieces = PieceQuestion(viewer, self.view, workers, self.rings, self.classes.name_of)
        self.keys = QLabel(tr("<b>K</b>: all keys"))
        self._sheet: KeySheet | None = None
        # what will propose next
        self.proposes = RoomyLabel(state.proposes)
        # the case that was shown last
        self._shown = state.case_id
        self._all_accepted = AllAccepted(self.status)
        self.bar = ProjectBar(state, workers, self._leave, self._go_on)
        # by these names outside checks know them
        self.new, self.open, self.add, self.last = self.bar.new, self.bar.open, self.bar.add, self.bar.last
        self.project, self.patients, self.intake = self.bar.title, self.bar.patients, self.bar.intake
        self.saved = self.bar.saved
        self.create, self.open_project = self.bar.create, self.bar.open_project
        self.open_or_make_samples, self.add_files = self.bar.open_or_make_samples, self.bar.add_files
        self.table, self.find, self.moves = CaseTable(), FindImage(), UndoButtons(self.view)
        self.listing = Listing(state, workers, self.next_image.sorted, self.moves.look, self)
        self.undo, self.redo = self.moves.undo, self.moves.redo
        self.accept = QPushButton(tr("Accept, open next  (A)"))
        self.unlock, self.take = QPushButton(tr("Let proposals overwrite mine")), QPushButton(tr(TAKE_OVER))
        view = self.view
        self.removing = RemoveImage(self.table, state, workers, view, self.status, self.open_next)
        self.masks = MasksIn(
            state, workers, self.status, in_hand=view.in_hand, let_go=view.close_all, go_on=lambda: self._go_on()
        )
        hidden = tr("More: next image, patients, masks, overwriting")
        self.more = Fold(hidden, "more", self.next_image, self.patients, self.masks, self.unlock)
        self.actions: dict[str, Callable[[], None]] = {
            "accept": self.accept_and_next,
            "next": partial(self.open_neighbour, 1),
            "previous": partial(self.open_neighbour, -1),
            "next_spot": lambda: self.spots.step(1),
            "previous_spot": lambda: self.spots.step(-1),
            "toggle_mask": self.toggle_mask,
            "toggle_edges": self.tools.maps.toggle,
            "live_wire": self.tools.toggle_wire,
            "snap_brush": self.tools.toggle_snap,
            "number_objects": self.tools.number_objects,
            "to_neighbours": self.tools.neighbours.go,
            "next_plane": self.volume.next_plane,
            "look_closely": self.slide.draw_here,
            "measure": self.volume.measurements.toggle,
            "undo": self.view.undo,
            "redo": self.view.redo,
            "unlock": self.unlock_drawn,
            "cheat_sheet": self.toggle_cheat_sheet,
            **{name: partial(self.tools.apply, name) for name in self.tools.operations},
        }
        self._build()
        for turned in (self.bar.opening, self.bar.opened, self.masks.added, self.removing.removed, bus.cases_changed):
            turned.connect(self.refresh)
        self.bar.failed.connect(self._failed)
        self.bar.told.connect(self.status.setText)
        self.bar.noted.connect(self.status.note)
        self.bar.listed.connect(self.status.list_each)
        self.bar.added.connect(self._added)
        bus.case_changed.connect(self._one_changed)
        bus.save_status.connect(self._show_status)
        bus.save_status.connect(lambda status: None if status.pending else self.slide.count())
        bus.opening.connect(self._show_opening)
        bus.told.connect(self.status.setText)
        state.events.case_id.connect(self._case_changed)
        state.events.case_id.connect(self.rest_in_3d.look)
        state.events.proposes.connect(self.proposes.setText)
        # after the tools know of the image
        self.session = Session(viewer, state, self.view, self.tools, workers)

    def _build(self) -> None:
        self.accept.setObjectName("medseg_accept")
        self.take.hide()
        for button in (self.undo, self.redo, self.unlock, self.accept):
            # as wide as their words: the style's own width makes the panel wider than it may be
            words = button.fontMetrics().horizontalAdvance(button.text())
            button.setStyleSheet(f"QPushButton {{ min-width: {words}px; padding: 4px 6px; }}")
        bottom = QGridLayout()
        for column, button in enumerate((self.undo, self.redo, self.accept)):
            bottom.addWidget(button, 0, column)
        bottom.addWidget(self.take, 1, 0, 1, 3)
        bottom.setColumnStretch(3, 1)
        bottom.setSpacing(SPACING)
        self.unlock.setToolTip(
            tr("Proposals leave what you drew as it is, until you press this  ({key})", key=key_of("unlock"))
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*MARGINS)
        layout.setSpacing(SPACING)
        for widget in (self.bar, self.find, self.table, self.everything, self.more, self.proposes):
            layout.addWidget(widget)
        layout.setStretchFactor(self.table, 1)
        layout.addLayout(bottom)
        for widget in (self.slide, self.volume, self.classes, self.tools, self.spots):
            layout.addWidget(widget)
        self.everything.finished.connect(lambda proposed: self.next_image.worst_first() if proposed else None)
        self.next_image.order.currentIndexChanged.connect(self.refresh)
        self.slide.framed.connect(self.status.take_back)
        self.listing.listed.connect(self._listed)
        self.listing.changed.connect(self._changed)
        self.find.textChanged.connect(self._find)
        self.table.cellActivated.connect(self._row_chosen)
        # what is marked in the list is what is shown: Accept means that one
        self.table.cellClicked.connect(self._row_chosen)
        self.accept.clicked.connect(self.accept_and_next)
        self.unlock.clicked.connect(self.unlock_drawn)
        self.take.clicked.connect(self.view.take_over)
        self.view.copy_selected.connect(self.take.setVisible)
        self.refresh()

    def deciding(self) -> tuple[QAbstractButton, ...]:
        """The buttons that act on the mask that is shown."""
        tools, pieces, spots = self.tools, self.pieces, self.spots
        return (
            *(self.accept, self.unlock, self.take, self.undo, self.redo, tools.objects, *tools.buttons.values()),
            *(pieces.largest, pieces.all, spots.previous, spots.next),
            *(tools.neighbours.button, tools.neighbours.take),
        )

    # ---- the project ---------------------------------------------------------------------------------------------

    def _leave(self) -> bool:
        self.session.note()
        return self.may_leave() and self.view.close_all()

    def _go_on(self) -> None:
        if not self.session.resume():
            self.open_next()

    def _failed(self, error: BaseException) -> None:
        self.refresh()
        self.status.setText(sentence(error))
        warn_unseen(self, sentence(error))

    def _added(self, added: list[Case], shown: Case | None) -> None:
        self.refresh()
        if shown is not None:
            self.view.open_case(shown.id)
        elif self._state.case_id is None:
            self.open_next()

    # ---- cases ---------------------------------------------------------------------------------------------------

    def refresh(self, *_: Any) -> None:
        """Show the project's images and their states, read off the GUI thread; many calls at once become one."""
        if self._state.project is None:
            self._listed(None, [], (None, False, False))
        else:
            self.listing.read()

    def _listed(self, project: Project | None, cases: list[Case], moves: tuple[int | None, bool, bool]) -> None:
        self.table.fill(cases)
        self.find.offer(project, len(cases))
        self._tell_cases(project, moves)

    def _changed(self, project: Project, cases: list[Case], moves: tuple[int | None, bool, bool]) -> None:
        self.table.cases.change(cases)
        self._tell_cases(project, moves)

    def _tell_cases(self, project: Project | None, moves: tuple[int | None, bool, bool]) -> None:
        cases = self.table.cases.cases
        self.bar.show_cases(project, cases)
        self.table.mark(self._state.case_id)
        self._all_accepted.look(cases)
        self.moves.tell(moves)
        self._enable()

    def _one_changed(self, case_id: int) -> None:
        # where the list is sorted, it may have another place now
        self.listing.read() if self.next_image.sorts else self.listing.read_some([case_id])

    def _find(self, text: str) -> None:
        self.table.find(text)
        self._scroll()

    def _enable(self) -> None:
        for button in (self.accept, self.unlock):
            able(button, None if self._state.case_id is not None else tr(NO_IMAGE))
        for part in (self.moves, self.tools, self.spots, self.pieces):
            part.enable()

    def _row_chosen(self, row: int, _: int) -> None:
        case_id = self.table.case_at(row)
        # the second click of two does not begin anew
        if not self.view.is_opening(case_id):
            self.view.open_case(case_id)

    def take_dropped(self, paths: Sequence[Path]) -> None:
        """What was dropped; what was said before goes."""
        self.status.note("")
        self.status.release()
        self.everything.forget()
        (self.masks if self.masks.takes(paths) else self.intake).take(paths)

    def open_next(self, note: str = "") -> None:
        """Open the next image that is not accepted; a note on the last one goes on being told."""
        project, after = self._state.project, self._state.case_id
        if project is None:
            return

        if self.next_image.asks and after is not None:
            self.status.setText(f"{self.status.text().removesuffix(tr(CHOOSING)).strip()} {tr(CHOOSING)}".strip())

        def done(case: Case | None) -> None:
            self.status.setText(self.status.text().removesuffix(tr(CHOOSING)).strip())
            if project is not self._state.project or self._state.case_id != after:
                # the user was faster
                return
            if case is not None:
                self.view.open_case(case.id)
            elif after is not None:
                self._all_accepted.tell(self.table.cases.cases, note)

        self.next_image.choose(project, after, done, self._failed)

    def open_neighbour(self, by: int) -> None:
        """Open the next or the previous image of the list, accepted or not; of a slide, what is not accepted of it."""
        ids = self.table.ids()
        if self.slide.step(by):
            return
        if self._state.case_id in ids:
            self.view.open_case(ids[(ids.index(self._state.case_id) + by) % len(ids)])
        elif ids:
            self.view.open_case(ids[0])

    def _show_opening(self, opening: bool) -> None:
        if opening:
            self.status.forget()
        self.saved.setText(tr("Opening the image...") if opening else "")

    def _case_changed(self, *_: Any) -> None:
        self.saved.setText("")
        opened = self.view.current
        if opened is not None:
            if opened.case_id != self._shown and not opened.listed:
                self.status.forget()
            self._shown = opened.case_id
        self._enable()
        self.table.mark(self._state.case_id)
        # at random, it may be anywhere in a long list; and once more when what changed above has found its place
        self._scroll()
        QTimer.singleShot(0, self._scroll)

    def _scroll(self) -> None:
        self.table.scroll_to(self._state.case_id)

    def accept_and_next(self) -> None:
        """Accept the open image's mask and open the next one."""
        opened = self.view.current
        if opened is None:
            # on a slide, it is told where one draws
            self.view.to_change()
            if self.view.slides.shown is None:
                self.view.say(
                    tr("No image is open here, so nothing was accepted. Open one of the list, or propose a mask.")
                )
            return
        told = accepted_text(opened)

        def done(revision: Revision, note: str) -> None:
            self.status.note(f"{told} {note}".strip())
            if note:
                warn_unseen(self, note)
            self._bus.case_changed.emit(revision.case_id)
            # accepted twice, or another one was asked for: nobody is taken away from that
            if self.view.current is opened and not self.view.opening and not self.slide.accepted(revision):
                self.open_next(note)

        proposed = opened.proposed
        self.pieces.before(lambda: self.view.accept(done, proposed=proposed))

    def unlock_drawn(self) -> None:
        """Let proposals change what was drawn so far; undo takes it back."""
        pixels = self.view.unlock()
        if pixels:
            self.status.setText(
                trn(
                    "The next proposal may overwrite the {n} pixel that you drew. Undo keeps it.",
                    "The next proposal may overwrite the {n} pixels that you drew. Undo keeps them.",
                    pixels,
                )
            )
        elif pixels == 0:
            self.status.setText(
                tr("No pixel of this mask was drawn by a person: proposals may change all of it as it is.")
            )

    def toggle_mask(self) -> None:
        """Show or hide the open case's mask."""
        opened = self.view.current
        if opened is not None:
            opened.labels.visible = not opened.labels.visible

    def toggle_cheat_sheet(self) -> None:
        """Show or hide all keys over the image."""
        if self._sheet is None:
            self._sheet = new_sheet(self)
        self._sheet.toggle()

    def _show_status(self, status: Any) -> None:
        self.bar.show_saved(status)
        self.listing.read_some(self.view.in_hand())

    def close_section(self) -> None:
        """Store what is left and close the project."""
        self.session.note()
        self.tools.let_go()
        self.rest_in_3d.let_go()
        self.rings.close()
        self.view.close_all(force=True)
        self.view.detach()
        self.volume.close_box()
        if self._state.project is not None:
            try:
                self._state.project.close()
            except MedsegError as error:
                show_warning(sentence(error))
            self._state.project = None
