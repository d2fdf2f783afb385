"""The formats there are, and which one a file is of, by its name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Literal

from napari_medseg.io.format import Format
from napari_medseg.plain import kind_of

# Each is a file of this folder. Of those that can do what is asked, the first is taken where nobody chose.
NAMES = (
    "tiff",
    "png",
    "nifti",
    "jpeg",
    "bmp",
    # asked before DICOM, which reads the headers of a folder's files
    "ome_zarr",
    # before the one whose files are called alike
    "dicom_seg",
    "dicom",
    "nrrd",
    "mha",
    # TIFF reads these too; whoever asks for it by name gets stacks written
    "ome_tiff",
    "coco",
    "geojson",
    "slide",
)
What = Literal["mask", "map", "image"]
FORMATS: tuple[Format, ...] = tuple(import_module(f"napari_medseg.io.{name}").FORMAT for name in NAMES)


def suffixes(formats: tuple[Format, ...]) -> tuple[str, ...]:
    """All suffixes of some formats."""
    return tuple(suffix for one in formats for suffix in one.suffixes)


READ_SUFFIXES = suffixes(tuple(one for one in FORMATS if one.read is not None))
WRITE_SUFFIXES = suffixes(tuple(one for one in FORMATS if one.write_mask is not None))


def suffix_of(path: str | Path) -> str:
    """The suffix in lower case; ``.nii.gz`` is one."""
    name = Path(path).name.lower()
    double = (suffix for suffix in suffixes(FORMATS) if suffix.count(".") > 1 and name.endswith(suffix))
    return next(double, Path(name).suffix)


def stem_of(path: str | Path) -> str:
    """The file's name without its suffix; that of ``a.nii.gz`` and of ``a.ome.tif`` is ``a``.

    What stands behind a dot is no suffix where the file is known by what it holds: ``1.2.840.7`` is all stem.
    """
    name, suffix, format = Path(path).name, suffix_of(path), format_of(path)
    if format is not None and suffix not in _called(format):
        return name
    # a name that is nothing but a suffix of two parts keeps the first
    stem = name[: len(name) - len(suffix)] or Path(name).stem
    return without_inner(stem, () if format is None else format.inner)


def _called(format: Format) -> tuple[str, ...]:
    """Suffixes that files of a format may have."""
    return (*format.suffixes, *(suffix for one in FORMATS if one.name == format.kin for suffix in one.suffixes))


def without_inner(stem: str, inner: tuple[str, ...] | None = None) -> str:
    """A stem without what belongs to a suffix behind it; default: of any format."""
    parts = tuple(part for one in FORMATS for part in one.inner) if inner is None else inner
    part = next((part for part in parts if stem.lower().endswith(part) and len(stem) > len(part)), "")
    return stem[: len(stem) - len(part)]


def format_of(path: str | Path) -> Format | None:
    """The format of a file by its name, or, without a suffix of the table, by what it holds; None if there is none.

    A folder is an image by its name where its format says no more, else by what it holds. A pipe or a device is of
    none, whatever it is called.
    """
    path, suffix = Path(path), suffix_of(path)
    named = next((one for one in FORMATS if suffix in one.suffixes), None)
    kind = kind_of(path)
    if kind == "other":
        # no reader may open it: a pipe would be waited for without end
        return None
    folder = kind == "folder"
    if named is not None and not (folder and (named.holds is not None or not named.gives.folder)):
        # files of two formats may be called alike
        kin = (one for one in FORMATS if one.kin == named.name and one.holds is not None and not folder)
        return next((one for one in kin if one.holds is not None and one.holds(path)), named)
    asked = (one for one in FORMATS if one.holds is not None and (one.gives.folder or not folder))
    return next((one for one in asked if one.holds is not None and one.holds(path)), None)


def formats_for(what: What, axes: int | None = None, *, colour: bool = False) -> tuple[Format, ...]:
    """Formats that masks, maps or images are written in.

    Parameters
    ----------
    what : {'mask', 'map', 'image'}
    axes : int, optional
        2 for (Y, X), 3 for (Z, Y, X). An image has to come back as what it was: a slice of a volume is none.
    colour : bool
        Of an image: it has channels.
    """
    found = tuple(one for one in FORMATS if getattr(one, f"write_{what}") is not None)
    if axes is None:
        return found
    found = tuple(one for one in found if axes in one.takes.axes and (one.takes.colour or not colour))
    return tuple(one for one in found if axes in one.gives.axes) if what == "image" else found
