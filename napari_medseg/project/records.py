"""What a project holds, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_medseg.io.large import large_shape

Box = tuple[int, int, int, int]
"""(y0, x0, y1, x1), half-open, px. Of a volume, slice z lies in the rows from z times its height."""
Part = tuple[int, ...]
"""A :data:`Box`, or of a volume (z0, y0, x0, z1, y1, x1), half-open, px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An image of the project.

    Attributes
    ----------
    id : int
    name : str
    image : Path
        Absolute.
    sha256 : str
        Of the image file when it was added.
    shape : tuple of int
        (Y, X) of an image, (Z, Y, X) of a volume, px.
    spacing : tuple of float or None
        Size of a pixel (y, x) or voxel (z, y, x) in ``unit``.
    unit : str
    group : str
        Patient or the like: a group never lies on both sides of the split.
    split : {'train', 'heldout'}
        Held-out cases are never trained on.
    state : {'new', 'proposed', 'in progress', 'accepted'}
    strokes : int
        Strokes of a person that what is shown is made of: none that was undone.
    missing : bool
        The image file is not where it was, or that folder is closed to the user.
    grid : str or None
        Where its voxels lie, as JSON; see :func:`napari_medseg.project.grids.case_grid`.
    frames : int
        Of a large case: how many boxes are accepted.
    """

    id: int
    name: str
    image: Path
    sha256: str
    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None
    unit: str
    group: str
    split: str
    state: str
    strokes: int
    missing: bool
    grid: str | None = None
    frames: int = 0

    @property
    def large(self) -> bool:
        """Whether its labels are never held as a whole: they are asked for in boxes, and accepted in boxes."""
        return large_shape(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelClass:
    """What a label stands for; ``label`` from 1 to 255, ``colour`` as ``#rrggbb``."""

    label: int
    name: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Labels that a person accepted; ``sha256`` is that of the labels, row by row.

    ``box``: of a large case, the part of it that was accepted, (y0, x0, y1, x1) or (z0, y0, x0, z1, y1, x1), half-open,
    px, and the hash is over the labels in it; None: all of it.
    """

    id: int
    case_id: int
    number: int
    created: float
    author: str
    sha256: str
    box: Part | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training run of the project.

    Attributes
    ----------
    id : int
    folder : Path
    state : str
        ``running``: a trainer is at work on it, or was left at work. Its end, in one word: ``adopted``; ``kept``, it
        was judged and the old weights stay; ``cancelled``; ``failed``; ``interrupted``, nobody noted its end. Versions
        before wrote ``done`` of one that was judged and not decided on.
    created : float
        Seconds since the epoch.
    weights : Path or None
        The file that came out.
    spec : str
        JSON.
    result : str or None
        JSON of the comparison.
    """

    id: int
    folder: Path
    state: str
    created: float
    weights: Path | None
    spec: str
    result: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """Who did what when; ``detail`` is JSON."""

    id: int
    case_id: int | None
    created: float
    author: str
    kind: str
    detail: str
