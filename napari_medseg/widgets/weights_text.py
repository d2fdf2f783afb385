"""What a person reads of weights when choosing."""

from __future__ import annotations

from napari_medseg.app.plan_round import CORRECTIONS
from napari_medseg.names import one_line
from napari_medseg.networks import get_spec
from napari_medseg.tasks import task_words
from napari_medseg.weights import WeightsEntry


def of_round(entry: WeightsEntry) -> bool:
    """Whether they learned from a person's corrections, and are scored by that person's images alone."""
    return bool(entry.trained_on) and entry.trained_on[-1].endswith(CORRECTIONS)


def weights_title(entry: WeightsEntry, task: str) -> str:
    """A line of a list: name, version, and how good at a task; a score of few own images is no score of strangers'."""
    title = get_spec(entry.network).title.partition(" (")[0]
    score = entry.dice_on(task)
    if not score:
        return f"{title} v{entry.version}"
    name = "yours" if of_round(entry) else "Dice"
    return f"{title} v{entry.version}, {name} {score:.2f} (n = {_judges(entry, task)})"


def _judges(entry: WeightsEntry, task: str) -> object:
    return entry.kinds[task]["n"] if task in entry.kinds else entry.metrics.get("n")


def weights_facts(entry: WeightsEntry, task: str) -> tuple[str, str]:
    """A paragraph: how good on what, licence, size, what the network gives and takes; what is to stand in bold first.

    Scores are those on images of the task.
    What the file says is text of any origin: to be shown as it is.
    """
    spec, score = get_spec(entry.network), entry.dice_on(task)
    count = _judges(entry, task)
    kind = "volumes" if spec.capabilities.volumes else "images"
    parts = []
    if score and of_round(entry):
        parts.append(f"Agrees with you by {score:.2f} (Dice) on {count} {kind} of yours, kept for testing.")
    elif score:
        parts.append(f"Dice {score:.2f} on {count} {kind} it had not seen.")
    bold = "Research use only." if entry.licence == "research-only" else ""
    if not bold:
        parts.append(f"Licence: {entry.licence}.")
    if entry.trained_on:
        parts.append(f"Trained on {', '.join(entry.trained_on)}.")
    gives = [
        text
        for able, text in (
            (spec.capabilities.edges, "gives an edge map"),
            (spec.capabilities.box_prompt, "finds boxes, and takes yours"),
            (
                entry.labels != (1,),
                f"draws {', '.join(f'{n} ({c})' for n, c in zip(entry.labels, entry.classes, strict=True))}",
            ),
        )
        if able
    ]
    if gives:
        parts.append(f"It {' and '.join(gives)}.")
    if entry.size_bytes:
        count = "" if spec.parameters is None else f", {spec.parameters:,} parameters"
        parts.append(f"{entry.size_bytes / 1e6:.1f} MB{count}.")
    return bold, one_line(" ".join(["", *parts] if bold else parts))


def next_text(entry: WeightsEntry, task: str, *, boxes: bool) -> str:
    """What will propose next, to be read where one corrects."""
    if boxes:
        return f"Next proposal (G): in your boxes here, by {weights_title(entry, '')}; then your own choice again."
    return f"Next proposal (G): {task_words(task)}, by {weights_title(entry, task)}."


def no_boxes() -> str:
    """Where no weights segment inside boxes: what to do."""
    return "No weights at hand take boxes. Train some (medseg train --network dcsnet-s), or untick the boxes."


def nothing_fits(*, volume: bool) -> str:
    """Where no weights take what is chosen: what to do."""
    if volume:
        return "No weights at hand take volumes. Train some: medseg train --network lgms-net-3d."
    return "No weights are at hand. Train some: medseg train."
