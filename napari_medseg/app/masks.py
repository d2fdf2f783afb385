"""Finished masks into a project, with their images or after them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_medseg.app.classes import UNNAMED, classes_of, merged, name_classes, rule_of
from napari_medseg.app.images import add_images
from napari_medseg.app.mask_files import MaskFiles, mask_files
from napari_medseg.classes import IGNORED, MOST_CLASS, Classes, listed
from napari_medseg.errors import ImageReadError, InputError, sentence
from napari_medseg.io import (
    PLAIN,
    LabelRule,
    all_numbers,
    check_names,
    check_numbers,
    check_white,
    find_in,
    fit_mask,
    read_image,
    read_numbers,
    walk_images,
)
from napari_medseg.io.belongs import image_of, is_image
from napari_medseg.io.labels import Found
from napari_medseg.io.large_open import is_large
from napari_medseg.project import Case, Project
from napari_medseg.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedMasks:
    """What was added.

    Attributes
    ----------
    cases : list of Case
        New ones.
    refused : list of str
        One sentence for each image that was not added.
    updated : list of Case
        That were there, and got another mask.
    used, masks : int
        So many of the folder's masks were stored and accepted.
    told : list of str
        One for each mask that was turned onto its image, changes nothing, or lies on what a person began; and for
        what was left out of them.
    named : dict of int to str
        Classes that the project did not know before, by their numbers.
    """

    cases: list[Case]
    refused: list[str]
    used: int
    masks: int
    told: list[str] = field(default_factory=list)
    named: dict[int, str] = field(default_factory=dict)
    updated: list[Case] = field(default_factory=list)


def add_with_masks(
    project: Project,
    paths: Sequence[str | Path],
    masks: str | Path | Sequence[Path],
    *,
    group: str | None = None,
    patients: str = "image",
    split: str = "train",
    rule: LabelRule = PLAIN,
    names: Classes | None = None,
    update: bool = False,
    leave: Callable[[], Collection[int]] = tuple,
    there: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> AddedMasks:
    """Add images and accept their masks; an image that is in the project already without an accepted mask gets its own,
    unless someone began to draw one. ``group``, ``patients`` and ``split`` are as :func:`add_images` takes them.

    Nothing is added before all masks were read. An image whose mask is bad is not added, so that both can be later.

    The numbers of the masks are those of the project's classes. Where it has none yet, all numbers that are found
    become classes; more than the first, or another, get names in its table: those that the masks' files say,
    else ``label 2``. A number that they call 'ignore' is the one that does not count.

    Parameters
    ----------
    rule : LabelRule
        What numbers in the masks stand for, and which does not count; the project keeps the latter.
    names : mapping of int to str, optional
        Further classes, by their numbers.
    masks : path, or sequence of path
        A folder of masks; or files, each a mask or, as COCO's may be, the masks of many images.
    leave : callable
        Gives numbers of cases that somebody has open: these are left alone.
    there : bool
        The images are in the project; nothing is said of one that has no mask.
    update : bool
        An image that has a mask in the project already gets the new one as a correction: a further accepted revision.
        The history keeps what was before. Without it, such an image is refused.

    Raises
    ------
    InputError
        If no mask belongs to an image, two files have the same stem, or none of the masks can be used; the message
        names the first; if a number in them bears the name of another class; or if nobody said what white is in them.
    OutputError
        If the project cannot be written.
    """
    files, _ = walk_images(paths)
    wishes = {"group": group, "patients": patients, "split": split, "progress": progress}
    masks = Path(masks) if isinstance(masks, str) else masks
    with mask_files(files, masks, classes_of(project) | dict(names or {})) as given:
        return _add(project, files, masks, given, rule, names, leave, None if there else wishes, update)


def add_masks(
    project: Project,
    masks: Sequence[Path],
    *,
    leave: Callable[[], Collection[int]] = tuple,
    progress: Callable[[float, str], None] | None = None,
) -> AddedMasks:
    """Accept masks for images that are in a project already, and have none of a person's; see :func:`add_with_masks`.

    Raises
    ------
    InputError
        As there, or if there is no such image.
    OutputError
        If the project cannot be written.
    """
    waiting = [case.image for case in project.cases() if not case.large and _waits(project, case)]
    if not waiting:
        raise InputError(
            tr(
                "No image of this project waits for a mask; expected one that nobody drew on or accepted. Add the "
                "images first; what was drawn stays."
            )
        )
    return add_with_masks(project, waiting, masks, leave=leave, there=True, progress=progress)


def _add(
    project: Project,
    files: Sequence[Path],
    masks: Path | Sequence[Path],
    given: MaskFiles,
    rule: LabelRule,
    names: Classes | None,
    leave: Callable[[], Collection[int]],
    wishes: Mapping[str, Any] | None,
    update: bool,
) -> AddedMasks:
    matched, count = given.matched, given.count
    if not matched:
        place = f" in {masks}" if isinstance(masks, Path) else ""
        raise InputError(
            f"none of the {count} mask(s){place} belongs to one of the {len(files)} image(s); expected files named "
            "'<stem>' or '<stem>_mask' of an image. Rename them, or choose the other folder."
        )
    # names alone were told: what they stand for is known
    told_names = {number: name for number, name in given.named.items() if name != IGNORED}
    aside = next((number for number, name in given.named.items() if name == IGNORED), None)
    rule = rule if aside is None or rule.ignore is not None else replace(rule, ignore=aside)
    rule, classes = rule_of(project, rule), merged(project, {**told_names, **(names or {})})
    rule.check(classes)
    readable, found, bad = _check(project, matched, rule, classes)
    if bad and not readable:
        raise next(iter(bad.values()))
    called = _called({matched[file]: one for file, one in found.items()}, classes, rule)
    aside = next((number for number, name in called.items() if name.casefold() == IGNORED), None)
    rule = rule if aside is None else replace(rule, ignore=aside)
    called, numbers = {n: name for n, name in called.items() if n != aside}, all_numbers(found) - {aside}
    # of an image that has no accepted mask yet, only the mask is new
    waiting = {file for file in readable if _waits(project, project.find_image(file))}
    # what a person accepted or began is not theirs who only add
    known = {file: case for file in readable if file not in waiting and (case := _known(project, file)) is not None}
    fresh = [file for file in files if file not in waiting and file not in bad and file not in known]
    cases, refused = ([], list[str]()) if wishes is None else add_images(project, fresh, **wishes)
    if not classes and (numbers - {1} or called):
        classes = {number: called.get(number, f"label {number}") for number in sorted(numbers)}
    named = name_classes(project, classes, ignore=rule.ignore)
    refused += [] if update or wishes is None else [_refused(file, case) for file, case in known.items()]
    used, told, updated = 0, list(given.told), list[Case]()
    for file in readable:
        case = project.find_image(file)
        new = case is not None and _waits(project, case)
        if case is not None and case.id in leave():
            told.append(tr("'{name}' is open: go to another image, and add its mask again.", name=case.name))
        elif case is not None and (new or update):
            image, mask_path = read_image(file), matched[file]
            mask, turned = fit_mask(image, read_numbers(mask_path), image_path=file, mask_path=mask_path)
            told += [turned] if turned else []
            labels = rule.apply(mask, classes=classes or None, path=mask_path)
            changed = project.commit_stroke(case.id, rule.drawn(labels), tool="import")
            used += 1
            if not new and changed is None and project.accepted_revision(case.id) is not None:
                told.append(f"mask {mask_path} is as it was accepted: nothing was changed.")
                continue
            if not new and case.state == "in progress":
                told.append(f"'{case.name}' had strokes that nobody accepted; its history keeps them.")
            project.accept(case.id)
            updated += [] if new else [case]
    refused += [sentence(error) for error in bad.values()]
    return AddedMasks(cases=cases, refused=refused, used=used, masks=count, told=told, named=named, updated=updated)


def _called(masks: Mapping[Path, Found], classes: Classes, rule: LabelRule) -> dict[int, str]:
    """What the files of masks say that the numbers they hold are called, by number.

    Raises
    ------
    InputError
        If two files have two names for one number, or a number bears the name of another class.
    """
    check_names(masks, classes if rule.ignore is None else {**classes, rule.ignore: IGNORED})
    found = dict[int, str]()
    for path, one in masks.items():
        for number, name in one.names.items():
            # so weights call the one class that nobody named
            if name != UNNAMED and found.setdefault(number, name) != name and number not in classes:
                raise InputError(
                    f"mask {path} calls its number {number} '{name}'; expected '{found[number]}', as in another mask. "
                    f"Say what it is called with --classes {number}=NAME, or which class it is with "
                    f"--map {number}={number}."
                )
    # two numbers of one name: the name says nothing
    names = list(found.values())
    return {number: name for number, name in found.items() if names.count(name) == 1}


def _known(project: Project, file: Path) -> Case | None:
    """The case of an image that lies where the project knows it."""
    case = project.find_image(file)
    return None if case is None or case.missing else case


def _refused(file: Path, case: Case) -> str:
    return (
        f"{file} is in the project already as '{case.name}', with a mask that a person accepted or began; it stays. To "
        "give it the new one as a correction, whose history keeps the old, add --update."
    )


def _waits(project: Project, case: Case | None) -> bool:
    """Whether a case has no mask of a person's yet, accepted or begun."""
    if case is None or project.revisions(case.id):
        return False
    # a mask that came in here, and the program was ended before it was accepted
    imported = {row.kind for row in project.history(case.id)} == {"add", "import"}
    return case.state in ("new", "proposed") or imported


