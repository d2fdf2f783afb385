"""Does a mask lie on its image? The one comparison, used wherever the two meet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medseg.errors import ShapeError
from napari_medseg.io.image import SIDEWAYS, TURNS, Grid

# no voxel may lie farther from where it belongs: float32 and rounded headers stay far below, half a voxel far above
TOLERANCE = 0.1
# sizes of pixels alone are often written with two or three digits
SIZE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Turn:
    """How a mask is laid on its image.

    Parameters
    ----------
    axes : tuple of int
        Which axis of the mask becomes which of the image.
    flipped : tuple of int
        Axes of the image that run the other way.
    told : str or None
        What to tell of it; None where the two files agree.
    slice : bool
        The mask is a volume of one slice, its image a picture: masks of pictures are written to NIfTI so.
    planes : tuple of int
        Of a mask that holds some slices only: which slices of its image they are. On the others there is nothing.
    shape : tuple of int
        Of the image, where there are planes.
    """

    axes: tuple[int, ...]
    flipped: tuple[int, ...]
    told: str | None = None
    slice: bool = False
    planes: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()

    def __call__(self, mask: np.ndarray) -> np.ndarray:
        """The mask on its image's pixels, each label exactly where it was."""
        if self.slice:
            mask = mask[0]
        turned = np.ascontiguousarray(np.flip(mask.transpose(self.axes), self.flipped))
        if not self.planes:
            return turned
        whole, across = np.zeros(self.shape, mask.dtype), self.axes.index(0)
        # a view: what is written into it is written into the whole
        np.moveaxis(whole, across, 0)[list(self.planes)] = np.moveaxis(turned, across, 0)
        return whole


def lay(image: Grid, mask: Grid, *, image_path: Path, mask_path: Path) -> Turn:
    """How a mask comes to lie on its image.

    Equal within a tenth of a pixel is equal. The same grid in another order of axes, or flipped, is turned, and told.

    Raises
    ------
    ShapeError
        If the mask has other pixels than the image, or they lie elsewhere; the message names both geometries.
    """
    # as it is written here: not turned when it is read
    one_slice = len(image.shape) == 2 and mask.shape == (1, *image.shape) and mask.stored in ("", "RAS")
    if one_slice and _sizes_agree(image, mask):
        return Turn((0, 1), (), slice=True)
    if image.affine is None or mask.affine is None:
        if image.shape != mask.shape:
            raise size_error(image_path, mask_path, image.shape, mask.shape)
        if not _sizes_agree(image, mask):
            raise _place_error(image_path, mask_path, image, mask)
        told = _orientation_told(image, mask, image_path=image_path, mask_path=mask_path)
        return Turn(tuple(range(len(image.shape))), (), told)
    if mask.planes:
        found = (_by_planes(affine, image.shape, mask) for affine in (image.affine, *image.others))
        laid = next((turn for turn in found if turn is not None), None)
        if laid is None:
            raise _place_error(image_path, mask_path, image, mask)
        return laid
    for number, affine in enumerate((image.affine, *image.others)):
        turn = _turn(affine, image.shape, mask.affine, mask.shape)
        if turn is None:
            continue
        axes, flipped = turn
        # a series of slices is stored in no order of axes
        changed = axes != (0, 1, 2) or bool(flipped) or (image.stored and mask.stored not in ("", image.stored))
        told = None
        if changed:
            told = (
                f"{mask_path} is stored {mask.stored}, its image {image_path} {image.stored}: the mask was turned onto "
                "its image's voxels."
            )
        elif number:
            told = f"{mask_path} lies on {image_path} by another of the geometries in that image's header."
        return Turn(axes, flipped, told)
    if sorted(image.shape) != sorted(mask.shape):
        raise size_error(image_path, mask_path, image.shape, mask.shape)
    if image.shape == mask.shape and _lies_nowhere(image) != _lies_nowhere(mask):
        return _by_shape(image, mask, image_path=image_path, mask_path=mask_path)
    raise _place_error(image_path, mask_path, image, mask)


def _lies_nowhere(grid: Grid) -> bool:
    """Whether nothing is known of a volume but its voxels in their order: a stack of slices, as most TIFFs are."""
    return grid.unit == "px" and not grid.stored and not grid.header


def _by_shape(image: Grid, mask: Grid, *, image_path: Path, mask_path: Path) -> Turn:
    """A volume that lies nowhere and one that lies somewhere, of one shape: voxel on voxel, as they are stored.

    Raises
    ------
    ShapeError
        If the one that lies somewhere was turned when it was read: the order of the other's voxels is not known.
    """
    (path, other, placed) = (mask_path, image_path, image) if _lies_nowhere(mask) else (image_path, mask_path, mask)
    if placed.stored != "RAS" and (placed.stored or placed.header):
        raise ShapeError(
            f"{path} does not say how large its voxels are nor how they lie, and {other} is stored "
            f"{placed.stored or 'as slices of a patient'}: in which order they lie on each other is not known. Export "
            "the mask in a format that says where it lies, such as NIfTI."
        )
    told = (
        f"{path} does not say how large its voxels are: the mask was laid on its image by its shape, voxel on voxel. "
        "If it lies wrong, export it in a format that says where it lies, such as NIfTI."
    )
    return Turn(tuple(range(len(image.shape))), (), told)


