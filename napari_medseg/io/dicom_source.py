"""The DICOM image that a mask or measurements refer to: its tags as highdicom takes them, and its planes.

Tags hold patients' names, and highdicom's own words hold what tags hold, as pydicom's do: what is made of them is made
within :func:`silenced`.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import InputError, MedsegError, OutputError
from napari_medseg.io.dicom import layout
from napari_medseg.io.dicom_file import kind_of, open_header
from napari_medseg.io.dicom_series import lies_in
from napari_medseg.io.dicom_tags import frames_of, places, size_of
from napari_medseg.io.dicom_whose import differing, whose
from napari_medseg.io.geometry import SIZE_TOLERANCE, same_place
from napari_medseg.io.image import Grid
from napari_medseg.io.ras import ToRas

# of the patient and the study: what the standard asks for, be it empty
ASKED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
)
# all that is known of an image where nobody is to be named: nothing of persons, places and times is among it
TECHNICAL = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("Rows", "Columns", "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SliceThickness", "SpacingBetweenSlices", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated"),
    *("BitsStored", "HighBit", "PixelRepresentation", "ImageType", "SeriesNumber", "InstanceNumber"),
    *("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod", "BurnedInAnnotation"),
)
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
PLACES = ("PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence")
LEFT_OUT = "names, numbers and dates left out; UIDs kept"
_LOCK = threading.RLock()
for _name in ("highdicom", "pydicom"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)
    # another thread that ends its own silence must not end this one
    warnings.filterwarnings("ignore", module=rf"{_name}(\..*)?$")


@contextmanager
def silenced(image: Path) -> Iterator[None]:
    """Around all that highdicom does with an image: nothing that it, or pydicom, says of tags is shown or logged.

    Raises
    ------
    OutputError
        Whatever goes wrong, told by its kind alone: the library's own words may hold a name.
    """
    from pydicom import config

    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = config.settings.reading_validation_mode, config.settings.writing_validation_mode
        config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE
        try:
            yield
        except (MedsegError, OSError, ModuleNotFoundError):
            raise
        # a library that is asked for what a file's tags do not give fails in many ways
        except Exception as error:  # noqa: BLE001
            raise OutputError(
                f"the tags of {image} do not give what a DICOM file that refers to it needs ({type(error).__name__}); "
                "expected those of a whole image. Export in another format, such as NIfTI."
            ) from None
        finally:
            config.settings.reading_validation_mode, config.settings.writing_validation_mode = before


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A DICOM image that something refers to.

    Parameters
    ----------
    path : Path
        As it was read: a file, or the folder of a series.
    headers : tuple of Dataset
        Tags without pixels, complete enough for highdicom: one a plane along the normal, or the one file of all.
    order : tuple of int
        Which picture each plane is.
    turned : ToRas or None
        How a volume was turned when it was read; None of a film or a flat image.
    """

    path: Path
    headers: tuple[Any, ...]
    order: tuple[int, ...]
    turned: ToRas | None

    def planes(self, data: np.ndarray) -> np.ndarray:
        """An array on the image's grid as its pictures have it: (N, rows, columns), in the files' own order.

        Parameters
        ----------
        data : np.ndarray
            (Y, X) or (Z, Y, X).
        """
        if data.ndim == 2:
            return data[None]
        stored = data if self.turned is None else self.turned.back(data).transpose()
        found = np.empty(stored.shape, stored.dtype)
        found[list(self.order)] = stored
        return found

    def stored_affine(self) -> np.ndarray:
        """Of a volume: (4, 4), from (column, row, plane) to mm of RAS."""
        from nibabel import orientations

        assert self.turned is not None and self.turned.grid.affine is not None
        planes = (int(self.headers[0].Columns), int(self.headers[0].Rows), len(self.order))
        there = orientations.inv_ornt_aff(self.turned.orientation, planes)
        return np.asarray(self.turned.grid.affine @ np.linalg.inv(there))

    def distance(self) -> float | None:
        """How far one plane is from the next, along their normal, mm; None of a single one."""
        if self.turned is None or len(self.order) < 2:
            return None
        affine = self.stored_affine()
        normal = np.cross(affine[:3, 0], affine[:3, 1])
        return float(f"{abs(affine[:3, 2] @ normal / np.linalg.norm(normal)):.10g}")

    def check(self, grid: Grid) -> None:
        """Make sure that a mask of this grid lies on the image's pixels.

        Raises
        ------
        InputError
        """
        rows, columns = int(self.headers[0].Rows), int(self.headers[0].Columns)
        if self.turned is not None:
            own, shape = self.turned.grid.affine, self.turned.grid.shape
            same = grid.affine is not None and own is not None and same_place(own, grid.affine, shape)
            alike = grid.shape == shape and same
        else:
            size = size_of(self.headers[0]).spacing
            alike = grid.shape == ((rows, columns) if len(self.order) == 1 else (len(self.order), rows, columns))
            if size is not None and grid.spacing_mm is not None and len(self.order) == 1:
                alike = alike and np.allclose(size, grid.spacing_mm, rtol=SIZE_TOLERANCE)
        if not alike:
            there = Grid((rows, columns)) if self.turned is None else self.turned.grid
            raise InputError(
                f"{self.path} has {there.describe()}; the mask has {grid.describe()}. Expected one grid: choose the "
                "image's own mask, or bring back the image that was segmented."
            )


