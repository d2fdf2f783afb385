"""Images into a project."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_medseg.app.case_labels import CaseLabels, case_labels
from napari_medseg.app.export import check_folder
from napari_medseg.app.formats import image_suffix
from napari_medseg.errors import ImageReadError, InputError, sentence
from napari_medseg.io import Grid, format_of, name_of, read_grid, read_image, stem_of, walk_images, write_image
from napari_medseg.io.large import large_shape
from napari_medseg.io.large_open import is_large, open_large
from napari_medseg.io.large_values import check_large
from napari_medseg.io.look import look_of
from napari_medseg.names import clean_name, one_line
from napari_medseg.project import Case, Project
from napari_medseg.project.own import check_not_own
from napari_medseg.words import mark, tr

if TYPE_CHECKING:
    from napari_medseg.inference import Prediction

# how an image's patient is told, and how that is said
PATIENTS = {"image": mark("each image"), "folder": mark("each folder"), "name": mark("each name up to _ or -")}


def patient_of(file: Path, by: str) -> str | None:
    """Whose image a file is, for the split into trained on and held out.

    Parameters
    ----------
    file : Path
    by : {'image', 'folder', 'name'}
        ``name``: what stands before the first underscore, hyphen or space.

    Returns
    -------
    str or None
        None: the image stands alone.

    Raises
    ------
    InputError
        If ``by`` is none of these.
    """
    _check_by(by)
    if by == "image":
        return None
    name = one_line(file.absolute().parent.name if by == "folder" else stem_of(file))
    found = name if by == "folder" else re.split(r"[_\- ]", name)[0]
    format = format_of(file)
    if found and format is not None and format.called is not None:
        # a hospital calls folders by its patients: what tells them apart is enough
        return hashlib.sha256(found.encode(errors="surrogateescape")).hexdigest()[:12]
    return found or None


def _check_by(by: str) -> None:
    if by not in PATIENTS:
        raise InputError(
            tr(
                "patients are told by '{by}'; expected one of {names}. Choose one of them.",
                by=by,
                names=", ".join(PATIENTS),
            )
        )


def add_images(
    project: Project,
    paths: Sequence[str | Path],
    *,
    group: str | None = None,
    patients: str = "image",
    split: str = "train",
    progress: Callable[[float, str], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[list[Case], list[str]]:
    """Add image files, or all images of folders; each is read once, so that a damaged one is told at once.

    Masks that lie beside their images (``<stem>_mask``), or of images of the project, are no images, and are passed
    over.

    Parameters
    ----------
    project : Project
    paths : sequence of path
    group : str, optional
        Patient of all of them.
    patients : str
        Where there is no ``group``: what tells it, as :func:`patient_of` takes it.
    split : {'train', 'heldout'}
    progress : callable, optional
        Called with the share that is done and a file's name; what it raises, as a Cancelled, ends the adding.
    tell : callable, optional
        Called with each sentence that a person should know of how an image was read.

    Returns
    -------
    added : list of Case
    refused : list of str
        One sentence for each image that was not added.

    Raises
    ------
    InputError
        If a folder is missing or holds no image.
    OutputError
        If the project cannot be written.
    """
    _check_by(patients)
    files, _ = walk_images(paths, known=stems_in(project))
    added: list[Case] = []
    refused: list[str] = []
    taken = {case.name for case in project.cases()}
    for number, file in enumerate(files):
        try:
            check_not_own(file)
            name = _free(name_of(file), taken) if _called(file) else stem_of(file)
            step = _part(progress, number, len(files), name)
            step(0.0)
            image = _seen(file, step)
            patient = group or patient_of(file, patients)
            added.append(
                project.add_case(
                    file,
                    shape=image.shape,
                    # as the file is called here, whatever a link points to
                    name=name,
                    group=patient,
                    # a patient who is held out stays so; who names a group says which side it is on
                    split=split if group or patient is None else project.split_of(patient) or split,
                    grid=image.grid,
                    look=image.look,
                )
            )
            taken.add(name)
            if tell is not None:
                for words in image.told:
                    tell(f"{name}: {words}")
        except (ImageReadError, InputError) as error:
            refused.append(sentence(error))
    return added, refused


def stems_in(project: Project) -> frozenset[str]:
    """What masks of a project's images may be named by: the images' names, and their files'."""
    return frozenset(name for case in project.cases() for name in (case.name, stem_of(case.image)))


