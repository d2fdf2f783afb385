"""A new project's folder need not be there."""

import pytest
from qtpy.QtWidgets import QFileDialog, QLineEdit

from napari_medseg.widgets.folder_dialog import FolderDialog

pytestmark = pytest.mark.gui


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_is_there_and_one_that_is_not_are_chosen(qtbot, tmp_path, there):
    dialog = FolderDialog(None, "New", tmp_path)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    if there:
        (tmp_path / "mine").mkdir()
    chosen = []
    dialog.filesSelected.connect(chosen.append)
    dialog.open()
    edit = dialog.findChild(QLineEdit, "fileNameEdit")
    edit.setText("mine")
    dialog.accept()
    assert chosen == [[str(tmp_path / "mine")]] and not dialog.isVisible()
    # it is made by who opens the project
    assert (tmp_path / "mine").exists() == there
