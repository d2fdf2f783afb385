"""The log of a window: what nobody caught stands in it too."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import notification_manager

from napari_medseg import log
from napari_medseg.errors import MedsegError


def keep_log() -> None:
    """Write a log in this process, unless it is written already."""
    if log.path_in_use() is None:
        log.set_up()
    # connected once, however many panels there are
    notification_manager.notification_ready.connect(_write)


def _write(notification: Any) -> None:
    """napari shows every error that comes out of a slot, also those of others; ours are told by their places."""
    error = getattr(notification, "exception", None)
    if isinstance(error, BaseException):
        log.tell(error, expected=isinstance(error, MedsegError))
