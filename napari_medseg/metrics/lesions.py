"""The size, the diameters and the intensity of each lesion: a connected object of a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from napari_medseg.metrics.outline import Diameters, diameters, largest_possible, metric, perimeters

# planes across the axes (z, y, x) whose voxels differ by less are equally good to measure in; axial is then taken
THICKER = 1.5
# of colours, as they are seen (Rec. 709)
BRIGHTNESS = np.array((0.2126, 0.7152, 0.0722))


@dataclass(frozen=True, slots=True)
class Lesion:
    """What one lesion measures. Lengths are in the unit of the steps, areas and volumes in its powers.

    Attributes
    ----------
    label : int
        Its class.
    number : int
        In its class, from 1, the largest first.
    pixels : int
        How many pixels or voxels it has.
    size : float
        Area of an image's lesion; volume of a volume's.
    area : float
        In the plane and the slice of the diameters; of an image the same as ``size``.
    perimeter : float
        There, see :func:`napari_medseg.metrics.outline.perimeters`.
    diameters : Diameters
        There, see :func:`napari_medseg.metrics.outline.diameters`; rows and columns are the axes of the array that are
        left without ``axis``.
    mean, deviation : float or None
        Of the image's values in it, the deviation divided by their number; what is no number is left out. None: the
        image is not known, or has no number there.
    point : tuple of int
        The pixel (y, x) of it that is nearest to its middle, or the voxel (z, y, x) on the slice of the diameters.
    axis : int or None
        Of a volume: across which axis (z, y, x) the plane of the diameters lies; its slice is ``point[axis]``.
    box : tuple of (int, int)
        Where it begins and ends along each axis, half-open, px.
    """

    label: int
    number: int
    pixels: int
    size: float
    area: float
    perimeter: float
    diameters: Diameters
    mean: float | None
    deviation: float | None
    point: tuple[int, ...]
    axis: int | None
    box: tuple[tuple[int, int], ...]


def plane_axis(steps: np.ndarray) -> int:
    """Across which axis of a volume (z, y, x) diameters are measured: the plane that its images were taken in.

    That is across the axis whose voxels are thickest, and the axial one where they are about as thick the other ways.
    """
    sizes = np.linalg.norm(steps, axis=1)
    thickest = int(sizes.argmax())
    return thickest if sizes[thickest] > THICKER * sizes[0] else 0


def measure_lesions(
    labels: np.ndarray,
    values: np.ndarray | None = None,
    *,
    steps: np.ndarray | None = None,
    objects: np.ndarray | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Lesion]:
    """Measure each connected object of each class; what touches at a corner is connected, in volumes too.

    Parameters
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), integer; classes are above 0.
    values : np.ndarray, optional
        The image: of the same shape, or with colours as its last axis, whose brightness is taken.
    steps : np.ndarray, optional
        (axes, axes): row ``i`` is how far one pixel along axis ``i`` of the array leads in space, so that oblique and
        aslant axes are right. Default: 1 along each, which measures in px.
    objects : np.ndarray, optional
        Of the shape of the labels, integer: an object of its own for each number above 0, also where they touch. Pixels
        without one are left out.
    progress : callable
        Told the share that is done; what it raises ends the work.

    Returns
    -------
    list of Lesion
        By class, in each the largest first.

    Raises
    ------
    ValueError
        If the shapes do not belong together.
    """
    axes = labels.ndim
    if values is not None and values.shape[:axes] != labels.shape:
        raise ValueError(f"image is {values.shape}; expected the labels' {labels.shape}")
    if objects is not None and objects.shape != labels.shape:
        raise ValueError(f"objects are {objects.shape}; expected the labels' {labels.shape}")
    steps = np.eye(axes) if steps is None else np.asarray(steps, float)
    scale = _Scale(steps, None if axes == 2 else plane_axis(steps))
    boxes = [(label, box) for label, box in enumerate(_boxes(labels), start=1) if box is not None]
    found: list[Lesion] = []
    for done, (label, box) in enumerate(boxes):

        def step(share: float, done: int = done) -> None:
            if progress is not None:
                progress((done + share) / len(boxes))

        numbered = _numbered(labels[box] == label, None if objects is None else objects[box])
        part = None if values is None else values[box]
        found += _of_class(label, numbered, part, box, scale, step)
    return found


@dataclass(frozen=True, slots=True)
class _Scale:
    """Steps in space, and across which axis the planes of diameters lie."""

    steps: np.ndarray
    axis: int | None

    @property
    def flat(self) -> np.ndarray:
        """Of such a plane."""
        return metric(self.steps if self.axis is None else np.delete(self.steps, self.axis, axis=0))

    @property
    def pixel(self) -> float:
        """Area or volume of one pixel."""
        return abs(float(np.linalg.det(self.steps)))


def _boxes(labels: np.ndarray) -> list[tuple[slice, ...] | None]:
    """By number, from 1; pixels below 0 are none."""
    from scipy import ndimage

    return list(ndimage.find_objects(labels if labels.dtype.kind in "iu" else labels.astype(np.uint8)))


def _numbered(mask: np.ndarray, objects: np.ndarray | None) -> np.ndarray:
    """int32: each connected object by its number, without gaps."""
    from scipy import ndimage

    if objects is None:
        return ndimage.label(mask, np.ones((3,) * mask.ndim, bool))[0]
    numbers = np.where(mask, objects, 0)
    names = np.unique(numbers[numbers > 0])
    return np.where(numbers > 0, np.searchsorted(names, numbers) + 1, 0).astype(np.int32)


def _of_class(
    label: int,
    numbered: np.ndarray,
    values: np.ndarray | None,
    box: tuple[slice, ...],
    scale: _Scale,
    progress: Callable[[float], None],
) -> list[Lesion]:
    from scipy import ndimage

    count = int(numbered.max(initial=0))
    if not count:
        return []
    pixels = _count(numbered, count)
    means, deviations = (None, None) if values is None else _intensity(numbered, values, count)
    flat, corner = scale.flat, np.array([side.start for side in box])
    # of an image all rims at once
    rims = perimeters(numbered, flat, count) if scale.axis is None else None
    cell = abs(float(np.linalg.det(flat)))
    places = ndimage.find_objects(numbered)
    found = []
    order = np.lexsort((np.arange(count), -pixels))
    for number, index in enumerate(order.tolist(), start=1):
        place = places[index]
        inside = numbered[place] == index + 1
        start = corner + [side.start for side in place]
        if scale.axis is None:
            cut, lengths, at = inside, diameters(inside, flat), 0
        else:
            at, lengths = _longest_slice(inside, scale.axis, flat)
            cut = np.take(inside, at, axis=scale.axis)
        rim = float(perimeters(cut.view(np.uint8), flat, 1)[0]) if rims is None else float(rims[index])
        point, offset = _middle(cut), start if scale.axis is None else np.delete(start, scale.axis)
        seen = tuple(int(one) for one in offset + point)
        if scale.axis is not None:
            seen = (*seen[: scale.axis], int(start[scale.axis]) + at, *seen[scale.axis :])
        found.append(
            Lesion(
                label=label,
                number=number,
                pixels=int(pixels[index]),
                size=float(pixels[index]) * scale.pixel,
                area=int(cut.sum()) * cell,
                perimeter=rim,
                diameters=_moved(lengths, offset),
                mean=_number(means, index),
                deviation=_number(deviations, index),
                point=seen,
                axis=scale.axis,
                box=tuple((int(first), int(first) + length) for first, length in zip(start, inside.shape, strict=True)),
            )
        )
        progress(number / count)
    return found


def _count(numbered: np.ndarray, count: int) -> np.ndarray:
    """Pixels of each object, slice by slice, so that memory stays small."""
    pixels = np.zeros(count + 1, np.int64)
    for part in numbered.reshape(-1, *numbered.shape[-2:]):
        pixels += np.bincount(part[part > 0], minlength=count + 1)
    return pixels[1:]


def _intensity(numbered: np.ndarray, values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each object; NaN where there is no number."""
    parts = list(zip(numbered.reshape(-1, *numbered.shape[-2:]), _slices(values, numbered.ndim), strict=True))
    known, sums = np.zeros(count + 1), np.zeros(count + 1)
    for numbers, each in _numbers(parts):
        known += np.bincount(numbers, minlength=count + 1)
        sums += np.bincount(numbers, each, minlength=count + 1)
    with np.errstate(invalid="ignore"):
        means = sums / known
    # in a second pass: large values that hardly differ would cancel each other
    squares = np.zeros(count + 1)
    for numbers, each in _numbers(parts):
        squares += np.bincount(numbers, (each - means[numbers]) ** 2, minlength=count + 1)
    with np.errstate(invalid="ignore"):
        return means[1:], np.sqrt(squares / known)[1:]


