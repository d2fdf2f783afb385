"""What a card makes of each network: ``python benchmarks/gpu_speed.py [--minutes 3.5] [--network N] [--json FILE]``.

Plain is the network as it is built, eager, in float32 (convolutions in TF32, torch's default), one image at a time, at
256 x 256 px (LGMSNet 3D 96 x 96 x 96). Against it what the product runs, by its own code
(``napari_medseg/inference/card``): recorded, in float32, float16 and bfloat16, the input on the card ("alone"); and all
the way from memory to memory ("whole"), one image and as many as the card is given at once. Then a box to a mask by
the predictor, from pixels to pixels. Times are medians after a warm-up, by the card's clock where the input is there.

Weights are those that ship, where any do; with others differences say little. It ends in time: each network has a share
of what is left, and after each the JSON is written. ``--device cpu --quick`` rehearses it without a card.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from facts import keep, report
from torch import Tensor, nn

from napari_medseg.inference import Predictor
from napari_medseg.inference.card import Card
from napari_medseg.inference.card.runner import LAYOUTS, built, lacks_memory
from napari_medseg.inference.engines.measure import probe
from napari_medseg.inference.ways import chances
from napari_medseg.networks import NetworkSpec, create_network, get_spec, list_networks, prepare_for_inference
from napari_medseg.weights import WeightsEntry, list_weights, load_network

MINUTES, REPEATS, WARM_UP = 3.5, 20, 3
# what is asked first
FIRST = ("cmunext-xxs", "lgms-net", "dcsnet", "sgd-net-s", "cmunext", "dymas-net", "lgms-net-3d", "sgd-net")
PAPERS = {"lgms-net": 302.8, "cmunext": 471.4}
BOX = [(30, 40, 180, 200)]
COLUMNS = (
    "network", "what", "batch", "ms", "images/s", "times plain", "largest difference", "wrong pixels", "paper's FPS",
)  # fmt: skip


class Subject(NamedTuple):
    """A network, plain and prepared, both on the device."""

    name: str
    spec: NetworkSpec
    entry: WeightsEntry
    plain: nn.Module
    prepared: nn.Module


def load(name: str, device: torch.device, sides: tuple[int, ...]) -> Subject:
    """With weights that ship, where there are any."""
    spec, known = get_spec(name), next((entry for entry in list_weights() if entry.network == name), None)
    if known is None:
        torch.manual_seed(0)
        module, entry = create_network(name).eval(), WeightsEntry(id=f"{name}/fresh@1", network=name, task="fresh")
    else:
        module, entry = load_network(name, known.id)
    prepared = prepare_for_inference(copy.deepcopy(module.eval()))
    layout = LAYOUTS.get(len(sides) + 2, torch.contiguous_format)
    return Subject(name, spec, entry, module.to(device), prepared.to(device, memory_format=layout))


class Table:
    """Rows, as they come; none is begun once the time is over."""

    def __init__(self, device: torch.device, repeats: int) -> None:
        self.rows: list[tuple] = []
        self._device, self._repeats = device, repeats
        self.end = 0.0
        self._base = 1.0
        self._truth: Tensor | None = None

    def timed(self, run: Callable[[], object], *, on_card: bool) -> float:
        """Milliseconds, median; fewer repeats where the time is short."""
        for _ in range(WARM_UP):
            run()
        found: list[float] = []
        end = min(self.end, time.monotonic() + 4)
        while len(found) < 3 or (len(found) < self._repeats and time.monotonic() < end):
            if self._device.type == "cuda" and on_card:
                events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
                events[0].record()
                run()
                events[1].record()
                torch.cuda.synchronize()
                found.append(events[0].elapsed_time(events[1]))
            else:
                started = time.perf_counter()
                run()
                found.append(1000 * (time.perf_counter() - started))
        return median(found)

    def add(
        self,
        subject: Subject,
        what: str,
        batch: int,
        make: Callable[[], Callable[[], Tensor]],
        *,
        on_card: bool,
        base: bool = False,
    ) -> None:
        """A row: what ``make()()`` gives, (N, C, *spatial) of images that are alike, is held against the last base."""
        if base:
            self._truth = None
        if time.monotonic() > self.end:
            print(f"{subject.name}, {what}, batch {batch}: no time left", flush=True)
            return
        try:
            run = make()
            found = run()[:1].float().cpu()
            ms = self.timed(run, on_card=on_card)
        except RuntimeError as error:
            print(f"{subject.name}, {what}, batch {batch}: {str(error).splitlines()[0][:200]}", flush=True)
            if self._device.type == "cuda" and lacks_memory(error):
                torch.cuda.empty_cache()
            return
        if base:
            self._base, self._truth = ms, found
        if self._truth is None:
            return
        masks = [maps.argmax(1) if maps.shape[1] > 1 else maps >= 0.5 for maps in (found, self._truth)]
        self.rows.append(
            (
                subject.name, what, batch, ms, 1000 * batch / ms, self._base * batch / ms,
                float((found - self._truth).abs().max()), float((masks[0] != masks[1]).float().mean()),
                PAPERS.get(subject.name, ""),
            )
        )  # fmt: skip
        print(*(f"{cell:.4g}" if isinstance(cell, float) else cell for cell in self.rows[-1]), sep="  ", flush=True)


def alone(module: nn.Module, x: Tensor, dtype: torch.dtype) -> Callable[[], Tensor]:
    """The product's form of a network, recorded where that is possible, its input on the card."""
    work = built(module, dtype, record=True)
    # seen, then recorded
    for _ in range(2):
        work(x)
    return lambda: work(x).probabilities


