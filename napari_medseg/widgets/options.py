"""What a proposal is made with beside its network: maps to show, boxes, mirrored copies, further networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from magicgui.widgets import CheckBox, Container
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QMenu, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.networks import get_spec
from napari_medseg.tasks import task_words
from napari_medseg.weights import WeightsEntry
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.labels import as_tip
from napari_medseg.widgets.state import PanelState, careful_key
from napari_medseg.words import mark, tr, trn

# by the names that they are stored under: what stands beside the box, and its tool tip
_SHOWN = {"probability": (mark("Show the probability map"), ""), "edges": (mark("Show the edge map (SGD-Net)"), "")}
_OPINIONS = {
    "mirrored": (
        mark("Slower, more careful"),
        mark(
            "The image is segmented mirrored too, and the mean is taken. Ticked by itself where the network is quick "
            "enough for it; what you choose is kept for each network."
        ),
    ),
    "disagreement": (
        mark("Show where opinions differ"),
        mark("A map of where the mirrored images and the networks disagree: look there first."),
    ),
}


def _pairs(stored: Any) -> set[tuple[str, str]]:
    """What is stored as pairs of texts; anything else in it is left out."""
    rows = stored if isinstance(stored, list) else []
    return {(str(row[0]), str(row[1])) for row in rows if isinstance(row, list) and len(row) == 2}


class ProposeOptions(QWidget):
    """Check boxes, remembered from one session to the next."""

    boxes_wanted = Signal(bool)
    """The person wants the boxes on this image segmented, or no longer."""
    draw_boxes = Signal()
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        stored = load_settings()
        self.shown, self.opinions = _form(_SHOWN, stored), _form(_OPINIONS, stored)
        self.draft = QCheckBox(tr("A draft at once where the network is slow"))
        self.boxes = QCheckBox(tr("Only in my boxes, this time"))
        self.draw = QPushButton(tr("Draw boxes"))
        self.also, self.menu = QToolButton(), QMenu(self)
        # those that a person chose, also while they are not on offer
        self._asked = _pairs(stored.get("also"))
        # by network, where a person said so or not so
        self.careful: dict[str, bool] = dict(stored.get("careful") or {})
        self._about = ""
        self.more, self._rest = QToolButton(), QWidget()
        self._build()
        self._fold(not (self.opinions.disagreement.value or any(self.careful.values()) or self._asked))

    def _build(self) -> None:
        self.also.setMenu(self.menu)
        self.boxes.setToolTip(
            tr(
                "The next proposal is made inside the boxes that you drew on this image (by DCSNet). Your "
                "network is back after it."
            )
        )
        self.draft.setChecked(bool(load_settings().get("draft", True)))
        self.draft.setToolTip(
            as_tip(
                tr(
                    "Where the network is known to take longer than a second, the smallest one (CMUNeXt-XXS) shows its "
                    "mask at once, if it knows the task. The other mask takes its place as soon as it is there; "
                    "what you draw meanwhile stays."
                )
            )
        )
        self.also.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setAutoRaise(True)
        self.more.setText(tr("More opinions"))
        row = QHBoxLayout()
        row.addWidget(self.boxes, 1)
        row.addWidget(self.draw)
        rest = QVBoxLayout(self._rest)
        rest.setContentsMargins(12, 0, 0, 0)
        rest.addWidget(self.also)
        rest.addWidget(self.opinions.native)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.shown.native)
        layout.addWidget(self.draft)
        layout.addLayout(row)
        layout.addWidget(self.more)
        layout.addWidget(self._rest)
        self.more.clicked.connect(lambda: self._fold(not self._rest.isHidden()))
        self.draft.toggled.connect(self._draft_wanted)
        self.boxes.toggled.connect(self.boxes_wanted)
        self.draw.setToolTip(tr("Drag a box around each lesion  ({key})", key=key_of("draw_boxes")))
        self.draw.clicked.connect(self._draw)
        self.opinions.mirrored.changed.connect(self._careful_wanted)

    def _fold(self, folded: bool) -> None:
        self._rest.setVisible(not folded)
        self.more.setArrowType(Qt.ArrowType.RightArrow if folded else Qt.ArrowType.DownArrow)

    def _draw(self) -> None:
        self.boxes.setChecked(True)
        self.draw_boxes.emit()

    def _draft_wanted(self, wanted: bool) -> None:
        save_settings(draft=wanted)
        self.changed.emit()

    def about(self, state: PanelState, *, parts: bool) -> None:
        """What is wanted of whom proposes next: in ``parts`` where it is a volume or a slide, of many passes."""
        state.also, state.drafts, state.careful = self.members(), self.draft.isChecked(), self.careful
        network = state.network if state.boxed is None else state.boxed[0]
        self._about = careful_key(network, parts=parts)
        with self.opinions.mirrored.changed.blocked():
            self.opinions.mirrored.value = self.careful.get(self._about, get_spec(network).mirrored and not parts)

    def _careful_wanted(self, wanted: bool) -> None:
        self.careful[self._about] = wanted
        save_settings(careful=self.careful)
        self.changed.emit()

    def offer(self, others: Sequence[tuple[str, WeightsEntry]], *, volume: bool) -> None:
        """Offer further networks: (id or path, entry); those chosen before stay chosen."""
        # with the actions, which are the menu's own
        self.menu.clear()
        for identity, entry in others:
            action = QAction(
                f"{task_words(entry.task)} v{entry.version} ({get_spec(entry.network).title.partition(' (')[0]})",
                self.menu,
            )
            action.setCheckable(True)
            action.setData((entry.network, identity))
            action.setChecked(action.data() in self._asked)
            action.toggled.connect(partial(self._ask, action.data()))
            self.menu.addAction(action)
        self._counted()
        for widget in (self.boxes, self.draw):
            able(widget, tr("Boxes are drawn on images: this is a volume.") if volume else None)

    def for_slide(self, slide: bool) -> None:
        """Boxes and maps are of images that are held whole."""
        why = tr("On a slide, which is read in parts, there are no maps, drafts or boxes.") if slide else None
        for box in (*(one.native for one in self.shown), self.draft):
            able(box, why)
        if slide:
            for widget in (self.boxes, self.draw):
                able(widget, why)

    def _ask(self, member: tuple[str, str], asked: bool) -> None:
        if asked:
            self._asked.add(member)
        else:
            self._asked.discard(member)
        save_settings(also=sorted(self._asked))
        self._counted()
        self.changed.emit()

    def _counted(self, *_: Any) -> None:
        count = len(self.members())
        self.also.setText(
            trn("Also ask: {n} other network", "Also ask: {n} other networks", count)
            if count
            else tr("Also ask: no other networks")
        )
        able(self.also, None if self.menu.actions() else tr("No other network at hand takes this image."))

    def members(self) -> tuple[tuple[str, str], ...]:
        """Further networks that were chosen: (network, weights)."""
        return tuple(action.data() for action in self.menu.actions() if action.isChecked())

    def wanted(self) -> dict[str, bool]:
        """Maps to show (``probability``, ``edges``, ``disagreement``), and whether copies are ``mirrored``."""
        return {**self.shown.asdict(), **self.opinions.asdict()}

    def save(self) -> None:
        """Remember the choices."""
        save_settings(**{name: value for name, value in self.wanted().items() if name != "mirrored"})


def _form(rows: Mapping[str, tuple[str, str]], stored: Mapping[str, Any]) -> Container:
    """Check boxes by name, as they were left."""
    boxes = [
        CheckBox(name=name, text=tr(text), tooltip=tr(tip), value=bool(stored.get(name, False)))
        for name, (text, tip) in rows.items()
    ]
    form = Container(widgets=boxes, labels=False)
    form.native.layout().setContentsMargins(0, 0, 0, 0)
    return form
