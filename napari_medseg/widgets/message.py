"""What is said of an image goes with it."""

from __future__ import annotations

from collections.abc import Sequence

from napari_medseg.widgets.labels import TextLabel, as_html


class Message(TextLabel):
    """A sentence; one that is noted stays when the next image opens."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self._keep = False

    def setText(self, text: str | None) -> None:
        """Plain text; what was listed of another one goes."""
        self.setToolTip("")
        super().setText(text)

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
            self.setText(self.text().replace(words, "").strip())

    def release(self) -> None:
        """What is said is of this image after all."""
        self._keep = False

    def forget(self) -> None:
        """Another image is shown."""
        if not self._keep:
            self.setText("")
        self._keep = False
