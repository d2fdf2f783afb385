"""Images that lie somewhere: what a folder holds, whose images those are, and the project that takes them in."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from platformdirs import user_data_path

from napari_medseg.app.images import stems_in
from napari_medseg.app.scratch import MOST, open_scratch
from napari_medseg.app.series import Choice, beside, choices_in, is_dicom_image, is_index, mixed
from napari_medseg.app.stacks import Slices, may_be_slices
from napari_medseg.errors import ImageReadError, InputError, ProjectError
from napari_medseg.io import format_of, stem_of, walk_images
from napari_medseg.io.format import Progress
from napari_medseg.io.pairs import result_of
from napari_medseg.io.table import FORMATS, suffix_of
from napari_medseg.names import clean_name
from napari_medseg.plain import real_path
from napari_medseg.project import Project
from napari_medseg.project.database import FILE_NAME
from napari_medseg.project.own import written_by
from napari_medseg.words import tr

# so many folders are looked into: whoever drops a whole disk is told
MOST_FOLDERS = 2000
# folders of these names hold what was drawn on images, not images
MASK_FOLDERS = ("mask", "masks", "label", "labels", "labelstr", "groundtruth", "gt", "annotations", "segmentations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found.

    Attributes
    ----------
    images : tuple of Path
        Files to add; one that was named by itself, whatever it is.
    folders : int
        In so many folders they lie.
    by : str or None
        What tells a patient, as :func:`napari_medseg.app.images.patient_of` takes it: ``folder`` where there are
        several of different names. None: nothing tells it.
    left_out : tuple of str
        Names of folders that look like folders of masks.
    others : int
        So many files in the folders that were named are no images.
    project : Path or None
        A project that was named.
    choices : tuple of Choice
        Series of images that lie among others in a folder, or that a DICOMDIR names: a person says which. What was
        found beside them is among them: nothing comes that nobody chose.
    slices : Slices or None
        The images may be the slices of one volume: a person says whether they are.
    """

    images: tuple[Path, ...]
    folders: int
    by: str | None
    left_out: tuple[str, ...] = ()
    others: int = 0
    project: Path | None = None
    choices: tuple[Choice, ...] = ()
    slices: Slices | None = None

    def with_chosen(self, chosen: Sequence[Choice]) -> Found:
        """The images that were chosen, and no others; nothing is left to choose."""
        images = tuple(image for choice in chosen for image in choice.images)
        folders = len({image.parent for image in images})
        # series of one folder are one patient's, most likely, and its name tells nothing
        return replace(self, images=images, folders=folders, by=None, choices=())

    def all_to_choose(self) -> Found:
        """Where there is something to choose, all that was found is."""
        if not self.choices:
            return self
        return replace(self, images=(), folders=0, by=None, choices=(*self.choices, *beside(self.images)))


def can_take(path: Path) -> bool:
    """Whether a path is something of ours: a folder, whatever is in it, a project, a file that is read.

    Of a file that holds masks only, a sentence tells where it belongs.
    """
    if path.name == FILE_NAME or path.is_dir():
        # asked on the GUI thread: what a folder holds is found out later
        return True
    format = format_of(path)
    return format is not None and format.read is not None


def project_at(path: Path) -> Path | None:
    """The folder of the project that a path is, or the database of; None where it is none."""
    if path.name == FILE_NAME:
        return path.parent
    return path if (path / FILE_NAME).exists() else None


def find_images(
    paths: Sequence[str | Path], progress: Progress | None = None, *, project: Project | None = None
) -> Found:
    """Images among files, and in folders and what lies in them; projects inside, hidden folders and masks are left out.

    So is what the program wrote into a project for itself, see :mod:`napari_medseg.project.own`.

    Parameters
    ----------
    paths : sequence of path
    progress : callable, optional
        Called with the share of a folder that was looked at; what it raises, as a Cancelled, ends the search.
    project : Project, optional
        They are to be added to it: masks of its images are left out too.

    Raises
    ------
    InputError
        If there are more than 2000 folders.
    """
    images: list[Path] = []
    left_out: list[str] = []
    choices: list[Choice] = []
    others = 0
    at_hand = None
    for path in map(Path, paths):
        index = _index_of(path)
        if (at := project_at(path)) is not None and at_hand is None:
            at_hand = at
        elif index is not None and (found := _named_by(index, progress)):
            if len(found) > 1:
                choices += found
            else:
                images += found[0].images
        elif not path.is_dir() or (not mixed(path, progress) and _is_one_image(path)):
            images.append(path)
        else:
            inside = _inside(path, progress=progress)
            images += inside.images
            left_out += inside.masks
            others += inside.others
            choices += inside.choices
    stems = frozenset[str]() if project is None else stems_in(project)
    found_here = _found(images, left_out, named={Path(path) for path in paths}, project=at_hand, known=stems)
    return replace(found_here, others=others, choices=tuple(choices)).all_to_choose()


def _index_of(path: Path) -> Path | None:
    """The list of images that a path is, or that lies in a folder: what it names lies in folders without end."""
    if is_index(path):
        return path
    named = {one.index for one in FORMATS if one.index}
    with suppress(OSError):
        if path.is_dir():
            return next((one for one in path.iterdir() if one.name.upper() in named and is_index(one)), None)
    return None


