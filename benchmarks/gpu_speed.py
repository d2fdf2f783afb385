"""What a card makes of each network: ``python benchmarks/gpu_speed.py [--network N ...] [--json FILE]``.

Plain is the network as it is built, eager, in float32 (convolutions in TF32, torch's default), one image at a time.
Against it, at 256 x 256 px (LGMSNet 3D 96 x 96 x 96): prepared and channels-last in float32, in bfloat16, as a CUDA
graph, at batch 1; then images a second at growing batches until the card is full. Times by CUDA events, median of the
repeats after a warm-up; each way's probabilities are compared with plain's. Networks with boxes are timed with and
without one. A way that a network cannot take says so and is left out.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from facts import report
from torch import Tensor, nn

from napari_medseg.networks import create_network, get_spec, list_networks, prepare_for_inference

BATCHES = (4, 16, 64, 256)
REPEATS = 15
Given = Callable[[int], tuple[Tensor, dict[str, Any]]]
COLUMNS = ("network", "how", "batch", "ms", "images/s", "times plain", "largest difference", "wrong pixels")


def timed(run: Callable[[], object], repeats: int) -> float:
    """Milliseconds, median."""
    for _ in range(4):
        run()
    found = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        run()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end))
    return median(found)


def graphed(module: nn.Module, x: Tensor, how: dict[str, Any]) -> Callable[[], Tensor]:
    """The network's work on a fixed shape, recorded once and replayed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            module(x, **how)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = module(x, **how).logits

    def run() -> Tensor:
        graph.replay()
        return out

    return run


def inputs(one: Tensor, form: torch.memory_format, boxes: bool, batch: int) -> tuple[Tensor, dict[str, Any]]:
    """An image as often as asked, and a box on each."""
    x = one.repeat(batch, *[1] * (one.dim() - 1)).contiguous(memory_format=form)
    return x, {"boxes": [torch.tensor([[40.0, 30.0, 200.0, 180.0]], device="cuda")] * batch} if boxes else {}


def eager(module: nn.Module, given: Given, batch: int) -> Callable[[], Tensor]:
    """The network's work, asked for anew each time."""
    x, options = given(batch)
    return lambda: module(x, **options).logits


def recorded(module: nn.Module, given: Given) -> Callable[[], Tensor]:
    """As :func:`graphed`, of one image."""
    return graphed(module, *given(1))


def chances(logits: Tensor) -> Tensor:
    """Of all classes, float32."""
    logits = logits.float()
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)


def rows_of(name: str, *, boxes: bool, repeats: int) -> list[tuple]:
    """Every way of one network."""
    spec = get_spec(name)
    torch.manual_seed(0)
    plain = create_network(name).eval()
    prepared = prepare_for_inference(copy.deepcopy(plain))
    layout = torch.channels_last if spec.input.ndim == 2 else torch.channels_last_3d
    ways = {
        "plain": (plain.cuda(), torch.float32, torch.contiguous_format),
        "prepared": (prepared.cuda().to(memory_format=layout), torch.float32, layout),
        "bfloat16": (copy.deepcopy(prepared).to(torch.bfloat16), torch.bfloat16, layout),
        "float16": (copy.deepcopy(prepared).to(torch.float16), torch.float16, layout),
    }
    label = f"{name}, a box" if boxes else name
    one = torch.randn(1, spec.input.channels, *spec.input.size, device="cuda")
    rows: list[tuple] = []
    base, truth = 1.0, torch.zeros(0)

    def note(how: str, batch: int, run: Callable[[], Tensor]) -> None:
        nonlocal base, truth
        # the images of a batch are one and the same
        out = chances(run())[:1]
        ms = timed(run, repeats)
        if how == "plain" and batch == 1:
            base, truth = ms, out
        far = float((out - truth).abs().max())
        wrong = float(((out > 0.5) != (truth > 0.5)).float().mean())
        rows.append((label, how, batch, ms, 1000 * batch / ms, base * batch / ms, far, wrong))

    def attempt(how: str, batch: int, make: Callable[[], Callable[[], Tensor]]) -> bool:
        try:
            note(how, batch, make())
        except (RuntimeError, NotImplementedError, torch.OutOfMemoryError) as error:
            print(f"{label}, {how}, batch {batch}: {str(error).splitlines()[0][:200]}", flush=True)
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            return False
        return True

    with torch.inference_mode():
        for how, (module, dtype, form) in ways.items():
            given = partial(inputs, one.to(dtype), form, boxes)
            ran = attempt(how, 1, partial(eager, module, given, 1))
            if how != "plain":
                attempt(f"{how}, graph", 1, partial(recorded, module, given))
            if how in ("plain", "bfloat16", "prepared") and ran:
                for batch in BATCHES if spec.input.ndim == 2 else BATCHES[:2]:
                    if not attempt(how, batch, partial(eager, module, given, batch)):
                        break
    return rows


def main() -> None:
    """Time all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=list_networks())
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[tuple] = []
    for name in options.network or list_networks():
        kinds = (False, True) if get_spec(name).capabilities.boxes else (False,)
        for boxes in kinds:
            rows += rows_of(name, boxes=boxes, repeats=options.repeats)
            torch.cuda.empty_cache()
        # after each: what was measured stays when the time is over
        report(COLUMNS, rows, json_path=options.json)


if __name__ == "__main__":
    main()
