"""ONNX Runtime and OpenVINO against PyTorch: ``python benchmarks/engines.py [--network N ...] [--json FILE]``.

PyTorch as ``Predictor`` runs it (prepared, channels_last), and each engine, take turns in one process, batch 1,
float32: medians of wall clock and of the process's CPU time, and PyTorch's over the engine's. ``max_difference`` is of
the logits, in shares of their range, ``flipped`` the share of the mask's pixels that are others. Weights are the first
bundled ones of a network, else fresh ones. At 256 px; volumes at the window of their weights. ``--threads``: of each
side. A busy machine moves the times more than the ratios, and ours least: PyTorch's threads wait for each other by
spinning, so that with two threads on two busy cores many small steps take many times as long.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from facts import report
from torch import Tensor

from napari_medseg.inference.engines import ENGINES, TORCH, prepare, why_not
from napari_medseg.inference.engines.measure import probe
from napari_medseg.networks import create_network, get_spec, list_networks, prepare_for_inference
from napari_medseg.weights import list_weights, load_network

COLUMNS = (
    *("network", "weights", "engine", "size", "batch", "device"),
    *("plain_ms", "ours_ms", "ratio", "cpu_ratio", "max_difference", "flipped"),
)


def load(name: str) -> tuple[torch.nn.Module, str, tuple[int, ...] | None]:
    """A network, what its weights are, and their size."""
    entries = list_weights(network=name)
    if entries:
        return (*load_network(name, entries[0].id)[:1], entries[0].id, entries[0].input_size)
    torch.manual_seed(0)
    return create_network(name).eval(), "fresh", None


def timed(runs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, tuple[float, float]]:
    """Medians (wall, CPU), ms, of those that take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if turn:
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(1000 * median(side) for side in zip(*pairs, strict=True)) for name, pairs in times.items()}


def rows_of(name: str, engines: list[str], repeats: int) -> list[tuple]:
    """One network by all engines."""
    spec = get_spec(name)
    if reason := why_not(spec):
        print(f"{name} stays in PyTorch: {reason}.")
        return []
    module, weights, size = load(name)
    sides = (256, 256) if spec.input.ndim == 2 else (size or spec.input.size)
    shape = (1, spec.input.channels, *sides)
    image = probe(spec, shape)
    network = prepare_for_inference(module)
    layout = torch.channels_last if image.dim() == 4 else torch.preserve_format
    network = network.to(memory_format=layout)
    runs: dict[str, Callable[[], Any]] = {TORCH: lambda: network(image.to(memory_format=layout))}
    for engine in engines:
        runner = prepare(network, spec, shape, engine=engine)
        runs[engine] = partial(runner, image)
    with torch.inference_mode():
        wanted: Tensor = runs[TORCH]().logits
        found = {engine: runs[engine]().logits for engine in engines}
        times = timed(runs, repeats)
    rows = []
    for engine in engines:
        masks = [m.argmax(dim=1) if m.shape[1] > 1 else m >= 0 for m in (wanted, found[engine])]
        difference = float((wanted - found[engine]).abs().max() / (wanted.max() - wanted.min()).clamp_min(1))
        flipped = float((masks[0] != masks[1]).float().mean())
        (plain, plain_cpu), (ours, ours_cpu) = times[TORCH], times[engine]
        place = (name, weights, engine, "x".join(map(str, sides)), 1, "cpu")
        rows.append((*place, plain, ours, plain / ours, plain_cpu / ours_cpu, difference, flipped))
    return rows


def main() -> None:
    """Compare engines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="*", default=list(list_networks()))
    parser.add_argument("--engine", nargs="*", default=[one.name for one in ENGINES if one.present])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [row for name in options.network for row in rows_of(name, options.engine, options.repeats)]
    report(COLUMNS, rows, json_path=options.json)


if __name__ == "__main__":
    main()