def listed(project: Project, images: Sequence[str]) -> list[Case]:
    """Images of a project by what a person calls them.

    Parameters
    ----------
    project : Project
    images : sequence of str
        Names, or numbers where no image has that name.

    Raises
    ------
    InputError
        If there is none of such a name, or there are several.
    """
    cases, found = project.cases(), {}
    for image in images:
        meant = [case for case in cases if case.name == image] or [case for case in cases if str(case.id) == image]
        if not meant:
            raise InputError(tr("no image is called '{image}'; expected a name or an id of 'status'.", image=image))
        if len(meant) > 1:
            raise InputError(
                tr(
                    "{n} images are called '{image}'; expected one. Give its id, see 'status'.",
                    n=len(meant),
                    image=image,
                )
            )
        found[meant[0].id] = meant[0]
    return list(found.values())


class _Seen(NamedTuple):
    """What a project keeps of an image."""

    shape: tuple[int, ...]
    grid: Grid
    look: str | None
    told: tuple[str, ...]


def _seen(file: Path, step: Callable[[float], None]) -> _Seen:
    """Read an image whole; of one that is read in parts its smallest level, if that is small enough to be looked at."""
    if not is_large(file):
        image = read_image(file, step)
        return _Seen(image.shape, image.grid, look_of(image.data), image.told)
    with open_large(file) as large:
        last = large.levels[-1].shape
        look = (
            look_of(large.read((*(0 for _ in last), *last), len(large.levels) - 1)) if not large_shape(last) else None
        )
        return _Seen(large.shape, large.grid, look, (*large.told, *check_large(large)))


def _called(file: Path) -> bool:
    """Whether what an image is called is not the name of its file."""
    format = format_of(file)
    return format is not None and format.called is not None and name_of(file) != stem_of(file)


def _free(name: str, taken: Container[str]) -> str:
    """A name that several images would have, with a number behind it from the second on."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _part(progress: Callable[[float, str], None] | None, number: int, of: int, name: str) -> Callable[[float], None]:
    """Progress within one of several images."""

    def step(share: float) -> None:
        if progress is not None:
            progress((number + share) / of, name)

    return step


def keep_proposal(
    project: Project,
    image: np.ndarray,
    prediction: Prediction,
    *,
    name: str,
    source: str | Path | None = None,
    grid: Grid | None = None,
) -> tuple[Case, CaseLabels]:
    """Make sure that an image someone has open is a case, and store a proposal on it as an undoable stroke.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4), or (Z, Y, X): as the prediction's labels.
    prediction : Prediction
    name : str
    source : path, optional
        Where the image comes from. Where that file does not hold exactly these pixels, they are written into the
        project's ``images``.
    grid : Grid, optional
        Where its pixels lie, as far as the layer knows. Of a volume, a file that holds it knows better.

    Returns
    -------
    case : Case
    shown : CaseLabels
        The proposal, save where a person drew in this case before.

    Raises
    ------
    OutputError
        If the project cannot be written.
    """
    path = None if source is None else Path(source)
    shape = prediction.labels.shape
    volume = len(shape) == 3
    if path is None or not _holds(path, image):
        stem = clean_name(name)
        digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:8]
        path = check_folder(project.path / "images") / f"{stem}-{digest}{image_suffix(volume=volume)}"
        if not path.exists():
            write_image(path, image, grid=grid, volume=volume)
    found = project.find_image(path)
    look = look_of(image)
    near = None if look is None else project.looks_like(look)
    split = "train" if near is None else near[2]
    case = found
    if case is None or case.missing:
        # of an image, the person may have said how large its pixels are; of a volume, the file says where they lie
        lies = read_grid(path) if volume else grid
        case = project.add_case(path, shape=shape, name=name, split=split, grid=lies, look=look)
    # who has the image open as a layer may have accepted it in the project
    project.offer_proposal(case.id, prediction.labels, prediction.kept_origin)
    return project.case(case.id), case_labels(project, case.id)


def _holds(path: Path, image: np.ndarray) -> bool:
    try:
        return np.array_equal(read_image(path).data, image)
    except InputError:
        return False
