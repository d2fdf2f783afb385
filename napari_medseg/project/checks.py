"""What may become a case."""

from __future__ import annotations

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io.image import SIZES, usable_sizes


def check_case(shape: tuple[int, ...], split: str, spacing: tuple[float, ...] | None, unit: str) -> None:
    """Raise a ShapeError or an InputError that names the value that cannot be used."""
    if len(shape) not in (2, 3) or not all(isinstance(side, int) and side > 0 for side in shape):
        raise ShapeError(f"shape is {shape}; expected (Y, X) or (Z, Y, X) px, each 1 or more. Add one image at a time.")
    if split not in ("train", "heldout"):
        raise InputError(f"split is '{split}'; expected 'train' or 'heldout'. Choose one of these.")
    if spacing is not None and not (len(spacing) in (2, 3) and usable_sizes(spacing, unit)):
        raise InputError(
            f"spacing is {spacing}; expected (y, x) or (z, y, x), each {SIZES}. Leave it out where it is not known."
        )
