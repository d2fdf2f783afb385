"""What is said of a draft."""

from __future__ import annotations

from napari_medseg.app.draft import Draft
from napari_medseg.words import tr, trn


def _fields(draft: Draft) -> dict[str, str]:
    return {"draft": draft.by, "network": ", ".join(draft.waits_for)}


def works_on(draft: Draft) -> str:
    """While the other network works."""
    return trn(
        "A draft by {draft}; {network} is still working: its mask follows in a moment. What you draw stays.",
        "A draft by {draft}; {network} are still working: their mask follows in a moment. What you draw stays.",
        len(draft.waits_for),
        **_fields(draft),
    )


def replaced(draft: Draft) -> str:
    """The other network is done."""
    return tr("The mask by {network} took the draft's place; what you drew stays.", **_fields(draft))


def stays(draft: Draft) -> str:
    """The other network will say nothing any more: it was cancelled, or there was an error, which is told before."""
    return tr("The draft by {draft} stays.", **_fields(draft))


def stopped(draft: Draft) -> str:
    """The draft was accepted."""
    return trn(
        "It is the draft by {draft}; {network} was stopped.",
        "It is the draft by {draft}; {network} were stopped.",
        len(draft.waits_for),
        **_fields(draft),
    )
