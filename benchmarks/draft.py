"""What a draft costs: CPU seconds of a proposal alone and with a draft before it, both sides in turn.

    python benchmarks/draft.py [--turns 7]

One thread: the clock is that of the CPU, and a busy machine does no harm.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from statistics import median

import numpy as np
import torch

from napari_medseg.app import waits
from napari_medseg.app.draft import draft_for, predict_drafted
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image
from napari_medseg.weights import list_weights

SLOW = ("sgd-net-s", "lgms-net")


def _note(there: list[float], _: object) -> None:
    there.append(time.process_time())


def main() -> None:
    """Print a line for each network and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    turns = parser.parse_args().turns
    torch.set_num_threads(1)
    # nothing is remembered of it
    waits.save_settings = lambda **_: None
    small = read_image(next(one for one in sample_images() if one.name == "dermoscopy_2").image).data
    known = [(entry.id, entry) for entry in list_weights()]
    for image in (small, np.kron(small, np.ones((8, 8, 1), np.uint8))):
        for network in SLOW:
            weights = next(entry.id for entry in list_weights(network=network) if entry.task == "generalist")
            request = PredictRequest(network=network, weights=weights, mirrored=True)
            waits.note_wait(request, image.shape, 1e3)
            draft = draft_for(request, image.shape, known, "dermoscopy")
            alone, both, first = [], [], []
            for _ in range(turns):
                began = time.process_time()
                predict_array(image, request)
                alone.append(time.process_time() - began)
                there: list[float] = []
                began = time.process_time()
                predict_drafted(image, request, draft, partial(_note, there))
                both.append(time.process_time() - began)
                first.append(there[0] - began)
            print(
                f"{network}, mirrored copies, {image.shape[0]} x {image.shape[1]} px: {median(alone):.3f} s alone, "
                f"{median(both):.3f} s with a draft, which is there after {median(first):.3f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
