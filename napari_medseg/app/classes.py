"""A project's table of classes, for who adds, trains on or exports its masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medseg.classes import IGNORED, MOST_CLASS, Classes, colour_of, listed
from napari_medseg.errors import InputError, OutputError, ProjectError
from napari_medseg.io import LabelRule, all_numbers, check_numbers, survey
from napari_medseg.project import Case, LabelClass, Project
from napari_medseg.tasks import THINGS
from napari_medseg.weights import WeightsEntry
from napari_medseg.weights.store import find_weights, superseded

if TYPE_CHECKING:
    import numpy as np

NO_COLOUR = "#808080"
# what weights call a single class that nobody named
UNNAMED = "foreground"


def classes_of(project: Project) -> dict[int, str]:
    """Names of a project's classes by their numbers; the one that is to be ignored is none."""
    return {one.label: one.name for one in project.classes() if not _is_ignored(one.name)}


def rule_of(project: Project, rule: LabelRule) -> LabelRule:
    """The rule, with what the project says is to be ignored: the label named 'ignore'.

    Raises
    ------
    InputError
        If another number is to be ignored than in the project, or one that is a class there.
    """
    known = next((one.label for one in project.classes() if _is_ignored(one.name)), None)
    if rule.ignore is None:
        return rule if known is None else replace(rule, ignore=known)
    name = classes_of(project).get(rule.ignore)
    if name is not None or known not in (None, rule.ignore):
        # asked for by the terminal alone
        there = f"label {known}" if name is None else f"no label, and {rule.ignore} is '{name}'"
        raise InputError(
            f"--ignore is {rule.ignore}; in this project, what is to be ignored is {there}. "
            "Name the label 'ignore' in the section Correct, or choose that number."
        )
    return rule


def name_classes(
    project: Project, classes: Classes, *, ignore: int | None = None, typed: bool = True
) -> dict[int, str]:
    """Write names into the project's table, those that it has already left out.

    ``typed``: a person gave them, see :meth:`napari_medseg.project.Project.set_class`.

    Returns
    -------
    dict of int to str
        What was written.

    Raises
    ------
    InputError
        If a number or a name cannot be used.
    """
    there = {one.label for one in project.classes()}
    wanted = classes if ignore is None else {**classes, ignore: IGNORED}
    fresh = {label: name for label, name in wanted.items() if label not in there}
    for label, name in fresh.items():
        project.set_class(label, name, NO_COLOUR if label == ignore else colour_of(label), typed=typed)
    return fresh


def shown_classes(
    project: Project, case_id: int | None, chosen: tuple[str, str] | None = None, *, task: str = ""
) -> list[LabelClass]:
    """As :func:`class_table` names what a case shows now.

    Several classes of weights are noted in the project, where it can be written to: its masks say what they hold. The
    name of a single one is only shown: nobody needs to name the one thing that there is.

    Raises
    ------
    ProjectError
        If the table is damaged.
    """
    origin = None if case_id is None else project.proposal_origin(case_id)
    shown = class_table(project, origin, chosen, task=task)
    of_proposal = _names_of_origin(origin)
    if len(of_proposal) > 1:
        fresh = {one.label: one.name for one in shown if of_proposal.get(one.label) == one.name}
        with suppress(InputError, OutputError):
            name_classes(project, fresh, typed=False)
    return shown


def class_table(
    project: Project,
    origin: Mapping[str, Any] | None,
    chosen: tuple[str, str] | None = None,
    *,
    task: str = "",
) -> list[LabelClass]:
    """The project's classes, and those that the weights of a proposal name; nothing is noted.

    Where these name none, those of the weights that are chosen, (network, id or path), are given; where these have one
    word for all kinds of images, what is marked in the images of the task. A name that another label has is not given
    twice. A name in the project that no person typed is another network's where this proposal's calls the label
    otherwise: a tumour is not called by a part of the hippocampus.

    Parameters
    ----------
    project : Project
    origin : mapping or None
        Of the proposal that a mask began with.
    chosen : tuple of str, optional
    task : str
        For masks whose weights are of no task of ours. Default: the one that was chosen in the project last.

    Raises
    ------
    ProjectError
        If the table is damaged.
    """
    every = project.classes()
    given = {} if not origin else _given_by(str(origin.get("network")), str(origin.get("weights")))
    others = _of_others(project, every, given)
    known = [one for one in every if one.label not in others]
    names = _names_of_origin(origin) or ({} if chosen is None else _names_of(*chosen))
    # what proposed this mask tells more of it than what is chosen now
    own = task_of(origin)
    task = own if own in THINGS else task or project.chosen()[0]
    if not names and task in THINGS and (origin or chosen is not None):
        names = {1: THINGS[task]}
    labels, taken = {one.label for one in known}, {one.name for one in known}
    fresh = {label: name for label, name in names.items() if label not in labels and name not in taken}
    colours = {one.label: one.colour for one in every}
    more = (LabelClass(label=n, name=name, colour=colours.get(n) or colour_of(n)) for n, name in fresh.items())
    shown = [*known, *more]
    return sorted(shown, key=lambda one: one.label)


