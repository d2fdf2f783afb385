"""A folder that may be there or not: Qt's own dialog refuses a new name where a folder is asked for."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFileDialog, QLineEdit, QWidget

from napari_medseg.words import tr


class FolderDialog(QFileDialog):
    """Chooses a folder; one that is typed and is not there yet is as good, where there is a folder to put it in.

    Parameters
    ----------
    parent : QWidget
    title : str
    start : Path
        The folder that is shown first.
    """

    def __init__(self, parent: QWidget, title: str, start: Path) -> None:
        super().__init__(parent, title, str(start))
        self.setFileMode(QFileDialog.FileMode.Directory)
        self.setLabelText(QFileDialog.DialogLabel.FileName, tr("Folder, or a new name:"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def accept(self) -> None:
        """By the button or Enter."""
        typed = self.findChild(QLineEdit, "fileNameEdit")
        name = "" if typed is None else typed.text().strip()
        place = Path(self.directory().absolutePath()) / Path(name).expanduser()
        if name and not place.exists() and place.parent.is_dir():
            self.filesSelected.emit([str(place)])
            QDialog.accept(self)
            return
        super().accept()
