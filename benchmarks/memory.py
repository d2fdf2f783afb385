"""Peak memory of a prediction, by network and size: ``python benchmarks/memory.py [--network N ...] [--json FILE]``.

Each image goes through the network at its own size, in a process of its own; the figure is the highest resident size of
that process, and what it is above one that loaded torch alone. Weights are the first bundled ones of a network, else
fresh ones: memory does not hang on them. DCSNet looks into the one best box, as its paper does. ``--resized`` also
takes large images as the window does, resized to the weights' input.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from facts import report

from napari_medseg.networks import get_spec, list_networks
from napari_medseg.weights import list_weights

CHILD = """
import resource, sys
import torch
torch.zeros(8, 8) @ torch.zeros(8, 8)
network, weights, shape, size = sys.argv[1:]
if network:
    import rivals
    rivals.register()
    import numpy as np
    from napari_medseg.inference import Predictor
    from napari_medseg.networks import create_network, get_spec, prepare_for_inference
    from napari_medseg.weights import WeightsEntry
    if weights:
        predictor = Predictor.from_weights(network, weights, device="cpu")
    else:
        module = prepare_for_inference(create_network(network).eval())
        entry = WeightsEntry(id=f"{network}/fresh@1", network=network, task="fresh")
        predictor = Predictor(module, get_spec(network), entry, device="cpu")
    if shape:
        sides = tuple(map(int, shape.split("x")))
        own = {"size": sides[:2]} if size == "own" and len(sides) == 3 and sides[-1] == 3 else {}
        one = {"most_boxes": 1} if predictor.spec.capabilities.boxes else {}
        image = np.random.default_rng(0).integers(0, 255, sides, dtype=np.uint8)
        predictor.predict(image, **own, **one)
# what the system says of a process begins with the size of the one that started it; Linux has its own figure too
try:
    with open("/proc/self/status") as file:
        print(next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")))
except (OSError, StopIteration):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
SIDES = (256, 512, 1024)
VOLUMES = ((32, 64, 32), (64, 128, 128), (128, 256, 256))
COLUMNS = ("network", "weights", "image", "how", "peak_mb", "above_torch_mb")
# Linux counts kilobytes, macOS bytes
UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024


def peak_mb(network: str = "", weights: str = "", shape: tuple[int, ...] = (), *, own: bool = True) -> float:
    """Highest resident size, MB, of a process that predicts one image of (Y, X, 3) or (Z, Y, X).

    Without a shape of one that only loads the network; without a network of one that only loads torch.
    """
    values = [network, weights, "x".join(map(str, shape)), "own" if own else "resized"]
    root = Path(__file__).parent
    paths = os.pathsep.join([str(root), str(root.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *values],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    if done.returncode:
        raise RuntimeError(f"{network} on {values[2]}: {done.stderr[-500:]}")
    return int(done.stdout) / UNIT


def rows_of(network: str, torch_mb: float, *, resized: bool) -> list[tuple]:
    """Loaded, and at all sizes."""
    entries = list_weights(network=network)
    weights = entries[0].id if entries else ""
    volumes = get_spec(network).input.ndim == 3
    shapes: list[tuple[int, ...]] = list(VOLUMES) if volumes else [(side, side, 3) for side in SIDES]
    kinds: list[tuple[tuple[int, ...], bool]] = [((), True), *((shape, True) for shape in shapes)]
    if resized and not volumes:
        kinds.append(((4096, 4096, 3), False))
    rows = []
    for shape, own in kinds:
        peak = peak_mb(network, weights, shape, own=own)
        sides = shape if volumes else shape[:2]
        how = "loaded" if not shape else "windows" if volumes else "own size" if own else "resized"
        rows.append((network, weights or "fresh", " x ".join(map(str, sides)), how, peak, peak - torch_mb))
        print(*rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure each kind once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="*", default=list(list_networks()))
    parser.add_argument("--resized", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch_mb = peak_mb()
    rows = [("torch alone", "", "", "", torch_mb, 0.0)]
    rows += [row for name in options.network for row in rows_of(name, torch_mb, resized=options.resized)]
    print()
    report(COLUMNS, rows, json_path=options.json)


if __name__ == "__main__":
    main()
