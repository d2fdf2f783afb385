"""Loss and Dice while they come in."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget


def load_plotting() -> None:
    """Load the plotting library, which takes a moment: not on the GUI thread."""
    import_module("pyqtgraph")


class Curves(QWidget):
    """A plot that is made when the first point comes."""

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

    def add(self, epoch: int, loss: float | None, dice: float | None) -> None:
        """Add the figures of an epoch."""
        for name, value in (("loss", loss), ("val_dice", dice)):
            if value is not None:
                self._points[name][0].append(epoch)
                self._points[name][1].append(value)
        if self._plot is None:
            self._make()
        self._draw()

    def _make(self) -> None:
        import pyqtgraph as pg

        self._plot = pg.PlotWidget(background="#262930")
        self._plot.setFixedHeight(170)
        self._plot.addLegend(offset=(-5, 5))
        self._plot.setLabel("bottom", "epoch")
        self._plot.showGrid(x=False, y=True, alpha=0.2)
        self._lines = {
            "loss": self._plot.plot(pen=pg.mkPen("#e8a33d", width=2), name="loss on training images"),
            "val_dice": self._plot.plot(
                pen=pg.mkPen("#4fb76a", width=2), symbol="o", symbolSize=5, symbolBrush="#4fb76a", name="Dice, held out"
            ),
        }
        self._layout.addWidget(self._plot)

    def _draw(self) -> None:
        if self._plot is not None:
            for name, (x, y) in self._points.items():
                self._lines[name].setData(x, y)
