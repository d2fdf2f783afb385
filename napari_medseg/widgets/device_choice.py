"""On what to compute: what a computer has is known once torch is loaded, for which the first picture does not wait."""

from __future__ import annotations

import sys

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QComboBox

from napari_medseg.app.settings import load_settings
from napari_medseg.inference import available_devices
from napari_medseg.inference.device import DEVICES
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers

# by then the panel has been painted
LATER_MS = 500


class DeviceChoice(QComboBox):
    """The devices of this computer; the one of last time is chosen."""

    # there are others than were listed at first
    found = Signal()

    def __init__(self, state: PanelState, workers: Workers) -> None:
        super().__init__()
        self._state, self._workers = state, workers
        self._wanted = str(load_settings().get("device", "auto"))
        if "torch" in sys.modules:
            self._list(available_devices())
        else:
            # on trust: it was there last time
            self._list(tuple(dict.fromkeys((*state.devices, *({self._wanted} & {*DEVICES})))))
            QTimer.singleShot(LATER_MS, self._look)

    def _list(self, devices: tuple[str, ...]) -> None:
        """Show these; nobody chose anything by that."""
        self.blockSignals(True)
        self.clear()
        self.addItems(devices)
        self.setCurrentText(self._wanted)
        self.blockSignals(False)
        self._state.devices, self._state.device = devices, self.currentText()

    def _look(self) -> None:
        if not self._workers.closed:
            # where torch cannot be loaded, whoever proposes is told
            self._workers.run(lambda *_: available_devices(), on_done=self._found, on_error=lambda error: None)

    def _found(self, devices: tuple[str, ...]) -> None:
        # chosen meanwhile
        self._wanted = self.currentText()
        self._list(devices)
        self.found.emit()
