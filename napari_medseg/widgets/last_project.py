"""The project of last time, by one click."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QPushButton

from napari_medseg.app.settings import load_settings
from napari_medseg.widgets.labels import as_tip
from napari_medseg.words import tr


class LastProject(QPushButton):
    """Offered while no project is open; a disk that is gone is asked only when the button is pressed.

    Parameters
    ----------
    use : callable
        Called with the project's folder.
    """

    def __init__(self, use: Callable[[Path], None]) -> None:
        super().__init__()
        self._folder = Path()
        self._use = use
        self.clicked.connect(self.reopen)

    def reopen(self) -> None:
        """Open it, if there is one."""
        if self._folder.name:
            self._use(self._folder)

    def offer(self, wanted: bool) -> None:
        """Show the button, or hide it."""
        stored = load_settings().get("project") if wanted else None
        self._folder = Path(str(stored or ""))
        # an ampersand underlines what follows
        self.setText(tr("Open last: {folder}", folder=self._folder.name).replace("&", "&&"))
        self.setToolTip(as_tip(str(self._folder)))
        self.setVisible(bool(stored))