def open_source(path: Path | None, *, names: bool, title: str) -> Source:
    """The image that something is to refer to.

    Parameters
    ----------
    path : Path or None
        Of the image that was segmented, where it is known.
    names : bool
        Whether patient and study are named as in the image. Else what names them is empty, where the standard permits
        it, which is for all but the UIDs.
    title : str
        Of what is to be written, for messages.

    Raises
    ------
    InputError
        If it is no DICOM image, or there is none.
    ImageReadError
        If it cannot be read.
    """
    path = check_image(path, title)
    files, turned, order = layout(path)
    with silenced(path):
        own = [open_header(file) for file in files]
        _alike(own, path)
        headers = tuple(_complete(header, file, names=names) for header, file in zip(own, files, strict=True))
        source = Source(path=path, headers=headers, order=order, turned=turned)
        distance = source.distance()
        for header in headers:
            if not header.get("SliceThickness"):
                header.SliceThickness = distance
            # some say it with a sign, or of other slices
            if distance is not None:
                header.SpacingBetweenSlices = distance
    return source


def check_image(path: Path | None, title: str) -> Path:
    """Make sure that something can refer to an image.

    Raises
    ------
    InputError, ImageReadError
        As :func:`open_source`, for what can be known in a moment.
    """
    if path is None or not is_dicom_image(path):
        what = "of an image whose file is not known" if path is None else f"of '{path.name}', which is no DICOM image"
        raise InputError(f"{title} refers to DICOM images alone, and this mask is {what}. Choose TIFF or NIfTI.")
    # a series refers by its files, a file of several pictures by the place of each
    if path.is_file():
        header = open_header(path)
        groups = any(header.get(name) for name in _GROUPS)
        if not groups and places(header) is not None and frames_of(header) > 1:
            raise InputError(
                f"{path} is DICOM {kind_of(header)}, whose pictures lie as a table of its own says; {title} refers to "
                "pictures that each say where they lie. Choose NIfTI instead."
            )
    return path


def is_dicom_image(path: Path | None) -> bool:
    """Whether a mask of this image can refer to it: it is DICOM, and there."""
    from napari_medseg.io.table import format_of

    if path is None:
        return False
    format = format_of(path)
    # one of several series of a folder has no file of its own
    return format is not None and format.name == "dicom" and (path.exists() or lies_in(path) is not None)


def _complete(header: Any, file: Path, *, names: bool) -> Any:
    from pydicom.uid import generate_uid

    # who blanked the tags may have left what stands before them
    meta = header.file_meta
    for name, known in (("SOPInstanceUID", "MediaStorageSOPInstanceUID"), ("SOPClassUID", "MediaStorageSOPClassUID")):
        if not header.get(name) and meta.get(known):
            setattr(header, name, meta.get(known))
    root = str(header.get("FrameOfReferenceUID") or header.get("SeriesInstanceUID") or "")
    if not header.get("SOPInstanceUID") or not header.get("SOPClassUID") or not root:
        raise InputError(
            f"{file} has no UID by which others could refer to it; expected SOPInstanceUID, SOPClassUID and "
            "SeriesInstanceUID. Choose TIFF or NIfTI instead."
        )
    lies = _lies(header)
    if not names:
        header = _technical(header)
    for name in ASKED:
        if name not in header:
            setattr(header, name, None)
    # a number for a space in which nothing lies
    if not lies and "FrameOfReferenceUID" in header:
        del header.FrameOfReferenceUID
    if not header.get("Modality"):
        header.Modality = "OT"
    # the images of a series have one study, and those that lie in space one frame of reference, also where a program
    # blanked its number: one is made, the same each time
    for name in ("StudyInstanceUID", "SeriesInstanceUID", *(("FrameOfReferenceUID",) if lies else ())):
        if not header.get(name):
            setattr(header, name, generate_uid(entropy_srcs=[root, name]))
    return header


def _technical(header: Any) -> Any:
    """The tags that say nothing of anybody."""
    from pydicom.dataset import Dataset

    def only(whole: Any, names: tuple[str, ...]) -> Any:
        found = Dataset()
        for name in names:
            if name in whole:
                found[name] = whole[name]
        return found

    found = only(header, TECHNICAL)
    for name in _GROUPS:
        if header.get(name):
            setattr(found, name, [only(group, PLACES) for group in header[name].value])
    found.PatientIdentityRemoved, found.DeidentificationMethod = "YES", LEFT_OUT
    return found


def _lies(header: Any) -> bool:
    groups = header.get("PerFrameFunctionalGroupsSequence") or []
    return bool(header.get("ImagePositionPatient")) or any("PlanePositionSequence" in group for group in groups)


def _alike(headers: Sequence[Any], path: Path) -> None:
    """All files of a series belong to one patient and study, as they did when it was read."""
    mixed = differing(map(whose, headers))
    if mixed or len({str(header.get("SeriesInstanceUID") or "") for header in headers}) > 1:
        raise InputError(
            f"{path} holds files that differ in {' and '.join(mixed or ('series',))}; expected those of one series. "
            "Choose NIfTI instead."
        )
