"""Which images of many have their results already: a command that was ended goes on with the others."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_medseg.app.predict import PredictRequest
from napari_medseg.errors import InputError
from napari_medseg.io.belongs import is_image
from napari_medseg.io.formats import told_of
from napari_medseg.weights.store import find_weights, weights_sha256
from napari_medseg.words import tr


def done_before(results: Mapping[Path, Sequence[Path]], request: PredictRequest) -> tuple[set[Path], set[Path]]:
    """Images that need not be segmented again.

    Each file is written whole or not at all: what is there is whole. Where a mask says where it comes from, that is
    held against the image and the weights.

    Parameters
    ----------
    results : mapping of Path to sequence of Path
        What is to be written of each image, its mask first; nothing where it goes into a file with others.
    request : PredictRequest

    Returns
    -------
    done, begun : set of Path
        Images all of whose results are there; and those of which some are, beside a mask that says that it is theirs.

    Raises
    ------
    InputError
        If a mask is of another image, or was made by other weights; the message names it.
    """
    done, begun = set[Path](), set[Path]()
    entry, file = find_weights(request.network, request.weights)
    weights = ""
    for image, files in results.items():
        there = [path for path in files if os.path.lexists(path)]
        if not there or there[0] != files[0]:
            continue
        weights = weights or entry.sha256 or weights_sha256(file)
        told = _check(image, files[0], entry.id, weights)
        if there == list(files):
            done.add(image)
        elif told:
            begun.add(image)
    return done, begun


def _is_image(image: Path, digest: str) -> bool:
    try:
        return is_image(image, digest)
    except OSError:
        # that it cannot be read is nothing of its mask's
        return True


def _check(image: Path, mask: Path, name: str, weights: str) -> bool:
    """Make sure that a mask is an image's, by these weights, as far as it tells; whether it does."""
    told = told_of(mask)
    by, of = told.get("sha256"), told.get("image_sha256")
    if isinstance(by, str) and by != weights:
        raise InputError(
            tr(
                "{mask} is there already and was made by {other}; expected masks by {weights} to go on from. Choose "
                "another folder, or have all made anew (--overwrite).",
                mask=mask,
                other=told.get("weights") or tr("other weights"),
                weights=name,
            )
        )
    if isinstance(of, str) and not _is_image(image, of):
        raise InputError(
            tr(
                "{mask} is there already and was made on another image than {image}; expected a mask of it to go on "
                "from. Choose another folder, or have all made anew (--overwrite).",
                mask=mask,
                image=image,
            )
        )
    return isinstance(by, str) and isinstance(of, str)
