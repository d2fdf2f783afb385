"""DICOM-SEG, the masks of hospitals: written in the study of their image, and read as any other mask."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.io.dicom_seg_image import check_image
from napari_medseg.io.dicom_seg_read import read, read_grid, read_names
from napari_medseg.io.dicom_seg_write import TITLE, write
from napari_medseg.io.dicom_tags import LABEL_MAP, SEGMENTATION
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.plain import open_plain

# how a file begins that says what it is: in the group before its tags, in plain order of bytes
_HEAD, _MAGIC, _CLASS = 2048, b"DICM", b"\x02\x00\x02\x00UI"


def holds(path: Path) -> bool:
    """Whether a file says that it is a segmentation, whatever it is called: its first bytes tell."""
    try:
        with open_plain(path) as stream:
            head = stream.read(_HEAD)
    # closed to the user, a pipe, a folder, or a name that is none
    except (OSError, ValueError):
        return False
    at = head.find(_CLASS)
    if head[128:132] != _MAGIC or at < 0:
        return False
    length = int.from_bytes(head[at + 6 : at + 8], "little")
    uid = head[at + 8 : at + 8 + length].rstrip(b"\0 ").decode("ascii", "replace")
    return uid in (SEGMENTATION, LABEL_MAP)


FORMAT = Format(
    name="dicom-seg",
    title=TITLE,
    suffixes=(".seg.dcm",),
    read=read,
    grid=read_grid,
    names=read_names,
    check_image=check_image,
    write_mask=write,
    gives=Gives(axes=(2, 3), images=False),
    takes=Takes(axes=(2, 3), highest=255, source=True, of_format="dicom"),
    keeps=Keeps(spacing=Kept.WHOLE, position=Kept.WHOLE, classes=Kept.WHOLE, provenance=Kept.AS_TEXT),
    holds=holds,
    kin="dicom",
    reader=True,
    extra="dicom",
    judged="dciodvfy, dcmqi, highdicom, SimpleITK",
)
