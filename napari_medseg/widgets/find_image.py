"""A line to find an image in a long list."""

from __future__ import annotations

from qtpy.QtWidgets import QLineEdit

from napari_medseg.project import Project
from napari_medseg.words import tr

# a list that is shorter is looked through
LONG = 30


class FindImage(QLineEdit):
    """There where a project has many images; what was looked for in another one is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self._project: Project | None = None
        self.setPlaceholderText(tr("Find an image by its name"))
        self.setToolTip(tr("The list shows images whose name holds this; Next and Previous go through these."))
        self.setClearButtonEnabled(True)
        self.hide()

    def offer(self, project: Project | None, count: int) -> None:
        """Show it, or not."""
        if project is not self._project:
            self._project = project
            self.clear()
        # what is looked for stays in sight
        self.setVisible(count > LONG or bool(self.text()))
