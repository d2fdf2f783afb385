"""What is said goes when what it speaks of is past."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from qtpy.QtCore import Signal

from napari_medseg.widgets.labels import TextLabel, as_html


class Of(IntEnum):
    """What a sentence speaks of; where the larger is past, the smaller is too."""

    MASK = 0  # as it was then: over with the next stroke
    IMAGE = 1
    PROJECT = 2


class Message(TextLabel):
    """The one place of a section where anything is said; one that is noted stays when the next image opens."""

    # another sentence stands here
    said = Signal()

    def __init__(self, of: Of = Of.IMAGE) -> None:
        """``of``: what is spoken of where nobody says it."""
        self._usual = self._of = of
        self._keep = False
        super().__init__()
        self.setWordWrap(True)

    def setText(self, text: str | None) -> None:
        """Plain text; what was listed of another one goes."""
        self.say(text or "")

    def say(self, text: str, of: Of | None = None) -> None:
        """Plain text, and what it speaks of."""
        self._of = self._usual if of is None else of
        self.setToolTip("")
        super().setText(text)
        self.said.emit()

    def set_bold(self, bold: str, text: str) -> None:
        """Text that begins in bold."""
        self._of = self._usual
        super().set_bold(bold, text)
        self.said.emit()

    def list_each(self, each: Sequence[str]) -> None:
        """In the tip: what the text counts."""
        self.setToolTip("<qt>" + "<br>".join(map(as_html, each)) + "</qt>" if each else "")

    def note(self, text: str) -> None:
        """To be read on the next image, too."""
        self.setText(text)
        self._keep = True

    def take_back(self, words: str) -> None:
        """Say that no longer; what else is said stays."""
        if words in self.text():
            self.say(self.text().replace(words, "").strip(), self._of)

    def release(self) -> None:
        """What is said is of this image after all."""
        self._keep = False

    def past(self, what: Of) -> None:
        """There is another mask, image or project: what is said of the last one goes."""
        if what == Of.MASK:
            if self._of == Of.MASK:
                self.setText("")
        elif self._of <= what:
            self.forget()

    def forget(self) -> None:
        """Another image is shown."""
        if not self._keep:
            self.setText("")
        self._keep = False
