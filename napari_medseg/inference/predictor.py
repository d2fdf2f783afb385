"""Arrays in, predictions out: the network never sees the file, the viewer or the device."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_medseg.errors import Cancelled, InputError, NoNumbersError
from napari_medseg.inference import slices
from napari_medseg.inference.card import Card, NotInHalfError
from napari_medseg.inference.device import memory_told, resolve_device
from napari_medseg.inference.drawn import check_boxes
from napari_medseg.inference.engines import AUTO, TORCH, resolve_engine
from napari_medseg.inference.engines.serving import Served, Serving
from napari_medseg.inference.plan import VIEWS, PredictionPlan, plan_prediction
from napari_medseg.inference.prediction import Prediction, to_labels
from napari_medseg.inference.slices import Found, slice_by_slice
from napari_medseg.inference.ways import ImageWay, Maps, Step, VolumeWay, Way, chances, joined, mean_of
from napari_medseg.networks import NetworkSpec, get_spec, prepare_for_inference
from napari_medseg.weights import WeightsEntry, load_network
from napari_medseg.weights.store import find_weights

Progress = Callable[[float, str], None]
# slices that are prepared at a time where a card takes them: so many times those of the CPU
CARD_TIMES = 8


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
        here, which is measured in the background while torch serves. On a graphics card all are torch: ``auto`` in half
        precision, where that agrees, and recorded, the others as it is, in float32.
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
        self._card: Card | None = None
        self._quick, self._precisions, self._busy = resolve_engine(engine) == AUTO, set[str](), threading.RLock()
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

    @property
    def bytes(self) -> int:
        """What the network's numbers take in memory."""
        return sum(t.numel() * t.element_size() for t in (*self._network.parameters(), *self._network.buffers()))

    def _go(self, device: torch.device) -> None:
        """To a device; where that has no room for the network, to the CPU."""
        try:
            self._place(device)
        except torch.OutOfMemoryError:
            self._fall_back()

    def _place(self, device: torch.device) -> None:
        layout = torch.channels_last if self.spec.input.ndim == 2 else torch.preserve_format
        # what it holds on its card goes first
        self._card = None
        self._network.to(device, memory_format=layout)
        self.device = device
        if device.type == "cuda":
            self._card = Card(self._network, device, quick=self._quick)

    def _fall_back(self) -> None:
        self.messages.append(f"{self._wanted.type.upper()} ran out of memory; the prediction went on on the CPU.")
        self._place(torch.device("cpu"))

    def plan(
        self,
        shape: tuple[int, ...],
        *,
        size: Sequence[int] | int | None = None,
        mirrored: bool | None = False,
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
        mirrored: bool | None = False,
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
        mirrored : bool or None
            Segment mirrored copies too, and take the mean; None: as :func:`plan_prediction` says.
        spacing : sequence of float, optional
            Of a volume's voxels, (z, y, x), mm.
        volume, axis : optional
            Whether it is a volume where its shape could be an image's too, and across which axis a network for images
            goes through it; see :func:`~napari_medseg.inference.plan.plan_prediction`.
        window : (low, high), optional
            Values that a network sees as black and white; default: as :func:`to_rgb01` says, and of a network for
            volumes those of the weights, or the percentiles. For a part of an image or volume, those of the whole.
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
        # what it keeps of a prediction is of one
        with self._busy:
            self.messages.clear()
            if self.device != self._wanted:
                # memory that ran out for one image may do for the next
                self._go(self._wanted)
            # one for all of it: its parts fit together
            self._served = self._serving.pick(plan.window or plan.network_size, on_cpu=self.device.type == "cpu")
            found = None
            with suppress(NotInHalfError):
                found = self._through(image, plan, given, most, step, window)
            if found is None:
                # all of it anew, in float32 now: its parts fit together
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
                    "precision": " and ".join(sorted(self._precisions)),
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
        self._precisions.clear()
        if plan.axis is not None:
            return slice_by_slice(
                image,
                plan,
                self._input,
                most=most,
                times=1 if self._card is None else CARD_TIMES,
                window=window,
                views=lambda way, done: self._views(way, plan, done),
                step=lambda share, text: step(0.05 + 0.9 * share, text),
            )
        way: Way
        if self.spec.input.ndim == 3:
            together = 1 if self._card is None else self._card.together(plan.window or plan.network_size)
            way = VolumeWay(image, plan, self._input, window=window or self.entry.window, together=together)
        else:
            way = ImageWay(image, plan, self._input, boxes=given, most=most, window=window)
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
            return way.view(axes, self._few, step)
        except torch.OutOfMemoryError:
            if self.device.type == "cpu":
                raise
        # not before the error, and all that it holds on the device, is gone
        self._fall_back()
        return way.view(axes, self._few, step)

    def _few(self, tensor: Tensor, **options: Any) -> Maps:
        """As :meth:`_forward`; what was meant for a card, where the CPU took over, a few at a time."""
        few = max(1, slices.TOGETHER // tensor[0, 0].numel())
        if self._card is not None or len(tensor) <= few:
            return self._forward(tensor, **options)
        return joined([self._forward(part, **options) for part in tensor.split(few)])

    def _forward(
        self, tensor: Tensor, *, boxes: Tensor | None = None, most: int | None = None, together: bool = False
    ) -> Maps:
        """One channel of sigmoid, or softmax with the background first; all on the CPU.

        ``together``: of all images of the tensor, on an axis behind the channels; no boxes then.
        """
        with torch.inference_mode():
            options: dict[str, Any] = {} if boxes is None else {"boxes": [boxes]}
            if most is not None:
                options["most"] = most
            if self._card is not None:
                maps, edges, shown, _ = self._card(tensor, **options)
            elif self._served.takes(tensor, options):
                shown, (maps, edges) = None, chances(self._served(tensor))
            else:
                layout = torch.channels_last if tensor.dim() == 4 else torch.preserve_format
                output = self._network(tensor.to(self.device, memory_format=layout), **options)
                shown, (maps, edges) = output.boxes, chances(output)
            self._precisions.add("float32" if self._card is None else self._card.precision)
            # (C, *spatial), or (C, N, *spatial)
            maps = maps.transpose(0, 1) if together else maps[0]
            if edges is not None:
                edges = edges.transpose(0, 1) if together else edges[0]
        if not (torch.isfinite(maps).all() and (edges is None or torch.isfinite(edges).all())):
            raise NoNumbersError(
                f"{self.entry.id} gave numbers that are none (NaN) for this image; expected probabilities. Its weights "
                "are damaged or overflow: choose others, or roll back to an earlier version."
            )
        return Maps(
            # a tensor that may be changed later on, outside of inference mode
            maps.cpu().clone(),
            None if edges is None else edges.cpu().clone(),
            None if shown is None or together else shown[0].cpu(),
        )
