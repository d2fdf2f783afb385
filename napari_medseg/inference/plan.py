"""What will be done with an image, decided before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

from napari_medseg.errors import ShapeError
from napari_medseg.networks import NetworkSpec


@dataclass(frozen=True, slots=True)
class PredictionPlan:
    """How an image goes through a network.

    Parameters
    ----------
    original_size, network_size : tuple of int
        (Y, X), px.
    passes : int
        Forward passes.
    """

    original_size: tuple[int, int]
    network_size: tuple[int, int]
    passes: int = 1

    def describe(self) -> str:
        """For the user, such as ``resize 767 x 1022 to 256 x 256 px, 1 pass``."""
        (y, x), (h, w) = self.original_size, self.network_size
        how = f"{h} x {w} px as it is" if (y, x) == (h, w) else f"resize {y} x {x} to {h} x {w} px"
        return f"{how}, {self.passes} pass" + ("es" if self.passes > 1 else "")


def plan_prediction(
    spec: NetworkSpec, shape: tuple[int, ...], *, size: tuple[int, int] | int | None = None
) -> PredictionPlan:
    """Decide how an image goes through a network.

    Parameters
    ----------
    spec : NetworkSpec
    shape : tuple of int
        (Y, X) or (Y, X, C) of the image.
    size : int or tuple of int, optional
        (Y, X) of the network's input, px; rounded up to what the network can take. Default: the paper's.

    Raises
    ------
    ShapeError
        If the image has no pixel or is no 2D image, or the size is below one pixel.
    """
    if len(shape) not in (2, 3) or 0 in shape:
        raise ShapeError(
            f"image has shape {tuple(shape)}; {spec.name} expects (Y, X) or (Y, X, C) with at least one pixel. "
            "Choose a single 2D image."
        )
    wanted = spec.input.size if size is None else ((size, size) if isinstance(size, int) else size)
    if len(wanted) != 2 or min(wanted) < 1:
        raise ShapeError(f"size is {wanted}; expected two sides of at least 1 px. Choose for example 256.")
    multiple = spec.input.multiple
    height, width = (-(-int(side) // multiple) * multiple for side in wanted)
    return PredictionPlan((int(shape[0]), int(shape[1])), (height, width))
