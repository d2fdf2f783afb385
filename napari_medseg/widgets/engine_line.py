"""Beside the choice of a device: what runs the network there, and a switch."""

from __future__ import annotations

import os
from typing import Any

from qtpy.QtWidgets import QCheckBox

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.inference.engines import AUTO, TITLES, TORCH, VARIABLE, present_engines
from napari_medseg.widgets.labels import as_tip
from napari_medseg.widgets.state import PanelState
from napari_medseg.words import tr


class EngineLine(QCheckBox):
    """Ticked: networks run in what was measured as the quickest here, which it names once it is known.

    Out of sight where there is nothing to choose: on a graphics card, without a second engine, or where the computer's
    environment says which one it is.
    """

    def __init__(self, state: PanelState) -> None:
        super().__init__()
        self._state = state
        # of which network, task and device it speaks
        self._about: object = None
        self._some = bool(present_engines()) and os.environ.get(VARIABLE, "") in ("", AUTO)
        self.setChecked(load_settings().get("engine") != TORCH)
        self.setToolTip(
            as_tip(
                tr(
                    "Each network is tried once, in the background, in ONNX Runtime and OpenVINO, and runs in what is "
                    "fastest on this computer. The masks stay the same. Not ticked: always in PyTorch."
                )
            )
        )
        self._state.engine = AUTO if self.isChecked() else TORCH
        self.toggled.connect(self._switched)

    def _switched(self, *_: Any) -> None:
        self._state.engine = AUTO if self.isChecked() else TORCH
        save_settings(engine=self._state.engine)
        self.forget()

    def about(self, chosen: object) -> None:
        """What is chosen; said again of the same, what is known of it stays."""
        if chosen != self._about:
            self._about = chosen
            self.forget()

    def forget(self) -> None:
        """Nothing is known yet."""
        self.setText(tr("Whatever is fastest on this computer"))
        on_cpu = self._state.device == "cpu" or set(self._state.devices) <= {"auto", "cpu"}
        self.setVisible(self._some and on_cpu)

    def tell(self, engine: str, gain: float | None) -> None:
        """What ran a proposal: name and version of the engine, and how many times faster it was than torch."""
        name = engine.partition(" ")[0]
        if not self.isChecked() or gain is None or name not in TITLES:
            self.forget()
        elif name == TORCH:
            self.setText(tr("{engine} is the fastest here", engine=TITLES[TORCH]))
        else:
            self.setText(tr("{engine}, {gain:.1f} times faster here", engine=TITLES[name], gain=gain))
