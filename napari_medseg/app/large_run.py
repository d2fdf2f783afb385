"""Work on an image larger than memory, piece by piece: in an order, with progress, to be ended at any moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from napari_medseg.app.predict import PredictRequest, members_of
from napari_medseg.errors import Cancelled
from napari_medseg.io.belongs import kept_sha256
from napari_medseg.io.label_blocks import Index, LabelBlocks
from napari_medseg.io.large import Part
from napari_medseg.weights import resolve_weights
from napari_medseg.words import tr

Progress = Callable[[float, str], None]


def facts_asked(path: Path, request: PredictRequest) -> dict[str, Any]:
    """What the labels of a large image hang on, whatever it is: the image, the weights, what was asked for."""
    entry, _ = resolve_weights(request.network, request.weights)
    members = []
    for member in members_of(request):
        one, _ = resolve_weights(member.network, member.weights)
        members.append({"network": member.network, "weights": one.id, "sha256": one.sha256})
    return {
        "image_sha256": kept_sha256(path),
        "members": members,
        "classes": {str(label): name for label, name in zip(entry.labels, entry.classes, strict=True)},
        "threshold": request.threshold,
        "mirrored": request.mirrored,
        "size": request.size or list(entry.input_size),
    }


class Run(Protocol):
    """Makes the labels of a large image."""

    store: LabelBlocks

    @property
    def count(self) -> int:
        """Passes through the network, at most."""

    def units(self, first: Part | None = None) -> list[tuple[Index, ...]]:
        """Blocks that are left, those together that are worked on together; near a box first."""

    def size(self, index: Index) -> int:
        """Passes that a block stands for."""

    def work(self, unit: tuple[Index, ...], check: Callable[[], None] = lambda: None) -> None:
        """Do some blocks; ``check`` is called between passes."""


def go_on(
    run: Run,
    *,
    first: Part | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    done: Callable[[tuple[Index, ...]], None] = lambda unit: None,
) -> None:
    """Do what is left.

    Parameters
    ----------
    run : Run
    first : box, optional
        What lies here or near comes first; as :meth:`Run.units` takes it.
    progress : callable, optional
        Called with the share of all that is done, and words on it.
    cancelled : callable, optional
        Asked between passes.
    done : callable
        Told which blocks are done.

    Raises
    ------
    Cancelled
        If ``cancelled`` said so; what is finished stays.
    ImageReadError, OutputError, DeviceError
        If a part cannot be read, or stored, or segmented; what is finished stays.
    """
    units = run.units(first)
    shares = shares_of(run, units)
    finished = 1.0 - sum(shares)

    def check() -> None:
        stop_if(cancelled)
        if progress is not None:
            share = min(1.0, finished)
            progress(share, told(run, share))

    check()
    for unit, share in zip(units, shares, strict=True):
        run.work(unit, check)
        finished += share
        done(unit)
        check()


def told(run: Run, share: float) -> str:
    """How far it is, in words."""
    total = max(1, run.count)
    return tr("{done} of {all} tiles", done=round(share * total), all=total)


def shares_of(run: Run, units: list[tuple[Index, ...]]) -> list[float]:
    """Of all passes, what each unit stands for."""
    everything = sum(run.size(index) for index in run.store.blocks())
    return [sum(run.size(index) for index in unit) / max(1, everything) for unit in units]


def stop_if(cancelled: Callable[[], bool] | None) -> None:
    """Raise where a person said stop.

    Raises
    ------
    Cancelled
    """
    if cancelled is not None and cancelled():
        raise Cancelled(tr("Cancelled. What is finished stays; go on whenever you like."))
