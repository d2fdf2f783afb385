"""Names of cases: files are called after them."""

from __future__ import annotations

import re

# what would lead to another folder or drive, and what no file name may hold
_UNSAFE = re.compile(r"[/\\:\x00-\x1f]")


def safe_name(name: str) -> str:
    """A name that stays in the folder where a file of that name is written."""
    return _UNSAFE.sub("_", name).strip(" .") or "image"
