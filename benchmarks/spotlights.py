"""Do the spotlights point at what is wrong? ``python benchmarks/spotlights.py DATA [--sets NAME ...]``.

The bundled network of each set proposes masks for val images. An error is a connected region of at least ``--least`` px
where the mask is not the reference, opened by one pixel first: rims that are off by less are none. A spot hits an error
that lies within ``--near`` px of it. Told, for the worst K spots of an image, are the share of errors that are hit, how
much of the wrong area they make up, and the share of spots that hit one; beside them K places at random on the mask's
rim (in an image without a mask: anywhere).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from facts import report
from scipy import ndimage
from skimage.segmentation import find_boundaries
from train_bundled import read_split, spread

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.spots import opinions_request, spots_of
from napari_medseg.io import read_image, read_mask

TASKS = {
    "busi": "breast-ultrasound",
    "isic2017": "dermoscopy",
    "kvasir_seg": "polyp",
    "dsb2018_nuclei": "nuclei",
    "monuseg_nuclei": "nuclei",
}
COUNTS = (3, 10)


def errors_of(mask: np.ndarray, truth: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbered regions (Y, X) where a mask is wrong, and their sizes."""
    wrong = ndimage.binary_opening(mask != truth)
    numbered, count = ndimage.label(wrong)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    kept = np.flatnonzero(sizes >= least)
    kept = kept[kept > 0]
    place = np.zeros(count + 1, int)
    place[kept] = np.arange(1, len(kept) + 1)
    return place[numbered], sizes[kept]


def hits(points: np.ndarray, numbered: np.ndarray, near: float) -> tuple[set[int], int]:
    """Errors that are hit, and how many points hit one."""
    away, (y, x) = ndimage.distance_transform_edt(numbered == 0, return_indices=True)
    found = [int(numbered[y[tuple(p)], x[tuple(p)]]) for p in points if away[tuple(p)] <= near]
    return set(found), len(found)


def main() -> None:
    """A line for each set and number of spots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--least", type=int, default=30)
    parser.add_argument("--near", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.sets:
        request = PredictRequest(network="cmunext-xxs", weights=TASKS[name], device="cpu")
        asked, with_edges = opinions_request(request)
        pairs = spread(read_split(options.data, name, "val"), options.images)
        found: dict[tuple[str, int], list[tuple[int, int, int, int, int, int]]] = {}
        for number, pair in enumerate(pairs):
            image, truth = read_image(pair.image).data, read_mask(pair.mask) > 0
            labels = predict_array(image, request).labels
            numbered, sizes = errors_of(labels > 0, truth, options.least)
            if not len(sizes):
                continue
            opinion = predict_array(image, asked, edges=with_edges)
            spots = [spot.point for spot in spots_of(opinion, labels, np.zeros(labels.shape, bool))]
            rng = np.random.default_rng((options.seed, number))
            rim = np.argwhere(find_boundaries(labels > 0) if labels.any() else np.ones(labels.shape, bool))
            chance = rng.permutation(rim)[: max(COUNTS)]
            for way, points in (("spotlights", np.array(spots, int).reshape(-1, 2)), ("rim, at random", chance)):
                for count in COUNTS:
                    errors, good = hits(points[:count], numbered, options.near)
                    area = sum(int(sizes[n - 1]) for n in errors)
                    row = (len(errors), len(sizes), good, len(points[:count]), area, int(sizes.sum()))
                    found.setdefault((way, count), []).append(row)
        for (way, count), values in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
            hit, of, good, points, area, whole = np.sum(values, axis=0)
            percent = [f"{100 * a / max(b, 1):.0f} %" for a, b in ((hit, of), (area, whole), (good, points))]
            rows.append((name, len(values), int(of), way, count, *percent))
            print(*rows[-1], flush=True)
    columns = ("set", "images", "errors", "way", "spots", "errors hit", "of wrong area", "spots that hit")
    report(columns, rows, json_path=options.json)


if __name__ == "__main__":
    main()
