"""Colours and names of labels in files that have them: the numbers stay, and viewers show them in colour."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from napari_medseg.classes import MOST_CLASS, colour_of

# in a mask's provenance: colours by label, #rrggbb
COLOURS_KEY = "colours"


def palette_of(provenance: Mapping[str, object] | None = None) -> np.ndarray:
    """The colour of each label: (256, 3) uint8. 0 is black; who has no colour in the provenance gets its usual one.

    Parameters
    ----------
    provenance : mapping, optional
        Its ``colours``, ``#rrggbb`` by label, count; what there is no colour is passed over.
    """
    told = (provenance or {}).get(COLOURS_KEY)
    chosen = {str(label): colour for label, colour in told.items()} if isinstance(told, Mapping) else {}
    palette = np.zeros((MOST_CLASS + 1, 3), np.uint8)
    for label in range(1, MOST_CLASS + 1):
        colour = chosen.get(str(label))
        if not (isinstance(colour, str) and re.fullmatch("#[0-9a-fA-F]{6}", colour)):
            colour = colour_of(label)
        palette[label] = list(bytes.fromhex(colour[1:]))
    return palette


def colour_in(palette: np.ndarray, label: int) -> list[int]:
    """Red, green and blue of a label, 0 to 255, also of one that no palette has."""
    return palette[label].tolist() if label <= MOST_CLASS else list(bytes.fromhex(colour_of(label)[1:]))


def names_of(provenance: Mapping[str, object] | None) -> dict[int, str]:
    """Names of classes by their labels, as the provenance tells them; what is no label of a file is passed over."""
    told = (provenance or {}).get("classes")
    found = {str(label): name for label, name in told.items()} if isinstance(told, Mapping) else {}
    return {int(label): str(name) for label, name in found.items() if re.fullmatch("[1-9][0-9]{0,4}", label)}
