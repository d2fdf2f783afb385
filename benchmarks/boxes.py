"""How good is DCSNet where a person draws the boxes? ``python benchmarks/boxes.py DATA [--weights ID]``.

A simulated person draws a box around each connected part of the reference, each side off by a normal share of the box
(``--jitter``); the network segments inside. Beside it, with the same boxes: the ellipse that fills each box, which is
what a box alone says, and what the network does with the boxes that it finds itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from accuracy import KINDS
from facts import report
from scipy import ndimage
from train_bundled import read_split, spread

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.io import read_image, read_mask
from napari_medseg.metrics import dice
from napari_medseg.weights import list_weights

LEAST = 16  # px of a box: nobody draws a smaller one


def drawn_boxes(mask: np.ndarray, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Boxes (N, 4: y0, x0, y1, x1) around the parts of a mask (Y, X), each side a little off."""
    found = []
    for y, x in ndimage.find_objects(ndimage.label(mask)[0]):
        sides = np.array([y.stop - y.start, x.stop - x.start] * 2, float)
        if sides[0] * sides[1] >= LEAST:
            box = np.array([y.start, x.start, y.stop, x.stop]) + jitter * sides * rng.normal(size=4)
            found.append(np.clip(box, 0, (*mask.shape, *mask.shape)))
    return np.array(found).reshape(-1, 4)


def ellipses(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The ellipses that fill boxes, as a mask."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    mask = np.zeros(shape, bool)
    for y0, x0, y1, x1 in boxes:
        mask |= ((2 * y - y0 - y1) / (y1 - y0)) ** 2 + ((2 * x - x0 - x1) / (x1 - x0)) ** 2 <= 1
    return mask


def main() -> None:
    """A line for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", metavar="ID", help="default: the bundled DCSNet (small) for all kinds")
    parser.add_argument(
        "--sets", nargs="+", default=list(dict.fromkeys(name for names in KINDS.values() for name in names))
    )
    parser.add_argument("--images", type=int, default=40, help="of each set, at most")
    parser.add_argument("--jitter", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = [entry.id for entry in list_weights(network="dcsnet-s") if entry.task == "generalist"]
    weights = options.weights or known[0]
    request = PredictRequest(network=weights.partition("/")[0], weights=weights, device="cpu")
    rows = []
    for name in options.sets:
        pairs = spread(read_split(options.data, name, "val"), options.images)
        found = []
        for number, pair in enumerate(pairs):
            image, mask = read_image(pair.image).data, read_mask(pair.mask) > 0
            boxes = drawn_boxes(mask, options.jitter, np.random.default_rng((options.seed, number)))
            if not len(boxes):
                continue
            inside, own = (predict_array(image, request, boxes=given).labels > 0 for given in (boxes, None))
            found.append([dice(guess, mask) for guess in (ellipses(boxes, mask.shape), inside, own)])
        rows.append((name, len(found), *np.mean(found, axis=0).round(3).tolist()))
        print(*rows[-1], flush=True)
    report(("set", "n", "ellipse in the box", "drawn boxes", "own boxes"), rows, json_path=options.json)


if __name__ == "__main__":
    main()
