"""Text of any origin on the screen: names, messages and metadata are shown as they are, never taken for HTML."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

# between the rows of a section and around it, px: the panel is to be seen whole
SPACING = 4
MARGINS = (6, 4, 6, 2)


class TextLabel(QLabel):
    """A label that shows text as it is; Qt's own guesses whether it is HTML, and loads the pictures that it names."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setText(text)

    def setText(self, text: str | None) -> None:
        """Plain text."""
        self.setTextFormat(Qt.TextFormat.PlainText)
        super().setText(text)

    def set_bold(self, bold: str, text: str) -> None:
        """Text that begins in bold; both as they are."""
        self.setTextFormat(Qt.TextFormat.RichText)
        super().setText(f"<b>{as_html(bold)}</b>{as_html(text)}")


class RoomyLabel(TextLabel):
    """As high as two lines also where it says one, or nothing: what stands below it stays where it is."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setWordWrap(True)

    def heightForWidth(self, width: int) -> int:
        """Of its text, or of two lines."""
        edge = self.contentsMargins()
        return max(super().heightForWidth(width), 2 * self.fontMetrics().lineSpacing() + edge.top() + edge.bottom())


def as_html(text: str) -> str:
    """Text to put between tags, or into a tool tip."""
    return escape(text, quote=False)


def as_tip(text: str) -> str:
    """A tool tip that shows a text as it is."""
    return f"<qt>{as_html(text)}</qt>"
