"""How large the voxels are of a volume that is made of pictures: their files rarely say it."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QDoubleSpinBox, QFormLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.stacks import Slices
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.words import tr

MOST_MM = 1000.0


class VolumeDialog(QDialog):
    """Asks for three sizes; all of them, or none.

    Parameters
    ----------
    slices : Slices
    parent : QWidget, optional
    """

    # (z, y, x) in mm, or None: not known
    chosen = Signal(object)

    def __init__(self, slices: Slices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("MedSeg: one volume of pictures"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        about = TextLabel(
            tr(
                "The {n} pictures in '{folder}' become one volume, a file in the project. How large is a voxel? "
                "Without that, volumes are told in voxels, not in ml.",
                n=slices.count,
                folder=slices.folder.name,
            )
        )
        about.setWordWrap(True)
        self.sizes = [QDoubleSpinBox() for _ in range(3)]
        for box, known in zip(self.sizes, (0.0, *(slices.size or (0.0, 0.0))), strict=True):
            box.setRange(0.0, MOST_MM)
            box.setDecimals(4)
            box.setSuffix(tr(" mm"))
            box.setSpecialValueText(tr("not known"))
            box.setValue(known)
            box.valueChanged.connect(self._look)
        form = QFormLayout()
        for text, box in zip((tr("Slice to slice"), tr("Row to row"), tr("Pixel to pixel")), self.sizes, strict=True):
            form.addRow(text, box)
        self.make, self.cancel = QPushButton(tr("Make the volume")), QPushButton(tr("Cancel"))
        buttons = QDialogButtonBox()
        buttons.addButton(self.make, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.cancel, QDialogButtonBox.ButtonRole.RejectRole)
        self.why = TextLabel()
        self.why.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self.why)
        layout.addWidget(buttons)
        buttons.accepted.connect(self._agreed)
        buttons.rejected.connect(self.reject)
        self._look()

    def _look(self) -> None:
        known = [box.value() > 0 for box in self.sizes]
        why = None if all(known) or not any(known) else tr("Say all three sizes, or none of them (0).")
        self.why.setText(why or "")
        able(self.make, why)

    def _agreed(self) -> None:
        z, y, x = (box.value() for box in self.sizes)
        self.chosen.emit((z, y, x) if x and y and z else None)
        self.accept()
