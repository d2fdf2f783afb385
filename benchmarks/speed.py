"""Each network as published code runs it against ours: ``python benchmarks/speed.py [--network N ...] [--json FILE]``.

The plain form (``plain.py``: eager, norms unfolded, contiguous) and ours as ``Predictor`` runs it take turns, in a
process for each network, with the same weights, float32, batch 1, at 256 x 256 px (volumes 32 x 64 x 32): medians of
wall clock and of CPU time, plain's over ours, the largest difference of the logits in shares of their range, and the
share of the mask's pixels that are others. ``share``: multiply-adds of ours in a second beside the fastest of two
large matrix products in the same run; ``where``: what our time goes into, of its profile. Networks that look at boxes:
once with the best box that they find, as published, and once with a box that is given. Weights are the last bundled
ones, else random ones.

``--threads 2`` on busy cores measures how threads wait for each other; with one thread PyTorch takes other steps for
1 x 1 convolutions. ``--sizes`` instead: a prediction by ``Predictor`` at 256, 512 and 1024 px, resized to the weights'
input and at its own size.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from facts import report
from plain import plain_form
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from napari_medseg.inference import Predictor
from napari_medseg.inference.engines.measure import probe
from napari_medseg.networks import create_network, get_spec, list_networks, prepare_for_inference
from napari_medseg.networks.blocks.dynamic_conv import GuidedDynamicConv
from napari_medseg.networks.fused import Fused
from napari_medseg.weights import list_weights, load_network

SIDES = {2: (256, 256), 3: (32, 64, 32)}
BOX = (40.0, 30.0, 200.0, 180.0)
SIZES = (256, 512, 1024)
COLUMNS = (
    *("network", "input", "weights", "device", "threads", "plain_ms", "ours_ms", "ratio"),
    *("plain_cpu_ms", "ours_cpu_ms", "cpu_ratio", "difference", "flipped"),
    *("gmacs", "gflops", "matrix_gflops", "share", "where"),
)
SIZE_COLUMNS = ("network", "px", "how", "median ms", "longest ms", "ratio")
# what an operator is, by a part of its name; the first that fits
KINDS = (
    ("attention", ("scaled_dot_product", "transformer_encoder", "transform_bias", "softmax")),
    ("norms", ("norm",)),
    ("reading between places", ("grid_sampler", "upsample", "embedding_bag", "index", "gather")),
    ("matrix products", ("linear", "mm", "matmul")),
    ("pooling", ("pool",)),
    ("copies", ("copy", "cat", "clone", "pad", "shuffle", "fill", "zero", "im2col", "contiguous")),
    ("activations", ("gelu", "relu", "silu", "swish", "sigmoid", "clamp")),
)
Run = Callable[[], Any]


def load(name: str) -> tuple[nn.Module, str]:
    """A network in evaluation mode, and what its weights are."""
    entries = list_weights(network=name)
    if entries:
        return load_network(name, entries[-1].id)[0].eval(), entries[-1].id
    torch.manual_seed(0)
    network = create_network(name, **get_spec(name).fresh).eval()
    for module in network.modules():
        if isinstance(module, GuidedDynamicConv):
            # which begins as the identity: no difference would show
            nn.init.ones_(module.scale)
            nn.init.ones_(module.mlp_scale)
    return network, "random"


def wait(device: str) -> None:
    """Until the card is done."""
    if device == "cuda":
        torch.cuda.synchronize()


def turns(runs: dict[str, Run], repeats: int, device: str) -> dict[str, tuple[float, float]]:
    """Medians (wall, CPU), ms, of those that take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(repeats + 2):
        for name, run in runs.items():
            wait(device)
            wall, own = time.perf_counter(), time.process_time()
            run()
            wait(device)
            # the first turns warm up
            if turn > 1:
                times[name].append((time.perf_counter() - wall, time.process_time() - own))
    return {name: tuple(1000 * median(side) for side in zip(*pairs, strict=True)) for name, pairs in times.items()}


def matrix_rate(device: str) -> float:
    """Floating-point operations in a second, 1e9, of the faster of two large products: PyTorch's and oneDNN's."""
    n = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(n, n, device=device) for _ in range(2))
    runs: dict[str, Run] = {"product": lambda: a @ b}
    if device == "cpu":
        one = Fused(nn.Linear(n, n, bias=False))
        runs["fused"] = lambda: one(a)
    return 2 * n**3 / min(wall for wall, _ in turns(runs, 5, device).values()) / 1e6


def multiply_adds(run: Run) -> float:
    """Of convolutions, matrix products and attention, 1e9."""
    # with gradients the layers run one by one, where PyTorch counts them
    with torch.inference_mode(False), torch.enable_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 2e9


def kind_of(name: str, shapes: list[list[int]]) -> str:
    """What an operator does."""
    if "conv" in name:
        weight = shapes[1] if len(shapes) > 1 else []
        if len(weight) > 3 and weight[1] == 1 and weight[0] > 1:
            return "depthwise convolutions"
        return "1 x 1 convolutions" if weight[2:] and max(weight[2:]) == 1 else "convolutions"
    return next((kind for kind, parts in KINDS if any(part in name for part in parts)), "sums and products")


