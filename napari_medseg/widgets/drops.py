"""Files and folders that are dropped on the window or the panel."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from npe2 import PluginManager
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QDragLeaveEvent
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from napari_medseg.app.intake import can_take

# with one of these held, napari opens what is dropped, as a stack or by the plugin that is chosen
NAPARIS = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier


class Drops(QObject):
    """Takes what is dropped where it is ours: images, folders, projects, and what nothing here can open.

    What a reader of napari or of another plugin opens is theirs.

    Parameters
    ----------
    panel : QWidget
        Lies in the window, now or later.
    take : callable
        Called with the paths.
    came : callable
        Called with the main window, each time that the panel came into it.
    """

    def __init__(
        self, panel: QWidget, take: Callable[[Sequence[Path]], None], came: Callable[[QMainWindow], None]
    ) -> None:
        super().__init__(panel)
        self._panel, self._take, self._came = panel, take, came
        self._window: weakref.ref[QMainWindow] | None = None
        panel.setAcceptDrops(True)
        self.look()

    def look(self) -> None:
        """The panel lies in a window: what takes drops in its middle, napari's canvas, is asked here first."""
        above: QWidget | None = self._panel
        window = above
        while above is not None:
            # each of them may get another place
            above.installEventFilter(self)
            window, above = above, above.parentWidget()
        if not isinstance(window, QMainWindow):
            return
        middle = window.centralWidget()
        for part in [] if middle is None else (middle, *middle.findChildren(QWidget)):
            if part.acceptDrops():
                part.installEventFilter(self)
        if self.window is not window:
            self._window = weakref.ref(window)
            self._came(window)

    @property
    def window(self) -> QMainWindow | None:
        """The window in which the panel is or was last, while it lives."""
        return None if self._window is None else self._window()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """What is dropped."""
        if event is None or watched is None:
            return False
        kind = event.type()
        if kind == QEvent.Type.ParentChange:
            self.look()
        if kind == QEvent.Type.Drop:
            return self._dropped(watched, event)
        if watched is self._panel and kind in (QEvent.Type.DragEnter, QEvent.Type.DragMove):
            if _paths(event):
                event.acceptProposedAction()
            return bool(_paths(event))
        return False

    def _dropped(self, watched: QObject, event: Any) -> bool:
        paths = _paths(event)
        if not paths or event.modifiers() & NAPARIS:
            return False
        if watched is not self._panel and not _are_ours(paths):
            return False
        event.acceptProposedAction()
        if watched is not self._panel:
            # it never hears of the drop: what it shows while something is dragged over it goes
            QApplication.sendEvent(watched, QDragLeaveEvent())
        self._take(paths)
        return True


def _are_ours(paths: Sequence[Path]) -> bool:
    """Something we take, or something that nobody does: we say so in a sentence, napari by an error."""
    return any(map(can_take, paths)) or not any(map(_is_read, paths))


def _is_read(path: Path) -> bool:
    """Whether napari or a plugin says that it reads such a file."""
    return any(PluginManager.instance().iter_compatible_readers([str(path)]))


def _paths(event: Any) -> list[Path]:
    """Local files and folders; none where some are elsewhere."""
    mime = event.mimeData()
    urls = mime.urls() if mime is not None and mime.hasUrls() else []
    return [Path(url.toLocalFile()) for url in urls] if all(url.isLocalFile() for url in urls) else []
