"""An image as read: its array and where its pixels lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

IN_MM = {"mm": 1.0, "um": 1e-3}
# what a pixel can measure, mm: from a tenth of an atom to a kilometre, which every format can hold
SMALLEST, LARGEST = 1e-8, 1e6
SIZES = f"{SMALLEST:g} to {LARGEST:g} mm"


def usable_sizes(sizes: Sequence[Any], unit: str = "mm") -> bool:
    """Whether these can be sizes of a pixel: numbers, not a text, NaN, nothing, or what no instrument has."""
    factor = IN_MM.get(unit, 1.0)
    return all(
        isinstance(size, (int, float, np.number))
        and not isinstance(size, bool)
        and SMALLEST / factor <= size <= LARGEST / factor
        for size in sizes
    )


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the pixels of an array lie: what a mask of it must have to lie there too, whatever the format.

    The project keeps it, every writer gets it.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of an image, (Z, Y, X) of a volume, px.
    spacing : tuple of float or None
        Size of a pixel (y, x) or voxel (z, y, x) in ``unit``; None where nothing is known.
    unit : str
        ``mm``, ``um`` or ``px``.
    affine : np.ndarray or None
        Of a volume: (4, 4), from the array's indices (x, y, z) to mm; x runs to the right, y to the front, z up.
    others : tuple of np.ndarray
        Affines by which other programs may read the same file.
    stored : str
        How the axes run in the file, such as ``LPS``; the array may have been turned when it was read.
    header : mapping
        What the file's format needs to write the very same geometry again, as plain values, under the format's name.
    printed : bool
        The size is a print resolution: nobody measured it, so that it contradicts no other size.
    orientation : int
        Of an image: how its file says that it is looked at (EXIF's and TIFF's tag 274), 1 is upright; 0 where it says
        nothing. The grid is that of the upright image.
    planes : tuple of (x, y, z)
        Of a mask that may hold some slices of its image only: where the first pixel of each lies, mm. The affine has
        the first of them, and how far they are apart on average.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...] | None = None
    unit: str = "px"
    affine: np.ndarray | None = None
    others: tuple[np.ndarray, ...] = ()
    stored: str = ""
    header: Mapping[str, Any] = field(default_factory=dict)
    printed: bool = False
    orientation: int = 0
    planes: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of_affine(cls, shape: tuple[int, ...], affine: np.ndarray, *, unit: str = "mm", **more: Any) -> Grid:
        """Of a volume whose affine is known; the voxels' sizes follow from it, in mm or, where nobody knows, px."""
        x, y, z = (float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
        return cls(shape, spacing=(z, y, x), unit=unit, affine=affine, **more)

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Sizes in mm; None where they are not known."""
        if self.spacing is None or self.unit not in IN_MM:
            return None
        return tuple(size * IN_MM[self.unit] for size in self.spacing)

    @property
    def flat(self) -> tuple[float, float] | None:
        """Size of a pixel (y, x), for formats of images."""
        return None if self.spacing is None else (self.spacing[-2], self.spacing[-1])

    def upright(self, orientation: int) -> Grid:
        """The grid of an image once its first row is on top; see :meth:`Image.upright`."""
        if orientation not in (1, *TURNS):
            return self
        sideways, spacing = orientation in SIDEWAYS, self.spacing
        return replace(
            self,
            shape=self.shape[::-1] if sideways else self.shape,
            spacing=spacing[::-1] if sideways and spacing is not None else spacing,
            orientation=orientation,
        )

    def describe(self) -> str:
        """The geometry in words, for whoever has to compare two of them."""
        sides = " x ".join(str(n) for n in self.shape)
        if self.spacing is None:
            return f"{sides} px of unknown size"
        text = f"{sides} px of {' x '.join(f'{size:.6g}' for size in self.spacing)} {self.unit}"
        if self.affine is None:
            return text
        ends = [self.affine @ (*end, 1) for end in ((0, 0, 0), tuple(n - 1 for n in reversed(self.shape)))]
        first, last = (", ".join(f"{value:.5g}" for value in end[:3] + 0.0) for end in ends)
        text += f", from ({first}) to ({last}) mm"
        axes = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        if not np.allclose(axes, np.eye(3), atol=1e-4):
            text += f", axes along {', '.join(str(tuple(axis)) for axis in (np.round(axes.T, 3) + 0.0).tolist())}"
        return text + (f", stored {self.stored}" if self.stored else "")

    def to_json(self) -> str:
        """As text, to be kept; see :meth:`from_json`."""
        facts = {
            "shape": self.shape,
            "spacing": self.spacing,
            "unit": self.unit,
            "affine": None if self.affine is None else self.affine.tolist(),
            "others": [other.tolist() for other in self.others],
            "stored": self.stored,
            "header": dict(self.header),
            "printed": self.printed,
            "orientation": self.orientation,
        }
        return json.dumps(facts, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Grid:
        """From text of :meth:`to_json`.

        Raises
        ------
        ValueError
            If it is none.
        """
        try:
            facts = json.loads(text)
            spacing, affine = facts["spacing"], facts["affine"]
            return cls(
                shape=tuple(int(n) for n in facts["shape"]),
                spacing=None if spacing is None else tuple(float(size) for size in spacing),
                unit=str(facts["unit"]),
                affine=None if affine is None else np.array(affine, np.float64).reshape(4, 4),
                others=tuple(np.array(other, np.float64).reshape(4, 4) for other in facts["others"]),
                stored=str(facts["stored"]),
                header=dict(facts["header"]),
                # earlier versions did not know of these
                printed=bool(facts.get("printed", False)),
                orientation=int(facts.get("orientation", 0)),
            )
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no geometry: {error}") from error


# what it is called, nothing where the file does not say; the values that are shown black and white
Window = tuple[str, float, float]

# an image without a grid of its own lies as the size of its pixels says
_BY_SIZE = Grid(())


# how rows and columns lie, by EXIF's and TIFF's tag 274: whether they change places first, and which are then mirrored
TURNS = {
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}
SIDEWAYS = tuple(turn for turn, (swapped, _) in TURNS.items() if swapped)


@dataclass(frozen=True, slots=True)
class Image:
    """A 2D image or a volume.

    Parameters
    ----------
    data : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4), or (Z, Y, X) of a volume; dtype as in the file.
    spacing : tuple of float or None
        Size of a pixel (y, x) or voxel (z, y, x) in ``unit``; None where the file says nothing.
    unit : str
        ``mm``, ``um`` or ``px``.
    source : Path or None
    grid : Grid
        Where the pixels lie. Given for a volume; of an image, shape and size of its pixels follow from the others.
    numbered : bool
        The file says that its values are labels, not greys: 255 is then no white.
    lossy : bool
        It was packed so that its values changed a little, whatever the file is called.
    windows : tuple of Window
        Values that the file wants shown black and white; the first is meant. Networks are not given it: see decision
        52.
    modality : str
        What it was taken with, such as ``CT``; nothing where its file does not say.
    told : tuple of str
        What a person should know of how it was read: sentences that begin in lower case, after the file's name.
    """

    data: np.ndarray
    spacing: tuple[float, ...] | None = None
    unit: str = "px"
    source: Path | None = None
    grid: Grid = _BY_SIZE
    numbered: bool = False
    lossy: bool = False
    windows: tuple[Window, ...] = ()
    modality: str = ""
    told: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.grid.affine is None:
            shape = tuple(int(n) for n in self.data.shape[:2])
            object.__setattr__(self, "grid", replace(self.grid, shape=shape, spacing=self.spacing, unit=self.unit))

    @property
    def window(self) -> tuple[float, float] | None:
        """Values that the file wants shown black and white; None where it does not say."""
        return self.windows[0][1:] if self.windows else None

    @property
    def volume(self) -> bool:
        """Whether this is a volume."""
        return self.grid.affine is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) or (Z, Y, X)."""
        return tuple(int(n) for n in (self.data.shape if self.volume else self.data.shape[:2]))

    def upright(self, orientation: int) -> Image:
        """This image with its first row on top, as tag 274 of its file says it is looked at; others stay as they are.

        Parameters
        ----------
        orientation : int
            1 to 8; anything else is no orientation.
        """
        grid = self.grid.upright(orientation)
        if orientation not in TURNS:
            return replace(self, grid=grid)
        swapped, mirrored = TURNS[orientation]
        data = np.flip(self.data.swapaxes(0, 1) if swapped else self.data, mirrored)
        return replace(self, data=np.ascontiguousarray(data), spacing=grid.spacing, grid=grid)
