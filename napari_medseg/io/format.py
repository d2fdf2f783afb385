"""What a format of files is, as data: what manifest, dialogs, help and docs say of it follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from napari_medseg.errors import OperationError
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.large import Large
from napari_medseg.io.picture_numbers import Pictures

# called with the share that is done; what it raises, as a Cancelled, ends what is done
Progress = Callable[[float], None]


class Reader(Protocol):
    """Reads a file whole; errors are :class:`ImageReadError`, a sentence that names the file."""

    def __call__(self, path: Path, /, *, mask: bool = False) -> Image:
        """``mask``: its numbers are labels; what the file says of them is followed, see ``io/mask.py``."""


class LongReader(Protocol):
    """A reader of what may take long: many files."""

    def __call__(self, path: Path, /, *, mask: bool = False, progress: Progress | None = None) -> Image:
        """As :class:`Reader`; tells how far it is."""


class Several(Protocol):
    """Says which images a folder or an index holds where it is more than one; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /) -> tuple[Path, ...]:
        """Paths of images; none where the folder is one image, or holds none."""


class LiesIn(Protocol):
    """Says in which folder or file an image lies that has no file of its own."""

    def __call__(self, path: Path, /) -> Path | None:
        """None of what has one, and of any other path; in a moment, it does not look whether the image is there."""


class Called(Protocol):
    """Says what an image is called in a project, on the screen and in the names of files."""

    def __call__(self, path: Path, /, *, alone: bool) -> str:
        """``alone``: it has to differ from others of its kind, as names of files have to."""


class LargeOpener(Protocol):
    """Opens an image or a volume of any size, to read parts of it; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /) -> Large:
        """The caller closes it."""


class GridReader(Protocol):
    """Says by the header, in a moment, where pixels lie."""

    def __call__(self, path: Path, /) -> Grid | None:
        """None where an image's header cannot be read: whoever reads the image tells what is wrong."""


class Files(Protocol):
    """Says which files an image consists of; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /) -> tuple[Path, ...]:
        """In any order; what else lies in an image's folder is none of them."""


class Holds(Protocol):
    """Says by a look into it whether something is of a format, whatever it is called."""

    def __call__(self, path: Path, /) -> bool:
        """Never raises: False of what is not there or cannot be read."""


class Names(Protocol):
    """Says what the labels of a mask are called; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /) -> dict[int, str]:
        """Names by label; of those that have one."""


class PictureNumbers(Protocol):
    """Says which picture of an image each voxel is in; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /) -> Pictures:
        """By the headers alone."""


class CheckImage(Protocol):
    """Makes sure that a mask is of an image, by what it says of whose it is; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /, *, image: Path) -> None:
        """Raises an InputError where it says that it is another's; what says nothing of an image is left alone."""


class ToldReader(Protocol):
    """Says what this program wrote into a mask of where it comes from; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /) -> object:
        """The provenance; None of a file of another program."""


class DoubtReader(Protocol):
    """Says, by its header, how a mask was read where other programs may read it otherwise."""

    def __call__(self, path: Path, /) -> tuple[str, ...]:
        """Sentences that begin in lower case, after the file's name; never raises."""


class MaskWriter(Protocol):
    """Writes labels, whole or not at all."""

    def __call__(
        self, path: Path, labels: np.ndarray, /, *, grid: Grid, provenance: Mapping[str, Any] | None = None
    ) -> None:
        """``labels``: (Y, X) or (Z, Y, X) as the format takes, uint8 or uint16, of the grid's shape."""


class ColouredWriter(Protocol):
    """Writes labels that viewers show in colour; the numbers in the file are the labels all the same."""

    def __call__(
        self,
        path: Path,
        labels: np.ndarray,
        /,
        *,
        grid: Grid,
        provenance: Mapping[str, Any] | None = None,
        palette: np.ndarray,
    ) -> None:
        """``labels``: as :class:`MaskWriter` has them, uint8. ``palette``: (256, 3) uint8, the colour of each label."""


