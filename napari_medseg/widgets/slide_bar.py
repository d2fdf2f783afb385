"""Beside the tools: which part of a large image one draws in, how much of it is accepted, and where to look next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.how_far import frames_text
from napari_medseg.app.slide_tissue import frames_of_slide
from napari_medseg.app.slide_windows import SEEN, area, next_frame, next_window, windows_of
from napari_medseg.app.slide_work import doubts_of
from napari_medseg.project import Box, Revision
from napari_medseg.project.boxes import common
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.frame_outlines import FrameOutlines
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.slide_progress import SlideProgress
from napari_medseg.widgets.slides import LOOK_CLOSELY, SlideShown
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import mark, tr

LOOKING = mark("Looking where on the slide there is tissue...")
NO_MORE = mark("All other frames with tissue are accepted.")


class _Found(NamedTuple):
    """What is known of a slide by its file and its project."""

    places: list[Box]
    known: bool
    doubts: dict[Box, float]


class SlideBar(QWidget):
    """Hidden where no large image is open.

    Parameters
    ----------
    viewer : napari.Viewer
    view : CaseView
    workers : Workers
    """

    # there is a frame: what was said of none is over
    framed = Signal(str)

    def __init__(self, viewer: Any, view: CaseView, workers: Workers) -> None:
        super().__init__()
        self._view, self._slides, self._workers = view, view.slides, workers
        # the second stands in the foot
        self.outlines, self.progress = FrameOutlines(viewer), SlideProgress()
        self._of: SlideShown | None = None
        self._accepted: list[Box] = []
        # where to look, in this order; None until that is known, and then a step waits; whether it is by tissue
        self._places: Sequence[Box] | None = None
        self._by_tissue = False
        self._wanted = 0
        # what is accepted is being counted, and is to be once more
        self._counting = self._again = False
        # how doubtful what was proposed there is; and from where one went on without accepting
        self._doubts: dict[Box, float] = {}
        self._passed: set[Box] = set()
        self.text, self.here, self.next = TextLabel(), QPushButton(tr("Draw here")), QPushButton(tr("Next frame"))
        self.withdraw = QPushButton(tr("Not accepted after all"))
        self.text.setWordWrap(True)
        self.here.setToolTip(
            as_tip(tr("A frame to draw in, at the middle of what you see  ({key})", key=key_of("look_closely")))
        )
        self.next.setToolTip(
            as_tip(
                tr(
                    "The part of the slide with most doubt that you have not accepted  ({key})",
                    key=key_of("next"),
                )
            )
        )
        self.withdraw.setToolTip(
            as_tip(tr("It is not learned from and not exported as accepted; its mask stays. Undo brings it back"))
        )
        self.withdraw.hide()
        row = QHBoxLayout()
        for button in (self.here, self.next, self.withdraw):
            row.addWidget(button)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.here.clicked.connect(self.draw_here)
        self.next.clicked.connect(self._next_pressed)
        self.withdraw.clicked.connect(self.withdraw_here)
        self._slides.turned.connect(self.look)
        self._slides.rested.connect(lambda: None if self._of is None else self.outlines.fit(self._of))
        self.hide()

    def look(self) -> None:
        """Another slide, or another frame on it."""
        shown = self._slides.shown
        if shown is not self._of:
            self._of, self._accepted, self._places, self._wanted = shown, [], None, 0
            self._doubts, self._passed = {}, set()
            self.outlines.hide()
            if shown is not None:
                self._read(shown)
                self.count()
        self._tell()

    def _read(self, shown: SlideShown) -> None:
        """Where there is tissue, and how doubtful what was proposed is."""

        def work(ticket: Ticket, progress: Any) -> _Found:
            doubts = doubts_of(shown.project, shown.case.id)
            return _Found(*frames_of_slide(shown.large), doubts)

        def know(found: _Found) -> None:
            if self._of is shown:
                self._places, self._by_tissue = found.places, found.known
                # what came meanwhile is newer
                self._doubts = {**found.doubts, **self._doubts}
                wanted, self._wanted = self._wanted, 0
                if wanted:
                    self.step(wanted)
                self._tell()

        def failed(error: BaseException) -> None:
            know(_Found(windows_of(shown.case.shape[-2:]), False, {}))

        self._workers.run(work, on_done=know, on_error=failed, lane="files")

    def count(self) -> None:
        """What is accepted, read off the GUI thread: it may be another than before."""
        shown = self._of
        if shown is None:
            return
        if self._counting:
            self._again = True
            return
        self._counting, self._again = True, False

        def done(found: list[Box] | None) -> None:
            self._counting = False
            if found is not None and self._of is shown and not self._again:
                self._accepted = found
                self._tell()
            if self._again or self._of is not shown:
                self.count()

        self._workers.run(
            lambda ticket, progress: [box for box in shown.project.frames(shown.case.id) if len(box) == 4],
            on_done=done,
            # damage is told by who reads the labels
            on_error=lambda error: done(None),
            lane="files",
        )

    def _tell(self) -> None:
        shown, box = self._of, self._slides.box
        self.setVisible(shown is not None)
        if shown is None:
            return
        size = " x ".join(map(str, shown.case.shape))
        pixel = shown.large.pixel_um
        parts = [tr("Slide of {size} px.", size=size)]
        if pixel is not None:
            parts = [tr("Slide of {size} px, {um:.3g} um each.", size=size, um=pixel)]
        if len(shown.case.shape) != 2:
            parts = [tr("Volume of {size} voxels: larger than memory, it is looked at slice by slice.", size=size)]
        elif box is None:
            parts.append(tr("Zoom in, and a frame opens in which you draw."))
        else:
            self.framed.emit(tr(LOOK_CLOSELY, key=key_of("look_closely")))
            parts.append(tr("You draw in the frame at row {y}, column {x}.", y=box[0], x=box[1]))
        here = self.accepted_here()
        if here is not None:
            parts.append(tr("It is accepted."))
        if self._accepted:
            of = len(self._places) if self._by_tissue and self._places is not None else None
            parts.append(tr("{frames} (outlined in green).", frames=frames_text(len(self._accepted), of)))
        if self._wanted:
            parts.append(tr(LOOKING))
        self.text.setText(" ".join(parts))
        self.withdraw.setVisible(here is not None)
        self.outlines.show(shown, self._accepted)
        why = None if len(shown.case.shape) == 2 else tr("A volume larger than memory is looked at, not drawn in.")
        for button in (self.here, self.next):
            able(button, why)

    def know_doubts(self, case_id: int, doubts: dict[Box, float] | None) -> None:
        """Parts of a proposal came; None: it is another one."""
        if self._of is not None and self._of.case.id == case_id:
            self._doubts = {} if doubts is None else {**self._doubts, **doubts}

    def draw_here(self) -> None:
        """A frame at the middle of what is seen."""
        self._slides.edit_here()

    # ---- what is accepted ------------------------------------------------------------------------------------------

    def accepted_here(self) -> Box | None:
        """The accepted box of which most lies in the frame that is open; None: there is none, or no frame."""
        here = self._slides.box
        if here is None:
            return None
        best = max(self._accepted, key=lambda box: area(common(box, here)), default=None)
        return best if best is not None and area(common(best, here)) >= SEEN * area(best) else None

    def withdraw_here(self) -> None:
        """Take back that the open frame was accepted."""
        box = self.accepted_here()
        if box is not None:
            self._view.withdraw(box, self._withdrawn)

    def _withdrawn(self) -> None:
        self._view.say(tr("This frame is not accepted any more; its mask stays as it is. Undo takes that back."))
        self.count()

    def accepted(self, revision: Revision) -> bool:
        """A frame was accepted: go to the next; False where there is none, or no slide."""
        box = revision.box
        if self._slides.shown is None or self._slides.box is None or box is None:
            return False
        flat = (box[0], box[1], box[2], box[3])
        if flat not in self._accepted:
            self._accepted.append(flat)
        # what is being counted was asked before
        self._again = self._counting
        self._tell()
        return self.step(1)

    # ---- where to look next ----------------------------------------------------------------------------------------

    def _next_pressed(self) -> None:
        if not self.step(1):
            self._view.say(tr(NO_MORE))

    def step(self, by: int) -> bool:
        """Go to the next part that is not accepted, the one with most doubt; False where there is none, or no slide.

        Where no proposal is, and back, in their order. Where it is not known yet where there is tissue, it is waited
        for.
        """
        shown = self._slides.shown
        if shown is None or len(shown.case.shape) != 2:
            return False
        if self._places is None:
            self._wanted = by
            self._tell()
            return True
        here = self._slides.coming or self._slides.box
        if by > 0:
            if here is not None:
                most = SEEN * area(here)
                self._passed |= {here, *(box for box in self._places if area(common(box, here)) >= most)}
            box, anew = next_frame(self._places, self._doubts, self._accepted, self._passed, here)
            if anew:
                self._passed = set() if here is None else {here}
        else:
            box = next_window(self._places, self._accepted, here, by)
        if box is not None:
            self._slides.go_to(box)
        return box is not None


def accepted_text(opened: OpenCase) -> str:
    """What was accepted, in words."""
    if opened.window is not None:
        return tr("The frame at row {y}, column {x} is accepted.", y=opened.window[0], x=opened.window[1])
    return tr("{name} is accepted.", name=opened.image.name)
