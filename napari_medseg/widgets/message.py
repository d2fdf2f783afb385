"""What is said of an image goes with it."""

from __future__ import annotations

from napari_medseg.widgets.labels import TextLabel


class Message(TextLabel):
    """A sentence; one that is noted stays when the next image opens."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self._keep = False

    def note(self, text: str) -> None:
        """To be read on the next image, too."""
        self.setText(text)
        self._keep = True

    def release(self) -> None:
        """What is said is of this image after all."""
        self._keep = False

    def forget(self) -> None:
        """Another image is shown."""
        if not self._keep:
            self.setText("")
        self._keep = False
