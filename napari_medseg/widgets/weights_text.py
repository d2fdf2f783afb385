"""What a person reads of weights when choosing."""

from __future__ import annotations

from napari_medseg.networks import get_spec
from napari_medseg.weights import WeightsEntry


def weights_title(entry: WeightsEntry) -> str:
    """A line of a list: name, version, and how good."""
    title = get_spec(entry.network).title.partition(" (")[0]
    score = entry.metrics.get("dice")
    return f"{title} v{entry.version}" + (f", Dice {score:.2f}" if score else "")


def weights_facts(entry: WeightsEntry) -> str:
    """A paragraph: how good on what, licence, size, what the network gives and takes."""
    spec, score = get_spec(entry.network), entry.metrics.get("dice")
    kind = "volumes" if spec.capabilities.volumes else "images"
    parts = []
    if score:
        parts.append(f"Dice {score:.2f} on {entry.metrics.get('n')} {kind} it had not seen.")
    parts.append("<b>Research use only.</b>" if entry.licence == "research-only" else f"Licence: {entry.licence}.")
    if entry.trained_on:
        parts.append(f"Trained on {', '.join(entry.trained_on)}.")
    gives = [
        text
        for able, text in (
            (spec.capabilities.edges, "gives an edge map"),
            (spec.capabilities.box_prompt, "finds boxes, and takes yours"),
            (len(entry.classes) > 1, f"tells apart {', '.join(entry.classes)}"),
        )
        if able
    ]
    if gives:
        parts.append(f"It {' and '.join(gives)}.")
    if entry.size_bytes:
        parts.append(f"{entry.size_bytes / 1e6:.1f} MB, {spec.parameters or 0:,} parameters.")
    return " ".join(parts)


def nothing_fits(*, volume: bool, boxes: bool) -> str:
    """Where no weights take what is chosen: what to do."""
    if volume:
        return "No weights at hand take volumes. Train some: medseg train --network lgms-net-3d."
    if boxes:
        return "No weights at hand take boxes. Train some (medseg train --network dcsnet-s), or untick the boxes."
    return "No weights are at hand. Train some: medseg train."
