"""Proposals for files: one mask each, by this process or by many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from napari_medseg.app.batch import Batch, check_apart, check_free
from napari_medseg.app.cluster import Team, team_of
from napari_medseg.app.cluster_options import Workers
from napari_medseg.app.coding import Coded, check_format, told
from napari_medseg.app.done_before import done_before
from napari_medseg.app.export import check_folder, export_masks, mask_kinds, may_replace
from napari_medseg.app.formats import DEFAULT, format_named, suffix_for
from napari_medseg.app.kinds import check_kind, lie_of, size_told
from napari_medseg.app.large_files import check_wishes, large_told, predict_large, target_of
from napari_medseg.app.losses import file_losses
from napari_medseg.app.predict import Boxes, PredictRequest, Progress, edges_request, is_careful, part_of, predict_array
from napari_medseg.app.prompts import prompts_of
from napari_medseg.app.together import Together
from napari_medseg.errors import DeviceError, InputError, ShapeError
from napari_medseg.io import by_stem, is_volume, name_of, read_image, stem_of, walk_images, write_probabilities
from napari_medseg.io.large_open import is_large
from napari_medseg.io.mask import AUTOMATIC, MADE_KEY, SEMIAUTOMATIC
from napari_medseg.io.table import What
from napari_medseg.names import short_name
from napari_medseg.project.files import image_sha256
from napari_medseg.weights import list_weights
from napari_medseg.weights.store import find_weights
from napari_medseg.words import tr, trn

# this process alone
HERE = Workers()


def predict_files(
    paths: Sequence[str | Path],
    request: PredictRequest,
    out: str | Path,
    *,
    format: str = DEFAULT,
    probabilities: bool = False,
    edges: bool = False,
    disagreement: bool = False,
    objects: bool = False,
    boxes: str | Path | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    coded: Coded | None = None,
    workers: Workers = HERE,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Segment image files; writes ``<stem>_mask.<ext>``, and on request ``_objects``, ``_prob``, ``_edges`` and
    ``_disagreement``.

    Parameters
    ----------
    paths : sequence of path
        Images, or folders of images.
    out : path
        Folder, made if need be.
    format : str
        One of :func:`napari_medseg.app.formats.names`; what it does not take goes into another that does. The mask of
        an image larger than memory is OME-Zarr.
    probabilities : bool
        Also write the map of each class: ``_prob``, or ``_prob_1``, ``_prob_2`` of several, by their numbers.
    edges : bool
        Also write the edge map: the network's own, or SGD-Net's where it has none.
    disagreement : bool
        Also write where mirrored copies or networks disagree.
    objects : bool
        Also write the mask with a number for each object.
    boxes : path, optional
        File of boxes, see :func:`napari_medseg.io.read_boxes`; an image that it does not name is segmented as the
        network finds it.
    overwrite : bool
        Files that are there may be replaced.
    skip_existing : bool
        Images whose results are there are passed over, see :func:`napari_medseg.app.done_before.done_before`.
    coded : Coded, optional
        For formats whose masks refer to their image: what classes are, and whether the patient is named.
    workers : Workers
        Other processes and machines that work too.
    tell : callable
        Called with a sentence on each image that is unlike what the network knows; it is segmented all the same.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError, OperationError
        If what is asked for cannot be done for any of the files.
    PartlyDoneError
        If some of several files cannot be read, segmented or written; the others are done.
    """
    from napari_medseg.inference.engines import resolve_engine

    if workers.others:
        # a worker lives in a folder of its own
        paths, out, request = [Path(path).absolute() for path in paths], Path(out).absolute(), request.from_anywhere()
    resolve_engine(request.engine)
    if overwrite and skip_existing:
        raise InputError(tr("--overwrite and --skip-existing are both given; expected one of them. Leave one out."))
    if edges:
        edges_request(request)
    if disagreement and request.mirrored is None and is_careful(request):
        # of volumes too
        request = replace(request, mirrored=True)
    if disagreement and not (request.mirrored or request.also):
        raise InputError(
            tr(
                "disagreement needs several opinions; expected mirrored copies or a second network. Add --tta, "
                "or --also NETWORK:WEIGHTS."
            )
        )
    images, _ = walk_images(paths)
    by_stem(images)
    large = {path for path in images if is_large(path)}
    check_kind(request.network, images)
    prompts = {} if boxes is None else prompts_of(boxes, images)
    format_named(format)
    maps = _map_names(request) if probabilities else ()
    wanted = {**dict.fromkeys(maps, True), "edges": edges, "disagreement": disagreement}
    check_wishes(large, maps=probabilities, edges=edges, disagreement=disagreement, objects=objects)
    kinds: dict[str, What] = dict.fromkeys(mask_kinds(objects), "mask")
    kinds |= dict.fromkeys((kind for kind, wish in wanted.items() if wish), "map")
    stems = {path: short_name(name_of(path, alone=True)) for path in images}
    volumes = {path: is_volume(path) for path in images if path not in large}
    together = Together(Path(out), format, volumes.values(), mask_kinds(objects))
    deep = {path: is_volume(path) for path in large}

    def large_target(path: Path) -> Path:
        return target_of(Path(out), stems[path], format, volume=deep[path])

    results = {
        path: [
            Path(out) / f"{stems[path]}_{kind}{suffix_for(format, volume=volume, what=what)}"
            for kind, what in kinds.items()
            if what == "map" or not together.joins(volume=volume)
        ]
        for path, volume in volumes.items()
    } | {path: [large_target(path)] for path in sorted(large)}
    check_apart([*may_replace(chain(*results.values())), *together.targets()], images)
    if skip_existing:
        alone = {
            path: [] if together.joins(volume=volumes.get(path, True)) else files for path, files in results.items()
        }
        done, begun = done_before(alone, request)
        if done:
            tell(_passed(len(done)))
        if len(done) == len(images):
            return []
        results = {path: files for path, files in results.items() if path not in done}
        images, large = [path for path in images if path not in done], large - done
        volumes = {path: volume for path, volume in volumes.items() if path not in done}
    else:
        begun = set()
    free = may_replace(file for path, files in results.items() if path not in begun for file in files)
    check_free([*free, *together.targets()], overwrite=overwrite, otherwise="" if skip_existing else _go_on())
    losses = file_losses([*volumes], format=format, objects=objects)
    for text in (*size_told(request.network, request.size), *losses, *large_told(large, format)):
        tell(text)
    made = not Path(out).exists()
    folder = check_folder(out)
    written: list[Path] = []
    for words in told(format_named(format), [*volumes], patient=(coded or Coded()).patient):
        tell(words)
    batch, said = Batch(len(images), _not_segmented), set[str]()
    job = FileJob(
        request=request,
        maps=folder,
        format=format,
        map_names=maps,
        edges=edges,
        disagreement=disagreement,
        objects=objects,
        # what was begun is of these images
        overwrite=overwrite or skip_existing,
        coded=coded or Coded(),
    )
    items = [
        Item(path, stems[path], str(together.place(volume=volume)), prompts.get(path))
        for path, volume in volumes.items()
    ]
    with _not_left_empty(folder, made=made), together.writing(written), _team(workers) as team:
        # the folder of masks that become one file exists by now
        items = [replace(one, place=str(together.place(volume=volumes[one.path]))) for one in items]
        for number, (path, result) in enumerate(_results(items, job, team, images, progress)):
            if team is not None and progress is not None:
                progress(number / len(images), stems[path])
            with batch.item(path):
                found, lines = result()
                for line in (one for one in lines if one not in said or one.startswith(str(path))):
                    tell(line if line.startswith(str(path)) else f"{path}: {line}")
                said.update(lines)
                written += found
        for number, path in enumerate(sorted(large), len(items)):
            with batch.item(path):
                target = large_target(path)
                more = _of_file(progress, number, len(images), path.name)
                written.append(
                    predict_large(path, request, target, overwrite=overwrite, team=team, progress=more, tell=tell)
                )
    batch.end(written)
    return written


