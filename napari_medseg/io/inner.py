"""Sizes of the pictures inside a TIFF: a tile may hold a JPEG that claims to be larger than the whole image."""

from __future__ import annotations

import struct

# TIFF's numbers of compressions that are whole pictures: JPEG and its kin, JPEG 2000, PNG
PICTURES = (6, 7, 33003, 33004, 33005, 33007, 34712, 34892, 34933)
# their sizes stand within so many bytes
HEAD = 1 << 16
_PNG, _CODESTREAM, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\x4f\xff\x51", b"\xff\xd8"
# markers of a JPEG that begin a frame, and those that no length follows
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD9)}


def picture_size(head: bytes) -> tuple[int, int] | None:
    """(Y, X) as the beginning of a JPEG, JPEG 2000 or PNG says; None where it says nothing."""
    try:
        if head.startswith(_PNG):
            width, height = struct.unpack_from(">II", head, 16)
            return height, width
        if head.startswith(_JPEG):
            return _jpeg_size(head)
        at = head.find(_CODESTREAM)
        if at < 0:
            return None
        width, height, left, top = struct.unpack_from(">IIII", head, at + 8)
        return height - top, width - left
    except struct.error:
        return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 4 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return height, width
        # 0xFF may be repeated
        at += 1 if marker == 0xFF else 2 if marker in _BARE else 2 + struct.unpack_from(">H", head, at + 2)[0]
    return None
