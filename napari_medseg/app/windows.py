"""How bright an image is shown: what its file says, and what is usual for CT. For eyes: no network is given it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from napari_medseg.io.image import Window
from napari_medseg.words import mark, tr

# width and level in HU, as the reference of radiopaedia.org on windowing has them
_CT = (
    (mark("Brain"), 80, 40),
    (mark("Lung"), 1500, -600),
    (mark("Bone"), 1800, 400),
    (mark("Abdomen"), 400, 50),
)
# as scanners call windows that nobody named
_COUNTED = re.compile(r"WIN(DOW)?[ _]*\d*$")
# of limits that differ by less, a slider was not touched, as a share of their width
_ALIKE = 1e-3


def windows_for(windows: Sequence[Window], modality: str, ends: tuple[float, float]) -> list[Window]:
    """What can be chosen for an image: name, and the values that are shown black and white.

    Parameters
    ----------
    windows : sequence of Window
        That the file names; the first is how it is shown at first.
    modality : str
    ends : (float, float)
        Least and largest value of the image.

    Returns
    -------
    list of Window
        Empty where there is nothing to choose: the file names none, and it is no CT.
    """
    if not windows and modality != "CT":
        return []
    found = []
    for number, (name, low, high) in enumerate(windows):
        shown = tr("As the file says") if number == 0 else tr("As the file says, {n}", n=number + 1)
        found.append((f"{shown} ({name.capitalize()})" if name and not _COUNTED.match(name) else shown, low, high))
    if modality == "CT":
        found += [(tr(name), level - width / 2, level + width / 2) for name, width, level in _CT]
    return [*found, (tr("All values"), *ends)]


def chosen(found: Sequence[Window], limits: Sequence[float]) -> int | None:
    """Which of them is shown; None where a person set others."""
    for number, (_, low, high) in enumerate(found):
        if max(abs(low - limits[0]), abs(high - limits[1])) <= _ALIKE * max(high - low, 1e-9):
            return number
    return None
