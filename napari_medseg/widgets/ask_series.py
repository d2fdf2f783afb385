"""napari asks for layers and waits: a list to choose from, and work off the GUI thread, that are waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from qtpy.QtCore import QEventLoop, QObject, Qt
from qtpy.QtWidgets import QApplication, QMainWindow, QProgressDialog, QWidget

from napari_medseg.app.series import Choice
from napari_medseg.io.format import Progress
from napari_medseg.widgets.series_dialog import SeriesDialog
from napari_medseg.widgets.waiting import AFTER_SECONDS
from napari_medseg.widgets.workers import Workers, stepping
from napari_medseg.words import tr

_Found = TypeVar("_Found")
_STEPS = 1000


def has_window() -> bool:
    """Whether there is somebody to ask."""
    return QApplication.instance() is not None and _window() is not None


def _window() -> QWidget | None:
    """The one that is in front; where the system does not say it, one that is seen."""
    seen = (one for one in QApplication.topLevelWidgets() if isinstance(one, QMainWindow) and one.isVisible())
    return QApplication.activeWindow() or next(seen, None)


def ask_series(choices: Sequence[Choice]) -> list[Choice]:
    """Which of several series are meant, once a person says it; none where they cancel."""
    if not choices:
        return []
    owner = QObject()
    found: list[Choice] = []
    workers = Workers(owner, lambda error: None)
    dialog = SeriesDialog(choices, workers, _window())
    dialog.chosen.connect(found.extend)
    dialog.exec()
    workers.close()
    return found


def wait_for(work: Callable[[Progress], _Found]) -> _Found | None:
    """What a function gives that runs off the GUI thread; None where a person cancels it.

    Raises
    ------
    Exception
        What it raises.
    """
    owner, loop, found = QObject(), QEventLoop(), dict[str, Any]()
    workers = Workers(owner, lambda error: None)
    dialog = QProgressDialog(tr("Opening the image..."), tr("Cancel"), 0, _STEPS, _window())
    dialog.setWindowTitle("MedSeg")
    dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
    dialog.setMinimumDuration(round(AFTER_SECONDS * 1000))
    dialog.setAutoReset(False)

    def keep(name: str, value: Any) -> None:
        found[name] = value
        loop.quit()

    ticket = workers.run(
        lambda ticket, progress: work(stepping(ticket, progress)),
        on_done=lambda value: keep("value", value),
        on_error=lambda error: keep("error", error),
        on_progress=lambda share, told: dialog.setValue(round(share * (_STEPS - 1))),
        lane="files",
    )
    dialog.canceled.connect(ticket.cancel)
    dialog.canceled.connect(loop.quit)
    loop.exec()
    workers.close()
    dialog.close()
    dialog.deleteLater()
    if "error" in found:
        raise found["error"]
    return cast("_Found | None", found.get("value"))
