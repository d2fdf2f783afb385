"""The tools under the mouse in one row: napari's and ours, the chosen one visible, the brush's size below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from napari.layers import Labels
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QSpinBox, QToolButton, QVBoxLayout, QWidget

from napari_medseg.widgets.focus_click import FocusClicks
from napari_medseg.widgets.greyed import NO_IMAGE, able
from napari_medseg.widgets.icons import SIZE, tool_icon
from napari_medseg.widgets.keys import key_of
from napari_medseg.widgets.mouse_tool import MouseTool
from napari_medseg.widgets.open_case import OpenCase
from napari_medseg.widgets.tool_table import NAMED, TOOLS, rests, tip
from napari_medseg.words import tr

# the slider's reach, px; the field beside it and the keys go further
SLIDER = 100


# what buttons and size follow
OF_MASK = ("mode", "brush_size", "visible", "editable", "n_edit_dimensions")
COLOURS = ("primary", "highlight", "current", "foreground", "text")
LOOK = """
QToolButton {{ background: {primary}; border: 1px solid {primary}; border-radius: 3px; padding: 3px; }}
QToolButton:hover {{ background: {highlight}; }}
QToolButton:checked {{ background: {current}; border: 2px solid {text}; padding: 2px; }}
QToolButton:disabled {{ background: {foreground}; border-color: {foreground}; }}
QToolButton:checked:disabled {{ border-color: {highlight}; }}
"""


class ToolRow(QWidget):
    """Shows which tool the mouse has on the open case's mask, and gives it another.

    napari's mode is the truth, whoever changed it. One of ours that is wanted stays so from image to image, and rests
    where it does not work.

    Parameters
    ----------
    viewer : napari.Viewer
    current : callable
        Gives the open case.
    own : mapping of str to MouseTool
        Ours, by name.
    started : callable
        Called with the case when one of ours goes to work.
    say : callable
        Tells why a tool that a key asked for was not taken.
    """

    def __init__(
        self,
        viewer: Any,
        current: Callable[[], OpenCase | None],
        own: Mapping[str, MouseTool],
        *,
        started: Callable[[OpenCase], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._viewer, self._current, self._own, self._started, self._say = viewer, current, own, started, say
        # of ours, which is wanted; of napari's, which comes back after it
        self._wanted: str | None = None
        self._before = "paint"
        self._case: OpenCase | None = None
        self._mask: Labels | None = None
        self.buttons = {tool.name: QToolButton() for tool in TOOLS}
        self.size, self.slider = QSpinBox(), QSlider(Qt.Orientation.Horizontal)
        self.clicks = FocusClicks(self, self._draws, but=self.size)
        self._build()
        self._colour()
        viewer.events.theme.connect(self._colour)
        viewer.layers.selection.events.active.connect(self._show)
        for event in (viewer.dims.events.ndisplay, viewer.dims.events.order):
            event.connect(self.enable)

    def _build(self) -> None:
        row, below, layout = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        row.setSpacing(3)
        for tool in TOOLS:
            button = self.buttons[tool.name]
            button.setCheckable(True)
            button.setIconSize(QSize(SIZE, SIZE))
            # the keys go on to the image
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            # not seen beside an icon, but read out
            button.setText(tr(tool.text).partition(":")[0])
            button.clicked.connect(partial(self._pressed, tool.name))
            row.addWidget(button)
        row.addStretch()
        self.size.setRange(1, 1000)
        self.size.setSuffix(tr(" px"))
        self.size.setKeyboardTracking(False)
        self.slider.setRange(1, SLIDER)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for widget in (self.size, self.slider):
            widget.setToolTip(tr("Of brush, eraser and snap brush  ([ smaller, ] larger, or Alt and the mouse)"))
            widget.valueChanged.connect(self._resize_brush)
        line = self.size.lineEdit()
        if line is not None:
            line.returnPressed.connect(self.clicks.to_canvas)
        below.addWidget(QLabel(tr("Brush size")))
        below.addWidget(self.slider, 1)
        below.addWidget(self.size)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addLayout(below)

    def _colour(self, event: Any = None) -> None:
        """Icons and buttons in the colours of the theme."""
        theme = get_theme(self._viewer.theme)
        colours = {
            name: getattr(theme, name).as_hex() for name in ("primary", "highlight", "current", "foreground", "text")
        }
        self.setStyleSheet(LOOK.format(**colours))
        for tool in TOOLS:
            self.buttons[tool.name].setIcon(tool_icon(tool.icon, theme.icon.as_hex()))

    # ---- what is chosen ------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> str | None:
        """Which of our own tools is on, or rests until it works again; None: one of napari's is."""
        return self._wanted

    @property
    def chosen(self) -> str | None:
        """What the mouse does in the image; None where that is none of these."""
        case = self._current()
        if case is None:
            return None
        active = self._viewer.layers.selection.active
        if active != case.labels:
            return "pan_zoom" if active is None or str(active.mode) == "pan_zoom" else None
        at_work = next((name for name, tool in self._own.items() if tool.case is case), None)
        return at_work or str(case.labels.mode)

    def why_not(self, name: str) -> str | None:
        """Why a tool cannot be taken now, and what to do; None: it can."""
        case, tool = self._current(), NAMED[name]
        if case is None:
            return tr("There is no mask to draw on yet: open an image of the list, or propose a mask.")
        if not case.labels.visible:
            return tr("The mask is hidden: {key} shows it.", key=key_of("toggle_mask"))
        return rests(tool, self._viewer.dims, case.labels)

    def use(self, name: str) -> None:
        """Take a tool; where it cannot be taken, nothing changes, and the reason is told."""
        case, why = self._current(), self.why_not(name)
        if why is not None:
            self._say(why)
        elif case is not None:
            self._remember(case)
            self._wanted = name if name in self._own else None
            self._viewer.layers.selection.active = case.labels
            self._own_ones(case)
            if self._wanted is None:
                case.labels.mode = name
            self.clicks.to_canvas()
        self._show()

    def toggle(self, name: str) -> None:
        """Take one of ours, or put it away and take what was before."""
        self.use(self._before if self.chosen == name else name)

    def _pressed(self, name: str) -> None:
        if name in self._own:
            self.toggle(name)
        else:
            self.use(name)

    def off(self) -> None:
        """Ours are put away."""
        self._wanted = None
        for tool in self._own.values():
            tool.stop()
        self._show()

    def in_hand(self) -> bool:
        """Whether a contour or a polygon is open: its layer must stay."""
        case = self._current()
        if any(tool.open() for tool in self._own.values()):
            return True
        polygon: Any = None if case is None else case.labels._overlays["polygon"]
        return self.chosen == "polygon" and bool(polygon.points)

    def take_back(self) -> bool:
        """Before a stroke is undone: whether a contour or a polygon was open, and its last click is gone."""
        case = self._current()
        if any(tool.take_back() for tool in self._own.values()):
            return True
        if case is None or self.chosen != "polygon":
            return False
        # napari has no public name for it; the last of them is where the mouse is
        polygon: Any = case.labels._overlays["polygon"]
        points = polygon.points
        polygon.points = [*points[:-2], points[-1]] if len(points) > 2 else []
        return bool(points)

    def went_off(self, back: bool) -> None:
        """One of ours was put away under the mouse; ``back``: what was before comes back."""
        self._wanted, case = None, self._current()
        if back and case is not None:
            case.labels.mode = self._before
        self._show()

    def _remember(self, case: OpenCase) -> None:
        mode = str(case.labels.mode)
        if mode in NAMED and NAMED[mode].draws:
            self._before = mode

    # ---- following -----------------------------------------------------------------------------------------------

    def enable(self, event: Any = None) -> None:
        """Another case is open, or the view changed: what is wanted goes on, or rests."""
        case = self._current()
        if case is not self._case:
            self._case = case
            self._follow(None if case is None else case.labels)
            self.clicks.watch()
            if case is not None:
                self.clicks.to_canvas()
        self._own_ones(case)
        self._show()

    def _own_ones(self, case: OpenCase | None) -> None:
        dims, wanted = self._viewer.dims, NAMED.get(self._wanted or "")
        works = wanted is not None and case is not None and rests(wanted, dims, case.labels) is None
        here = {name: case if works and name == self._wanted else None for name in self._own}
        for name, tool in self._own.items():
            if tool.case is not here[name]:
                tool.stop()
        for name, tool in self._own.items():
            if case is not None and tool.case is not here[name]:
                self._remember(case)
                tool.start(case)
                self._started(case)

    def _follow(self, mask: Labels | None) -> None:
        if self._mask is not None:
            for name in OF_MASK:
                getattr(self._mask.events, name).disconnect(self._changed)
        self._mask = mask
        if mask is not None:
            for name in OF_MASK:
                getattr(mask.events, name).connect(self._changed)

    def _changed(self, event: Any) -> None:
        if event.type == "mode" and self._mask is not None and str(self._mask.mode) != "pan_zoom":
            # one of ours that rests is no longer wanted
            self._wanted = None
        self.enable()

    def _draws(self) -> bool:
        chosen = NAMED.get(self.chosen or "")
        return chosen is not None and chosen.draws

    def _show(self, event: Any = None) -> None:
        case = self._current()
        # while there is none: what the next one begins with
        chosen = self._wanted or self._before if case is None else self.chosen
        for tool in TOOLS:
            button, why = self.buttons[tool.name], self.why_not(tool.name)
            button.setToolTip(tip(tool))
            able(button, why)
            button.setChecked(tool.name == chosen)
        for widget in (self.size, self.slider):
            able(widget, tr(NO_IMAGE) if case is None else None)
            if case is not None:
                blocked = widget.blockSignals(True)
                widget.setValue(int(case.labels.brush_size))
                widget.blockSignals(blocked)

    def _resize_brush(self, size: int) -> None:
        case = self._current()
        if case is not None:
            case.labels.brush_size = size

    def let_go(self) -> None:
        """Let go of the viewer."""
        self.off()
        self._follow(None)
        self._viewer.events.theme.disconnect(self._colour)
        self._viewer.layers.selection.events.active.disconnect(self._show)
        for event in (self._viewer.dims.events.ndisplay, self._viewer.dims.events.order):
            event.disconnect(self.enable)
        self.clicks.stop()