@contextmanager
def _not_left_empty(folder: Path, *, made: bool) -> Iterator[None]:
    """A folder that was made for results goes where there are none."""
    try:
        yield
    finally:
        # one that holds something stays
        if made:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _team(workers: Workers) -> Iterator[Team | None]:
    if not workers.others:
        yield None
        return
    with team_of(workers) as team:
        yield team


Result = tuple[list[Path], list[str]]


def _results(
    items: Sequence[Item], job: FileJob, team: Team | None, images: Sequence[Path], progress: Progress | None
) -> Iterator[tuple[Path, Callable[[], Result]]]:
    """Of each file, what makes its result, or tells what went wrong; by a team, in the order in which they are done."""
    if team is not None:
        # who ended half way may have written it
        sent = replace(job, overwrite=True)
        team.see((*(item.path for item in items[:1]), sent.maps))
        for item, result in team.each(predict_one, items, sent):
            yield item.path, result
        return
    for number, item in enumerate(items):
        if progress is not None:
            progress(number / len(images), item.stem)
        within = _of_file(progress, number, len(images), item.path.name)
        yield item.path, lambda item=item, within=within: predict_one(item, job, progress=within)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Item:
    """One file to segment.

    Parameters
    ----------
    path : Path
    stem : str
        Of what is written.
    place : str
        Folder of its masks.
    boxes : array-like or None
    """

    path: Path
    stem: str
    place: str
    boxes: Boxes | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileJob:
    """What is made of each file; see :func:`predict_files`."""

    request: PredictRequest
    maps: Path
    format: str
    map_names: tuple[str, ...]
    edges: bool
    disagreement: bool
    objects: bool
    overwrite: bool
    coded: Coded


