"""What is rarely needed, out of the way until it is asked for."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton, QVBoxLayout, QWidget

from napari_medseg.app.settings import load_settings, save_settings


class Fold(QWidget):
    """A line to click on, and widgets below it; whether it is open is remembered.

    Parameters
    ----------
    title : str
    setting : str
        Under which that is kept.
    inside : QWidget
        From top to bottom.
    """

    def __init__(self, title: str, setting: str, *inside: QWidget) -> None:
        super().__init__()
        self._setting = setting
        self.button, self._inside = QToolButton(), QWidget()
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setAutoRaise(True)
        self.button.setText(title)
        rows = QVBoxLayout(self._inside)
        rows.setContentsMargins(12, 0, 0, 0)
        rows.setSpacing(4)
        for widget in inside:
            rows.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(self._inside)
        self.button.clicked.connect(lambda: self.show_inside(not self.is_open))
        self._turn(bool(load_settings().get(setting, False)))

    @property
    def is_open(self) -> bool:
        """Whether what is inside is shown."""
        return not self._inside.isHidden()

    def show_inside(self, shown: bool) -> None:
        """Open or close it, and remember that."""
        self._turn(shown)
        save_settings(**{self._setting: shown})

    def _turn(self, shown: bool) -> None:
        self._inside.setVisible(shown)
        self.button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
