"""What we note in the metadata of napari's layers; readers, writers and the panel know these names."""

from __future__ import annotations

from typing import Any

from napari_medseg.io import Image

FILE_KEY = "medseg_file"
"""The file that a layer shows."""
GRID_KEY = "medseg_grid"
"""Of a volume, and of masks of it: the :class:`napari_medseg.io.Grid` on which its voxels lie."""
OF_KEY = "medseg_of"
"""Of a layer made for an image: which image that is, and what the layer shows."""
MASK_SUFFIX, PROBABILITY_SUFFIX, EDGES_SUFFIX = " mask", " probability", " edges"
OVERVIEW_SUFFIX, PROGRESS_SUFFIX = " overview", " progress"
"""Of a large image: its mask as a whole, to look at; which parts have a proposal."""
DISAGREEMENT_SUFFIX, OBJECTS_SUFFIX, PREVIEW_SUFFIX = " disagreement", " objects", " preview"
MAP_SUFFIXES = (PROBABILITY_SUFFIX, EDGES_SUFFIX, DISAGREEMENT_SUFFIX)
HISTORY_KEY = "medseg_history"
"""Of a mask that a project follows: a function of its labels, which tells from the history where they come from."""
SLIDE_KEY = "medseg_slide"
"""Of layers that show an image that is read in parts, or a mask of it, whole: its file."""
WINDOW_KEY = "medseg_part"
"""Of the two layers that show a part of a large image to draw in: which, (y0, x0, y1, x1), px."""
GREYS_KEY = "medseg_greys"
"""Of an image that is a part of a large one: values that networks see as black and white, those of the whole."""
SIZE_KEY = "medseg_size"
"""Of an image of which that is known: the size of its pixels, (y, x) or (z, y, x), when it was read."""
TOLD_KEY = "medseg_told"
"""Of an image: sentences that a person should know of how it was read."""
WINDOWS_KEY = "medseg_windows"
"""Of an image that can be shown in several ways: the parameters of :func:`napari_medseg.app.windows.windows_for`."""
MODALITY_KEY = "medseg_modality"
"""Of an image that says what it was taken with: such as ``CT``."""
UNSIZED_KEY = "medseg_unsized"
"""Of a layer that counts in mm for its neighbours' sake alone: nobody knows the size of its pixels."""

FILLED_KEY = "medseg_filled"
"""Of a layer of the list that shows another image than it did: how often that was so."""


def number_of(layer: Any) -> str:
    """What a layer shows now, among all layers that are open; another once it was filled with another image.

    It begins with the layer's own number: a copy, which takes the metadata along, has another.
    """
    filled = layer.metadata.get(FILLED_KEY)
    return str(layer.unique_id) if filled is None else f"{layer.unique_id}/{filled}"


def shows(layer: Any) -> str:
    """What a layer shows that was made for an image, by its suffix; empty of any other."""
    return str(layer.metadata.get(OF_KEY, ("", ""))[1])


def facts_of(image: Image) -> dict[str, Any]:
    """Metadata of a layer that shows an image as it was read."""
    facts: dict[str, Any] = {}
    if image.source is not None:
        facts[FILE_KEY] = str(image.source)
    if image.volume:
        facts[GRID_KEY] = image.grid
    if image.spacing is not None:
        facts[SIZE_KEY] = image.spacing
    if image.told:
        facts[TOLD_KEY] = image.told
    if image.modality:
        facts[MODALITY_KEY] = image.modality
    if image.windows or image.modality == "CT":
        facts[WINDOWS_KEY] = (image.windows, image.modality, (float(image.data.min()), float(image.data.max())))
    return facts
