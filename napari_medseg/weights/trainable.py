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
        If there are more than it can tell, or it cannot leave out what is to be ignored.
    """
    spec = get_spec(network)
    most = spec.capabilities.most_classes
    if most is not None and len(classes) > most:
        told = "one class" if most == 1 else f"{most} classes"
        raise InputError(
            f"the classes are {named(classes)}, and {network} tells {told} from the background only. "
            "Choose another network, or make them one class, by --map on the command line."
        )
    if spec.recipe.boxes is not None and ignore is not None:
        raise InputError(
            f"{ignore} is to be ignored, and {network} looks for boxes: one over such pixels would count as wrong. "
            f"Choose another network, or let them be background with --map {ignore}=0."
        )