class ArrayWriter(Protocol):
    """Writes a map or an image, whole or not at all."""

    def __call__(self, path: Path, data: np.ndarray, /, *, grid: Grid) -> None:
        """``data``: a map is float32 in [0, 1]; an image has any real dtype, and channels last."""


class Joiner(Protocol):
    """Makes one file of several that hold a mask each, whole or not at all."""

    def __call__(self, path: Path, files: Sequence[Path], /) -> None:
        """``files``: as the format's ``write_mask`` wrote them, in order."""


class Splitter(Protocol):
    """Takes one file of the masks of many images apart: the other way round than :class:`Joiner`."""

    def __call__(self, path: Path, folder: Path, /) -> list[str] | None:
        """Writes a file for each image into a folder, called as it; None where there is one image only, and nothing is
        written. Gives the names of the images that have no object: for these, nothing is written."""


class ClassNames(Protocol):
    """Says what classes the objects of a file are of; errors are those of :class:`Reader`."""

    def __call__(self, path: Path, /) -> list[str] | None:
        """Each once, "" for objects of none; None where the file says numbers of its own, and the size of its image."""


class Settler(Protocol):
    """Writes a mask anew for which its file lacks the size of the image and the numbers of the classes."""

    def __call__(self, path: Path, target: Path, /, *, grid: Grid, numbers: Mapping[str, int]) -> None:
        """``numbers``: of the classes that :class:`ClassNames` gives. ``target``: a file of the same format."""


