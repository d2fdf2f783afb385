"""napari's message on units that differ, kept from popping up.

An image of which nobody knows the size counts in pixels, a volume in mm; both may be open, one of them out of sight.
The panel says beside every number whether a size is known, so that message tells nothing that a person could act on.
"""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import notification_manager

ABOUT = "Inconsistent units across layers"


class QuietUnits:
    """Until :meth:`stop`, that one message is not shown. All others are."""

    def __init__(self) -> None:
        notification_manager.notification_ready.connect(self._told, position="first")

    def _told(self, event: Any) -> None:
        if str(getattr(event, "message", "")).startswith(ABOUT):
            event.blocked = True

    def stop(self) -> None:
        """napari's own way again."""
        notification_manager.notification_ready.disconnect(self._told)
