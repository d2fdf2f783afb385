"""The lists at the top of the tab Propose, each behind its name."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QSizePolicy, QWidget


def choice_form(rows: Sequence[tuple[str, QComboBox, QWidget | None]]) -> QFormLayout:
    """Lists as wide as the panel, not as their longest entry.

    Parameters
    ----------
    rows : sequence of (name, list, widget or None)
        The widget stands behind its list.
    """
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for text, box, behind in rows:
        box.setMinimumContentsLength(8)
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        row = QHBoxLayout()
        row.addWidget(box, 1)
        if behind is not None:
            row.addWidget(behind)
        form.addRow(text, row)
    return form