class Kept(Enum):
    """What becomes of something that a mask comes with."""

    WHOLE = "kept"
    AS_TEXT = "kept as text, which this program reads"
    NOT = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gives:
    """What comes out of files of a format.

    Parameters
    ----------
    axes : tuple of int
        2 where they hold images, 3 where they hold volumes.
    images, masks : bool
        Some formats hold masks only.
    folder : bool
        An image may be a folder: of this name, or where the format looks into it, whatever it is called.
    """

    axes: tuple[int, ...] = (2,)
    images: bool = True
    masks: bool = True
    folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What can be written to files of a format.

    Parameters
    ----------
    axes : tuple of int
        Of masks and maps: 2 for (Y, X), 3 for (Z, Y, X). An image can be written where it comes back as what it was.
    colour : bool
        Images may have three or four channels.
    highest : int
        Largest number of a label.
    longest : int
        Side, px, beyond which what is written is of a kind that some programs do not read; 0: there is none.
    source : bool
        The writer is told the image's file, as ``source``, where it is known.
    of_format : str
        Name of the format whose images alone masks can be of: they refer to them and say of them what they hold, and
        the image has to be there. Empty: masks of any image.
    parts : bool
        A mask is written object by object: the writer is told which, as ``parts``, where somebody numbered them.
    """

    axes: tuple[int, ...] = (2,)
    colour: bool = False
    highest: int = 65535
    longest: int = 0
    source: bool = False
    of_format: str = ""
    parts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeps:
    """What a written mask or map still says.

    Parameters
    ----------
    spacing : Kept
        Size of its pixels.
    position : Kept
        Where the voxels of a volume lie: its affine.
    classes : Kept
        Names of the labels.
    provenance : Kept
        Where it comes from.
    steps : int or None
        Of a map: so many values from 0 to 1; None where it stays float32.
    """

    spacing: Kept = Kept.NOT
    position: Kept = Kept.NOT
    classes: Kept = Kept.NOT
    provenance: Kept = Kept.NOT
    steps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of files. To add one: a file with a ``FORMAT`` in it, and its name in ``io/table.py``.

    Parameters
    ----------
    name : str
        As ``--format`` takes it.
    title : str
        As people write it.
    suffixes : tuple of str
        In lower case, with their dots; the first is written.
    read : Reader, optional
    grid : GridReader, optional
        Needed with ``read``.
    write_mask : MaskWriter, optional
    write_coloured : ColouredWriter, optional
        Takes the place of ``write_mask`` where no label is above 255; needed where viewers would show labels black.
    write_map, write_image : ArrayWriter, optional
    join : Joiner, optional
        Masks of several images go into one file.
    apart : Splitter, optional
        Masks of several images may come in one file.
    class_names, settle : ClassNames and Settler, optional
        Where other programs' files say classes by name alone, and not how large their image is.
    gives : Gives
    takes : Takes
    keeps : Keeps
    files : Files, optional
        Needed where an image may be a folder whose other files are no part of it.
    holds : Holds, optional
        Where names do not tell: asked of files without a suffix of the table, and of folders.
    open_large : LargeOpener, optional
        Where parts of a file can be read by themselves, so that it may be larger than memory.
    read_long : LongReader, optional
        Takes the place of ``read`` for who wants to know how far it is.
    several : Several, optional
        Needed where a folder or a file may hold several images.
    lies_in : LiesIn, optional
        Needed where such an image has no file of its own.
    called : Called, optional
        Needed where names of files may name people; default: by the stem.
    pictures : PictureNumbers, optional
        Where files number their pictures, as workstations show them.
    names : Names, optional
        Where files of the format say what their labels are called.
    check_image : CheckImage, optional
        Where masks of the format say of which image they are.
    told : ToldReader, optional
        Where this program writes into files of the format where a mask comes from.
    doubt : DoubtReader, optional
        Where a mask may mean the contrary of what its file says: what to tell of how it was read, as ``Image.told``.
    kin : str
        Name of a format whose suffixes its files may have too: ``holds`` tells the two apart.
    index : str
        Name of a file that lists others, in capitals: an image where it is named, passed over where a folder is.
    inner : tuple of str
        What may stand before the suffix and belongs to it, as in ``a.ome.tif``.
    white : bool
        Viewers expect a mask as 0 and 255: where label 1 is the only one there can be, it is shown so.
    plain : bool
        Anyone can open it as text: what it keeps so needs no file beside it.
    reader : bool
        napari cannot read it by itself, so that we offer to (decision 6).
    extra : str
        What pip has to install beside this package; the libraries are imported where they are used.
    judged : str
        Programs and libraries that its tests compare it with.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    read: Reader | None = None
    grid: GridReader | None = None
    write_mask: MaskWriter | None = None
    write_coloured: ColouredWriter | None = None
    write_map: ArrayWriter | None = None
    write_image: ArrayWriter | None = None
    join: Joiner | None = None
    apart: Splitter | None = None
    class_names: ClassNames | None = None
    settle: Settler | None = None
    gives: Gives = field(default_factory=Gives)
    takes: Takes = field(default_factory=Takes)
    keeps: Keeps = field(default_factory=Keeps)
    files: Files | None = None
    holds: Holds | None = None
    open_large: LargeOpener | None = None
    read_long: LongReader | None = None
    several: Several | None = None
    lies_in: LiesIn | None = None
    called: Called | None = None
    pictures: PictureNumbers | None = None
    names: Names | None = None
    check_image: CheckImage | None = None
    told: ToldReader | None = None
    doubt: DoubtReader | None = None
    kin: str = ""
    index: str = ""
    inner: tuple[str, ...] = ()
    white: bool = False
    plain: bool = False
    reader: bool = False
    extra: str = ""
    judged: str = ""

    @property
    def suffix(self) -> str:
        """What is written."""
        return self.suffixes[0]

    @contextmanager
    def libraries(self) -> Iterator[None]:
        """Where its libraries are used: a missing one is told with the command that brings it.

        Raises
        ------
        OperationError
        """
        try:
            yield
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            raise OperationError(
                f"{self.title} needs the library {error.name}, which is not installed. "
                f'Install it: pip install "napari-medseg[{self.extra}]".'
            ) from error
