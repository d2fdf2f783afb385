"""Icons of the tools: napari's own, and two drawn here in their manner, in the colours of the theme."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari.resources import get_colorized_svg, get_icon_path
from qtpy.QtCore import QByteArray, QSize, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

SIZE = 20
# of what cannot be pressed now
PALE = 0.35
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{}</svg>'
OWN = {
    # a bent line that runs through anchors
    "live_wire": _SVG.format(
        '<path d="M17 75 C22 30 46 22 52 46 C57 68 76 66 81 24 L87 25 C81 76 55 78 46 49 C42 33 28 38 23 76 Z"/>'
        '<rect x="9" y="70" width="21" height="21" rx="2"/>'
        '<rect x="40" y="37" width="21" height="21" rx="2"/>'
        '<rect x="73" y="10" width="21" height="21" rx="2"/>'
    ),
    # a magnet, and the brush's round beside it
    "snap_brush": _SVG.format(
        '<path fill-rule="evenodd" d="M14 8 H32 V40 A18 18 0 0 0 68 40 V8 H86 V40 A36 36 0 0 1 14 40 Z'
        ' M20 14 V22 H26 V14 Z M74 14 V22 H80 V14 Z"/>'
        '<circle cx="50" cy="87" r="8"/>'
    ),
}


def tool_icon(name: str, colour: str) -> QIcon:
    """An icon in a colour, paler where it is disabled, sharp on dense screens too.

    Parameters
    ----------
    name : str
        One of :data:`OWN`, or of napari's icons.
    colour : str
        As SVG writes it.
    """
    source, found = get_colorized_svg(OWN.get(name) or get_icon_path(name), colour), QIcon()
    renderer = QSvgRenderer(QByteArray(source.encode()))
    for dense in (1, 2, 3):
        full, pale = QPixmap(QSize(SIZE, SIZE) * dense), QPixmap(QSize(SIZE, SIZE) * dense)
        for pixmap in (full, pale):
            pixmap.fill(Qt.GlobalColor.transparent)
        with _painting(full) as painter:
            renderer.render(painter)
        # as a whole: where strokes cross they would be darker
        with _painting(pale) as painter:
            painter.setOpacity(PALE)
            painter.drawPixmap(0, 0, full)
        for pixmap, mode in ((full, QIcon.Mode.Normal), (pale, QIcon.Mode.Disabled)):
            pixmap.setDevicePixelRatio(dense)
            found.addPixmap(pixmap, mode)
    return found


@contextmanager
def _painting(pixmap: QPixmap) -> Iterator[QPainter]:
    painter = QPainter(pixmap)
    try:
        yield painter
    finally:
        painter.end()
