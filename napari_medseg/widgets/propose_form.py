"""How the section Propose is laid out."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_medseg.words import tr


def lay_out(
    section: QWidget,
    choices: Sequence[QComboBox],
    *,
    open: QPushButton,
    engine: QWidget,
    between: Sequence[QWidget],
    buttons: Sequence[QPushButton],
    below: Sequence[QWidget],
) -> None:
    """Put the parts into a section.

    Parameters
    ----------
    choices : sequence of QComboBox
        Image, task, network, device.
    open : QPushButton
        Beside the image.
    engine : QWidget
        Below the device.
    between, below : sequence of QWidget
        Over and under the buttons.
    buttons : (QPushButton, QPushButton)
        To run, and to cancel.
    """
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    names = (tr("Image"), tr("Task"), tr("Network"), tr("Device"))
    for number, (text, box) in enumerate(zip(names, choices, strict=True)):
        box.setMinimumContentsLength(8)
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        row = QHBoxLayout()
        row.addWidget(box, 1)
        if number == 0:
            row.addWidget(open)
        form.addRow(text, row)
    form.addRow("", engine)
    run_row = QHBoxLayout()
    run_row.addWidget(buttons[0], 1)
    run_row.addWidget(buttons[1])
    layout = QVBoxLayout(section)
    layout.addLayout(form)
    for widget in between:
        layout.addWidget(widget)
    layout.addLayout(run_row)
    for widget in below:
        layout.addWidget(widget)
    layout.addStretch()
