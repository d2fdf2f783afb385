"""Is an image of a kind that a network knows? By what the image looks like, before anything is segmented.

An image is described by a few numbers of a thumbnail: colour, brightness, contrast and detail at several scales. What a
network was trained on is a sample of such descriptions, and how far an image may lie from the nearest of them (Sun et
al. 2022, "Out-of-distribution detection with deep nearest neighbors", without the network: on our seven kinds these
numbers tell them apart where features of the last encoder stage do not, ``docs/decisions/0040-familiar.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from napari_medseg.errors import WeightsError
from napari_medseg.inference.normalize import to_rgb01
from napari_medseg.weights import WeightsEntry
from napari_medseg.weights.eight_bits import BESIDE
from napari_medseg.weights.store import bundled_folder

SIDE, SCALES = 64, 4
# no more pixels are looked at than these along a side
MOST = 8 * SIDE
# of a description
NUMBERS = 31
PREFIX = f"{BESIDE}looks."
# of the median pixel: a coloured marker on a grey image makes it none in colour
COLOURED = 0.02
# where a description says whether an image is in colour, and how far that is
COLOUR, FAR = 8, 1000.0
# of a kind, so many descriptions stand for all
REFERENCES = 300
# so few say nothing about a kind
FEWEST = 20
# share of images of a kind that are held to be of it, and room beyond
HELD, ROOM = 98, 1.1


def describe(image: np.ndarray, *, window: Sequence[float] | None = None) -> np.ndarray:
    """What an image looks like.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, 1), (Y, X, 3) or (Y, X, 4), any real dtype.
    window : (low, high), optional
        Of a part of an image: values that are black and white in the whole.

    Returns
    -------
    np.ndarray
        (31,), float32: mean and standard deviation of the channels and of the saturation, whether it is in colour,
        percentiles of the grey, what is black and white, detail along both axes at four scales, grey in three rings
        around the centre, and above against below.
    """
    image = np.asarray(image)
    rows, columns = (slice(None, None, max(1, side // MOST)) for side in image.shape[:2])
    thumb = _thumbnail(to_rgb01(image[rows, columns], window=window))
    grey, saturation = thumb.mean(axis=-1), thumb.max(axis=-1) - thumb.min(axis=-1)
    numbers = [*thumb.mean(axis=(0, 1)), *thumb.std(axis=(0, 1)), saturation.mean(), saturation.std()]
    numbers += [float(np.median(saturation) > COLOURED), *np.percentile(grey, (2, 25, 50, 75, 98))]
    numbers += [(grey < 0.04).mean(), (grey > 0.96).mean()]
    smaller = grey
    for _ in range(SCALES):
        numbers += [np.log(1e-3 + np.abs(np.diff(smaller, axis=axis)).mean()) for axis in (0, 1)]
        half = len(smaller) // 2
        smaller = smaller.reshape(half, 2, half, 2).mean(axis=(1, 3))
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    away = np.hypot(y, x)
    for inner, outer in ((0, 0.4), (0.4, 0.8), (0.8, 2)):
        ring = grey[(away >= inner) & (away < outer)]
        numbers += [ring.mean(), ring.std()]
    return np.array([*numbers, grey[: SIDE // 2].mean() - grey[SIDE // 2 :].mean()], np.float32)


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    """(64, 64, 3) by the mean of what falls into each pixel; where nothing does, by the nearest."""
    for axis in (0, 1):
        side = rgb.shape[axis]
        edges = np.arange(SIDE + 1) * side / SIDE
        first = np.minimum(edges[:-1].astype(int), side - 1)
        count = np.maximum(np.diff(np.append(first, side)), 1)
        shape = [1, 1, 1]
        shape[axis] = SIDE
        rgb = np.add.reduceat(rgb, first, axis=axis) / count.reshape(shape)
    return rgb


@dataclass(frozen=True)
class Familiar:
    """What some kinds of images look like.

    Parameters
    ----------
    references : mapping of str to np.ndarray
        (N, 31), float, by kind.
    limits : mapping of str to float
        An image of the kind lies no farther from the nearest reference.
    """

    references: Mapping[str, np.ndarray]
    limits: Mapping[str, float]
    spaces: dict[str, _Space] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def fit(cls, trained: Mapping[str, np.ndarray], held_out: Mapping[str, np.ndarray]) -> Familiar:
        """From descriptions (N, 31) by kind: those of training images, and others that set the limit.

        Neighbouring slices and frames are as good as twins; the limit needs images of others. Where there are none, the
        training images' distances from each other are all there is. Kinds with fewer than 20 images are left out.
        """
        references, limits = {}, {}
        for kind, found in trained.items():
            if len(found) < FEWEST:
                continue
            kept = found[np.linspace(0, len(found) - 1, min(len(found), REFERENCES)).round().astype(int)]
            space = _Space(kept)
            among = np.percentile(space.distances(kept, own=True), HELD)
            others = held_out.get(kind, found[:0])
            beyond = np.percentile(space.distances(others), HELD) if len(others) else 0
            references[kind], limits[kind] = kept.astype(np.float32), float(max(among, beyond) * ROOM)
        return cls(references, limits)

    def grown(self, kind: str, trained: np.ndarray, held_out: np.ndarray) -> Familiar:
        """The same, knowing further images (N, 31) of one kind: what was known of it stays known."""
        before = self.references.get(kind, trained[:0])
        # the new ones are few, and all count
        kept = before[: max(0, REFERENCES - len(trained))]
        fitted = Familiar.fit({kind: np.concatenate([kept, trained])}, {kind: held_out})
        least = {one: max(limit, self.limits.get(one, 0)) for one, limit in fitted.limits.items()}
        return Familiar({**self.references, **fitted.references}, {**self.limits, **least})

    def far(self, description: np.ndarray) -> dict[str, float]:
        """How far an image (31,) lies from each kind, in the kind's limits: above 1 it is none of it."""
        found = {}
        for kind, references in self.references.items():
            space = self.spaces.get(kind) or self.spaces.setdefault(kind, _Space(references))
            found[kind] = float(space.distances(description[None])[0] / self.limits[kind])
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """For a safetensors file, weights or not: by kind its limit, and below it the references, in half precision."""
        return {
            PREFIX + kind: np.vstack([np.full((1, values.shape[1]), self.limits[kind]), values]).astype(np.float16)
            for kind, values in self.references.items()
        }

    @classmethod
    def read(cls, path: Path) -> Familiar:
        """What :meth:`tensors` became in a safetensors file; where there is nothing of it, no kinds.

        Raises
        ------
        WeightsError
            If the file is none.
        """
        try:
            with safe_open(path, "np") as file:
                names = [name for name in file.keys() if name.startswith(PREFIX)]  # noqa: SIM118
                found = {name.removeprefix(PREFIX): file.get_tensor(name).astype(np.float32) for name in names}
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(f"{path} is no safetensors file. Fetch or train the weights again.") from error
        # what a file holds is text of any origin
        sound = {k: v for k, v in found.items() if v.ndim == 2 and v.shape[1] == NUMBERS and len(v) > 2}
        sound = {k: v for k, v in sound.items() if np.isfinite(v).all() and v[0, 0] > 0}
        return cls({kind: values[1:] for kind, values in sound.items()}, {k: float(v[0, 0]) for k, v in sound.items()})