def same_place(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether two affines of (x, y, z) send every voxel of a (Z, Y, X) array to one place, within tolerance."""
    return _off(one, other, tuple(reversed(shape))) < TOLERANCE


def _off(one: np.ndarray, other: np.ndarray, sides: tuple[int, ...]) -> float:
    """How far a voxel's rim lies off at most, in voxels of the first: an affine is farthest off in a corner."""
    corners = np.array([*np.ndindex(*(2,) * len(sides))]) * np.array(sides) - 0.5
    points = np.c_[corners, np.ones(len(corners))].T
    try:
        return float(np.abs(np.linalg.solve(one, other @ points) - points)[:-1].max())
    except np.linalg.LinAlgError:
        return np.inf


def _turn(
    image: np.ndarray, image_shape: tuple[int, ...], mask: np.ndarray, mask_shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Axes and flips of (Z, Y, X) arrays that lay one on the other; None where none do."""
    sides, have = np.array(image_shape[::-1]), np.array(mask_shape[::-1])
    steps = np.round(np.linalg.solve(image, mask)[:3, :3])
    if not (np.array_equal(np.abs(steps).sum(axis=0), [1] * 3) and np.array_equal(np.abs(steps).sum(axis=1), [1] * 3)):
        return None
    source = np.abs(steps).argmax(axis=1)
    back = steps.sum(axis=1) < 0
    if not np.array_equal(have[source], sides):
        return None
    exact = np.eye(4)
    exact[:3, :3], exact[:3, 3] = steps, np.where(back, sides - 1, 0)
    # where the mask's voxels should lie, against where they do
    if _off(image @ exact, mask, tuple(have.tolist())) >= TOLERANCE:
        return None
    # from (x, y, z) to the arrays' (z, y, x)
    axes = tuple(int(2 - axis) for axis in source[::-1])
    return axes, tuple(int(2 - axis) for axis in np.flatnonzero(back)[::-1])


def _by_planes(image: np.ndarray, shape: tuple[int, ...], mask: Grid) -> Turn | None:
    """How the slices of a mask come to lie on those of its image, each by its own place; None where one lies beside."""
    assert mask.affine is not None
    sides, (_, rows, columns) = np.array(shape[::-1]), mask.shape
    within = np.linalg.solve(image, mask.affine)[:3, :2]
    steps = np.round(within)
    if not (np.abs(steps).sum(axis=0) == 1).all() or (np.abs(steps).sum(axis=1) > 1).any():
        return None
    along, down = (int(axis) for axis in np.abs(steps).argmax(axis=0))
    across = 3 - along - down
    if (sides[along], sides[down]) != (columns, rows):
        return None
    # where the corners of each slice are, against where those of the image's slice are
    corners = np.array([(x, y) for x in (0, columns - 1) for y in (0, rows - 1)])
    starts = np.linalg.solve(image, np.c_[np.array(mask.planes), np.ones(len(mask.planes))].T)[:3].T
    numbers = np.round(starts[:, across]).astype(int)
    exact = np.where(steps.sum(axis=1) < 0, sides - 1, 0) + corners @ steps.T
    wanted = np.repeat(exact[None], len(numbers), axis=0)
    wanted[:, :, across] = numbers[:, None]
    off = np.abs(starts[:, None] + corners @ within.T - wanted).max()
    inside = numbers.min() >= 0 and numbers.max() < sides[across] and len(set(numbers.tolist())) == len(numbers)
    if off >= TOLERANCE or not inside:
        return None
    axes = [0, 0, 0]
    # from (x, y, z) to the arrays' (z, y, x)
    axes[2 - along], axes[2 - down], axes[2 - across] = 2, 1, 0
    flipped = tuple(sorted(2 - axis for axis in (along, down) if steps[axis].sum() < 0))
    return Turn(tuple(axes), flipped, planes=tuple(numbers.tolist()), shape=shape)


def _sizes_agree(image: Grid, mask: Grid) -> bool:
    """Whether sizes of pixels agree; what says nothing, or what a printer would make of it, contradicts nothing."""
    one, other = image.spacing_mm, mask.spacing_mm
    if one is None or other is None or image.printed or mask.printed:
        return True
    # of a volume of one slice, how thick that is does not matter to an image
    return bool(np.allclose(one, other[-len(one) :], rtol=SIZE_TOLERANCE, atol=0))


def _orientation_told(image: Grid, mask: Grid, *, image_path: Path, mask_path: Path) -> str | None:
    """What to tell where one of the two says that it is looked at turned, and the other says nothing."""
    said = [grid.orientation for grid in (image, mask)]
    (one, turned), (other, _) = sorted(zip((image_path, mask_path), said, strict=True), key=lambda pair: -pair[1])
    # laid on its side, an image that is not square fits in one way only
    if 0 not in said or turned not in TURNS or (turned in SIDEWAYS and len(set(image.shape)) > 1):
        return None
    return (
        f"{one} is looked at turned (orientation {turned}), and {other} has no orientation: they were laid on each "
        "other as they are looked at. If the mask lies wrong, export it again with the orientation of its image."
    )


def size_error(image: Path, mask: Path, wanted: tuple[int, ...], have: tuple[int, ...]) -> ShapeError:
    """What to say of a mask of another size."""
    found, expected = (" x ".join(str(n) for n in shape) for shape in (have, wanted))
    return ShapeError(
        f"mask {mask} is {found} px; its image {image} is {expected} px. Give a mask of the image's size."
    )


def _place_error(image_path: Path, mask_path: Path, image: Grid, mask: Grid) -> ShapeError:
    return ShapeError(
        f"mask {mask_path} is {mask.describe()}; expected the geometry of its image {image_path}: {image.describe()}. "
        "Export the mask again on the grid of its image, or choose the image that it was drawn on."
    )
