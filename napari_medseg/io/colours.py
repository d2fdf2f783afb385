"""Colours of labels in files that have a palette: the numbers stay, and viewers show them in colour."""

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
