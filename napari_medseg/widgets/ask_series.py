"""napari asks for layers and waits: a list to choose from, and work off the GUI thread, that are waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from qtpy.QtCore import QEventLoop, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMainWindow, QProgressDialog, QWidget

from napari_medseg.app.series import Choice
from napari_medseg.errors import Cancelled
from napari_medseg.io.format import Progress
from napari_medseg.widgets.series_dialog import SeriesDialog
from napari_medseg.widgets.waiting import AFTER_SECONDS
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr

_Found = TypeVar("_Found")
_STEPS, _LOOK_MS = 1000, 20


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
    found: list[Choice] = []
    # it outlives the dialog: a picture may be on its way yet
    workers = Workers(QApplication.instance(), lambda error: None)
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
    loop, given_up, share = QEventLoop(), threading.Event(), [0.0]
    dialog = QProgressDialog(tr("Opening the image..."), tr("Cancel"), 0, _STEPS, _window())
    dialog.setWindowTitle("MedSeg")
    dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
    dialog.setMinimumDuration(round(AFTER_SECONDS * 1000))
    dialog.setAutoReset(False)

    def step(done: float) -> None:
        if given_up.is_set():
            raise Cancelled
        share[0] = done

    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="medseg-reader")
    # the thread touches nothing of Qt: whoever cancels does not wait for a drive that does not answer
    running = thread.submit(work, step)
    timer = QTimer(interval=_LOOK_MS)

    def look() -> None:
        dialog.setValue(round(share[0] * (_STEPS - 1)))
        if running.done():
            loop.quit()

    def cancel() -> None:
        given_up.set()
        loop.quit()

    timer.timeout.connect(look)
    dialog.canceled.connect(cancel)
    timer.start()
    loop.exec()
    timer.stop()
    thread.shutdown(wait=False, cancel_futures=True)
    dialog.canceled.disconnect(cancel)
    dialog.close()
    dialog.deleteLater()
    return None if given_up.is_set() else running.result()
