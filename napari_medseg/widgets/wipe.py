"""Old and new mask in one picture, a slider between the two; a click shows it large."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QImage, QMouseEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QLayout, QSizePolicy, QSlider, QVBoxLayout, QWidget

from napari_medseg.app.pictures import GAINED, LOST, NETWORK, TRUTH, Compared
from napari_medseg.words import tr


def _spot(colour: tuple[int, int, int], sign: str, text: str) -> str:
    # on dark, as in the picture: a white line is not seen on a light window
    spot = f'<span style="color: rgb{colour}; background-color: #262930">&nbsp;{sign}&nbsp;</span>'
    return f"{spot}&nbsp;{text.replace(' ', '&nbsp;')}"


def legend() -> str:
    """What the colours mean, as HTML."""
    spots = (
        _spot(GAINED, "\u25a0", tr("gained: only the new network draws it")),
        _spot(LOST, "\u25a0", tr("lost: only the old one did")),
        _spot(TRUTH, "\u2501", tr("your mask")),
        _spot(NETWORK, "\u2501", tr("the network's")),
    )
    return " &nbsp; ".join(spots)


class Picture(QLabel):
    """As wide as there is room, and no higher than said; it keeps its shape."""

    clicked = Signal()

    def __init__(self, highest: int) -> None:
        super().__init__()
        self._highest, self._whole = highest, QPixmap()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_array(self, picture: np.ndarray) -> None:
        """Show (Y, X, 3) uint8, contiguous."""
        height, width, _ = picture.shape
        image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._whole = QPixmap.fromImage(image.copy())
        self._fit()

    def _fit(self) -> None:
        if not self._whole.isNull() and self.width() > 1:
            ratio = self.devicePixelRatioF()
            room = QSize(round(self.width() * ratio), round(self._highest * ratio))
            how = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            shown = self._whole.scaled(room, *how)
            shown.setDevicePixelRatio(ratio)
            self.setPixmap(shown)
            self.setFixedHeight(round(shown.height() / ratio))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """The panel may be made wider."""
        super().resizeEvent(event)
        self._fit()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """A click."""
        super().mouseReleaseEvent(event)
        self.clicked.emit()


class Wipe(QWidget):
    """The picture, its slider and what the colours mean.

    Parameters
    ----------
    highest : int
        Of the picture, px.
    """

    def __init__(self, highest: int = 260) -> None:
        super().__init__()
        self.picture, self.slider, self.legend = Picture(highest), QSlider(Qt.Orientation.Horizontal), QLabel(legend())
        self._shown: Compared | None = None
        self.slider.setRange(0, 100)
        self.slider.setValue(50)
        self.slider.setToolTip(tr("Left of the line the old network's mask, right of it the new one's."))
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(QLabel(tr("old")))
        row.addWidget(self.slider, 1)
        row.addWidget(QLabel(tr("new")))
        self.column = layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.picture)
        layout.addLayout(row)
        layout.addWidget(self.legend)
        self.slider.valueChanged.connect(self._draw)

    def show_compared(self, shown: Compared | None) -> None:
        """Another picture; the slider stays where it is."""
        self._shown = shown
        self._draw()

    def _draw(self, *_: int) -> None:
        if self._shown is not None:
            self.picture.show_array(self._shown.at(self.slider.value() / 100))


class LargeWipe(QDialog):
    """The same in a window of its own, as large as the screen allows."""

    def __init__(self, parent: QWidget, name: str, shown: Compared, value: int) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("{name}: old and new network", name=name))
        screen = parent.screen().availableGeometry()
        height, width, _ = shown.base.shape
        scale = min(0.72 * screen.height() / height, 0.9 * screen.width() / width)
        self.wipe = Wipe(round(scale * height))
        self.wipe.column.setAlignment(self.wipe.picture, Qt.AlignmentFlag.AlignHCenter)
        self.wipe.picture.setFixedSize(round(scale * width), round(scale * height))
        self.wipe.slider.setValue(value)
        layout = QVBoxLayout(self)
        layout.addWidget(self.wipe)
        # as large as the picture, whatever the legend would need if it were narrow
        self.wipe.legend.setWordWrap(False)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetFixedSize)
        self.wipe.show_compared(shown)
