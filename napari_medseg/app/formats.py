"""What people are told of the formats: which suffix is written, what is kept, and what a format loses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from napari_medseg.errors import InputError
from napari_medseg.io import FORMATS, Format, Grid, Kept, formats_for
from napari_medseg.io.labels import MOST_NUMBER
from napari_medseg.io.sidecar import ENDING, facts_beside
from napari_medseg.io.table import What
from napari_medseg.words import mark, tr

DEFAULT = formats_for("mask")[0].name
# what a mask comes with, in the order of what matters
FACTS = {
    "spacing": mark("the size of its pixels"),
    "position": mark("where its voxels lie"),
    "classes": mark("the names of its classes"),
    "provenance": mark("where it comes from"),
}
COLUMNS = ("format", "name", "suffixes", "read", "written", "kept of what is written", "compared with")


def names() -> tuple[str, ...]:
    """What ``format`` can be: formats that masks are written in."""
    return tuple(one.name for one in formats_for("mask"))


def format_named(name: str) -> Format:
    """A format that masks are written in.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    found = next((one for one in formats_for("mask") if one.name == name), None)
    if found is None:
        raise InputError(
            tr(
                "format is '{name}'; expected one of: {names}. Choose one of these.",
                name=name,
                names=", ".join(names()),
            )
        )
    return found


def written_as(name: str, *, volume: bool, what: What = "mask") -> Format:
    """The format that is written where this one is asked for: what it does not take goes into the first that does.

    Parameters
    ----------
    name : str
        Of a format that masks are written in.
    volume : bool
    what : {'mask', 'map'}

    Raises
    ------
    InputError
        If the format is not known.
    """
    asked, fitting = format_named(name), formats_for(what, 3 if volume else 2)
    return asked if asked in fitting else fitting[0]


def suffix_for(format: str, *, volume: bool, what: What = "mask") -> str:
    """The suffix of a mask or a map; see :func:`written_as`."""
    return written_as(format, volume=volume, what=what).suffix


def image_suffix(*, volume: bool) -> str:
    """The suffix of an image or a volume that is written, to be read again just as it was."""
    return formats_for("image", 3 if volume else 2, colour=not volume)[0].suffix


def losses(
    format: Format, grids: Iterable[Grid] | None = None, *, classes: bool = True, highest: int = MOST_NUMBER
) -> list[str]:
    """What masks lose in a format, to be told before they are written.

    Parameters
    ----------
    format : Format
    grids : iterable of Grid, optional
        That the masks lie on: what they do not say cannot be lost. Default: they say all that masks of this format can.
    classes : bool
        The classes have names.
    highest : int
        No label is larger.

    Returns
    -------
    list of str
        Phrases, such as ``the size of its pixels, for other programs``; empty where all is kept.
    """
    return [*_refused(format, highest), *_lost(format, _known(format, grids, classes=classes)).values()]


def losses_told(format: Format, grids: Iterable[Grid], *, classes: bool, highest: int) -> list[str]:
    """A sentence for each of :func:`losses`, and where it is kept instead."""
    grids = list(grids)
    known = _known(format, grids, classes=classes)
    apart = facts_beside(format, known)
    told = [_does_not_keep(format, words) for words in _refused(format, highest)]
    for fact, words in _lost(format, known).items():
        sentence = _does_not_keep(format, words)
        if fact in apart:
            sentence += " " + tr("It goes into a file beside each mask, NAME_mask{ending}.", ending=_beside(format))
        told.append(sentence)
    longest = format.takes.longest
    if longest and any(max(grid.shape) > longest for grid in grids):
        told.append(
            tr(
                "Masks of more than {longest} px a side are written as {format} of a kind that some programs do not "
                "read, 3D Slicer among them. Of images, TIFF holds such masks for all.",
                longest=longest,
                format=format.title,
            )
        )
    return told


def _does_not_keep(format: Format, words: str) -> str:
    return tr("{format} does not keep {fact}.", format=format.title, fact=words)


def _beside(format: Format) -> str:
    return format.suffix + ENDING


def _known(format: Format, grids: Iterable[Grid] | None, *, classes: bool) -> dict[str, bool]:
    """Which facts there are of masks."""
    known = {"classes": classes, "provenance": True, "spacing": True, "position": 3 in format.takes.axes}
    if grids is not None:
        lie = list(grids)
        known["spacing"] = any(grid.spacing_mm is not None for grid in lie)
        known["position"] = any(grid.affine is not None for grid in lie)
    return known


def _refused(format: Format, highest: int) -> list[str]:
    most = format.takes.highest
    return [tr("labels above {most}, which are refused", most=most)] if highest > most else []


