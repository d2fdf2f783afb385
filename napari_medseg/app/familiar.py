"""Before a mask is proposed: does the network know such images, and if not, which one does?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medseg.errors import MedsegError
from napari_medseg.inference.familiar import bundled_kinds, describe, known_to
from napari_medseg.networks import get_spec
from napari_medseg.weights import WeightsEntry
from napari_medseg.weights.store import find_weights
from napari_medseg.words import tr


@dataclass(frozen=True, slots=True)
class Advice:
    """What is to be said before a proposal.

    Parameters
    ----------
    text : str
    kind : str
        Task for which such images are known; empty: for none.
    weights : str
        Id of the weights that know it best; empty: none do.
    network : str
        Theirs.
    """

    text: str
    kind: str = ""
    weights: str = ""
    network: str = ""


def look(image: np.ndarray) -> np.ndarray | None:
    """Describe an image; None for a volume, of which nothing is said."""
    flat = image.ndim == 2 or (image.ndim == 3 and image.shape[-1] in (1, 3, 4))
    return describe(image) if flat else None


def kind_of(description: np.ndarray) -> str:
    """The kind of image that the bundled weights know and this is; empty: it is none of them."""
    far = bundled_kinds().far(description)
    nearest = min(far, key=far.__getitem__)
    return nearest if far[nearest] <= 1 else ""


def advise(
    description: np.ndarray,
    chosen: tuple[str, str],
    offered: Sequence[tuple[str, WeightsEntry]],
    words: Callable[[str], str] = str,
) -> Advice | None:
    """None where the chosen weights know such images, or nobody can say.

    Parameters
    ----------
    description : np.ndarray
        As :func:`look` gives it.
    chosen : (network, id, task or path)
    offered : sequence of (id or path, entry)
        What may be chosen instead.
    words : callable
        How a kind is called: by its id, or in words.
    """
    try:
        entry, path = find_weights(*chosen)
        known = known_to(entry, path)
    except MedsegError:
        # that they cannot be used is told where they are
        return None
    far = known.far(description)
    if not far or min(far.values()) <= 1:
        return None
    kinds = ", ".join(map(words, far)) if len(far) < 3 else tr("{n} kinds of images", n=len(far))
    text = tr("This image is unlike what the chosen network knows ({kinds}).", kinds=kinds)
    kind = kind_of(description)
    able = [(identity, one) for identity, one in offered if kind in one.tasks and identity == one.id]
    if not able:
        return Advice(tr("{text} No network at hand knows such images: look twice at what it proposes.", text=text))
    identity, best = max(able, key=lambda one: one[1].dice_on(kind) or 0)
    title = get_spec(best.network).title.partition(" (")[0]
    return Advice(
        tr(
            "{text} It looks like {kind}, which {title} v{version} knows.",
            text=text,
            kind=words(kind),
            title=title,
            version=best.version,
        ),
        kind,
        identity,
        best.network,
    )


def advise_file(image: np.ndarray, network: str, weights: str | Path) -> Advice | None:
    """As :func:`advise`, from the pixels of an image and among the bundled weights."""
    from napari_medseg.weights import list_weights

    description = look(image)
    offered = [(entry.id, entry) for entry in list_weights()]
    return None if description is None else advise(description, (network, str(weights)), offered)
