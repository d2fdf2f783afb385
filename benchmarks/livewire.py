"""Does the live-wire help, and is it quick? ``python benchmarks/livewire.py DATA [--sets NAME ...] [--clicks K]``.

A simulated person clicks K times along the reference contour, each click off by a few pixels (normal, ``--jitter``).
The contour between the clicks is straight, follows the image's own gradient, or follows SGD-Net's edge map (with the
gradient where it is weak). Compared is the median distance of the contour's pixels from the reference, all three with
the same clicks. Latency: working out the ways from an anchor in a window of 256 x 256 px, and one path while the mouse
moves.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from facts import report
from scipy import ndimage
from skimage.measure import find_contours
from skimage.segmentation import find_boundaries
from train_bundled import read_split, spread

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.editing.livewire import LiveWire, straight
from napari_medseg.io import read_image, read_mask

WAYS = ("straight", "gradient", "edge map")


def clicks(mask: np.ndarray, count: int, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Points (K, 2: y, x) along the longest contour, each a little off."""
    contour = max(find_contours(np.pad(mask, 1).astype(float), 0.5), key=len) - 1
    places = contour[np.linspace(0, len(contour), count, endpoint=False).astype(int)]
    return np.clip(places + rng.normal(0, jitter, places.shape), 0, np.array(mask.shape) - 1)


def outline(points: np.ndarray, wire: LiveWire | None, times: list[tuple[float, float]]) -> np.ndarray:
    """Pixels of the closed contour through the points."""
    parts = []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        if wire is None:
            parts.append(straight(tuple(start.round().astype(int)), tuple(end.round().astype(int))))
            continue
        begun = time.perf_counter()
        wire.anchor(tuple(start))
        anchored = time.perf_counter()
        parts.append(wire.path_to(tuple(end)))
        times.append((anchored - begun, time.perf_counter() - anchored))
    return np.concatenate(parts)


def main() -> None:
    """Compare the three on val images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["busi", "isic2017", "kvasir_seg"])
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--clicks", type=int, default=8)
    parser.add_argument("--jitter", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    request = PredictRequest(network="sgd-net-s", weights="generalist", device="cpu")
    rows: list[tuple[object, ...]] = []
    times: list[tuple[float, float]] = []
    for name in options.sets:
        pairs = spread(read_split(options.data, name, "val"), options.images)
        errors = []
        for number, pair in enumerate(pairs):
            image, mask = read_image(pair.image).data, read_mask(pair.mask) > 0
            if mask.sum() < 200:
                continue
            rng = np.random.default_rng((options.seed, number))
            points = clicks(mask, options.clicks, options.jitter, rng)
            away = ndimage.distance_transform_edt(~find_boundaries(mask, mode="inner"))
            edges = predict_array(image, request, edges=True).edges
            wires = (None, LiveWire(image), LiveWire(image, edges))
            found = [outline(points, wire, times) for wire in wires]
            errors.append([float(np.median(away[c[:, 0], c[:, 1]])) for c in found])
        median = np.median(errors, axis=0)
        table = np.array(errors)
        rows.append(
            (
                name,
                len(errors),
                *(round(float(m), 2) for m in median),
                *(f"{100 * np.mean(table[:, 2] <= table[:, other]):.0f} %" for other in (0, 1)),
            )
        )
        print(*rows[-1], flush=True)
    columns = ("set", "n", *(f"{way}, px" for way in WAYS), "map no worse than straight", "than gradient")
    report(columns, rows, json_path=options.json)
    anchor, hover = np.array(times).T * 1000
    for what, values, aim in (("anchor", anchor, 60), ("path", hover, 16)):
        print(f"{what}: median {np.median(values):.1f} ms, 95 % {np.percentile(values, 95):.1f} ms; aim {aim} ms")


if __name__ == "__main__":
    main()
