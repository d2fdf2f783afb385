"""Images and volumes: which network takes which, and across which axis one for images goes through a volume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_medseg.errors import ShapeError
from napari_medseg.io import FORMATS, Grid
from napari_medseg.io.formats import axes_of
from napari_medseg.io.image import Image
from napari_medseg.io.orientation import letters_of
from napari_medseg.io.table import suffixes
from napari_medseg.tasks import IN_SLICES, TASKS
from napari_medseg.weights import WeightsEntry
from napari_medseg.words import tr


def takes(network: str, *, volume: bool) -> bool:
    """Whether a network is made for volumes, or for images: what it can learn from."""
    from napari_medseg.networks import get_spec

    return (get_spec(network).input.ndim == 3) == volume


def size_told(network: str, size: int | None) -> list[str]:
    """What to tell of a side of the input that was asked for, px, where the network takes none like it."""
    from napari_medseg.networks import get_spec

    if size is None or size < 1:
        return []
    takes = get_spec(network).input
    used = takes.whole(size)
    if used == size:
        return []
    return [
        tr(
            "The size is {size} px, and {network} takes multiples of {multiple} px: images go through it at {used} px.",
            size=size,
            network=network,
            multiple=takes.multiple,
            used=used,
        )
    ]


def proposes(network: str, *, volume: bool) -> bool:
    """Whether a network can say something of volumes, or of images: one for images goes through slices."""
    return volume or takes(network, volume=False)


def tasks_on(entry: WeightsEntry, *, volume: bool) -> tuple[str, ...]:
    """For which tasks weights are offered on an image, or on a volume.

    On volumes, those of images too whose pictures are slices of volumes (a brain's; not a photograph of skin), and a
    person's own.
    """
    if takes(entry.network, volume=volume):
        return entry.tasks
    return tuple(task for task in entry.tasks if task in IN_SLICES or task not in TASKS) if volume else ()


def axis_across(grid: Grid | None) -> int | None:
    """Across which axis a network for images goes through a volume: its slices have the finest pixels, and of equal
    ones they are axial where the file tells the patient's sides. None: as the predictor chooses.
    """
    from napari_medseg.inference.plan import finest_axis

    letters = None if grid is None or len(grid.shape) != 3 else letters_of(grid)
    if grid is None or letters is None:
        return None
    return finest_axis(grid.spacing, next(axis for axis, letter in enumerate(letters) if letter in "SI"))


def check_kind(network: str, paths: Sequence[Path], *, learns: bool = False) -> None:
    """Check by their names that files are of the kind a network takes, before anything is loaded.

    Parameters
    ----------
    network : str
    paths : sequence of path
    learns : bool
        It is to learn from them: a network for images then takes no volumes.

    Raises
    ------
    ShapeError
        If one is an image and the network takes volumes, or the other way round; the message names it.
    """
    known = suffixes(tuple(one for one in FORMATS if one.read is not None and 3 in one.gives.axes))
    volume = tr("(Z, Y, X), a volume ({suffixes})", suffixes=", ".join(known))
    wanted = volume if takes(network, volume=True) else tr("(Y, X) or (Y, X, C), an image")
    able = takes if learns else proposes
    for path in paths:
        axes = axes_of(path)
        # of what is damaged, its reader tells
        if axes is not None and not able(network, volume=axes == 3):
            other = tr("for volumes") if axes == 3 else tr("for images")
            raise ShapeError(
                tr(
                    "{path} is of the wrong kind; {network} expects {wanted}. Choose a network {other}.",
                    path=path,
                    network=network,
                    wanted=wanted,
                    other=other,
                )
            )


def lie_of(image: Image) -> dict[str, Any]:
    """How an image lies, for :func:`napari_medseg.app.predict.predict_array` and :func:`describe_plan`."""
    across = axis_across(image.grid) if image.volume else None
    return {"spacing": image.spacing, "volume": image.volume, "axis": across}