def _named_by(index: Path, progress: Progress | None) -> tuple[Choice, ...]:
    # one that is damaged: its folder is looked through
    with suppress(ImageReadError, ModuleNotFoundError):
        return choices_in(index, progress)
    return ()


def _found(
    images: Sequence[Path],
    left_out: Sequence[str],
    named: Container[Path] = (),
    project: Path | None = None,
    known: Set[str] = frozenset(),
) -> Found:
    """``known``: stems of images that lie elsewhere."""
    stems = {stem_of(image) for image in images} | known
    # results of images in another of the folders
    kept = tuple(image for image in images if image in named or result_of(stem_of(image)) not in stems)
    where = {image.parent for image in kept}
    by = "folder" if 1 < len(where) == len({one.name for one in where}) else None
    return Found(images=kept, folders=len(where), by=by, left_out=tuple(left_out), project=project)


def images_beside(project: Project) -> Found:
    """Images in the project's own folder that it does not hold yet; none of what the program wrote there."""
    inside = _inside(project.path)
    found = _found(inside.images, inside.masks, known=stems_in(project))
    return without(replace(found, choices=tuple(inside.choices)), project).all_to_choose()


def without(found: Found, project: Project) -> Found:
    """What of it is not in the project yet, by its place."""
    known = {case.image for case in project.cases()}
    images = tuple(image for image in found.images if real_path(image) not in known)
    fresh = (one for one in found.choices if not known.issuperset(real_path(image) for image in one.images))
    folders = len({image.parent for image in images})
    return replace(found, images=images, choices=tuple(fresh), folders=folders, slices=may_be_slices(images))


def make_project(dropped: Sequence[Path], found: Found) -> Project:
    """The project for what was dropped while none is open: of a folder its own, of files this user's ``my-images``.

    A folder that has one gets it again. It lies with this user's data: nothing is written beside the images.

    Raises
    ------
    ProjectError, OutputError
        If none can be opened.
    """
    # a folder that is called like an image is one, as a file is
    folder = next((path for path in dropped if path.is_dir() and not _is_called_image(path)), None)
    if folder is None:
        return open_scratch()
    base = user_data_path("napari-medseg", appauthor=False) / "projects"
    # folders of DICOM are often called like patients
    dicom = bool(found.choices) or any(map(is_dicom_image, found.images))
    name = "DICOM" if dicom else clean_name(real_path(folder).name)
    refused: ProjectError | None = None
    for number in range(1, MOST + 1):
        place = base / (name if number == 1 else f"{name}-{number}")
        if not (place / FILE_NAME).exists():
            return Project.create(place)
        try:
            project = Project.open(place)
        except ProjectError as error:
            refused = error
            continue
        cases = project.cases()
        if not cases or any(case.image.is_relative_to(real_path(folder)) for case in cases):
            return project
        project.close()
    raise ProjectError(
        tr(
            "{folder} and {n} others like it are of other images or in use: {refused}",
            folder=base / name,
            n=MOST - 1,
            refused=refused,
        )
    )


@dataclass(slots=True)
class _Inside:
    """Images of a folder and those in it, names of folders of masks, and how many files are neither image nor mask."""

    images: list[Path] = field(default_factory=list)
    masks: list[str] = field(default_factory=list)
    others: int = 0
    choices: list[Choice] = field(default_factory=list)


def _inside(folder: Path, progress: Progress | None = None) -> _Inside:
    """What lies in a folder."""
    found = _Inside()
    indexes = {one.index for one in FORMATS if one.index}
    for seen, (here, inner, files) in enumerate(os.walk(folder)):
        if seen >= MOST_FOLDERS:
            raise InputError(
                tr(
                    "{folder} holds more than {most} folders; expected a folder of images. Choose one inside.",
                    folder=folder,
                    most=MOST_FOLDERS,
                )
            )
        kept = []
        choices = mixed(Path(here), progress)
        apart = {Path(here)} if choices else set()
        for name in sorted(inner):
            path = Path(here) / name
            if name.startswith(".") or (path / FILE_NAME).exists() or written_by(path) is not None:
                continue
            if name.replace("_", "").replace("-", "").replace(" ", "").casefold() in MASK_FOLDERS:
                found.masks.append(name)
            elif mixed(path, progress):
                apart.add(path)
                kept.append(name)
            elif not _is_one_image(path):
                kept.append(name)
        inner[:] = kept
        known = {file for one in choices for file in one.series.files}
        found.choices += choices
        # a folder without an image is no mistake here
        with suppress(InputError):
            taken, results = walk_images([here])
            taken = [image for image in taken if written_by(image) is None]
            # what is to choose from comes apart
            found.images += [image for image in taken if not apart & {image, image.parent} or not is_dicom_image(image)]
            known.update(taken, results)
        shown = (name for name in files if not name.startswith(".") and name.upper() not in indexes)
        found.others += sum(Path(here) / name not in known for name in shown)
    return found


def _is_called_image(folder: Path) -> bool:
    format = format_of(folder)
    return format is not None and format.gives.folder and suffix_of(folder) in format.suffixes


def _is_one_image(folder: Path) -> bool:
    format = format_of(folder)
    return format is not None and format.gives.folder
