"""The network that a run trains, and what its weights say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from napari_medseg.networks import create_network, get_spec
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.weights import WeightsEntry
from napari_medseg.weights.hub import notice_of
from napari_medseg.weights.load import load_network
from napari_medseg.weights.pipeline import pipeline_of
from napari_medseg.weights.pretrained import load_pretrained
from napari_medseg.weights.store import find_weights
from napari_medseg.weights.widen import load_widened


@dataclass(frozen=True, slots=True)
class Form:
    """Options and intensities of a network, as the weights have them that it starts from, or as declared; and of whose
    works it is made.
    """

    options: dict[str, Any]
    intensity: dict[str, Any]
    notices: tuple[str, ...] = ()


def form_of(spec: RunSpec) -> Form:
    """The form of the network that a run trains.

    Raises
    ------
    MedsegError
        If the weights that it starts from, or the way that intensities go in, cannot be used.
    """
    start, declared = spec.start, get_spec(spec.network)
    if start.start_from is not None:
        entry = load_network(spec.network, start.start_from)[1]
        kept = () if start.keep_from is None else find_weights(spec.network, start.keep_from)[0].notices
        notices = tuple(dict.fromkeys((*entry.notices, *kept)))
        return Form({**entry.options, **start.options}, dict(entry.intensity), notices)
    fresh = declared.fresh if start.pretrained is None else {}
    intensity = pipeline_of(spec.network, start.pipeline or "declared")[1]
    notices = () if start.pretrained is None else (notice_of(Path(start.pretrained)),)
    return Form({**declared.options, **fresh, **start.options}, intensity, notices)


def starting_network(spec: RunSpec, form: Form) -> nn.Module:
    """The network before its first step.

    Raises
    ------
    MedsegError
        If the weights that it starts from cannot be used.
    """
    start = spec.start
    if start.start_from is not None:
        return load_widened(spec.network, start.start_from, spec.data.labels)
    channels = entry_of(spec, form, spec.schedule.stages[-1].sides).output_channels
    network = create_network(spec.network, classes=channels, **form.options)
    if start.pretrained is not None:
        load_pretrained(network, spec.network, start.pretrained)
    return network


def entry_of(spec: RunSpec, form: Form, sides: tuple[int, ...]) -> WeightsEntry:
    """What weights say of themselves that saw images of these sides last; scores and history are not known yet."""
    data, provenance = spec.data, spec.provenance
    return WeightsEntry(
        id=f"{spec.network}/{spec.task}@{provenance.version}",
        network=spec.network,
        task=spec.task,
        version=provenance.version,
        licence=provenance.licence,
        trained_on=provenance.trained_on,
        classes=data.classes,
        labels=data.labels,
        input_size=sides,
        spacing=data.spacing,
        window=data.window,
        options=form.options,
        intensity=form.intensity,
        notices=form.notices,
    )
