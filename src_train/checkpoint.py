"""The state from which a run goes on bit for bit."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import InputError
from napari_medseg.project.run_spec import RunSpec


@dataclass(slots=True)
class Checkpoint:
    """Where a run stands after whole epochs.

    All randomness of an epoch comes from the seed and the epoch's number, so no generator's state is needed.
    """

    epoch: int
    """Epochs done."""
    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    best: dict[str, Tensor] = field(default_factory=dict)
    best_dice: float | None = None
    best_epoch: int = 0
    best_averaged: bool | None = None
    """Whether the best are averaged ones; None: an earlier version did not note it."""
    planned: int | None = None
    """Epochs in all, where a time budget allows fewer than the spec names."""
    scores: list[float] = field(default_factory=list)
    """Of all validations, in order."""
    seconds: float = 0.0
    """Computed so far, over all sittings."""
    average: dict[str, Tensor] = field(default_factory=dict)
    """Moving average of the weights, where the run keeps one."""
    steps: int = 0
    """Steps that went into the average."""

    def become(self, other: Checkpoint) -> None:
        """Stand where another stands."""
        for name in Checkpoint.__slots__:
            setattr(self, name, getattr(other, name))


def save_checkpoint(path: Path, checkpoint: Checkpoint, spec: RunSpec) -> None:
    """Write whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    # torch's own writer tells of a full disk in words of its own
    blob = io.BytesIO()
    torch.save({"spec": spec.fingerprint(), **values}, blob)
    with atomic_path(path) as temporary:
        temporary.write_bytes(blob.getbuffer())


def load_checkpoint(path: Path, spec: RunSpec) -> Checkpoint | None:
    """Read a checkpoint, if there is one.

    Raises
    ------
    InputError
        If the checkpoint belongs to other settings or is damaged.
    """
    if not path.exists():
        return None
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        found = values.pop("spec")
        checkpoint = Checkpoint(**values)
    # a damaged zip raises RuntimeError, EOFError, UnpicklingError, KeyError, ...
    except Exception as error:
        raise InputError(
            f"checkpoint {path} is damaged ({type(error).__name__}); expected one written by medseg. "
            "Delete it to start this run again."
        ) from error
    if found != spec.fingerprint():
        raise InputError(
            f"checkpoint {path} was made with other settings than {path.parent / 'spec.json'}. "
            "Choose another folder, or delete the checkpoint to start again."
        )
    return checkpoint
