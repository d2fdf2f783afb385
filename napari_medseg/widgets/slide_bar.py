"""Beside the tools: which part of a large image one draws in, how much of it is accepted, and where to look next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.slide_plan import SlidePlan
from napari_medseg.app.slide_windows import most_doubtful, next_window, windows_of
from napari_medseg.app.slide_work import doubts_of, tissue_windows
from napari_medseg.errors import MedsegError
from napari_medseg.project import Box, Revision
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.slides import LOOK_CLOSELY, SlideShown
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr, trn


class SlideBar(QWidget):
    """Hidden where no large image is open.

    Parameters
    ----------
    view : CaseView
    workers : Workers
    """

    # there is a frame: what was said of none is over
    framed = Signal(str)

    def __init__(self, view: CaseView, workers: Workers) -> None:
        super().__init__()
        self._slides, self._workers = view.slides, workers
        self._of: SlideShown | None = None
        self._accepted: list[Box] = []
        # where to look, in this order; all of it until somebody knows better
        self._places: Sequence[Box] = ()
        # how doubtful what was proposed there is; and from where one went on without accepting
        self._doubts: dict[Box, float] = {}
        self._passed: set[Box] = set()
        self.text, self.here, self.next = TextLabel(), QPushButton(tr("Draw here")), QPushButton(tr("Next frame"))
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
        row = QHBoxLayout()
        for button in (self.here, self.next):
            row.addWidget(button)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING)
        layout.addWidget(self.text)
        layout.addLayout(row)
        self.here.clicked.connect(self.draw_here)
        self.next.clicked.connect(lambda: self.step(1))
        self._slides.turned.connect(self.look)
        self.hide()

    def look(self) -> None:
        """Another slide, or another frame on it."""
        shown = self._slides.shown
        if shown is not self._of:
            self._of, self._accepted, self._places = shown, [], ()
            self._doubts, self._passed = {}, set()
            if shown is not None:
                self._places = windows_of(shown.case.shape)
                self._read(shown)
        self._tell()

    def _read(self, shown: SlideShown) -> None:
        """What was accepted in earlier sessions, and how doubtful what was proposed is."""

        def work(ticket: Ticket, progress: Any) -> tuple[list[Box], dict[Box, float]]:
            return accepted_boxes(shown), doubts_of(shown.project, shown.case.id)

        def done(found: tuple[list[Box], dict[Box, float]]) -> None:
            if self._of is shown:
                boxes, doubts = found
                self._accepted = boxes + [box for box in self._accepted if box not in boxes]
                # what came meanwhile is newer
                self._doubts = {**doubts, **self._doubts}
                self._tell()

        self._workers.run(work, on_done=done, on_error=lambda error: None, lane="files")

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
        if self._accepted:
            parts.append(trn("{n} frame is accepted.", "{n} frames are accepted.", len(self._accepted)))
        self.text.setText(" ".join(parts))
        why = None if len(shown.case.shape) == 2 else tr("A volume larger than memory is looked at, not drawn in.")
        for button in (self.here, self.next):
            able(button, why)

    def know_tissue(self, case_id: int, plan: SlidePlan) -> None:
        """Where there is tissue, it is worth looking."""
        if self._of is not None and self._of.case.id == case_id:
            self._places = tissue_windows(plan, windows_of(self._of.case.shape))

    def know_doubts(self, case_id: int, doubts: dict[Box, float] | None) -> None:
        """Parts of a proposal came; None: it is another one."""
        if self._of is not None and self._of.case.id == case_id:
            self._doubts = {} if doubts is None else {**self._doubts, **doubts}

    def draw_here(self) -> None:
        """A frame at the middle of what is seen."""
        self._slides.edit_here()

    def step(self, by: int) -> bool:
        """Go to the next part that is not accepted, the one with most doubt; False where there is none, or no slide.

        Where no proposal is, and back, in their order.
        """
        shown, here = self._slides.shown, self._slides.box
        if shown is None or len(shown.case.shape) != 2:
            return False
        box = None
        if by > 0:
            self._passed |= set() if here is None else {here}
            box = most_doubtful(self._places, self._doubts, self._accepted, self._passed, here)
        box = box or next_window(self._places, self._accepted, here, by)
        if box is not None:
            self._slides.go_to(box)
        return box is not None

    def accepted(self, revision: Revision) -> bool:
        """A frame was accepted: go to the next; False where there is none, or no slide."""
        if self._slides.shown is None or self._slides.box is None:
            return False
        if self._slides.box not in self._accepted:
            self._accepted.append(self._slides.box)
        self._tell()
        return self.step(1)


def accepted_text(opened: OpenCase) -> str:
    """What was accepted, in words."""
    if opened.window is not None:
        return tr("What is in the frame is accepted.")
    return tr("{name} is accepted.", name=opened.image.name)


def accepted_boxes(shown: SlideShown) -> list[Box]:
    """What a person accepted of a slide, oldest first, each once; off the GUI thread."""
    try:
        found = [getattr(revision, "box", None) for revision in shown.project.revisions(shown.case.id)]
    except MedsegError:
        # damage is told by who reads the labels
        return []
    return list(dict.fromkeys(box for box in found if box is not None))
