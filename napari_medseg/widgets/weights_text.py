"""What a person reads of weights when choosing."""

from __future__ import annotations

from napari_medseg.app.plan_round import CORRECTIONS
from napari_medseg.names import one_line
from napari_medseg.networks import get_spec
from napari_medseg.tasks import task_words
from napari_medseg.weights import WeightsEntry
from napari_medseg.words import tr

# multiply-accumulates at 256 x 256 px, below which no graphics card is missed
FAST = 2e9


def of_round(entry: WeightsEntry) -> bool:
    """Whether they learned from a person's corrections, and are scored by that person's images alone."""
    return bool(entry.trained_on) and entry.trained_on[-1].endswith(CORRECTIONS)


def weights_title(entry: WeightsEntry, task: str) -> str:
    """Name, version, and how good at a task; a score of few own images is no score of strangers'."""
    title, score = _name(entry), entry.dice_on(task)
    if not score:
        return f"{title} v{entry.version}"
    facts = {"network": title, "version": entry.version, "score": score, "n": _judges(entry, task)}
    if of_round(entry):
        return tr("{network} v{version}, yours {score:.2f} (n = {n})", **facts)
    return tr("{network} v{version}, Dice {score:.2f} (n = {n})", **facts)


def listed_title(entry: WeightsEntry, task: str) -> str:
    """A line of the list, short enough for a narrow panel; how many images a score is of stands below it."""
    score = entry.dice_on(task)
    fields = {"purpose": purpose(entry.network), "network": _name(entry), "version": entry.version}
    if not score:
        return tr("{purpose}: {network} v{version}", **fields)
    if of_round(entry):
        return tr("{purpose}: {network} v{version}, yours {score:.2f}", score=score, **fields)
    return tr("{purpose}: {network} v{version}, Dice {score:.2f}", score=score, **fields)


def _name(entry: WeightsEntry) -> str:
    return get_spec(entry.network).title.partition(" (")[0]


def purpose(network: str) -> str:
    """What a network is for, in a word or two: its name says that to nobody."""
    spec = get_spec(network)
    can = spec.capabilities
    if can.volumes:
        return tr("Volumes")
    if can.box_prompt:
        return tr("Boxes")
    if can.edges:
        return tr("Edges")
    return tr("Fast") if spec.macs_256 is not None and spec.macs_256 < FAST else tr("Larger")


def _judges(entry: WeightsEntry, task: str) -> object:
    return entry.kinds[task]["n"] if task in entry.kinds else entry.metrics.get("n")


def weights_facts(entry: WeightsEntry, task: str) -> tuple[str, str]:
    """A paragraph: how good on what, licence, size, what the network gives and takes; what is to stand in bold first.

    Scores are those on images of the task.
    What the file says is text of any origin: to be shown as it is.
    """
    spec, score = get_spec(entry.network), entry.dice_on(task)
    count, volumes = _judges(entry, task), spec.capabilities.volumes
    parts = []
    if score and of_round(entry):
        told = (
            tr("Agrees with you by {score:.2f} (Dice) on {n} volumes of yours, kept for testing.", score=score, n=count)
            if volumes
            else tr(
                "Agrees with you by {score:.2f} (Dice) on {n} images of yours, kept for testing.", score=score, n=count
            )
        )
        parts.append(told)
    elif score:
        told = (
            tr("Dice {score:.2f} on {n} volumes it had not seen.", score=score, n=count)
            if volumes
            else tr("Dice {score:.2f} on {n} images it had not seen.", score=score, n=count)
        )
        parts.append(told)
    bold = tr("Research use only.") if entry.licence == "research-only" else ""
    if not bold:
        parts.append(tr("Licence: {licence}.", licence=entry.licence))
    if entry.trained_on:
        parts.append(tr("Trained on {sets}.", sets=", ".join(entry.trained_on)))
    gives = [
        text
        for able, text in (
            (spec.capabilities.edges, tr("gives an edge map")),
            (spec.capabilities.box_prompt, tr("finds boxes, and takes yours")),
            (
                entry.labels != (1,),
                tr(
                    "draws {labels}",
                    labels=", ".join(f"{n} ({c})" for n, c in zip(entry.labels, entry.classes, strict=True)),
                ),
            ),
        )
        if able
    ]
    if gives:
        parts.append(tr("It {does}.", does=tr(" and ").join(gives)))
    if entry.size_bytes:
        megabytes = entry.size_bytes / 1e6
        parts.append(
            tr("{megabytes:.1f} MB.", megabytes=megabytes)
            if spec.parameters is None
            else tr("{megabytes:.1f} MB, {n:,} parameters.", megabytes=megabytes, n=spec.parameters)
        )
    return bold, one_line(" ".join(["", *parts] if bold else parts))


def next_text(entry: WeightsEntry, task: str, *, boxes: bool) -> str:
    """What will propose next, to be read where one corrects."""
    if boxes:
        return tr(
            "Next proposal (G): in your boxes here, by {network}; then your own choice again.",
            network=weights_title(entry, ""),
        )
    return tr(
        "Next proposal (G): {task}, by {network}.",
        task=task_words(task),
        network=weights_title(entry, task),
    )


def no_boxes() -> str:
    """Where no weights segment inside boxes: what to do."""
    return tr("No weights at hand take boxes. Train some (medseg train --network dcsnet-s), or untick the boxes.")


def nothing_fits(*, volume: bool) -> str:
    """Where no weights take what is chosen: what to do."""
    if volume:
        return tr("No weights at hand take volumes. Train some: medseg train --network lgms-net-3d.")
    return tr("No weights are at hand. Train some: medseg train.")