def _lost(format: Format, known: Mapping[str, bool]) -> dict[str, str]:
    """Of the facts that are known, what a file of the format does not say, in words."""
    lost = {}
    for fact, words in FACTS.items():
        kept = _kept(format, fact)
        if known[fact] and kept is Kept.NOT:
            lost[fact] = tr(words)
        # names and a history are text in any format; a size is not
        elif known[fact] and kept is Kept.AS_TEXT and fact in ("spacing", "position"):
            lost[fact] = tr("{fact}, for other programs", fact=tr(words))
    return lost


def _kept(format: Format, fact: str) -> Kept:
    found: Kept = getattr(format.keeps, fact)
    return found


def advice(name: str) -> str:
    """What to tell of a format where it is chosen: what it keeps, what it loses, and where volumes go."""
    format = format_named(name)
    known = _known(format, None, classes=True)
    apart, lost = facts_beside(format, known), _lost(format, known)
    kept = [tr(words) for fact, words in FACTS.items() if fact != "position" and fact not in lost]
    parts = [
        tr("{format} keeps {facts}.", format=format.title, facts=_listed(kept))
        if kept
        else tr("{format} keeps the labels alone.", format=format.title)
    ]
    if apart:
        facts = "; ".join(lost[fact] for fact in apart)
        parts.append(tr("In a file beside it, NAME{ending}: {facts}.", ending=_beside(format), facts=facts))
    if left := [*_refused(format, MOST_NUMBER), *(words for fact, words in lost.items() if fact not in apart)]:
        parts.append(tr("Lost: {facts}.", facts="; ".join(left)))
    if format.takes.parts:
        parts.append(tr("Each connected piece is an object; numbered objects are parted where they touch."))
    if format.join is not None:
        parts.append(tr("Masks of several images go into one file, masks{suffix}.", suffix=format.suffix))
    if format.takes.of_format:
        parts.append(tr("For masks of DICOM images alone: it refers to them, and belongs to their study."))
    if format.white:
        parts.append(tr("One class is shown as 0 and 255."))
    if format.write_coloured is not None:
        parts.append(
            tr(
                "Several classes are shown in their colours; a viewer that knows no palettes shows their numbers, near "
                "black."
            )
            if format.white
            else tr(
                "Classes are shown in their colours; a viewer that knows no palettes shows their numbers, near black."
            )
        )
    for volume in (False, True):
        other = written_as(name, volume=volume)
        if other != format:
            parts.append(_instead(other, volume=volume))
    return " ".join(parts)


def _instead(other: Format, *, volume: bool) -> str:
    if not volume:
        return tr("Images are written as {format}.", format=other.title)
    if other.keeps.position is Kept.WHOLE:
        return tr("Volumes are written as {format}, onto the voxels of their image.", format=other.title)
    return tr("Volumes are written as {format}.", format=other.title)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else tr("{words} and {last}", words=", ".join(words[:-1]), last=words[-1])


# the table is of the terminal and the docs: English


def table() -> list[tuple[str, ...]]:
    """A row a format, cells as :data:`COLUMNS` has them."""
    return [
        (one.title, one.name, ", ".join(one.suffixes), _read(one), _written(one), _keeping(one), one.judged)
        for one in FORMATS
    ]


def _read(format: Format) -> str:
    if format.read is None:
        return "no"
    what = [word for word, yes in (("images", format.gives.images), ("masks", format.gives.masks)) if yes]
    axes = " and ".join({2: "(Y, X)", 3: "(Z, Y, X)"}[n] for n in format.gives.axes)
    return f"{' and '.join(what)}, {axes}{'; folders' if format.gives.folder else ''}"


def _written(format: Format) -> str:
    if format.write_mask is None:
        return "no"
    axes = " and ".join({2: "(Y, X)", 3: "(Z, Y, X)"}[n] for n in format.takes.axes)
    colours = ", in colours" if format.write_coloured is not None else ""
    parts = [f"masks (labels to {format.takes.highest}{colours})"]
    if format.write_map is not None:
        steps = format.keeps.steps
        parts.append("maps (float32)" if steps is None else f"maps ({steps} steps)")
    return f"{', '.join(parts)}; {axes}"


def _keeping(format: Format) -> str:
    if format.write_mask is None:
        return ""
    # an image has no position
    facts = [fact for fact in FACTS if fact != "position" or 3 in format.takes.axes]
    words = {fact: "size of pixels" if fact == "spacing" else fact for fact in facts}
    groups = {kept: [words[fact] for fact in facts if _kept(format, fact) is kept] for kept in Kept}
    said = {Kept.WHOLE: "{}", Kept.AS_TEXT: "{} as text, which other programs pass over", Kept.NOT: "not {}"}
    return "; ".join(said[kept].format(", ".join(found)) for kept, found in groups.items() if found)