def _check_held(image: Path, mask: Path) -> None:
    """Make sure that an image and its mask are held as a whole, before either is read or added."""
    if is_large(image):
        raise InputError(
            f"{image} is larger than memory, and is given with mask {mask}; expected smaller images where finished "
            "masks come in, as a project accepts parts of such an image only. Add it without --masks, propose in the "
            "window, and accept what is right in the frame; or cut image and mask into parts."
        )


def _check_owner(project: Project, image: Path, mask: Path) -> None:
    """Make sure that a mask is not that of another image of the project, which may have the same name."""
    digest = image_of(mask)
    owner = next((case for case in project.cases() if case.sha256 == digest), None)
    if owner is not None and not is_image(image, owner.sha256):
        raise InputError(
            f"mask {mask} was made on {owner.image}, which is in the project as '{owner.name}'; it is given with "
            f"{image}. Give it with its own image."
        )


def _check(
    project: Project, matched: Mapping[Path, Path], rule: LabelRule, classes: Classes
) -> tuple[list[Path], dict[Path, Found], dict[Path, InputError]]:
    """The images that can be read, whose masks can be too, and fit; what these hold; and what is wrong with others.

    Raises
    ------
    InputError
        If it cannot be known what white is, or no mask holds the numbers of classes alone.
    """
    found, bad = dict[Path, Found](), dict[Path, InputError]()
    for file, mask_path in matched.items():
        try:
            _check_held(file, mask_path)
            mask = read_numbers(mask_path)
            try:
                image = read_image(file)
            except ImageReadError:
                # told with the other images that cannot be added
                continue
            fit_mask(image, mask, image_path=file, mask_path=mask_path)
            _check_owner(project, file, mask_path)
        except InputError as error:
            bad[file] = error
        else:
            found[file] = find_in(mask_path, mask, rule)
    check_white({matched[file]: one for file, one in found.items()}, classes or None)
    outside = dict[Path, InputError]()
    for file, one in found.items():
        try:
            check_numbers({matched[file]: one}, classes or None)
            if max(one.numbers, default=0) > MOST_CLASS:
                raise InputError(
                    f"mask {matched[file]} has {listed(one.numbers)}; a project takes 0 to {MOST_CLASS}. "
                    "Say which classes they are with --map, such as 300=1 or 1-65535=1."
                )
        except InputError as error:
            outside[file] = error
    if outside and len(outside) == len(found):
        # all numbers at once
        check_numbers({matched[file]: one for file, one in found.items()}, classes or None)
    fitting = {file: one for file, one in found.items() if file not in outside}
    return list(fitting), fitting, {**bad, **outside}