def _slices(values: np.ndarray, axes: int) -> np.ndarray:
    return values.reshape(-1, *values.shape[axes - 2 :])


def _numbers(parts: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for numbers, values in parts:
        inside = numbers > 0
        each = values[inside]
        each = each.astype(np.float64) if each.ndim == 1 else each[:, :3].astype(np.float64) @ BRIGHTNESS
        finite = np.isfinite(each)
        yield numbers[inside][finite], each[finite]


def _longest_slice(inside: np.ndarray, axis: int, flat: np.ndarray) -> tuple[int, Diameters]:
    """The slice in which an object is longest, and how long; those that cannot be longer are not looked at."""
    slices = np.moveaxis(inside, axis, 0)
    bounds = np.array([_bound(one, flat) for one in slices])
    best: tuple[int, Diameters] | None = None
    for at in np.argsort(-bounds, kind="stable").tolist():
        if best is not None and bounds[at] < best[1].longest:
            break
        found = diameters(slices[at], flat)
        # of two as long, the lower one
        if best is None or (found.longest, -at) > (best[1].longest, -best[0]):
            best = at, found
    assert best is not None
    return best


def _bound(cut: np.ndarray, flat: np.ndarray) -> float:
    rows, columns = (np.flatnonzero(cut.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return -1.0
    return largest_possible((int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1), flat)


def _middle(cut: np.ndarray) -> np.ndarray:
    inside = np.argwhere(cut)
    return inside[((inside - inside.mean(axis=0)) ** 2).sum(axis=1).argmin()]


def _moved(lengths: Diameters, offset: np.ndarray) -> Diameters:
    """Ends in the whole array, not in a box of it."""
    ends = [
        tuple((row + float(offset[0]), column + float(offset[1])) for row, column in axis)
        for axis in (lengths.long_axis, lengths.short_axis)
    ]
    return Diameters(lengths.longest, lengths.perpendicular, ends[0], ends[1])  # type: ignore[arg-type]


def _number(values: np.ndarray | None, index: int) -> float | None:
    return None if values is None or not np.isfinite(values[index]) else float(values[index])


def number_lesions(labels: np.ndarray, lesions: list[Lesion], objects: np.ndarray | None = None) -> np.ndarray:
    """Each lesion of :func:`measure_lesions` by its place in the list, from 1; parameters are as there.

    Returns
    -------
    np.ndarray
        Of the labels' shape, uint8 where that holds all numbers, else int32; 0 is none of them.
    """
    found = np.zeros(labels.shape, np.uint8 if len(lesions) <= np.iinfo(np.uint8).max else np.int32)
    for number, one in enumerate(lesions, start=1):
        box = tuple(slice(start, stop) for start, stop in one.box)
        numbered = _numbered(labels[box] == one.label, None if objects is None else objects[box])
        at = tuple(place - side.start for place, side in zip(one.point, box, strict=True))
        found[box][numbered == numbered[at]] = number
    return found
