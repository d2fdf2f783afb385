"""What will be done with an image, decided before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_medseg.errors import ShapeError
from napari_medseg.inference.windows import count_windows, resampled_size
from napari_medseg.networks import NetworkSpec

# of images and of volumes: as it is, and mirrored along axes counted from the last; of a patient, only left and right
# may change places
VIEWS: dict[int, tuple[tuple[int, ...], ...]] = {2: ((), (-2,), (-1,), (-2, -1)), 3: ((), (-1,))}
# an image has so many at most; an array whose last axis is longer is a volume
CHANNELS = 4
# sizes that differ by less are the same
ALIKE = 1.01


def finest_axis(spacing: Sequence[float] | None, prefer: int = 0) -> int:
    """Across which axis of a volume the slices have the finest pixels: the one with the largest spacing.

    Parameters
    ----------
    spacing : sequence of float or None
        (z, y, x), any unit.
    prefer : int
        Taken where several are as good, to a hundredth, or nothing is known.
    """
    if not spacing or len(spacing) != 3:
        return prefer
    largest = max(spacing)
    if spacing[prefer] * ALIKE >= largest:
        return prefer
    return max(range(3), key=lambda axis: spacing[axis])


@dataclass(frozen=True, slots=True)
class PredictionPlan:
    """How an image or a volume goes through a network.

    Parameters
    ----------
    original_size, network_size : tuple of int
        (Y, X) or (Z, Y, X), px: of the image, and of what the network sees of it, all windows together.
    passes : int
        Forward passes.
    window : tuple of int or None
        (Z, Y, X) of a window of a volume.
    mirrored : bool
        Whether mirrored copies are segmented too.
    axis : int or None
        Of a volume that goes slice by slice: across which axis the slices lie. ``network_size`` is then that of one.
    """

    original_size: tuple[int, ...]
    network_size: tuple[int, ...]
    passes: int = 1
    window: tuple[int, ...] | None = None
    mirrored: bool = False
    axis: int | None = None

    @property
    def slice_size(self) -> tuple[int, ...]:
        """(Y, X) of the image, or of a slice of a volume that goes slice by slice."""
        return tuple(n for axis, n in enumerate(self.original_size) if axis != self.axis)

    def describe(self) -> str:
        """For the user, such as ``resize 767 x 1022 to 256 x 256 px, 1 pass``."""

        def sides(size: tuple[int, ...]) -> str:
            return " x ".join(str(n) for n in size)

        same = self.slice_size == self.network_size
        how = (
            f"{sides(self.network_size)} px as it is"
            if same
            else f"resize {sides(self.slice_size)} to {sides(self.network_size)} px"
        )
        if self.axis is not None:
            how = f"{self.original_size[self.axis]} slices across {'zyx'[self.axis]}, each {how}"
        if self.window is not None:
            how += f", windows of {sides(self.window)} px"
        mirrored = f", mirrored {len(VIEWS[len(self.network_size)])} ways" if self.mirrored else ""
        return f"{how}{mirrored}, {self.passes} pass" + ("es" if self.passes > 1 else "")


def plan_prediction(
    spec: NetworkSpec,
    shape: tuple[int, ...],
    *,
    size: Sequence[int] | int | None = None,
    mirrored: bool | None = False,
    spacing: Sequence[float] | None = None,
    trained_spacing: Sequence[float] | None = None,
    volume: bool | None = None,
    axis: int | None = None,
) -> PredictionPlan:
    """Decide how an image or a volume goes through a network.

    Parameters
    ----------
    spec : NetworkSpec
    shape : tuple of int
        (Y, X) or (Y, X, C) of an image, (Z, Y, X) of a volume.
    size : int or tuple of int, optional
        Sides of the network's input, px; rounded up to what the network can take. Default: the paper's.
    mirrored : bool or None
        Segment mirrored copies too; None: as the network is declared, but of no volume, whose slices are many.
    spacing, trained_spacing : sequence of float, optional
        Of a volume's voxels (z, y, x), and of those the network was trained on; where both are known the volume is
        resampled.
    volume : bool, optional
        Whether three axes are those of a volume; default: they are where ``spacing`` has three sizes, or the last axis
        is longer than the channels of any image.
    axis : int, optional
        Across which a network for images goes through a volume; default: :func:`finest_axis`.

    Raises
    ------
    ShapeError
        If the image has no pixel or other axes than the network takes, or the size is below one pixel.
    """
    ndim, name = spec.input.ndim, spec.name
    deep = len(shape) == 3 and (volume if volume is not None else len(spacing or ()) == 3 or shape[-1] > CHANNELS)
    image = len(shape) == 2 or (len(shape) == 3 and shape[-1] in (1, 3, 4))
    if 0 in shape or not (image or deep if ndim == 2 else len(shape) == 3):
        expected = "(Y, X), (Y, X, C) or (Z, Y, X)" if ndim == 2 else "(Z, Y, X)"
        advice = "a single image or volume" if ndim == 2 else "a volume, or a network for images"
        raise ShapeError(
            f"image has shape {tuple(shape)}; {name} expects {expected} with at least one pixel. Choose {advice}."
        )
    wanted = spec.input.size if size is None else ((size,) * ndim if isinstance(size, int) else tuple(size))
    if len(wanted) != ndim or min(wanted) < 1:
        raise ShapeError(f"size is {wanted}; expected {ndim} sides of at least 1 px. Choose for example 256.")
    sides = tuple(spec.input.whole(int(side)) for side in wanted)
    if mirrored is None:
        mirrored = spec.mirrored and not deep
    copies = len(VIEWS[ndim]) if mirrored else 1
    whole = tuple(int(n) for n in shape)
    if ndim == 2 and deep:
        across = finest_axis(spacing) if axis is None else axis
        return PredictionPlan(whole, sides, copies * whole[across], mirrored=mirrored, axis=across)
    if ndim == 2:
        return PredictionPlan(whole[:2], sides, copies, mirrored=mirrored)
    resampled = resampled_size(whole, spacing, trained_spacing)
    return PredictionPlan(whole, resampled, copies * count_windows(resampled, sides), sides, mirrored)
