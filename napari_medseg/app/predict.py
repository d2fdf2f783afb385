"""Proposals: a request in, a prediction out; networks stay loaded between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_medseg.app.export import SUFFIXES, check_folder, export_labels
from napari_medseg.errors import InputError
from napari_medseg.io import read_image, write_probabilities
from napari_medseg.weights import WeightsEntry, list_weights, resolve_weights

if TYPE_CHECKING:
    from napari_medseg.inference import Prediction, PredictionPlan, Predictor

Progress = Callable[[float, str], None]


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
    """

    network: str
    weights: str
    device: str = "auto"
    size: int | None = None
    threshold: float = 0.5


_LOCK = threading.Lock()
_LOADED: dict[tuple[str, str, str, str], Predictor] = {}
_KEPT = 4


def load_predictor(request: PredictRequest) -> Predictor:
    """The predictor of a request, kept in memory with the last few.

    Raises
    ------
    InputError, DeviceError
        If the network, the weights or the device cannot be used.
    """
    from napari_medseg.inference import Predictor

    entry, path = resolve_weights(request.network, request.weights)
    key = (request.network, str(path), entry.sha256, request.device)
    if key not in _LOADED:
        while len(_LOADED) >= _KEPT:
            _LOADED.pop(next(iter(_LOADED)))
        _LOADED[key] = Predictor.from_weights(request.network, request.weights, device=request.device)
    return _LOADED[key]


def predict_array(
    image: np.ndarray,
    request: PredictRequest,
    *,
    edges: bool = False,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Prediction:
    """Segment an array.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, 3) or (Y, X, 4); any real dtype.
    request : PredictRequest
    edges : bool
        Also give an edge map: the network's own, or SGD-Net's where it has none; ``origin`` says whose it is.
    progress, cancelled : callable, optional
        As :meth:`Predictor.predict` takes them.

    Raises
    ------
    InputError, DeviceError, Cancelled
    """
    edge_request = edges_request(request) if edges else request
    if progress is not None:
        progress(0.0, "loading the network")
    # one at a time: two networks at once on one device only slow each other down
    with _LOCK:
        result = load_predictor(request).predict(
            image, size=request.size, threshold=request.threshold, progress=progress, cancelled=cancelled
        )
        if not edges:
            return result
        other = result
        if edge_request != request:
            other = load_predictor(edge_request).predict(image, progress=progress, cancelled=cancelled)
        return replace(result, edges=other.edges, origin={**result.origin, "edges": other.origin["weights"]})


def describe_plan(shape: tuple[int, ...], request: PredictRequest) -> PredictionPlan:
    """What :func:`predict_array` will do with an image of this shape; loads no network.

    Raises
    ------
    InputError
        If the shape, the network or the weights cannot be used.
    """
    from napari_medseg.inference import plan_prediction
    from napari_medseg.networks import get_spec

    entry, _ = resolve_weights(request.network, request.weights)
    return plan_prediction(get_spec(request.network), shape, size=request.size or entry.input_size)


def predict_files(
    paths: Sequence[str | Path],
    request: PredictRequest,
    out: str | Path,
    *,
    format: str = "tiff",
    probabilities: bool = False,
    edges: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Segment image files; writes ``<stem>_mask.<ext>``, and on request ``<stem>_prob.<ext>``, ``<stem>_edges.<ext>``.

    Parameters
    ----------
    paths : sequence of path
        Images, or folders of images.
    out : path
        Folder, made if need be.
    format : {'tiff', 'png'}
    probabilities : bool
        Also write the map of the first class.
    edges : bool
        Also write the edge map: the network's own, or SGD-Net's where it has none.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError, OperationError
        At the first file that cannot be read, segmented or written; those before it are done.
    """
    suffix = _suffix(format)
    if edges:
        edges_request(request)
    images = _images(paths)
    folder = check_folder(out)
    written: list[Path] = []
    for number, path in enumerate(images):
        if progress is not None:
            progress(number / len(images), path.name)
        image = read_image(path)
        result = predict_array(image.data, request, edges=edges)
        written.append(
            export_labels(
                folder / f"{path.stem}_mask{suffix}",
                result.labels,
                spacing=image.spacing,
                unit=image.unit,
                provenance={"image": path.name, **{k: v for k, v in result.origin.items() if k != "messages"}},
            )
        )
        if probabilities:
            written.append(write_probabilities(folder / f"{path.stem}_prob{suffix}", result.probabilities[0]))
        if result.edges is not None and edges:
            written.append(write_probabilities(folder / f"{path.stem}_edges{suffix}", result.edges))
    return written


def edges_request(request: PredictRequest) -> PredictRequest:
    """What to run for an edge map: the request itself where its network has one, else SGD-Net.

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
    able.sort(key=lambda e: (e.task != task, e.task != "generalist"))
    if not able:
        raise InputError(
            f"{request.network} has no edge map and no weights of SGD-Net are at hand. "
            "Train some with 'medseg train --network sgd-net-s', or leave the edges out."
        )
    return replace(request, network=able[0].network, weights=able[0].id, size=None)


def _images(paths: Sequence[str | Path]) -> list[Path]:
    from napari_medseg.io import list_images

    found: list[Path] = []
    for path in map(Path, paths):
        found.extend(list_images(path) if path.is_dir() else [path])
    stems: dict[str, Path] = {}
    for path in found:
        if path.stem in stems:
            raise InputError(
                f"{stems[path.stem]} and {path} have the same stem '{path.stem}' and would write the same mask. "
                "Run them into two folders."
            )
        stems[path.stem] = path
    return found


def _suffix(format: str) -> str:
    if format not in SUFFIXES:
        raise InputError(f"format is '{format}'; expected one of: {', '.join(SUFFIXES)}. Choose one of these.")
    return SUFFIXES[format]


def choices(task: str | None = None) -> list[WeightsEntry]:
    """Bundled weights to choose from, best known for the task first."""
    return [entry for entry in list_weights() if task in (None, entry.task)]
