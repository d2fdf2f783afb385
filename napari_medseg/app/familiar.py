"""Before a mask is proposed: does the network know such images, and if not, which one does?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.app.kinds import lie_of
from napari_medseg.errors import MedsegError
from napari_medseg.inference.familiar import Familiar, bundled_kinds, describe, known_to
from napari_medseg.inference.plan import finest_axis
from napari_medseg.io import Image
from napari_medseg.networks import get_spec
from napari_medseg.tasks import contradicts
from napari_medseg.weights import WeightsEntry, list_weights
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


# of a volume, these parts of its slices are looked at
AT = (0.25, 0.5, 0.75)
# a slice is no picture that somebody chose to keep: two brains lie at 2 of the limit of brains, other volumes from 3.3
IN_DEPTH = 3.0


def look(
    image: np.ndarray, *, volume: bool | None = None, across: int = 0, window: Sequence[float] | None = None
) -> np.ndarray | None:
    """Describe an image, (31,), or three slices of a volume, (3, 31), float32; None where there is nothing to look at.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, C) or (Z, Y, X).
    volume : bool, optional
        Default: three axes are a volume's where the last one is longer than channels are.
    across : int
        The axis along which a volume's slices lie.
    window : (low, high), optional
        Of a part of an image: values that are black and white in the whole.
    """
    if volume is None:
        volume = image.ndim == 3 and image.shape[-1] not in (1, 3, 4)
    if not volume:
        return describe(image, window=window)
    if image.ndim != 3 or not image.size:
        return None
    slices = (image.take(int(part * image.shape[across]), axis=across) for part in AT)
    return np.stack([describe(one) for one in slices])


def look_at(image: Image) -> np.ndarray | None:
    """As :func:`look`, of an image as it was read."""
    lie = lie_of(image)
    return look(image.data, volume=image.volume, across=across_of(lie))


def across_of(lie: Mapping[str, Any]) -> int:
    """Along which axis the slices lie that a network for images is shown, of what :func:`lie_of` gives."""
    return finest_axis(lie["spacing"]) if lie["axis"] is None else int(lie["axis"])


def _far(known: Familiar, description: np.ndarray) -> dict[str, float]:
    """How far an image, or a volume by the middle one of its slices, lies from each kind; above 1 it is none of it."""
    if description.ndim == 1:
        return known.far(description)
    found = [known.far(one) for one in description]
    return {kind: float(np.median([one[kind] for one in found])) / IN_DEPTH for kind in found[0]}


def kind_of(description: np.ndarray) -> str:
    """The kind of image that the bundled weights know and this is; empty: it is none of them, or a volume."""
    if description.ndim > 1:
        # slices are good for telling what is quite different
        return ""
    far = bundled_kinds().far(description)
    nearest = min(far, key=far.__getitem__)
    return nearest if far[nearest] <= 1 else ""


def advise(
    description: np.ndarray | None,
    chosen: tuple[str, str],
    offered: Sequence[tuple[str, WeightsEntry]],
    words: Callable[[str], str] = str,
    *,
    modality: str = "",
) -> Advice | None:
    """None where the chosen weights know such images, or nobody can say.

    Parameters
    ----------
    description : np.ndarray or None
        As :func:`look` gives it.
    chosen : (network, id, task or path)
    offered : sequence of (id or path, entry)
        What may be chosen instead.
    words : callable
        How a kind is called: by its id, or in words.
    modality : str
        What the image says it was taken with, such as ``CT``; nothing where it does not. A person's own weights are for
        what they made them for.
    """
    try:
        entry, path = find_weights(*chosen)
        known = known_to(entry, path)
    except MedsegError:
        # that they cannot be used is told where they are
        return None
    if contradicts(entry.tasks, modality) and entry.id in (one.id for _, one in offered):
        kinds = ", ".join(map(words, entry.tasks))
        return Advice(
            tr(
                "This image was taken with {modality}; the chosen network knows {kinds}.",
                modality=modality,
                kinds=kinds,
            )
        )
    if description is None:
        return None
    far = _far(known, description)
    if not far or min(far.values()) <= 1:
        return None
    kinds = ", ".join(map(words, far)) if len(far) < 3 else tr("{n} kinds of images", n=len(far))
    text = tr("This image is unlike what the chosen network knows ({kinds}).", kinds=kinds)
    if description.ndim > 1:
        return Advice(tr("This volume is unlike what the chosen network knows ({kinds}).", kinds=kinds))
    kind = kind_of(description)
    able = [(identity, one) for identity, one in offered if kind in one.tasks and identity == one.id]
    if not able:
        return Advice(tr("{text} No network at hand knows such images: look twice at what it proposes.", text=text))
    identity, best = max(able, key=lambda one: one[1].merit_on(kind))
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


def advise_file(image: Image, network: str, weights: str | Path) -> Advice | None:
    """As :func:`advise`, of an image as it was read and among the bundled weights."""
    return advise(look_at(image), (network, str(weights)), _bundled(), modality=image.modality)


def looks_like_another(image: Image, network: str, weights: str | Path) -> bool:
    """Whether bundled weights should not be asked for an image unless a person says so.

    A person's own weights are for what they made them for.
    """
    offered = _bundled()
    ours = any(entry.network == network and str(weights) in (identity, *entry.tasks) for identity, entry in offered)
    return ours and advise_file(image, network, weights) is not None


def _bundled() -> list[tuple[str, WeightsEntry]]:
    return [(entry.id, entry) for entry in list_weights()]
