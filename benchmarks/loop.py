"""Is correct-and-retrain worth it? ``python benchmarks/loop.py DATA RUNS [--set monuseg_nuclei] [--task nuclei]``.

A simulated person (``annotator.py``) corrects image after image of a set that the bundled weights do not know, and
every five images the network is retrained, in four ways:

- ``none``: never retrained;
- ``plain``: on the corrections alone, as many steps, always adopted;
- ``ours``: as the plugin does it, with replay or part of the old weights kept, corrected rims and the gate;
- ``doubtful``: as ``ours``, the next image chosen by doubt and novelty instead of at random.

Each image costs strokes, contour drawn and seconds by a stated model, with and without the live-wire, which the person
takes where it holds and is quicker; the mask is the same. After each round the network is scored on
unseen images of the new set and on the val split of the set it came from. RUNS keeps a JSON file for each way and
seed: calling again goes on with what is missing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from annotator import correct
from facts import report
from train_bundled import read_split

from napari_medseg.app.plan_round import LEAST_DRAWN, RetrainOptions, plan_retrain
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.queue import most_useful, opinion_of, shades
from napari_medseg.app.round import Round
from napari_medseg.io import read_image, read_mask, write_image, write_text
from napari_medseg.metrics import dice
from napari_medseg.project import Project
from napari_medseg.project.run_spec import Pair, RunSpec
from napari_medseg.project.runs import SPEC_FILE

WAYS = ("none", "plain", "ours", "doubtful")
ROUND = 5


def load(pair: Pair, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask, cut to at most ``side`` px."""
    image, mask = read_image(pair.image).data, read_mask(pair.mask) > 0
    return image[:side, :side], mask[:side, :side]


