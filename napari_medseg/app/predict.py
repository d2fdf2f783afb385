"""Proposals: a request in, a prediction out; networks stay loaded between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medseg.app.batch import Batch, check_apart, check_free
from napari_medseg.app.coding import Coded, check_format, told
from napari_medseg.app.export import check_folder, export_masks, mask_kinds, may_replace
from napari_medseg.app.formats import DEFAULT, format_named, suffix_for
from napari_medseg.app.kinds import check_kind, lie_of, size_told
from napari_medseg.app.losses import file_losses
from napari_medseg.app.prompts import prompts_of
from napari_medseg.app.together import Together
from napari_medseg.errors import DeviceError, InputError, ShapeError
from napari_medseg.io import (
    by_stem,
    is_volume,
    name_of,
    read_image,
    stem_of,
    walk_images,
    write_probabilities,
)
from napari_medseg.io.mask import AUTOMATIC, MADE_KEY, SEMIAUTOMATIC
from napari_medseg.io.table import What
from napari_medseg.names import short_name
from napari_medseg.project.files import image_sha256
from napari_medseg.weights import list_weights
from napari_medseg.weights.store import find_weights, weights_state
from napari_medseg.words import tr, trn

if TYPE_CHECKING:
    from napari_medseg.inference import Prediction, PredictionPlan, Predictor

Progress = Callable[[float, str], None]
Boxes = Sequence[Sequence[float]] | np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictRequest:
    """What to run.

    Parameters
    ----------
    network : str
    weights : str
        Id, task or path.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    size : int or None
        Side of the network's input, px; None: that of the weights.
    threshold : float
        Probability from which a pixel is foreground.
    most_boxes : int or None
        Of the boxes that a network finds, segment at most so many.
    mirrored : bool
        Segment mirrored copies too, and take the mean (test-time augmentation).
    also : tuple of (network, weights)
        Further networks whose mean is taken too (an ensemble); of the same classes.
    pixel_um : float or None
        Of an image larger than memory: side of a pixel as the network is to see it, um; None: as it was trained.
    engine : str
        ``torch``, ``onnxruntime``, ``openvino``, or ``auto``: the quickest on this CPU. Comparisons are by torch.
    """

    network: str
    weights: str
    device: str = "auto"
    size: int | None = None
    threshold: float = 0.5
    most_boxes: int | None = None
    mirrored: bool = False
    also: tuple[tuple[str, str], ...] = ()
    pixel_um: float | None = None
    # it changes no proposal: not in what is kept of a request
    engine: str = field(default="torch", repr=False)


def members_of(request: PredictRequest) -> list[PredictRequest]:
    """A request for each network that takes part."""
    return [request, *(replace(request, network=n, weights=w, size=None) for n, w in request.also)]


_LOCK = threading.Lock()
_LOADED: dict[tuple, Predictor] = {}
_KEPT = 6


def load_predictor(request: PredictRequest) -> Predictor:
    """The predictor of a request, kept in memory with the last few.

    Raises
    ------
    InputError, DeviceError
        If the network, the weights or the device cannot be used.
    """
    from napari_medseg.inference import Predictor

    _, path = find_weights(request.network, request.weights)
    key = (request.network, str(path), weights_state(path), request.device, request.engine)
    if key not in _LOADED:
        while len(_LOADED) >= _KEPT:
            _LOADED.pop(next(iter(_LOADED)))
        _LOADED[key] = Predictor.from_weights(
            request.network, request.weights, device=request.device, engine=request.engine
        )
    return _LOADED[key]


def predict_array(
    image: np.ndarray,
    request: PredictRequest,
    *,
    boxes: Boxes | None = None,
    edges: bool = False,
    spacing: Sequence[float] | None = None,
    volume: bool | None = None,
    axis: int | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Prediction:
    """Segment an array.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4), or (Z, Y, X), through which a network for images goes slice by slice; any real
        dtype.
    request : PredictRequest
    boxes : array-like, optional
        (N, 4: y0, x0, y1, x1), px, for a network that takes boxes.
    edges : bool
        Also give an edge map: the network's own, or SGD-Net's where it has none; ``origin`` says whose it is.
    spacing : sequence of float, optional
        Of a volume's voxels (z, y, x), mm.
    volume, axis : optional
        As :meth:`Predictor.predict` takes them; of an image that was read, see :func:`napari_medseg.app.kinds.lie_of`.
    progress, cancelled : callable, optional
        As :meth:`Predictor.predict` takes them.

    Raises
    ------
    InputError, DeviceError, Cancelled
    """
    from napari_medseg.inference import combine

    if progress is not None:
        progress(0.0, tr("loading the network"))
    lie: dict[str, Any] = {"spacing": spacing if len(spacing or ()) == 3 else None, "volume": volume, "axis": axis}
    members = members_of(request)
    # one at a time: two networks at once on one device only slow each other down
    with _LOCK:
        edge_request = edges_request(request) if edges else request
        found = [
            load_predictor(member).predict(
                image,
                size=member.size,
                threshold=member.threshold,
                boxes=boxes if member is request or load_predictor(member).spec.capabilities.box_prompt else None,
                most_boxes=member.most_boxes,
                mirrored=member.mirrored,
                progress=_part(progress, number, len(members)),
                cancelled=cancelled,
                **lie,
            )
            for number, member in enumerate(members)
        ]
        result = combine(found, threshold=request.threshold) if len(found) > 1 else found[0]
        if not edges:
            return result
        other = found[0]
        if edge_request != request:
            other = load_predictor(edge_request).predict(image, progress=progress, cancelled=cancelled, **lie)
        return replace(result, edges=other.edges, origin={**result.origin, "edges": other.origin["weights"]})


def _part(progress: Progress | None, number: int, of: int) -> Progress | None:
    """Progress of one of several passes."""
    if progress is None:
        return None
    return lambda fraction, text: progress((number + fraction) / of, text)


def _of_file(progress: Progress | None, number: int, of: int, name: str) -> Progress | None:
    """Progress of one of several files: a volume takes a while."""
    within = _part(progress, number, of)
    return None if within is None else lambda fraction, text: within(fraction, f"{name}: {text}")


def describe_plan(
    shape: tuple[int, ...],
    request: PredictRequest,
    *,
    spacing: Sequence[float] | None = None,
    volume: bool | None = None,
    axis: int | None = None,
) -> PredictionPlan:
    """What :func:`predict_array` will do with an image of this shape; loads no network.

    Raises
    ------
    InputError
        If the shape, the network or the weights cannot be used.
    """
    from napari_medseg.inference import plan_prediction
    from napari_medseg.networks import get_spec

    entry, _ = find_weights(request.network, request.weights)
    return plan_prediction(
        get_spec(request.network),
        shape,
        size=request.size or entry.input_size,
        mirrored=request.mirrored,
        spacing=spacing,
        trained_spacing=entry.spacing,
        volume=volume,
        axis=axis,
    )


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
    coded: Coded | None = None,
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
        One of :func:`napari_medseg.app.formats.names`; what it does not take goes into another that does.
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
    coded : Coded, optional
        For formats whose masks refer to their image: what classes are, and whether the patient is named.
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
    from napari_medseg.app.familiar import advise_file
    from napari_medseg.inference.engines import resolve_engine

    resolve_engine(request.engine)
    if edges:
        edges_request(request)
    if disagreement and not (request.mirrored or request.also):
        raise InputError(
            tr(
                "disagreement needs several opinions; expected mirrored copies or a second network. Add --tta, "
                "or --also NETWORK:WEIGHTS."
            )
        )
    images, _ = walk_images(paths)
    by_stem(images)
    check_kind(request.network, images)
    prompts = {} if boxes is None else prompts_of(boxes, images)
    format_named(format)
    maps = _map_names(request) if probabilities else ()
    wanted = {**dict.fromkeys(maps, True), "edges": edges, "disagreement": disagreement}
    kinds: dict[str, What] = dict.fromkeys(mask_kinds(objects), "mask")
    kinds |= dict.fromkeys((kind for kind, wish in wanted.items() if wish), "map")
    stems = {path: short_name(name_of(path, alone=True)) for path in images}
    volumes = {path: is_volume(path) for path in images}
    together = Together(Path(out), format, volumes.values(), mask_kinds(objects))
    targets = may_replace(
        Path(out) / f"{stem}_{kind}{suffix_for(format, volume=volumes[path], what=what)}"
        for path, stem in stems.items()
        for kind, what in kinds.items()
        if what == "map" or not together.joins(volume=volumes[path])
    )
    targets += together.targets()
    check_apart(targets, images)
    check_free(targets, overwrite=overwrite)
    for text in (*size_told(request.network, request.size), *file_losses(images, format=format, objects=objects)):
        tell(text)
    folder = check_folder(out)
    written: list[Path] = []
    for words in told(format_named(format), images, patient=(coded or Coded()).patient):
        tell(words)
    batch, said = Batch(len(images), _not_segmented), set[str]()
    with together.writing(written):
        for number, path in enumerate(images):
            if progress is not None:
                progress(number / len(images), stems[path])
            with batch.item(path):
                check_format(format_named(format), path)
                image, stem = read_image(path), stems[path]
                for words in image.told:
                    tell(f"{path}: {words}")
                suffix = suffix_for(format, volume=image.volume)
                if advice := advise_file(image, request.network, request.weights):
                    tell(f"{path}: {advice.text}")
                try:
                    result = predict_array(
                        image.data,
                        request,
                        boxes=prompts.get(path),
                        edges=edges,
                        progress=_of_file(progress, number, len(images), path.name),
                        **lie_of(image),
                    )
                except ShapeError as error:
                    raise ShapeError(f"{path}: {error}") from error
                except DeviceError as error:
                    raise DeviceError(f"{path}: {error}") from error.__cause__
                for words in sorted({*result.origin["messages"]} - said):
                    tell(f"{path}: {words}")
                said.update(result.origin["messages"])
                called = path.name if stem == short_name(stem_of(path)) else stem
                facts = {"image": called, "image_sha256": image_sha256(path), **result.kept_origin}
                facts["classes"] = dict(result.classes)
                facts["unlike"] = bool(advice)
                facts[MADE_KEY] = dict.fromkeys(result.classes, SEMIAUTOMATIC if path in prompts else AUTOMATIC)
                task = next((entry.task for entry in list_weights() if entry.id == result.origin["weights"]), "")
                facts |= (coded or Coded()).facts(
                    format_named(format), facts["classes"], task, tuple(facts["classes"].values())
                )
                written += export_masks(
                    together.place(volume=image.volume) / stem,
                    result.labels,
                    suffix=suffix,
                    objects=objects,
                    overwrite=overwrite,
                    spacing=image.spacing,
                    unit=image.unit,
                    grid=image.grid,
                    provenance=facts,
                    source=path,
                )
                found = dict(zip(maps, result.probabilities, strict=True)) if maps else {}
                found |= {"edges": result.edges if edges else None}
                found |= {"disagreement": result.disagreement if disagreement else None}
                suffix = suffix_for(format, volume=image.volume, what="map")
                for name, data in found.items():
                    if data is not None:
                        written.append(write_probabilities(folder / f"{stem}_{name}{suffix}", data, grid=image.grid))
    batch.end(written)
    return written


def _map_names(request: PredictRequest) -> tuple[str, ...]:
    """What the maps of the classes are called, in their order."""
    entry, _ = find_weights(request.network, request.weights)
    return tuple(f"prob_{label}" for label in entry.labels) if len(entry.labels) > 1 else ("prob",)


def _not_segmented(count: int) -> str:
    return trn("{n} image was not segmented", "{n} images were not segmented", count)


def edges_request(request: PredictRequest) -> PredictRequest:
    """What to run for an edge map: the request itself where its network has one, else SGD-Net; of a volume, in slices.

    Nothing else is passed off as an SGE map.

    Raises
    ------
    InputError
        If no weights with an edge map are at hand.
    """
    from napari_medseg.networks import get_spec

    if get_spec(request.network).capabilities.edges:
        return request
    task = next((e.task for e in list_weights() if request.weights in (e.id, e.task)), "")
    able = [e for e in list_weights() if get_spec(e.network).capabilities.edges]
    able.sort(key=lambda e: (task not in e.tasks, -(e.dice_on(task) or 0), e.task != "generalist"))
    if not able:
        raise InputError(
            tr(
                "{network} has no edge map and no weights of SGD-Net for its images are at hand. Train some "
                "with 'medseg train --network sgd-net-s', or leave the edges out.",
                network=request.network,
            )
        )
    return replace(request, network=able[0].network, weights=able[0].id, size=None, mirrored=False, also=())
