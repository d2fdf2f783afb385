"""Whether a DICOM file ends where its pixels do: by their length alone, unpacked by nobody."""

from __future__ import annotations

from typing import BinaryIO, Literal

Order = Literal["little", "big"]
# groups of the tags that pixels have, by the order of bytes; kinds that are told in words, with four bytes of length
_PIXELS: dict[bytes, Order] = {b"\xe0\x7f": "little", b"\x7f\xe0": "big"}
_KINDS = (b"OB", b"OW", b"OF", b"OD", b"OV", b"UN")
_ENDLESS, _ITEM = 0xFFFFFFFF, b"\xfe\xff\x00\xe0"


def is_cut(file: BinaryIO) -> bool:
    """Whether the pixels of a file go on behind its end, or do not begin.

    Parameters
    ----------
    file : BinaryIO
        Where its pixels begin, as pydicom leaves it that stopped before them.
    """
    begins = file.tell()
    size = file.seek(0, 2)
    file.seek(begins)
    head = file.read(12)
    order = _PIXELS.get(head[:2])
    if order is None:
        # something else stands there: whoever reads it finds out
        return begins >= size
    worded = head[4:6] in _KINDS
    if len(head) < (12 if worded else 8):
        return True
    length = int.from_bytes(head[8:12] if worded else head[4:8], order)
    at = begins + (12 if worded else 8)
    if length != _ENDLESS:
        return at + length > size
    # in pieces, each with its length: a table, which may be empty, and what is packed
    pieces = 0
    file.seek(at)
    while len(head := file.read(8)) == 8 and head[:4] == _ITEM:
        at, pieces = at + 8 + int.from_bytes(head[4:], "little"), pieces + 1
        if at > size:
            return True
        file.seek(at)
    return pieces < 2
