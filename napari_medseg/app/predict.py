"""Proposals: a request in, a prediction out; networks stay loaded between requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medseg.errors import InputError
from napari_medseg.kept import Kept
from napari_medseg.weights import list_weights
from napari_medseg.weights.store import find_weights, weights_state, whole_path
from napari_medseg.words import tr

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
    mirrored : bool or None
        Segment mirrored copies too, and take the mean (test-time augmentation); None: of images, where the network is
        declared so.
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
    mirrored: bool | None = None
    also: tuple[tuple[str, str], ...] = ()
    pixel_um: float | None = None
    # it changes no proposal: not in what is kept of a request
    engine: str = field(default="torch", repr=False)

    def from_anywhere(self) -> PredictRequest:
        """The same for a process that works in another folder: weights that are files are named by their whole path."""
        also = tuple((network, whole_path(weights)) for network, weights in self.also)
        return replace(self, weights=whole_path(self.weights), also=also)


def is_careful(request: PredictRequest) -> bool:
    """Whether an image is segmented mirrored too: as was asked for, and else as the network is declared."""
    from napari_medseg.networks import get_spec

    return get_spec(request.network).mirrored if request.mirrored is None else request.mirrored


def members_of(request: PredictRequest) -> list[PredictRequest]:
    """A request for each network that takes part."""
    return [request, *(replace(request, network=n, weights=w, size=None) for n, w in request.also)]


_LOCK = threading.Lock()
# networks that are loaded: those of the last requests
MOST_NETWORKS, MOST_NETWORK_BYTES = 6, 1_000_000_000
_LOADED: MutableMapping[tuple, Predictor] = Kept(
    MOST_NETWORKS, most_bytes=MOST_NETWORK_BYTES, size_of=lambda predictor: predictor.bytes
)


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
    found = _LOADED.get(key)
    if found is None:
        found = _LOADED[key] = Predictor.from_weights(
            request.network, request.weights, device=request.device, engine=request.engine
        )
    return found


def predict_array(
    image: np.ndarray,
    request: PredictRequest,
    *,
    boxes: Boxes | None = None,
    edges: bool = False,
    spacing: Sequence[float] | None = None,
    volume: bool | None = None,
    axis: int | None = None,
    window: Sequence[float] | None = None,
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
    volume, axis, window : optional
        As :meth:`Predictor.predict` takes them; of an image that was read, see :func:`napari_medseg.app.kinds.lie_of`.
    progress, cancelled : callable, optional
        As :meth:`Predictor.predict` takes them.

    Raises
    ------
    InputError, DeviceError, Cancelled
    """
    from napari_medseg.inference import combine

    # of a part of an image, whose window is the whole's, there may be nothing
    if window is None and image.dtype.kind == "f" and not np.isfinite(image).any():
        raise InputError(
            tr("The image holds no numbers: all its values are NaN or infinite; expected an image. Export it again.")
        )
    if progress is not None:
        progress(0.0, tr("loading the network"))
    lie: dict[str, Any] = {"spacing": spacing if len(spacing or ()) == 3 else None}
    lie |= {"volume": volume, "axis": axis, "window": window}
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
                progress=part_of(progress, number, len(members)),
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


def part_of(progress: Progress | None, number: int, of: int) -> Progress | None:
    """Progress of one of several passes."""
    if progress is None:
        return None
    return lambda fraction, text: progress((number + fraction) / of, text)


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


def __getattr__(name: str) -> Any:
    """Names that scripts import from here: they moved, see tests/test_names_of_before.py."""
    if name == "predict_files":
        return import_module("napari_medseg.app.predict_files").predict_files
    raise AttributeError(name)
