"""What is wrong with the storing, above all sections: whoever looks at another one must see it too."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_medseg.app.correct import SaveStatus
from napari_medseg.widgets.labels import as_html
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.words import tr, trn


class StorageBanner(QLabel):
    """Hidden while all is well."""

    def __init__(self, state: PanelState, bus: Bus) -> None:
        super().__init__()
        self.setObjectName("medseg_banner")
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setStyleSheet("QLabel { background: #7a2e2e; color: white; padding: 6px; border-radius: 3px; }")
        self.hide()
        bus.save_status.connect(self._show_status)
        # of an image that is closed there is nothing left to say here; one that still waits says so again
        state.events.case_id.connect(self._case_changed)

    def _show_status(self, status: SaveStatus) -> None:
        text = trouble(status)
        self.setText(text or "")
        self.setVisible(text is not None)

    def _case_changed(self, _: Any) -> None:
        self.hide()


def trouble(status: SaveStatus) -> str | None:
    """What is wrong and what becomes of the strokes; None: nothing is."""
    why = as_html(status.error or "")
    if status.lost:
        return trn(
            "<b>Cannot be stored:</b> {why} {n} stroke is on the screen only; when this image is closed, its mask is "
            "written to another folder, which you are told.",
            "<b>Cannot be stored:</b> {why} {n} strokes are on the screen only; when this image is closed, its mask is "
            "written to another folder, which you are told.",
            status.lost,
            why=why,
        )
    if status.error:
        return trn(
            "<b>Not stored yet:</b> {why} Your {n} stroke is in memory; you can go on drawing, and all is stored as "
            "soon as it can be.",
            "<b>Not stored yet:</b> {why} Your {n} strokes are in memory; you can go on drawing, and all is stored as "
            "soon as it can be.",
            status.pending,
            why=why,
        )
    return tr("<b>Stored, but:</b> {warning}", warning=as_html(status.warning)) if status.warning else None
