"""What lies beside a series of DICOM and is none of its slices, in words."""

from __future__ import annotations

from pathlib import Path

from napari_medseg.io.dicom_series import Series, damaged_in, lies_in, list_series
from napari_medseg.words import trn

# so many files are named in a sentence
_NAMED = 3


def left_out(path: Path, series: Series) -> tuple[str, ...]:
    """What to tell, if anything; errors are those of :func:`napari_medseg.io.dicom.read`."""
    home = lies_in(path)
    others = 0 if home is not None else sum(len(one.parts) for one in list_series(path)) - len(series.parts)
    said = []
    if others:
        said.append(
            trn(
                "{n} other DICOM image there is no slice of it, and was left out.",
                "{n} other DICOM images there are no slices of it, and were left out.",
                others,
            )
        )
    return (*said, *broken_beside(path))


def broken_beside(path: Path) -> tuple[str, ...]:
    """What to tell of files beside a series that are empty or damaged, if any; errors are those of
    :func:`napari_medseg.io.dicom.read`."""
    found = damaged_in(lies_in(path) or path)
    if not found:
        return ()
    words = trn(
        "{n} DICOM file there is empty or damaged, and was left out; it may be a slice of it: {names}.",
        "{n} DICOM files there are empty or damaged, and were left out; they may be slices of it: {names}.",
        len(found),
        names=", ".join(file.name for file in found[:_NAMED]) + (", ..." if len(found) > _NAMED else ""),
    )
    return (words,)