class _Space:
    """Descriptions of one kind, in which each direction counts by how much it varies there."""

    def __init__(self, references: np.ndarray) -> None:
        looks = np.delete(references, COLOUR, axis=1)
        self._mean, self._spread = looks.mean(axis=0), looks.std(axis=0) + 0.02
        scaled = (looks - self._mean) / self._spread
        power, axes = np.linalg.eigh(np.cov(scaled.T))
        self._axes = axes / np.sqrt(np.maximum(power, 0) + 0.02 * power.mean())
        self._references = self._points(references)

    def _points(self, descriptions: np.ndarray) -> np.ndarray:
        looks = (np.delete(descriptions, COLOUR, axis=1) - self._mean) / self._spread @ self._axes
        # grey is never near colour, however much a kind varies
        return np.hstack([looks, FAR * descriptions[:, [COLOUR]]])

    def distances(self, descriptions: np.ndarray, *, own: bool = False) -> np.ndarray:
        """From the nearest reference; from the nearest but one where they are references themselves."""
        found = np.linalg.norm(self._points(descriptions)[:, None] - self._references[None], axis=-1)
        return np.partition(found, int(own), axis=1)[:, int(own)]


@lru_cache(maxsize=1)
def bundled_kinds() -> Familiar:
    """The kinds of images that the bundled weights know, by the names of tasks."""
    return Familiar.read(Path(str(files("napari_medseg.inference") / "kinds.safetensors")))


def known_to(entry: WeightsEntry, path: Path) -> Familiar:
    """The kinds that some weights know: of the bundled ones by their tasks, else as their file tells."""
    if path.parent != bundled_folder():
        return Familiar.read(path)
    kinds = bundled_kinds()
    known = [kind for kind in entry.tasks if kind in kinds.references]
    return Familiar({k: kinds.references[k] for k in known}, {k: kinds.limits[k] for k in known}, kinds.spaces)
