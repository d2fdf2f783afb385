"""What was not done is said once: in the panel, or in a balloon where nobody sees the panel's words."""

from __future__ import annotations

from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QWidget


def warn_unseen(place: QWidget, why: str) -> None:
    """A balloon, unless the widget that says it already is in view."""
    if not place.isVisible():
        show_warning(why)
