"""A file of boxes, and the images that it means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_medseg.errors import InputError
from napari_medseg.io import read_boxes, stem_of
from napari_medseg.names import one_line
from napari_medseg.words import tr


def prompts_of(file: str | Path, images: Sequence[Path]) -> dict[Path, list[tuple[float, float, float, float]]]:
    """Boxes (x0, y0, x1, y1) by the path of their image, px, as :func:`napari_medseg.io.read_boxes` has them.

    Raises
    ------
    InputError
        If the file names an image that is none of these.
    """
    # a file's whole name is its own, though it may be another's without a suffix
    by_name = {one_line(stem_of(path)): path for path in images} | {one_line(path.name): path for path in images}
    found: dict[Path, list[tuple[float, float, float, float]]] = {}
    for name, rows in read_boxes(file).items():
        path = by_name.get(one_line(name))
        if path is None:
            raise InputError(
                tr(
                    "{file} has boxes for '{name}', which is none of the {n} images. Correct the name, or add the "
                    "image.",
                    file=file,
                    name=name,
                    n=len(images),
                )
            )
        # the same image may be named with its suffix and without
        found.setdefault(path, []).extend(rows)
    return found
