"""How the section Propose is laid out."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_medseg.widgets.choice_form import choice_form


def lay_out(
    section: QWidget,
    choices: Sequence[tuple[str, QComboBox, QWidget | None]],
    engine: QWidget,
    *,
    between: Sequence[QWidget],
    buttons: Sequence[QPushButton],
    below: Sequence[QWidget],
) -> None:
    """Put the parts into a section.

    Parameters
    ----------
    choices : sequence of (text, QComboBox, QWidget or None)
        As :func:`choice_form` takes them.
    engine : QWidget
        Below them.
    between, below : sequence of QWidget
        Over and under the buttons.
    buttons : (QPushButton, QPushButton)
        To run, and to cancel.
    """
    form = choice_form(choices)
    form.addRow("", engine)
    row = QHBoxLayout()
    row.addWidget(buttons[0], 1)
    row.addWidget(buttons[1])
    layout = QVBoxLayout(section)
    layout.addLayout(form)
    for widget in between:
        layout.addWidget(widget)
    layout.addLayout(row)
    for widget in below:
        layout.addWidget(widget)
    layout.addStretch()
