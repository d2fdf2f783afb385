"""Every weights that were ever in use in a project, to go back to."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QPushButton, QVBoxLayout, QWidget

from napari_medseg.app.versions import Version, use_version, versions
from napari_medseg.errors import sentence
from napari_medseg.project.history import when
from napari_medseg.widgets.labels import as_tip
from napari_medseg.widgets.run_text import round_number, version_name
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr


class VersionList(QWidget):
    """A list and a button; hidden while there is nothing to choose between.

    Parameters
    ----------
    state : PanelState
    bus : Bus
    workers : Workers
    tell : callable
        Takes a sentence to show.
    """

    def __init__(self, state: PanelState, bus: Bus, workers: Workers, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._state, self._bus, self._workers, self._tell = state, bus, workers, tell
        self.list, self.use = QComboBox(), QPushButton(tr("Use this one"))
        # as wide as the panel, not as the longest name
        self.list.setMinimumContentsLength(8)
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(self.use)
        self.use.clicked.connect(self.use_chosen)
        self._show([])

    def refresh(self) -> None:
        """Read what was ever in use, off the GUI thread."""
        project = self._state.project
        if project is None:
            self._show([])
            return

        def show(found: list[Version]) -> None:
            if project is self._state.project:
                self._show(found)

        self._workers.run(lambda ticket, progress: versions(project), on_done=show, lane="files")

    def _show(self, found: list[Version]) -> None:
        self.list.clear()
        for number, version in enumerate(found):
            name = version_name(version.weights, first=number == 0)
            made = when(version.adopted)
            parts = (
                name,
                made if round_number(version.weights) is not None else "",
                tr("in use") if version.in_use else "",
            )
            self.list.addItem(", ".join(filter(None, parts)), version)
            self.list.setItemData(number, as_tip(f"{version.weights}, {made}"), Qt.ItemDataRole.ToolTipRole)
            if version.in_use:
                self.list.setCurrentIndex(self.list.count() - 1)
        self.setVisible(len(found) > 1)

    def use_chosen(self) -> None:
        """Go back, or forth, to the chosen version, bit for bit."""
        project, version = self._state.project, self.list.currentData()
        name = version_name(version.weights, first=self.list.currentIndex() == 0) if version is not None else ""
        if project is None or version is None:
            return

        def done(_: None) -> None:
            self._bus.weights_changed.emit()
            self.refresh()
            self._tell(tr("{name} in use.", name=name))

        def failed(error: BaseException) -> None:
            self._tell(sentence(error))
            show_warning(sentence(error))

        self._workers.run(
            lambda ticket, progress: use_version(project, version), on_done=done, on_error=failed, lane="files"
        )