def plain(module: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    """As it is built."""
    return lambda: chances(module(x))[0]


def plainly(module: nn.Module, x: Tensor, device: torch.device) -> Callable[[], Tensor]:
    """As it is built, from memory to memory."""
    return lambda: chances(module(x.to(device)))[0].cpu()


def through(card: Card, x: Tensor) -> Callable[[], Tensor]:
    """As the predictor does it, from memory to memory; batches have found their size before."""
    for _ in range(2):
        card(x)
    return lambda: card(x).probabilities


def measure(table: Table, subject: Subject, device: torch.device, sides: tuple[int, ...], most: int | None) -> None:
    """All rows of one network, what matters most first."""
    one = probe(subject.spec, (1, subject.spec.input.channels, *sides))
    x = one.to(device)
    laid = x.contiguous(memory_format=LAYOUTS.get(x.dim(), torch.contiguous_format))
    add, prepared = partial(table.add, subject), subject.prepared
    add("plain", 1, lambda: plain(subject.plain, x), on_card=True, base=True)
    add("alone, float16", 1, lambda: alone(prepared, laid, torch.float16), on_card=True)
    card = Card(prepared, device, quick=True, checked=False)
    count = min(most or card.together(sides), card.together(sides))
    many = one.repeat(2 * count, *[1] * (one.dim() - 1))
    add("whole", 1, lambda: through(card, one), on_card=False)
    add("whole, batches", len(many), lambda: through(card, many), on_card=False)
    print(f"  batches of {card.batch(sides)}, {card.precision}", flush=True)
    add("plain, whole", 1, lambda: plainly(subject.plain, one, device), on_card=False)
    add("alone, float32", 1, lambda: alone(prepared, laid, torch.float32), on_card=True)
    add("alone, bfloat16", 1, lambda: alone(prepared, laid, torch.bfloat16), on_card=True)
    if subject.spec.input.ndim == 3:
        form = torch.channels_last_3d
        turned = copy.deepcopy(prepared).to(memory_format=form)
        moved = x.contiguous(memory_format=form)
        add("alone, float16, channels last", 1, lambda: alone(turned, moved, torch.float16), on_card=True)
    add("plain, batches", count, lambda: plain(subject.plain, x.repeat(count, *[1] * (x.dim() - 1))), on_card=True)


def box_to_mask(table: Table, subject: Subject, device: torch.device, side: int) -> None:
    """From pixels and a box to a mask, by the predictor that users run."""
    image = np.random.default_rng(0).integers(0, 255, (side, side, 3)).astype(np.uint8)
    box = (np.array(BOX) * side / 256).tolist()
    for what, engine in (("box to mask, torch", "torch"), ("box to mask", "auto")):
        predictor = Predictor(
            copy.deepcopy(subject.prepared), subject.spec, subject.entry, device=str(device), engine=engine
        )

        def run(predictor: Predictor = predictor) -> Tensor:
            found: dict[str, Any] = {"boxes": box, "size": side}
            return torch.from_numpy(predictor.predict(image, **found).probabilities[None])

        table.add(subject, what, 1, lambda run=run: run, on_card=False, base=engine == "torch")  # type: ignore[misc]
        print(f"  {predictor.predict(image, boxes=box, size=side).origin['precision']}", flush=True)


def main() -> None:
    """Measure all of it."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=list_networks())
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--quick", action="store_true", help="small inputs, few of them: a rehearsal")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = torch.device(options.device)
    names = options.network or sorted(list_networks(), key=lambda n: FIRST.index(n) if n in FIRST else len(FIRST))
    table, end = Table(device, 3 if options.quick else options.repeats), started + 60 * options.minutes
    for number, name in enumerate(names):
        if time.monotonic() > end:
            print(f"{name}: no time left", flush=True)
            continue
        # what one leaves of its share goes to those that follow
        table.end = time.monotonic() + (end - time.monotonic()) / (len(names) - number)
        spec = get_spec(name)
        sides = (64,) * spec.input.ndim if options.quick else (256, 256) if spec.input.ndim == 2 else (96, 96, 96)
        subject = load(name, device, sides)
        if spec.capabilities.box_prompt:
            box_to_mask(table, subject, device, sides[0])
        with torch.inference_mode():
            measure(table, subject, device, sides, 4 if options.quick else None)
        del subject
        if device.type == "cuda":
            torch.cuda.empty_cache()
        keep(COLUMNS, table.rows, options.json)
    report(COLUMNS, table.rows, json_path=options.json)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
