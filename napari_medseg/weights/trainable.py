"""What a network can learn of classes."""

from __future__ import annotations

from napari_medseg.classes import Classes, named
from napari_medseg.errors import InputError
from napari_medseg.networks import get_spec


def check_classes(network: str, classes: Classes, *, ignore: int | None = None) -> None:
    """Check that a network can be trained on these classes, before anything is read.

    Raises
    ------
    InputError
        If it tells one class only and there are more, or it cannot leave out what is to be ignored.
    """
    if not get_spec(network).capabilities.boxes:
        return
    if len(classes) > 1:
        raise InputError(
            f"the classes are {named(classes)}, and {network} tells one class from the background only. "
            "Choose another network, or make them one with --map."
        )
    if ignore is not None:
        raise InputError(
            f"{ignore} is to be ignored, and {network} looks for boxes: one over such pixels would count as wrong. "
            f"Choose another network, or let them be background with --map {ignore}=0."
        )
