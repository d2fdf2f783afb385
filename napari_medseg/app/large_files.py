"""Images larger than memory as files: one mask each, block by block, on from where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from napari_medseg.app.batch import check_free
from napari_medseg.app.cluster import Team
from napari_medseg.app.export import program
from napari_medseg.app.export_large import WRITERS
from napari_medseg.app.formats import format_named, suffix_for
from napari_medseg.app.large_run import Progress, Run, go_on, stop_if, told
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.slide_plan import SlidePlan, note_seconds, plan_slide
from napari_medseg.app.slides import SlideRun, facts_of, origin_of, partial_of
from napari_medseg.app.volume_run import VolumePlan, VolumeRun, plan_volume, volume_facts
from napari_medseg.atomic import output_error
from napari_medseg.errors import InputError, WeightsError
from napari_medseg.io import is_volume
from napari_medseg.io.label_blocks import Index, LabelBlocks, count_done
from napari_medseg.io.large import Large
from napari_medseg.io.large_open import open_large
from napari_medseg.io.large_values import check_large
from napari_medseg.io.mask import AUTOMATIC, MADE_KEY
from napari_medseg.weights import resolve_weights
from napari_medseg.words import tr, trn

FORMAT, SUFFIX = "ome-zarr", ".ome.zarr"


def target_of(out: Path, stem: str, format: str = FORMAT, *, volume: bool = False) -> Path:
    """The mask of a large image, in the format that is asked for where that is written block by block."""
    return out / f"{stem}_mask{suffix_for(_written_as(format, volume=volume), volume=volume)}"


def _written_as(format: str, *, volume: bool) -> str:
    return format if (3 if volume else 2) in WRITERS.get(format, ((), None))[0] else FORMAT


def check_wishes(large: Iterable[Path], **wishes: bool) -> None:
    """Refuse what is not made of images larger than memory.

    Raises
    ------
    InputError
    """
    first = next(iter(large), None)
    wished = ", ".join(name for name, wish in wishes.items() if wish)
    if first is not None and wished:
        raise InputError(
            tr(
                "{path} is larger than memory, and {wished} are asked for; expected masks alone of such images. Leave "
                "that out, or cut the image into parts.",
                path=first,
                wished=wished,
            )
        )


def large_told(large: Collection[Path], format: str) -> list[str]:
    """What to tell of large images before they are segmented."""
    large = [path for path in large if _written_as(format, volume=is_volume(path)) != format]
    if not large:
        return []
    return [
        trn(
            "{n} image is larger than memory: its mask is written as OME-Zarr, which can be read in parts.",
            "{n} images are larger than memory: their masks are written as OME-Zarr, which can be read in parts.",
            len(large),
        )
    ]


def predict_large(
    path: Path,
    request: PredictRequest,
    target: Path,
    *,
    overwrite: bool = False,
    team: Team | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Path:
    """Segment an image larger than memory into a folder of OME-Zarr, which appears once all of it is done.

    Until then it lies beside, as ``..._mask.unfinished.ome.zarr``; the same call goes on with it. Of a target that is
    not OME-Zarr (:func:`target_of`), it is written from that, which then goes.

    Raises
    ------
    InputError, OutputError, OperationError, Cancelled
        What is finished stays, and the same call goes on.
    """
    check_free([target], overwrite=overwrite)
    # a worker lives in a folder of its own
    path, target = path.absolute(), target.absolute()
    with open_large(path) as large:
        for words in (*large.told, *check_large(large)):
            tell(f"{path}: {words}")
        plan = plan_large(large, request)
        tell(f"{path}: {plan.describe()} {tr('It takes longer where others work on this computer too.')}")
        facts = facts_for(plan)
        store = LabelBlocks.create(_partial_of(target), large.grid, facts, block=block_of(plan))
        if before := count_done(store):
            tell(
                tr(
                    "{path}: {done} of {all} parts were done before; it goes on.",
                    path=path,
                    done=before,
                    all=len(store.blocks()),
                )
            )
        run = run_of(large, plan, store)
        if team is None:
            go_on(run, progress=progress, cancelled=cancelled)
            if run.passes:
                note_seconds(request, run.seconds / run.passes)
        else:
            _by_team(team, run, progress, cancelled)
    origin = {"image": path.name, "image_sha256": facts["image_sha256"], **origin_of(plan, facts), **_made(facts)}
    store.tell(origin)
    if _format_of(target) == FORMAT:
        _into_place(store.path, target)
        return target
    step = _writing(progress, target, cancelled)
    WRITERS[_format_of(target)][1](
        target, store.read, grid=store.grid, provenance={**program(), **origin}, progress=step
    )
    shutil.rmtree(store.path, ignore_errors=True)
    return target


def _format_of(target: Path) -> str:
    """That of a name which :func:`target_of` made."""
    return next(name for name in WRITERS if target.name.endswith(format_named(name).suffix))


def _partial_of(target: Path) -> Path:
    """Where the labels lie until the mask is there: as OME-Zarr, whatever it is written as."""
    suffix = format_named(_format_of(target)).suffix
    return partial_of(target.with_name(target.name.removesuffix(suffix) + SUFFIX))


def _into_place(store: Path, target: Path) -> None:
    try:
        if target.exists():
            shutil.rmtree(target)
        store.replace(target)
    except OSError as error:
        raise output_error(target, error) from error


def _writing(progress: Progress | None, target: Path, cancelled: Callable[[], bool] | None) -> Callable[[float], None]:
    def step(share: float) -> None:
        stop_if(cancelled)
        if progress is not None:
            progress(share, tr("writing {name}", name=target.name))

    return step


Plan = SlidePlan | VolumePlan


def plan_large(large: Large, request: PredictRequest) -> Plan:
    """How a large image goes through a network; errors are those of :func:`plan_slide` and :func:`plan_volume`."""
    return plan_volume(large, request) if large.volume else plan_slide(large, request)


def facts_for(plan: Plan) -> dict[str, Any]:
    """What the labels of a plan are made by."""
    return volume_facts(plan) if isinstance(plan, VolumePlan) else facts_of(plan)


def block_of(plan: Plan) -> tuple[int, ...] | None:
    """Sides of a block of a plan's labels; None: as of any."""
    return plan.block if isinstance(plan, VolumePlan) else None


