"""How well are objects told apart? ``python benchmarks/instances.py DATA [--images 80]``.

Panoptic quality of the bundled nuclei network on the val images of DSB 2018, whose nuclei are numbered: connected
components, watershed on the mask's shape as the plugin does it, and on probability and edge map besides.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from facts import report
from scipy import ndimage
from skimage.segmentation import watershed

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.editing.instances import instances
from napari_medseg.editing.operations import object_depth, object_seeds
from napari_medseg.io import read_image, read_mask
from napari_medseg.metrics.panoptic import panoptic_quality


def parted(mask: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Objects (Y, X) of a mask: the hills of what is high within them and low between."""
    return np.asarray(watershed(-depth, object_seeds(mask, depth), mask=mask))


def main() -> None:
    """A line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", default="dsb2018_nuclei")
    parser.add_argument("--split", default="val", choices=("train", "val"))
    parser.add_argument("--images", type=int, default=80)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = options.data / options.set
    names = json.loads((folder / "split.json").read_text(encoding="utf-8"))[options.split][: options.images]
    network = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")
    edge_network = PredictRequest(network="sgd-net-s", weights="generalist", device="cpu")
    ways: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
        "connected components": lambda mask, p, e: ndimage.label(mask)[0],
        "watershed on the shape": lambda mask, p, e: instances(mask),
        "and the probability": lambda mask, p, e: parted(mask, object_depth(mask) * p),
        "and the edge map": lambda mask, p, e: parted(mask, object_depth(mask, e)),
        "and both": lambda mask, p, e: parted(mask, object_depth(mask, e) * p),
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for name in names:
        image = read_image(next((folder / "images").glob(f"{name}.*"))).data
        truth = read_mask(folder / "labels" / f"{name}.png")
        prediction = predict_array(image, network)
        edges = predict_array(image, edge_network, edges=True).edges
        assert edges is not None
        for way, function in ways.items():
            # on the network's mask, and on the maker's, as after correction
            found[way].append(
                (
                    panoptic_quality(function(prediction.labels > 0, prediction.probabilities[0], edges), truth),
                    panoptic_quality(function(truth > 0, prediction.probabilities[0], edges), truth),
                )
            )
    rows = [(way, len(pq), *(f"{value:.3f}" for value in np.mean(pq, axis=0))) for way, pq in found.items()]
    report(("objects told apart by", "images", "PQ, network's mask", "PQ, maker's mask"), rows, json_path=options.json)


if __name__ == "__main__":
    main()
