"""Measures one network for one input shape and writes it down: a process of its own, which yields to all others.

It starts torch's exporter and libraries of others, none of which can stop or end the window so.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path


def _end_with_parent() -> None:
    """The pipe closes when the program that started this one ends."""
    # not sys.stdin, which Python lets go of at its own end: it aborts where a thread still reads from it
    while os.read(0, 1024):
        pass
    os._exit(3)


def _yield_to_others() -> None:
    import psutil

    own = psutil.Process()
    own.nice(psutil.IDLE_PRIORITY_CLASS if sys.platform == "win32" else 19)


def main() -> int:
    """Exit code 0: it is written down; 3: the weights are not those any more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sha256", required=True)
    parser.add_argument("--shape", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--with-parent", action="store_true")
    options = parser.parse_args()
    if options.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    _yield_to_others()

    import torch

    from napari_medseg.inference.engines.measure import measure
    from napari_medseg.inference.engines.store import Key, keep
    from napari_medseg.inference.engines.table import present_engines
    from napari_medseg.networks import get_spec, prepare_for_inference
    from napari_medseg.weights import load_network

    torch.set_num_threads(options.threads)
    module, entry = load_network(options.network, options.weights)
    if entry.sha256 != options.sha256:
        return 3
    spec, shape = get_spec(options.network), tuple(int(side) for side in options.shape.split(","))
    network = prepare_for_inference(module)
    if len(shape) == 4:
        network = network.to(memory_format=torch.channels_last)
    found = measure(network, spec, shape, [one.name for one in present_engines()])
    keep(Key(options.network, options.sha256, shape, options.threads), found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
