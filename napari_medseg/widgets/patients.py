"""What of an image tells whose it is, asked where images are added."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from napari_medseg.app.images import PATIENTS
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.words import mark, tr

ABOUT = mark(
    "Images of one patient are either all learned from or all kept for testing, so that no network is "
    "judged on a patient it has seen. By name: what stands before the first '_', '-' or space, as in "
    "'case07_slice12.png'."
)


class PatientChoice(QWidget):
    """One patient is: each image, each folder, or each beginning of a name; remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.choice = QComboBox()
        for by, text in PATIENTS.items():
            self.choice.addItem(tr(text), by)
        self.choice.setCurrentIndex(max(0, self.choice.findData(load_settings().get("patients"))))
        self.choice.setToolTip(tr(ABOUT))
        # the panel is narrow; the list that opens is as wide as its words
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(8)
        self.choice.activated.connect(lambda _: save_settings(patients=self.by))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel(tr("One patient is")))
        row.addWidget(self.choice, 1)

    def propose(self, by: str) -> None:
        """Show another choice for what is added next; it is not remembered."""
        self.choice.setCurrentIndex(self.choice.findData(by))

    def take_back(self) -> None:
        """What the person chose again."""
        self.choice.setCurrentIndex(max(0, self.choice.findData(load_settings().get("patients"))))

    @property
    def by(self) -> str:
        """As :func:`napari_medseg.app.images.patient_of` takes it."""
        return str(self.choice.currentData())
