"""Arrays in, predictions out: the network never sees the file, the viewer or the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_medseg.errors import Cancelled, InputError, NoNumbersError
from napari_medseg.inference.device import memory_told, resolve_device
from napari_medseg.inference.engines import TORCH
from napari_medseg.inference.engines.serving import Served, Serving
from napari_medseg.inference.plan import VIEWS, PredictionPlan, plan_prediction
from napari_medseg.inference.prompts import check_boxes
from napari_medseg.inference.slices import Found, slice_by_slice
from napari_medseg.inference.ways import ImageWay, Maps, Step, VolumeWay, Way, mean_of
from napari_medseg.networks import NetworkSpec, get_spec, prepare_for_inference
from napari_medseg.weights import WeightsEntry, load_network
from napari_medseg.weights.store import find_weights

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a network says of an image, on the image's own grid.

    Attributes
    ----------
    labels : np.ndarray
        (Y, X) or (Z, Y, X), uint8: numbers of the classes; 0 is the background.
    probabilities : np.ndarray
        (K, *spatial), float32, in [0, 1]: one map for each foreground class.
    classes : mapping of int to str
        Names of the classes by their numbers, in the order of the maps.
    edges : np.ndarray or None
        (Y, X) or (Z, Y, X), float32, in [0, 1]: probability of a boundary, where the network has such a map.
    boxes : np.ndarray or None
        (N, 4: y0, x0, y1, x1), half-open, px: what was segmented, found by the network or given by a person.
    disagreement : np.ndarray or None
        spatial, float32, in [0, 0.5]: standard deviation of the foreground's probability over mirrored copies and
        networks, where there were several.
    origin : mapping
        Network, weights and their sha256, device, engine, plan, seconds, messages; ``gain``: how many times quicker
        than torch the engine was when that was measured here, None where it was not.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    edges: np.ndarray | None = None
    boxes: np.ndarray | None = None
    disagreement: np.ndarray | None = None
    classes: Mapping[int, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kept_origin(self) -> dict[str, Any]:
        """The origin as files and projects keep it: without what is for the user alone."""
        return {key: fact for key, fact in self.origin.items() if key not in ("messages", "gain")}


class Predictor:
    """A network with its weights on a device.

    Parameters
    ----------
    network : nn.Module
    spec : NetworkSpec
    entry : WeightsEntry
        Its ``input_size`` is the size at which images go through the network unless the caller names one.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    engine : str
        What runs the network on the CPU: ``torch``, ``onnxruntime``, ``openvino``; ``auto``: the one that is quickest
        here, which is measured in the background while torch serves.
    file : Path, optional
        Of the weights; without it ``auto`` is torch.

    Attributes
    ----------
    device : torch.device
        On which it works now.
    messages : list of str
        What the user should know of the last image, such as that memory ran out and the CPU went on.
    """

    def __init__(
        self,
        network: nn.Module,
        spec: NetworkSpec,
        entry: WeightsEntry,
        *,
        device: str = "auto",
        engine: str = TORCH,
        file: Path | None = None,
    ) -> None:
        self.spec, self.entry, self._input = spec, entry, entry.input_of(spec.input)
        self.messages: list[str] = []
        self._wanted = resolve_device(device)
        self.device = torch.device("cpu")
        self._network = network.eval()
        self._serving, self._served = Serving(self._network, spec, entry.sha256, file, engine), Served()
        self._go(self._wanted)

    @classmethod
    def from_weights(cls, network: str, weights: str | Path, *, device: str = "auto", engine: str = TORCH) -> Predictor:
        """Load weights by id, task or path.

        Raises
        ------
        InputError, DeviceError, OperationError
            If the network, the weights, the device or the engine cannot be used.
        """
        module, entry = load_network(network, weights)
        file = find_weights(network, weights)[1]
        return cls(prepare_for_inference(module), get_spec(network), entry, device=device, engine=engine, file=file)

    def _go(self, device: torch.device) -> None:
        """To a device; where that has no room for the network, to the CPU."""
        try:
            self._place(device)
        except torch.OutOfMemoryError:
            self._fall_back()

    def _place(self, device: torch.device) -> None:
        layout = torch.channels_last if self.spec.input.ndim == 2 else torch.preserve_format
        self._network.to(device, memory_format=layout)
        self.device = device

    def _fall_back(self) -> None:
        self.messages.append(f"{self._wanted.type.upper()} ran out of memory; the prediction went on on the CPU.")
        self._place(torch.device("cpu"))

    def plan(
        self,
        shape: tuple[int, ...],
        *,
        size: Sequence[int] | int | None = None,
        mirrored: bool = False,
        spacing: Sequence[float] | None = None,
        volume: bool | None = None,
        axis: int | None = None,
    ) -> PredictionPlan:
        """What :meth:`predict` will do with an image of this shape."""
        return plan_prediction(
            self.spec,
            shape,
            size=self.entry.input_size if size is None else size,
            mirrored=mirrored,
            spacing=spacing,
            trained_spacing=self.entry.spacing,
            volume=volume,
            axis=axis,
        )

    @memory_told()
    def predict(
        self,
        image: np.ndarray,
        *,
        size: Sequence[int] | int | None = None,
        threshold: float = 0.5,
        boxes: Sequence[Sequence[float]] | np.ndarray | None = None,
        most_boxes: int | None = None,
        mirrored: bool = False,
        spacing: Sequence[float] | None = None,
        volume: bool | None = None,
        axis: int | None = None,
        window: Sequence[float] | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Prediction:
        """Segment an image or a volume. A network for images goes through a volume slice by slice.

        Parameters
        ----------
        image : np.ndarray
            (Y, X), (Y, X, 3) or (Y, X, 4), or (Z, Y, X); any real dtype and any size from one pixel; NaN counts as
            dark. Slices of a volume become grey by the percentiles of the whole volume.
        size : int or tuple of int, optional
            Sides of the network's input, px; default: those of the weights.
        threshold : float
            Probability from which a pixel is foreground, for one class; several classes go by the largest.
        boxes : array-like, optional
            (N, 4: y0, x0, y1, x1), px: segmented instead of what the network finds itself.
        most_boxes : int, optional
            Segment at most so many of the boxes that the network finds, the best ones; published DCSNet: 1.
        mirrored : bool
            Segment mirrored copies too, and take the mean.
        spacing : sequence of float, optional
            Of a volume's voxels, (z, y, x), mm.
        volume, axis : optional
            Whether it is a volume where its shape could be an image's too, and across which axis a network for images
            goes through it; see :func:`~napari_medseg.inference.plan.plan_prediction`.
        window : (low, high), optional
            Values of a volume that a network for volumes sees as black and white; default: those of the weights, or
            its percentiles. For a part of a volume, those of the whole.
        progress : callable, optional
            Called with a fraction in [0, 1] and what is being done.
        cancelled : callable, optional
            Asked between steps.

        Raises
        ------
        ShapeError
            If the image has another shape.
        InputError
            If a box cannot be used, or the network takes none.
        DeviceError
            If the computer's memory runs out.
        Cancelled
            If ``cancelled`` said so.
        """

        def step(fraction: float, text: str) -> None:
            if cancelled is not None and cancelled():
                raise Cancelled("The prediction was cancelled. Nothing was changed.")
            if progress is not None:
                progress(fraction, text)

        started = time.perf_counter()
        plan = self.plan(np.shape(image), size=size, mirrored=mirrored, spacing=spacing, volume=volume, axis=axis)
        if plan.axis is not None and boxes is not None:
            raise InputError("boxes are for images; this is a volume. Leave the boxes out, or give a single slice.")
        given = None if boxes is None else self._boxes(boxes, np.shape(image))
        most = most_boxes if self.spec.capabilities.boxes else None
        step(0.0, "preparing the image")
        self.messages.clear()
        if self.device != self._wanted:
            # memory that ran out for one image may do for the next
            self._go(self._wanted)
        # one for all of it: its parts fit together
        self._served = self._serving.pick(plan.window or plan.network_size, on_cpu=self.device.type == "cpu")
        found = self._through(image, plan, given, most, step, window)
        if self._served.message:
            self.messages.append(self._served.message)
        maps, shown = found.maps, found.boxes
        labels = to_labels(maps, threshold, self.entry.labels)
        step(1.0, "done")
        return Prediction(
            labels=labels,
            probabilities=maps if len(maps) == 1 else maps[1:],
            edges=found.edges,
            boxes=None if shown is None else shown.astype(np.float32),
            disagreement=found.spread,
            classes=dict(zip(self.entry.labels, self.entry.classes, strict=True)),
            origin={
                "network": self.spec.name,
                "weights": self.entry.id,
                "sha256": self.entry.sha256,
                "device": str(self.device),
                "engine": self._served.describe(),
                "gain": self._served.gain,
                "plan": plan.describe(),
                "seconds": time.perf_counter() - started,
                "messages": tuple(self.messages),
                **({} if shown is None else {"found_boxes" if given is None else "boxes": shown.tolist()}),
            },
        )

    def _through(
        self,
        image: np.ndarray,
        plan: PredictionPlan,
        given: np.ndarray | None,
        most: int | None,
        step: Progress,
        window: Sequence[float] | None,
    ) -> Found:
        """All that the network says, on the image's grid."""
        if plan.axis is not None:
            return slice_by_slice(
                image,
                plan,
                self._input,
                most=most,
                views=lambda way, done: self._views(way, plan, done),
                step=lambda share, text: step(0.05 + 0.9 * share, text),
            )
        way: Way
        if self.spec.input.ndim == 3:
            way = VolumeWay(image, plan, self._input, window=window or self.entry.window)
        else:
            way = ImageWay(image, plan, self._input, boxes=given, most=most)
        step(0.1, f"running {self.spec.title}")
        found, spread = self._views(way, plan, lambda share: step(0.1 + 0.7 * share, "running"))
        step(0.8, "resizing back")
        maps = np.clip(way.back(found.probabilities), 0, 1)
        way.keep(maps)
        return Found(
            maps,
            None if found.edges is None else np.clip(way.back(found.edges)[0], 0, 1),
            None if spread is None else np.clip(way.back(spread), 0, 0.5)[0],
            way.boxes(found.boxes),
        )

    def _boxes(self, boxes: Sequence[Sequence[float]] | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if not self.spec.capabilities.box_prompt:
            raise InputError(
                f"{self.spec.name} takes no boxes; expected a network that does. "
                "Choose dcsnet-s, or leave the boxes out."
            )
        return check_boxes(boxes, (shape[0], shape[1]))

    def _views(self, way: Way, plan: PredictionPlan, step: Step) -> tuple[Maps, Tensor | None]:
        """The mean over the copies of the plan, and their spread."""
        views = VIEWS[self.spec.input.ndim] if plan.mirrored else ((),)
        found = []
        for number, axes in enumerate(views):
            # bound here: the lambda runs before the next turn of the loop
            found.append(self._view(way, axes, lambda share, done=number: step((done + share) / len(views))))  # type: ignore[misc]
        return mean_of(found)

    def _view(self, way: Way, axes: Sequence[int], step: Step) -> Maps:
        """One copy; on the CPU where the device's memory runs out."""
        try:
            return way.view(axes, self._forward, step)
        except torch.OutOfMemoryError:
            if self.device.type == "cpu":
                raise
        # not before the error, and all that it holds on the device, is gone
        self._fall_back()
        return way.view(axes, self._forward, step)

    def _forward(
        self, tensor: Tensor, *, boxes: Tensor | None = None, most: int | None = None, together: bool = False
    ) -> Maps:
        """One channel of sigmoid, or softmax with the background first; all on the CPU.

        ``together``: of all images of the tensor, on an axis behind the channels; no boxes then.
        """
        with torch.inference_mode():
            options: dict[str, Any] = {} if boxes is None else {"boxes": [boxes.to(self.device)]}
            if most is not None:
                options["most"] = most
            if self._served.takes(tensor, options):
                output = self._served(tensor)
            else:
                layout = torch.channels_last if tensor.dim() == 4 else torch.preserve_format
                output = self._network(tensor.to(self.device, memory_format=layout), **options)

            def of(found: Tensor) -> Tensor:
                """(C, *spatial), or (C, N, *spatial)."""
                return (found.transpose(0, 1) if together else found[0]).float()

            logits = of(output.logits)
            maps = logits.sigmoid() if len(logits) == 1 else logits.softmax(dim=0)
            edges = None if output.edge_logits is None else of(output.edge_logits).sigmoid()
        if not (torch.isfinite(maps).all() and (edges is None or torch.isfinite(edges).all())):
            raise NoNumbersError(
                f"{self.entry.id} gave numbers that are none (NaN) for this image; expected probabilities. Its weights "
                "are damaged or overflow: choose others, or roll back to an earlier version."
            )
        return Maps(
            # a tensor that may be changed later on, outside of inference mode
            maps.cpu().clone(),
            None if edges is None else edges.cpu().clone(),
            None if output.boxes is None or together else output.boxes[0].cpu(),
        )


def to_labels(maps: np.ndarray, threshold: float, numbers: Sequence[int]) -> np.ndarray:
    """Labels (spatial, uint8) of maps (C, *spatial): one channel of foreground, or all classes with the background.

    ``numbers`` are those of the classes, in the order of the channels.
    """
    if maps.ndim == 4:
        # what is needed in between is that of one slice
        labels = np.empty(maps.shape[1:], np.uint8)
        for number, cut in enumerate(labels):
            cut[...] = to_labels(maps[:, number], threshold, numbers)
        return labels
    if len(maps) == 1:
        return (maps[0] >= threshold).astype(np.uint8) * np.uint8(numbers[0])
    return np.array((0, *numbers), np.uint8)[maps.argmax(axis=0)]
