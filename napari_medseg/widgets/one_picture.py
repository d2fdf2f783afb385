"""Several changes of the layers, one picture: nothing is painted while they are half done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QWidget


def canvases_of(widget: QWidget) -> list[QWidget]:
    """Those of the window in which a widget lies."""
    above: Any = widget
    # a panel that floats is a window of its own, and still the main one's child
    while above is not None and not isinstance(above, QMainWindow):
        above = above.parentWidget()
    middle = None if above is None else above.centralWidget()
    return [] if middle is None else middle.findChildren(QOpenGLWidget)


@contextmanager
def one_picture(widget: QWidget) -> Iterator[None]:
    """Hold the painting of the window's canvases back.

    A layer that is added changes the sliders, these the canvas's size, and Qt paints it there and then: in the middle,
    with a layer that has no vertices yet, on which some drivers end the program.
    """
    held = [canvas for canvas in canvases_of(widget) if canvas.updatesEnabled()]
    for canvas in held:
        canvas.setUpdatesEnabled(False)
    try:
        yield
    finally:
        for canvas in held:
            canvas.setUpdatesEnabled(True)
