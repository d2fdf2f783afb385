"""Loss and agreement while they come in, over whole epochs."""

from __future__ import annotations

from importlib import import_module
from math import ceil
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_medseg.words import tr


def load_plotting() -> None:
    """Load the plotting library, which takes a moment: not on the GUI thread."""
    import_module("pyqtgraph")


# along the axis, at most
TICKS = 10


class Curves(QWidget):
    """A plot that is made when the first point comes."""

    LOSS, DICE = "#e8a33d", "#4fb76a"

    def __init__(self) -> None:
        super().__init__()
        self._plot: Any = None
        self._points: dict[str, tuple[list[float], list[float]]] = {"loss": ([], []), "val_dice": ([], [])}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setMinimumHeight(0)

    def clear(self) -> None:
        """Forget all points."""
        for x, y in self._points.values():
            x.clear()
            y.clear()
        self._draw()

    def add(self, epoch: int, loss: float | None, dice: float | None, *, epochs: int) -> None:
        """Add the figures of an epoch, of so many."""
        for name, value in (("loss", loss), ("val_dice", dice)):
            if value is not None:
                self._points[name][0].append(epoch)
                self._points[name][1].append(value)
        if self._plot is None:
            self._make()
        self._plot.setXRange(0, max(1, epochs), padding=0.05)
        step = ceil(epochs / TICKS)
        self._plot.getAxis("bottom").setTickSpacing(step, step)
        self._draw()

    def _make(self) -> None:
        import pyqtgraph as pg

        self._plot = pg.PlotWidget(background="#262930")
        # the wheel scrolls the panel, and the axes stay where the curves are
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setFixedHeight(170)
        # named above, where a legend would lie on the lines, and wrapped where the panel is narrow
        named = ((self.LOSS, tr("loss while learning")), (self.DICE, tr("agreement on test images")))
        sign = '<span style="color: {}; background-color: #262930">&nbsp;━&nbsp;</span>'
        spans = (f"{sign.format(colour)}&nbsp;{name.replace(' ', '&nbsp;')}" for colour, name in named)
        names = QLabel(tr("Over epochs: {lines}", lines=" ".join(spans)))
        names.setTextFormat(Qt.TextFormat.RichText)
        names.setWordWrap(True)
        self._layout.addWidget(names)
        self._plot.showGrid(x=False, y=True, alpha=0.2)
        self._lines = {
            # of one epoch there is no line yet
            "loss": self._plot.plot(
                pen=pg.mkPen(self.LOSS, width=2), symbol="o", symbolSize=5, symbolBrush=self.LOSS, symbolPen=None
            ),
            "val_dice": self._plot.plot(
                pen=pg.mkPen(self.DICE, width=2), symbol="o", symbolSize=5, symbolBrush=self.DICE
            ),
        }
        self._layout.addWidget(self._plot)

    def _draw(self) -> None:
        if self._plot is not None:
            for name, (x, y) in self._points.items():
                self._lines[name].setData(x, y)