def _names_of_origin(origin: Mapping[str, Any] | None) -> dict[int, str]:
    return {} if not origin else _names_of(str(origin.get("network")), str(origin.get("weights")))


def task_of(origin: Mapping[str, Any] | None) -> str:
    """Of the weights that proposed a mask; empty where nothing did, or they are gone."""
    entry = weights_of(origin)
    return "" if entry is None else entry.task


def weights_of(origin: Mapping[str, Any] | None) -> WeightsEntry | None:
    """The weights that proposed a mask, or a later version of them; None where nothing did, or they are gone."""
    return _entry(str(origin.get("network")), str(origin.get("weights"))) if origin else None


def _entry(network: str, weights: str) -> WeightsEntry | None:
    # of those that no longer ship the later version of the same, which calls its labels alike
    later = superseded().get(weights, {}).get("by", "")
    alike = later if later.partition("@")[0] == weights.partition("@")[0] else weights
    for name in (weights, alike):
        # none, or gone
        with suppress(InputError):
            return find_weights(network, name)[0]
    return None


def _names_of(network: str, weights: str) -> dict[int, str]:
    return {label: name for label, name in _given_by(network, weights).items() if name != UNNAMED}


def _given_by(network: str, weights: str) -> dict[int, str]:
    """What some weights call their labels, also where that is no name."""
    entry = _entry(network, weights)
    return {} if entry is None else dict(zip(entry.labels, entry.classes, strict=True))


def _of_others(project: Project, known: Sequence[LabelClass], given: Classes) -> set[int]:
    """Labels that are called as another network said, not these weights, and no person."""
    differ = {one.label for one in known if given.get(one.label, one.name) != one.name}
    return differ & project.untyped() if differ else set()


def names_to_learn(project: Project, given: Classes) -> dict[int, str]:
    """Names of a project's classes for weights that call labels so: theirs before another network's."""
    others = _of_others(project, project.classes(), given)
    own = {label: given[label] for label in others if given[label] != UNNAMED}
    return {label: own.get(label, name) for label, name in classes_of(project).items()}


def merged(project: Project, names: Classes) -> dict[int, str]:
    """The project's classes and further ones.

    Raises
    ------
    InputError
        If a number has another name in the project.
    """
    known = classes_of(project)
    for label, name in names.items():
        if known.get(label, name) != name:
            raise InputError(
                f"label {label} is called '{name}'; in this project it is '{known[label]}'. Use that name, or rename "
                "it in the section Correct."
            )
    return dict(sorted({**known, **names}.items()))


def classes_to_learn(
    masks: Sequence[Path],
    rule: LabelRule,
    known: Classes | None,
    *,
    progress: Callable[[float, str], None] | None = None,
) -> dict[int, str]:
    """Classes of a set of masks that is trained on, by their numbers.

    Parameters
    ----------
    masks : sequence of Path
    rule : LabelRule
    known : mapping of int to str or None
        That there are; None: the one number that the masks hold is the foreground.

    Raises
    ------
    InputError
        If a mask holds a number that is no class, they hold several and no classes are known, or all hold nothing.
    """
    rule.check(known)
    found = survey(masks, rule, progress=progress)
    check_numbers(found, known)
    if found and not all_numbers(found) and not any(one.white for one in found.values()):
        ignored = f" but {rule.ignore}, which is ignored" if rule.ignore is not None else ""
        raise InputError(
            f"the {len(found)} mask(s) hold nothing{ignored}; expected something drawn in one of them at least. Choose "
            "the folder of the masks, or say what their numbers are with --map."
        )
    if known is not None:
        return dict(known)
    numbers = all_numbers(found)
    if len(numbers) > 1 or max(numbers, default=1) > MOST_CLASS:
        raise InputError(
            f"the masks hold {listed(numbers)}; expected one from 1 to {MOST_CLASS} where no classes are named. Name "
            f"them with --classes {min(numbers)}=NAME and so on, or make them one with --map 1-65535=1."
        )
    return {next(iter(numbers), 1): UNNAMED}


def only_label_1(project: Project, also: Sequence[Case] = ()) -> bool:
    """Whether a project has one class and its number is 1: such masks may be shown in black and white.

    Accepted masks are looked at, and what these cases hold now.
    """
    if any(one.label != 1 for one in project.classes()):
        return False
    # drawn by its number alone, a label need not have a name
    newest = [revisions[-1] for case in project.cases() if (revisions := project.revisions(case.id))]
    return all(_largest(project.revision_labels, revision.id) <= 1 for revision in newest) and all(
        _largest(project.labels, case.id) <= 1 for case in also
    )


def _largest(read: Callable[[int], np.ndarray], number: int) -> int:
    try:
        return int(read(number).max(initial=0))
    except ProjectError:
        # a damaged one is told where it is written
        return 0


def _is_ignored(name: str) -> bool:
    return name.casefold() == IGNORED