def score(request: PredictRequest, images: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean Dice."""
    return float(np.mean([dice(predict_array(image, request).labels > 0, mask) for image, mask in images]))


def retrain(project: Project, way: str, request: PredictRequest, epochs: int, seed: int) -> tuple[PredictRequest, str]:
    """One round; what to propose with after it, and the gate's word."""
    options = RetrainOptions(network=request.network, weights=request.weights, epochs=epochs, device="cpu", seed=seed)

    def plan() -> tuple[RunSpec, Path]:
        spec, folder = plan_retrain(project, options)
        if way == "plain":
            own = tuple(replace(pair, weight=1.0, focus="") for pair in spec.data.train if pair.group)
            spec = replace(
                spec,
                data=replace(spec.data, train=own),
                start=replace(spec.start, keep_from=None),
                schedule=replace(spec.schedule, epoch_images=max(LEAST_DRAWN, len(own))),
            )
            write_text(folder / SPEC_FILE, spec.to_json())
        return spec, folder

    round_ = Round(project, plan, device="cpu")
    verdict = round_.run().verdict
    if way == "plain" or verdict.adopt:
        request = replace(request, weights=str(round_.adopt()))
    return request, "" if way == "plain" else f"{'adopted' if verdict.adopt else 'kept out'}: {verdict.reason}"


def choose(left: list[int], done: list[int], images: list[np.ndarray], request: PredictRequest) -> int:
    """The image that the queue would take."""
    asked = replace(request, mirrored=True)
    doubts = [opinion_of(predict_array(images[n], asked)).doubt for n in left]
    return left[most_useful(doubts, [shades(images[n]) for n in left], [shades(images[n]) for n in done])]


def simulate(options: argparse.Namespace, way: str, seed: int) -> dict[str, Any]:
    """All images, one after the other."""
    rng = np.random.default_rng(seed)
    pairs = read_split(options.data, options.set, "train")
    order = rng.permutation(len(pairs)).tolist()
    pool = [load(pair, options.side) for pair in pairs]
    done: list[int] = []
    unseen = [load(pair, options.side) for pair in read_split(options.data, options.set, "val")[: options.scored]]
    before = read_split(options.data, options.origin, "val")
    origin = [load(pair, options.side) for pair in before[:: max(1, len(before) // options.scored)]]
    request = PredictRequest(network=options.network, weights=options.task, device="cpu")
    edge_request = PredictRequest(network="sgd-net-s", weights="generalist", device="cpu")
    rows: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = [{"images": 0, "unseen": score(request, unseen), "origin": score(request, origin)}]
    with tempfile.TemporaryDirectory() as name, Project.create(Path(name) / "p") as project:
        for number in range(1, options.images + 1):
            left = [n for n in order if n not in done]
            index = choose(left, done, [image for image, _ in pool], request) if way == "doubtful" else left[0]
            done.append(index)
            image, truth = pool[index]
            file = Path(name) / f"{number}.tif"
            write_image(file, image)
            case = project.add_case(file, shape=truth.shape, group=f"{number}")
            prediction = predict_array(image, request)
            project.set_proposal(case.id, prediction.labels, prediction.origin)
            hand = np.random.default_rng((seed, index))
            mask, cost = correct(prediction.labels > 0, truth, hand)
            wired = cost
            if way == "ours":
                edges = predict_array(image, edge_request, edges=True).edges
                hand = np.random.default_rng((seed, index))
                _, wired = correct(prediction.labels > 0, truth, hand, image=image, edges=edges)
            project.commit_stroke(case.id, mask.astype(np.uint8))
            project.accept(case.id)
            found = {"proposed": dice(prediction.labels > 0, truth), "corrected": dice(mask, truth)}
            rows.append({"image": number, **asdict(cost), "seconds": cost.seconds, "wired": wired.seconds, **found})
            if number % ROUND == 0 and number < options.images and way != "none":
                request, said = retrain(project, way, request, options.epochs, seed)
                now = {"images": number, "unseen": score(request, unseen), "origin": score(request, origin)}
                scores.append({**now, "gate": said})
                print(way, seed, scores[-1], flush=True)
    return {"way": way, "seed": seed, "rows": rows, "scores": scores}


def main() -> None:
    """All ways and seeds, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--set", default="monuseg_nuclei")
    parser.add_argument("--network", default="cmunext-xxs")
    parser.add_argument("--task", default="nuclei")
    parser.add_argument("--origin", default="dsb2018_nuclei", help="set whose val split must not suffer")
    parser.add_argument("--images", type=int, default=35)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--scored", type=int, default=18)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in options.seeds:
        for way in options.ways:
            path = options.runs / f"{options.set}-{way}-{seed}.json"
            if not path.exists():
                write_text(path, json.dumps(simulate(options, way, seed)))
            found.append(json.loads(path.read_text(encoding="utf-8")))
    report(*table(found, options), json_path=options.json)


def table(found: list[dict[str, Any]], options: argparse.Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Seconds an image, after ten and after thirty, against never retraining; Dice on unseen images and the origin."""
    cost = {run["seed"]: np.array([row["seconds"] for row in run["rows"]]) for run in found if run["way"] == "none"}
    rows = []
    for way, kind in (*((way, "seconds") for way in options.ways), ("ours", "wired")):
        own = [run for run in found if run["way"] == way]
        if not own:
            continue
        saved = []
        for low, high in ((10, 20), (30, 35)):
            share = [
                1 - np.mean([row[kind] for row in run["rows"][low:high]]) / cost[run["seed"]][low:high].mean()
                for run in own
                if run["seed"] in cost and len(run["rows"]) >= high and way != "doubtful"
            ]
            saved.append(
                f"{100 * np.mean(share):.0f} % ({100 * min(share):.0f} to {100 * max(share):.0f})" if share else ""
            )
        first, last = (
            np.mean([[run["scores"][k][what] for what in ("unseen", "origin")] for run in own], axis=0) for k in (0, -1)
        )
        name = f"{way}, live-wire" if kind == "wired" else way
        rows.append((name, len(own), *saved, *(f"{a:.3f} to {b:.3f}" for a, b in zip(first, last, strict=True))))
    columns = ("way", "seeds", "cost saved, image 11 to 20", "image 31 to 35", "Dice, unseen", "Dice, origin")
    return columns, rows


if __name__ == "__main__":
    main()
