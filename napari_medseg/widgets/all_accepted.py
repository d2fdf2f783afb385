"""That no image is left: said where that is so, kept true while it stands there, and taken back."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medseg.app.how_far import ALL_ACCEPTED, all_accepted_text
from napari_medseg.project import Case
from napari_medseg.widgets.message import Message
from napari_medseg.words import tr


class AllAccepted:
    """Says it in a message, beside what else is said there."""

    def __init__(self, message: Message) -> None:
        self._message = message
        # as it was told last
        self._told = ""

    def tell(self, cases: Sequence[Case], note: str) -> None:
        """It is so; a note on the last image stays."""
        self._told = all_accepted_text(cases)
        self._message.setText(f"{note} {self._told}".strip())
        self._message.release()

    def look(self, cases: Sequence[Case]) -> None:
        """The images are others, or other frames of them are accepted."""
        if not cases or any(case.state != "accepted" and not case.large for case in cases):
            # not any more
            self._message.take_back(tr(ALL_ACCEPTED))
            self._message.take_back(self._told)
        elif self._told and self._told in self._message.text():
            # frames are counted off the GUI thread
            before, self._told = self._told, all_accepted_text(cases)
            self._message.setText(self._message.text().replace(before, self._told))