def predict_one(item: Item, job: FileJob, *, progress: Progress | None = None) -> Result:
    """Segment a file; what was written, and what to tell.

    Raises
    ------
    InputError, OperationError
    """
    from napari_medseg.app.familiar import advise_file

    path, request, stem = item.path, job.request, item.stem
    format = format_named(job.format)
    check_format(format, path)
    image = read_image(path)
    words = [f"{path}: {text}" for text in image.told]
    if advice := advise_file(image, request.network, request.weights):
        words.append(f"{path}: {advice.text}")
    try:
        result = predict_array(
            image.data, request, boxes=item.boxes, edges=job.edges, progress=progress, **lie_of(image)
        )
    except ShapeError as error:
        raise ShapeError(f"{path}: {error}") from error
    except DeviceError as error:
        raise DeviceError(f"{path}: {error}") from error.__cause__
    words += sorted({*result.origin["messages"]})
    called = path.name if stem == short_name(stem_of(path)) else stem
    facts = {"image": called, "image_sha256": image_sha256(path), **result.kept_origin}
    facts["classes"] = dict(result.classes)
    facts["unlike"] = bool(advice)
    facts[MADE_KEY] = dict.fromkeys(result.classes, AUTOMATIC if item.boxes is None else SEMIAUTOMATIC)
    task = next((entry.task for entry in list_weights() if entry.id == result.origin["weights"]), "")
    facts |= job.coded.facts(format, facts["classes"], task, tuple(facts["classes"].values()))
    written = export_masks(
        Path(item.place) / stem,
        result.labels,
        suffix=suffix_for(job.format, volume=image.volume),
        objects=job.objects,
        overwrite=job.overwrite,
        spacing=image.spacing,
        unit=image.unit,
        grid=image.grid,
        provenance=facts,
        source=path,
    )
    found = dict(zip(job.map_names, result.probabilities, strict=True)) if job.map_names else {}
    found |= {"edges": result.edges if job.edges else None}
    found |= {"disagreement": result.disagreement if job.disagreement else None}
    suffix = suffix_for(job.format, volume=image.volume, what="map")
    for name, data in found.items():
        if data is not None:
            written.append(write_probabilities(job.maps / f"{stem}_{name}{suffix}", data, grid=image.grid))
    return written, words


def _of_file(progress: Progress | None, number: int, of: int, name: str) -> Progress | None:
    """Progress of one of several files: a volume takes a while."""
    within = part_of(progress, number, of)
    return None if within is None else lambda fraction, text: within(fraction, f"{name}: {text}")


def _map_names(request: PredictRequest) -> tuple[str, ...]:
    """What the maps of the classes are called, in their order."""
    entry, _ = find_weights(request.network, request.weights)
    return tuple(f"prob_{label}" for label in entry.labels) if len(entry.labels) > 1 else ("prob",)


def _passed(count: int) -> str:
    return trn(
        "{n} image has its results there already, and was passed over.",
        "{n} images have their results there already, and were passed over.",
        count,
    )


def _go_on() -> str:
    return tr("To go on with those that are not done, add --skip-existing.")


def _not_segmented(count: int) -> str:
    return trn("{n} image was not segmented", "{n} images were not segmented", count)
