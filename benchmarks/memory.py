"""Peak memory of a prediction: ``python benchmarks/memory.py [--json FILE]``.

Each image is predicted in a process of its own; the figure is the highest resident size of that process, and what it
is above a process that only loaded the network.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from facts import report

CHILD = """
import resource, sys
import numpy as np
from napari_medseg.inference import Predictor
side, own = int(sys.argv[1]), int(sys.argv[2])
predictor = Predictor.from_weights(sys.argv[3], sys.argv[4], device="cpu")
if side:
    predictor.predict(np.zeros((side, side, 3), np.uint8), size=own or None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
KINDS = ((0, 0), (256, 0), (1024, 0), (4096, 0), (1024, 1024), (2048, 2048))


def main() -> None:
    """Measure each kind once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--weights", default="nuclei")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # Linux counts kilobytes, macOS bytes
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    peaks = []
    for side, own in KINDS:
        command = [sys.executable, "-c", CHILD, str(side), str(own), options.network, options.weights]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / unit)
    rows = [
        ("network loaded" if not side else f"{side} x {side}", "own size" if own else "resized", peak, peak - peaks[0])
        for (side, own), peak in zip(KINDS, peaks, strict=True)
    ]
    report(("image", "how", "peak MB", "above loaded MB"), rows, json_path=options.json)


if __name__ == "__main__":
    main()
