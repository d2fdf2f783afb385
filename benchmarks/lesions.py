"""How long lesions take to measure: ``python benchmarks/lesions.py [--json FILE]``.

Two thousand nuclei in 2000 x 2000 px, and organs and three hundred specks in 200 x 512 x 512 voxels, with intensities.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from facts import report

from napari_medseg.metrics.lesions import measure_lesions


def nuclei(side: int = 2000) -> np.ndarray:
    """Discs that do not touch."""
    rng = np.random.default_rng(0)
    labels = np.zeros((side, side), np.uint8)
    y, x = np.mgrid[-20:21, -20:21]
    for cy in range(21, side - 21, 44):
        for cx in range(21, side - 21, 43):
            labels[cy - 20 : cy + 21, cx - 20 : cx + 21] = (y**2 + (x * 1.3) ** 2) < rng.integers(6, 18) ** 2
    return labels


def organs(shape: tuple[int, int, int] = (200, 512, 512)) -> np.ndarray:
    """A large one, one inside it, and specks."""
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.uint8)
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    labels[((z - 100) / 80) ** 2 + ((y - 250) / 200) ** 2 + ((x - 260) / 150) ** 2 < 1] = 1
    labels[((z - 100) / 20) ** 2 + ((y - 250) / 20) ** 2 + ((x - 260) / 15) ** 2 < 1] = 2
    for cz, cy, cx in zip(rng.integers(0, 190, 300), rng.integers(0, 60, 300), rng.integers(0, 500, 300), strict=True):
        labels[cz : cz + 4, cy : cy + 5, cx : cx + 6] = 3
    return labels


def main() -> None:
    """Measure each three times, and take the least."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for name, labels, sizes in (("nuclei", nuclei(), (0.5, 0.4)), ("organs", organs(), (2.5, 0.7, 0.7))):
        values = np.random.default_rng(1).integers(-1000, 1000, labels.shape).astype(np.int16)
        seconds, cpu, count = [], [], 0
        for _ in range(3):
            start, used = time.perf_counter(), time.process_time()
            count = len(measure_lesions(labels, values, steps=np.diag(sizes)))
            seconds.append(time.perf_counter() - start)
            cpu.append(time.process_time() - used)
        rows.append((name, " x ".join(map(str, labels.shape)), count, min(seconds), min(cpu)))
    report(("what", "shape", "lesions", "seconds", "CPU seconds"), rows, json_path=options.json)


if __name__ == "__main__":
    main()
