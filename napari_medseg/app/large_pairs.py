"""Accepted boxes of large cases as pairs of a round: cut into pieces as large as a network's tiles of a slide."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

from napari_medseg.app.accepted import AcceptedMask
from napari_medseg.app.slide_plan import wanted_um
from napari_medseg.errors import ShapeError
from napari_medseg.io import write_image
from napari_medseg.io.image import IN_MM
from napari_medseg.io.large import Large
from napari_medseg.io.large_open import open_large
from napari_medseg.project import Project
from napari_medseg.project.records import Part
from napari_medseg.weights import WeightsEntry
from napari_medseg.words import tr

# px: a tile is never smaller
_LEAST = 16


def tile_side(entry: WeightsEntry, task: str, own_um: float | None) -> int:
    """Side of what a network sees of a slide at once, px of full resolution, as predictions have it.

    Parameters
    ----------
    task : str
        What is on the slide.
    own_um : float or None
        Side of a pixel of full resolution, um; None: nobody knows, and a pixel is one of the network's.
    """
    wanted = wanted_um(entry, task)
    times = 1.0 if own_um is None or wanted is None else wanted / own_um
    return max(_LEAST, round(max(entry.input_size) * times))


def side_for(project: Project, mask: AcceptedMask, entry: WeightsEntry, task: str, own_um: float | None) -> int:
    """As :func:`tile_side`, at the pixel size at which the mask's proposal was made, where a person chose one."""
    tiles = (project.proposal_origin(mask.case.id, mask.revision.id) or {}).get("tiles")
    asked = tiles.get("pixel_um") if isinstance(tiles, dict) else None
    if own_um is None or not isinstance(asked, int | float) or not 0 < asked < 1e6:
        return tile_side(entry, task, own_um)
    return max(_LEAST, round(max(entry.input_size) * asked / own_um))


def pairs_of(project: Project, mask: AcceptedMask, entry: WeightsEntry, task: str) -> int:
    """How many pairs of a round a mask becomes."""
    spacing, unit = mask.case.spacing, mask.case.unit
    if mask.box is None:
        return 1
    own = None if spacing is None or unit not in IN_MM else 1e3 * IN_MM[unit] * (spacing[-2] + spacing[-1]) / 2
    return sum(1 for _ in pieces(mask.box, side_for(project, mask, entry, task, own)))


def pieces(box: Part, side: int) -> Iterator[Part]:
    """A box cut into pieces of about this side that share no pixel and leave none out; a small one stays whole.

    So does one of a volume: training cuts windows out of it.
    """
    if len(box) == 6:
        yield box
        return
    cuts = []
    for axis in (0, 1):
        low, high = box[axis], box[axis + 2]
        count = max(1, round((high - low) / side))
        cuts.append([low + (high - low) * n // count for n in range(count + 1)])
    for (y0, y1), (x0, x1) in product(*(list(pairwise(one)) for one in cuts)):
        yield y0, x0, y1, x1


def open_checked(mask: AcceptedMask) -> Large:
    """The image of a mask.

    Raises
    ------
    ImageReadError
        If it cannot be read.
    ShapeError
        If it is of another shape than the case.
    """
    image = open_large(mask.case.image)
    if image.shape != mask.case.shape:
        image.close()
        raise ShapeError(
            tr(
                "{image} has shape {found}; expected {shape}, as it was added. Bring back the image that was added.",
                image=mask.case.image,
                found=image.shape,
                shape=mask.case.shape,
            )
        )
    return image


def write_piece(image: Large, part: Part, stem: Path) -> Path:
    """A part of an image as a file of its own: TIFF, of a volume NIfTI.

    Raises
    ------
    ImageReadError
        If a piece of the image is damaged.
    OutputError
        If it cannot be written.
    """
    data = image.read(part)
    suffix = ".nii.gz" if image.volume else ".tif"
    path = stem.with_name(f"{stem.name}{suffix}")
    spacing = image.grid.spacing
    return write_image(path, data, spacing=spacing, unit=image.grid.unit if spacing else "px", volume=image.volume)
