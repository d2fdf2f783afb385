"""Of an export: whether a table of all lesions goes with the masks."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QWidget

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.widgets.keys import key_of
from napari_medseg.words import tr

SETTING = "export_table"


class TableChoice(QWidget):
    """A tick that is remembered, and a button that opens the table in the window."""

    def __init__(self) -> None:
        super().__init__()
        self.tick = QCheckBox(tr("Also a table of all lesions (CSV)"))
        self.tick.setToolTip(
            tr("What each measures, a row a lesion: NAME_measurements.csv, or measurements.csv of a whole project")
        )
        self.tick.setChecked(bool(load_settings().get(SETTING, False)))
        self.show_table = QPushButton(tr("Measurements"))
        self.show_table.setToolTip(tr("The table of the mask in view, below the image  ({key})", key=key_of("measure")))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.tick, 1)
        row.addWidget(self.show_table)
        self.tick.toggled.connect(lambda on: save_settings(**{SETTING: on}))

    @property
    def wanted(self) -> bool:
        """Whether it is written, too."""
        return self.tick.isChecked()
