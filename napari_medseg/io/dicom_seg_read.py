"""DICOM-SEG as a mask: each segment a label, each picture at its own place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io import dicom_tags as tags
from napari_medseg.io.dicom_file import guarded, open_header, open_whole, unpack
from napari_medseg.io.dicom_place import ANGLE, SAME, Slice
from napari_medseg.io.dicom_seg_write import MANUFACTURER, TITLE
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.limits import check_claim, check_stored
from napari_medseg.io.ras import LPS, is_place

_NUMBER = re.compile(r"class (\d{1,3})\b")
_HIGHEST = 65535


class _Layout(NamedTuple):
    """Where pictures go: plane of each, and the grid of all planes."""

    plane_of: tuple[int, ...]
    grid: Grid


def read(path: Path, *, mask: bool = False) -> Image:
    """Read segments as labels: (N, Y, X), a plane for each place at which there is a picture, in the file's own axes.

    Planes on which nothing is marked may be missing; where each lies stands in the grid. A single picture that lies
    nowhere is (Y, X).

    Raises
    ------
    ImageReadError
        If it is damaged, no segmentation, or its segments share pixels or have shares of pixels.
    """
    with guarded(path):
        return _read(path)


def read_grid(path: Path) -> Grid:
    """Where the planes lie, by the tags; errors are those of :func:`read`."""
    with guarded(path):
        header = open_header(path)
        return _layout(path, header, _check(path, header)).grid


def read_names(path: Path) -> dict[int, str]:
    """What the segments are called, by label; errors are those of :func:`read`."""
    with guarded(path):
        header = open_header(path)
        _check(path, header)
        found = _labels(path, header)
        items = {tags.count(item, "SegmentNumber"): item for item in header.SegmentSequence}
        return {label: str(items[number].get("SegmentLabel") or "") for number, label in found.items()}


def _read(path: Path) -> Image:
    whole = open_whole(path)
    shape = _check(path, whole)
    layout = _layout(path, whole, shape)
    bits = tags.count(whole, "BitsAllocated", 1)
    check_claim(path, shape, max(bits // 8, 1), mask=True)
    if not whole.file_meta.TransferSyntaxUID.is_compressed:
        check_stored(path, prod(shape) * bits // 8)
    frames = unpack(whole, path)
    labels = _labels(path, whole)
    dtype = np.uint8 if max(labels.values(), default=0) <= 255 else np.uint16
    planes = max(layout.plane_of) + 1
    check_claim(path, (planes, *shape[1:]), dtype().nbytes, mask=True)
    found = np.zeros((planes, *shape[1:]), dtype)
    if whole.SOPClassUID == tags.LABEL_MAP or tags.code(whole, "SegmentationType") == "LABELMAP":
        table = np.zeros(int(frames.max()) + 1, dtype)
        for number, label in labels.items():
            if number < len(table):
                table[number] = label
        unknown = set(np.unique(frames).tolist()) - set(labels) - {0}
        if unknown:
            raise ImageReadError(
                f"{path} has pixels of segment {min(unknown)}, which it does not describe; expected one of "
                f"{', '.join(map(str, sorted(labels)))}. Export it again."
            )
        for plane, frame in zip(layout.plane_of, frames, strict=True):
            found[plane] = table[frame]
    else:
        _lay_segments(path, whole, frames, labels, layout, found)
    flat = layout.grid.affine is None
    data = found[0] if flat else found
    return Image(data, layout.grid.spacing, layout.grid.unit, path, layout.grid, numbered=True)


def _lay_segments(
    path: Path, whole: Any, frames: np.ndarray, labels: dict[int, int], layout: _Layout, found: np.ndarray
) -> None:
    """Each picture is of one segment."""
    most = 1
    if tags.code(whole, "SegmentationType") == "FRACTIONAL":
        most = tags.count(whole, "MaximumFractionalValue", 255)
    if ((frames != 0) & (frames != most)).any():
        raise ImageReadError(
            f"{path} holds shares of pixels (a fractional segmentation); expected whole ones as labels. Threshold it, "
            "and export it as binary."
        )
    for segment, plane, frame in zip(_segments_of(whole, len(frames)), layout.plane_of, frames, strict=True):
        if segment not in labels:
            raise ImageReadError(
                f"{path} has a picture of segment {segment}, which it does not describe; expected one of "
                f"{', '.join(map(str, sorted(labels)))}. Export it again."
            )
        marked = frame != 0
        shared = int((found[plane][marked] != 0).sum())
        if shared:
            other = int(found[plane][marked].max())
            raise ImageReadError(
                f"{path} has segments that share pixels (labels {other} and {labels[segment]}, {shared} of them in one "
                "picture); expected each pixel in one segment. Export them as files of their own."
            )
        found[plane][marked] = labels[segment]


def _check(path: Path, header: Any) -> tuple[int, int, int]:
    """(pictures, rows, columns) of a segmentation."""
    if str(header.get("SOPClassUID")) not in (tags.SEGMENTATION, tags.LABEL_MAP) or not header.get("SegmentSequence"):
        raise ImageReadError(f"{path} is DICOM, but no segmentation; expected {TITLE}. Give the file of the mask.")
    shape = tags.frames_of(header), tags.count(header, "Rows"), tags.count(header, "Columns")
    if min(shape) < 1:
        raise ImageReadError(f"{path} holds no picture; expected {TITLE} with one at least. Export it again.")
    if tags.count(header, "TotalPixelMatrixColumns"):
        raise ImageReadError(f"{path} is the mask of a slide in tiles; expected that of an image or a volume.")
    return shape


def _labels(path: Path, header: Any) -> dict[int, int]:
    """The label of each segment: the class's own number where we wrote it, else the segment's."""
    ours = str(header.get("Manufacturer") or "") == MANUFACTURER
    found: dict[int, int] = {}
    for item in header.SegmentSequence:
        number = tags.count(item, "SegmentNumber")
        told = _NUMBER.match(str(item.get("SegmentDescription") or "")) if ours else None
        # number 0 may be described in a label map: it is the background
        if number:
            found[number] = int(told[1]) if told else number
    high, low = max(found.values(), default=0), min(found, default=1)
    if high > _HIGHEST or low < 1 or len(set(found.values())) < len(found):
        raise ImageReadError(
            f"{path} counts its segments to {high}; expected 1 to {_HIGHEST}, each once. Export again."
        )
    return found


def _segments_of(whole: Any, pictures: int) -> list[int]:
    """Which segment each picture shows; 0 where nothing says it."""

    def of(group: Any) -> int | None:
        items = group.get("SegmentIdentificationSequence") or []
        return tags.count(items[0], "ReferencedSegmentNumber") if len(items) else None

    only = tags.count(whole.SegmentSequence[0], "SegmentNumber") if len(whole.SegmentSequence) == 1 else 0
    shared = next((of(group) for group in whole.get("SharedFunctionalGroupsSequence") or []), None)
    others = only if shared is None else shared
    own = [of(group) for group in _groups(whole)]
    own += [None] * (pictures - len(own))
    return [others if one is None else one for one in own[:pictures]]


def _layout(path: Path, header: Any, shape: tuple[int, int, int]) -> _Layout:
    lie = tags.places(header)
    if lie is None:
        # on one flat picture, segment by segment
        if len(_referred(header)) > 1:
            raise ImageReadError(
                f"{path} is of several pictures, and says of none where it lies; expected a place for each. Export the "
                "mask as NIfTI."
            )
        size = tags.size_of(header).spacing
        return _Layout((0,) * shape[0], Grid(shape[1:], spacing=size, unit="px" if size is None else "mm"))
    first = lie[0]
    usable = all(one.usable() for one in lie)
    if not usable or not all(np.allclose(one.directions, first.directions, atol=ANGLE) for one in lie):
        raise ImageReadError(f"{path} has pictures in several directions, or in none; expected one. Export it again.")
    places = np.array([one.position for one in lie], float)
    order = np.argsort(places @ first.normal, kind="stable")
    along = (places @ first.normal)[order]
    thick = _thickness(header)
    # pictures of several segments lie at one place
    new = np.diff(along, prepend=along[0] - 1e9) > max(SAME * thick, 1e-4)
    plane_of = np.empty(len(lie), int)
    plane_of[order] = np.cumsum(new) - 1
    return _Layout(tuple(plane_of.tolist()), _grid(path, first, places[order][new], thick, shape))


def _grid(path: Path, first: Slice, places: np.ndarray, thick: float, shape: tuple[int, int, int]) -> Grid:
    """The grid of planes, and where each of them lies: between them there may be some on which nothing is marked."""
    lps = np.eye(4)
    lps[:3, 0] = np.array(first.directions[:3]) * first.spacing[1]
    lps[:3, 1] = np.array(first.directions[3:]) * first.spacing[0]
    lps[:3, 2] = (places[-1] - places[0]) / (len(places) - 1) if len(places) > 1 else first.normal * thick
    lps[:3, 3] = places[0]
    affine = LPS @ lps
    if not is_place(affine):
        raise ImageReadError(f"{path} puts its pictures nowhere; expected places in space. Export it again.")
    planes = tuple(tuple(float(v) for v in place) for place in places @ LPS[:3, :3])
    return Grid.of_affine((len(places), *shape[1:]), affine, planes=planes)


def _thickness(header: Any) -> float:
    """How far slices are apart, as the tags say; a millimetre where they do not."""
    for group in (*list(header.get("SharedFunctionalGroupsSequence") or [])[:1], *_groups(header)[:1]):
        for item in group.get("PixelMeasuresSequence") or []:
            for name in ("SpacingBetweenSlices", "SliceThickness"):
                found = tags.numbers(item.get(name))
                if found and found[0] > 0:
                    return found[0]
    return 1.0


def _groups(header: Any) -> Sequence[Any]:
    return list(header.get("PerFrameFunctionalGroupsSequence") or [])


def _referred(header: Any) -> set[tuple[str, int]]:
    """The pictures that were segmented, as far as they are named."""
    return {
        (str(image.get("ReferencedSOPInstanceUID")), tags.count(image, "ReferencedFrameNumber", 1))
        for group in _groups(header)
        for derived in (group.get("DerivationImageSequence") or [])
        for image in (derived.get("SourceImageSequence") or [])[:1]
    }
