"""What is to be known of the image that is looked at: what its file says, and how bright it is shown."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_medseg.app.layer_keys import FILE_KEY, TOLD_KEY, WINDOWS_KEY, number_of
from napari_medseg.app.windows import chosen, windows_for
from napari_medseg.io.image import Window
from napari_medseg.widgets.labels import TextLabel, as_tip
from napari_medseg.widgets.layers import image_of, is_map
from napari_medseg.words import tr


class ImageBar(QWidget):
    """Hidden where there is nothing to say or to choose. What a person set is kept for each image until the end.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._image: Image | None = None
        self._found: list[Window] = []
        # by file: what a person set
        self._kept: dict[str, tuple[float, float]] = {}
        self.told, self.window_row, self.windows = TextLabel(), QWidget(), QComboBox()
        self.told.setObjectName("medseg_told")
        self.told.setWordWrap(True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.windows.setObjectName("medseg_window")
        self.windows.setToolTip(
            as_tip(
                tr(
                    "How bright the picture is shown. Proposals do not depend on it: networks are given the values of "
                    "the file."
                )
            )
        )
        row = QHBoxLayout(self.window_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(TextLabel(tr("Brightness:")))
        row.addWidget(self.windows, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.told)
        layout.addWidget(self.window_row)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.look)
        layers = viewer.layers
        self._heard: tuple[Any, ...] = (layers.selection.events.active, layers.events.inserted, layers.events.removed)
        for emitter in self._heard:
            emitter.connect(self._changed)
        self.windows.activated.connect(self._choose)
        self.look()

    def _changed(self, event: Any = None) -> None:
        self._soon.start()

    def look(self) -> None:
        """Look again which image is looked at."""
        image = self._looked_at()
        if image is None or image != self._image:
            self._let_go()
            self._follow(image)
        self._fill()

    def _looked_at(self) -> Image | None:
        active = self._viewer.layers.selection.active
        image = None if active is None else image_of(self._viewer, active) or active
        return image if isinstance(image, Image) and not is_map(image) else None

    def _follow(self, image: Image | None) -> None:
        self._image = image
        self._found = []
        if image is None:
            return
        facts = image.metadata.get(WINDOWS_KEY)
        if facts is not None:
            self._found = windows_for(*facts)
            limits = self._kept.get(_key(image))
            if limits is not None:
                image.contrast_limits = limits
            image.events.contrast_limits.connect(self._moved)

    def _let_go(self) -> None:
        if self._image is not None and self._found:
            self._image.events.contrast_limits.disconnect(self._moved)
        self._image = None

    def _moved(self, event: Any = None) -> None:
        if self._image is not None:
            low, high = self._image.contrast_limits
            self._kept[_key(self._image)] = (float(low), float(high))
        self._fill()

    def _fill(self) -> None:
        image = self._image
        told = () if image is None else image.metadata.get(TOLD_KEY, ())
        self.told.setText("" if image is None or not told else f"{image.name}: {' '.join(told)}")
        self.told.setVisible(bool(told))
        self.window_row.setVisible(bool(self._found))
        self.setVisible(bool(told or self._found))
        if image is None or not self._found:
            return
        now = chosen(self._found, image.contrast_limits)
        names = [name for name, _, _ in self._found] + ([] if now is not None else [tr("As you set it")])
        if [self.windows.itemText(row) for row in range(self.windows.count())] != names:
            self.windows.clear()
            self.windows.addItems(names)
        self.windows.setCurrentIndex(len(names) - 1 if now is None else now)

    def _choose(self, row: int) -> None:
        if self._image is None or row >= len(self._found):
            return
        _, low, high = self._found[row]
        reach = self._image.contrast_limits_range
        # the slider of napari goes there too
        self._image.contrast_limits_range = (min(low, reach[0]), max(high, reach[1]))
        self._image.contrast_limits = (low, high)

    def detach(self) -> None:
        """Let go of the viewer."""
        self._soon.stop()
        for emitter in self._heard:
            emitter.disconnect(self._changed)
        self._heard = ()
        self._let_go()


def _key(image: Image) -> str:
    return str(image.metadata.get(FILE_KEY) or number_of(image))
