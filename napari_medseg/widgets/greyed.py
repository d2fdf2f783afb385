"""What cannot be pressed says why, and what to do, where the mouse rests on it."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_medseg.widgets.labels import as_html
from napari_medseg.words import mark

NO_IMAGE = mark("No image is open: choose one in the list of the tab Correct, or propose a mask.")
NO_PROJECT = mark("No project is open: drop images here, or press New or Open in the tab Correct.")
AT_WORK = mark("It is at work: wait, or press Cancel.")
NOTHING_RUNS = mark("Nothing is under way.")

_WHY, _OWN, _BOTH = "medseg_why", "medseg_own_tip", "medseg_both_tips"
_OPEN, _CLOSE = "<qt>", "</qt>"


def able(widget: QWidget, why: str | None) -> None:
    """Enable a widget, or grey it for a reason.

    Parameters
    ----------
    widget : QWidget
    why : str or None
        A sentence, shown below the widget's own tip, which comes back later; None: it can be used.
    """
    tip = widget.toolTip()
    if tip != widget.property(_BOTH):
        # another one was set since
        widget.setProperty(_OWN, tip)
    own = str(widget.property(_OWN) or "")
    if not why:
        both = own
    elif own.startswith(_OPEN):
        both = f"{own.removesuffix(_CLOSE)}<br>{as_html(why)}{_CLOSE}"
    else:
        both = f"{own}\n{why}".strip()
    widget.setProperty(_BOTH, both)
    widget.setProperty(_WHY, why or "")
    widget.setToolTip(both)
    widget.setEnabled(not why)


def why_not(widget: QWidget) -> str:
    """Why a widget is grey; empty where nobody said that, or it is not."""
    return "" if widget.isEnabled() else str(widget.property(_WHY) or "")