def run_of(large: Large, plan: Plan, store: LabelBlocks) -> SlideRun | VolumeRun:
    """What makes the labels of a large image."""
    return VolumeRun(large, plan, store) if isinstance(plan, VolumePlan) else SlideRun(large, plan, store)


def _made(facts: dict[str, Any]) -> dict[str, Any]:
    classes = {int(label): name for label, name in facts["classes"].items()}
    return {"classes": classes, MADE_KEY: dict.fromkeys(classes, AUTOMATIC)}


def _by_team(
    team: Team, run: SlideRun | VolumeRun, progress: Progress | None, cancelled: Callable[[], bool] | None
) -> None:
    team.see((run.plan.path, run.store.path))
    units = run.units()
    sizes = _sizes(run, units)
    done, total = 0, max(1, sum(sizes.values()))
    plan = run.plan
    # the small picture is not needed any more, and large
    light = replace(plan, picture=None) if isinstance(plan, SlidePlan) else plan
    for unit, result in team.each(work_on, units, light, str(run.store.path)):
        result()
        done += sizes[unit]
        if progress is not None:
            progress(done / total, told(run, done / total))
        stop_if(cancelled)


def _sizes(run: Run, units: list[tuple[Index, ...]]) -> dict[tuple[Index, ...], int]:
    return {unit: sum(run.size(index) for index in unit) for unit in units}


def work_on(unit: tuple[Index, ...], plan: Plan, store: str) -> None:
    """On a worker: do some blocks; those that another has done meanwhile are not done again.

    Raises
    ------
    WeightsError
        If its weights are others than those that the labels are made by.
    """
    run = _run(str(plan.path), store)(plan)
    left = tuple(index for index in unit if not run.store.done(index))
    if left:
        run.work(left)


@lru_cache(maxsize=2)
def _run(path: str, store: str) -> Callable[[Plan], SlideRun | VolumeRun]:
    """Kept from piece to piece: an open slide, and the tiles that neighbours have in common."""
    kept: dict[str, SlideRun | VolumeRun] = {}

    def get(plan: Plan) -> SlideRun | VolumeRun:
        if "run" not in kept:
            labels = LabelBlocks(Path(store))
            for member in labels.facts["members"]:
                entry, _ = resolve_weights(member["network"], member["weights"])
                if entry.sha256 != member["sha256"]:
                    raise WeightsError(
                        tr(
                            "A worker has other weights under the name {name}; expected the same file on each machine. "
                            "Copy them there.",
                            name=entry.id,
                        )
                    )
            kept["run"] = run_of(open_large(Path(path)), plan, labels)
        return kept["run"]

    return get