def where(run: Run, device: str) -> dict[str, float]:
    """Shares of the time by kind of operator, largest first."""
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device == "cuda")
    with profile(activities=activities, record_shapes=True) as found:
        for _ in range(3):
            run()
        wait(device)
    spent: Counter[str] = Counter()
    for event in found.key_averages(group_by_input_shape=True):
        own = event.self_device_time_total if device == "cuda" else event.self_cpu_time_total
        spent[kind_of(event.key, event.input_shapes)] += own
    total = sum(spent.values())
    return {kind: own / total for kind, own in spent.most_common()}


def ways_of(name: str) -> dict[str, dict[str, Any]]:
    """What a network is asked, by what the table says of it."""
    spec = get_spec(name)
    shape = " x ".join(map(str, SIDES[spec.input.ndim]))
    if not spec.capabilities.box_prompt:
        return {shape: {}}
    return {f"{shape}, found": {"most": 1}, f"{shape}, a box": {"boxes": [torch.tensor([BOX])]}}


def rows_of(name: str, repeats: int, device: str, rate: float) -> list[tuple]:
    """One network, in all ways."""
    spec = get_spec(name)
    module, weights = load(name)
    x = probe(spec, (1, spec.input.channels, *SIDES[spec.input.ndim])).to(device)
    layout = torch.channels_last if spec.input.ndim == 2 else torch.preserve_format
    plain = plain_form(module).to(device)
    ours = prepare_for_inference(copy.deepcopy(module)).to(device, memory_format=layout)
    del module
    rows = []
    for label, how in ways_of(name).items():
        how = {key: [box.to(device) for box in value] if key == "boxes" else value for key, value in how.items()}
        runs: dict[str, Run] = {"plain": partial(plain, x, **how), "ours": partial(laid_out, ours, x, layout, how)}
        with torch.inference_mode():
            wanted, found = (run().logits for run in runs.values())
            times = turns(runs, repeats, device)
            spent = where(runs["ours"], device)
        gmacs = multiply_adds(runs["ours"])
        spread = float(wanted.max() - wanted.min())
        flipped = float((mask(wanted) != mask(found)).float().mean())
        (wall, own), (fast, fast_own) = times["plain"], times["ours"]
        reached = 2 * gmacs / fast * 1000
        rows.append(
            (
                *(name, label, weights, device, torch.get_num_threads(), wall, fast, wall / fast),
                *(own, fast_own, own / fast_own, float((wanted - found).abs().max()) / spread, flipped),
                *(gmacs, reached, rate, reached / rate),
                ", ".join(f"{kind} {share:.0%}" for kind, share in list(spent.items())[:5]),
            )
        )
    return rows


def laid_out(network: nn.Module, x: Tensor, layout: torch.memory_format, how: dict[str, Any]) -> Any:
    """As ``Predictor`` runs it."""
    return network(x.to(memory_format=layout), **how)


def mask(logits: Tensor) -> Tensor:
    """What is segmented."""
    return logits.argmax(dim=1) if logits.shape[1] > 1 else logits >= 0


def sizes(network: str, repeats: int, device: str) -> list[tuple]:
    """Predictions of images of several sizes, which take turns."""
    predictor = Predictor.from_weights(network, list_weights(network=network)[0].id, device=device)
    rng = np.random.default_rng(0)
    images = {size: rng.integers(0, 255, (size, size, 3), dtype=np.uint8) for size in SIZES}
    kinds = [(size, None) for size in SIZES] + [(size, size) for size in SIZES[1:]]
    times: dict[tuple[int, int | None], list[float]] = {kind: [] for kind in kinds}
    for turn in range(repeats + 1):
        for size, own in kinds:
            started = time.perf_counter()
            predictor.predict(images[size], size=own)
            if turn:
                times[size, own].append(1000 * (time.perf_counter() - started))
    base = median(times[kinds[0]])
    return [
        (network, size, "resized" if own is None else "own size", median(ms), max(ms), median(ms) / base)
        for (size, own), ms in times.items()
    ]


def main() -> None:
    """Compare, or time sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="*", choices=list_networks(), default=None)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--sizes", action="store_true", help="instead: predictions of images of several sizes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.sizes:
        names = options.network or ["cmunext-xxs"]
        rows = [row for name in names for row in sizes(name, options.repeats, options.device)]
        report(SIZE_COLUMNS, rows, json_path=options.json)
        return
    names = options.network or list_networks()
    if len(names) == 1:
        with torch.inference_mode():
            rate = matrix_rate(options.device)
        rows = rows_of(names[0], options.repeats, options.device, rate)
        report(COLUMNS, rows, json_path=options.json)
        return
    rows = []
    for name in names:
        rows += alone(name, ["--threads", options.threads, "--device", options.device, "--repeats", options.repeats])
        # after each: what was measured stays when the time is over
        report(COLUMNS, rows, json_path=options.json)


def alone(name: str, how: list[Any]) -> list[tuple]:
    """A network in a process of its own: how memory is given out hangs on what was asked for before."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "rows.json"
        command = [sys.executable, __file__, "--network", name, "--json", told, *how]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        return [tuple(row[column] for column in COLUMNS) for row in json.loads(told.read_text())["rows"]]


if __name__ == "__main__":
    main()
