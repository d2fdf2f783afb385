"""Arrays in, predictions out: the network never sees the file, the viewer or the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_medseg.errors import Cancelled
from napari_medseg.inference.device import resolve_device
from napari_medseg.inference.geometry import Geometry
from napari_medseg.inference.normalize import to_rgb01, to_tensor
from napari_medseg.inference.plan import PredictionPlan, plan_prediction
from napari_medseg.networks import NetworkSpec, get_spec, prepare_for_inference
from napari_medseg.weights import WeightsEntry, load_network

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a network says of an image, on the image's own grid.

    Attributes
    ----------
    labels : np.ndarray
        (Y, X), uint8; 0 is the background.
    probabilities : np.ndarray
        (K, Y, X), float32, in [0, 1]: one map for each foreground class.
    edges : np.ndarray or None
        (Y, X), float32, in [0, 1]: probability of a boundary, where the network has such a map.
    boxes : np.ndarray or None
        (N, 4: y0, x0, y1, x1), half-open, px, where the network finds boxes.
    origin : mapping
        Network, weights and their sha256, device, plan, seconds, messages.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    edges: np.ndarray | None = None
    boxes: np.ndarray | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)


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

    Attributes
    ----------
    messages : list of str
        What the user should know, such as that memory ran out and the CPU went on.
    """

    def __init__(self, network: nn.Module, spec: NetworkSpec, entry: WeightsEntry, *, device: str = "auto") -> None:
        self.spec, self.entry = spec, entry
        self.messages: list[str] = []
        self.device = resolve_device(device)
        self._network = network.eval()
        try:
            self._place(self.device)
        except torch.OutOfMemoryError:
            self._fall_back()

    @classmethod
    def from_weights(cls, network: str, weights: str | Path, *, device: str = "auto") -> Predictor:
        """Load weights by id, task or path.

        Raises
        ------
        UnknownNameError, WeightsError, DeviceError
            If the network, the weights or the device cannot be used.
        """
        module, entry = load_network(network, weights)
        return cls(prepare_for_inference(module), get_spec(network), entry, device=device)

    def _place(self, device: torch.device) -> None:
        self._network.to(device, memory_format=torch.channels_last)

    def _fall_back(self) -> None:
        self.messages.append(f"{self.device.type.upper()} ran out of memory; the prediction went on on the CPU.")
        self.device = torch.device("cpu")
        self._place(self.device)

    def plan(self, shape: tuple[int, ...], *, size: tuple[int, int] | int | None = None) -> PredictionPlan:
        """What :meth:`predict` will do with an image of this shape."""
        return plan_prediction(self.spec, shape, size=self.entry.input_size if size is None else size)

    def predict(
        self,
        image: np.ndarray,
        *,
        size: tuple[int, int] | int | None = None,
        threshold: float = 0.5,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Prediction:
        """Segment an image.

        Parameters
        ----------
        image : np.ndarray
            (Y, X), (Y, X, 3) or (Y, X, 4); any real dtype and any size from 1 x 1; NaN counts as dark.
        size : int or tuple of int, optional
            (Y, X) of the network's input, px; default: the size of the weights.
        threshold : float
            Probability from which a pixel is foreground, for one class; several classes go by the largest.
        progress : callable, optional
            Called with a fraction in [0, 1] and what is being done.
        cancelled : callable, optional
            Asked between steps.

        Raises
        ------
        ShapeError
            If the image has another shape.
        Cancelled
            If ``cancelled`` said so.
        """

        def step(fraction: float, text: str) -> None:
            if cancelled is not None and cancelled():
                raise Cancelled("The prediction was cancelled. Nothing was changed.")
            if progress is not None:
                progress(fraction, text)

        started = time.perf_counter()
        plan = self.plan(np.shape(image), size=size)
        step(0.0, "preparing the image")
        geometry = Geometry(plan.original_size, plan.network_size)
        tensor = to_tensor(geometry.forward(to_rgb01(image)), self.spec.input)
        step(0.2, f"running {self.spec.title}")
        probabilities, edges = self._probabilities(tensor)
        step(0.8, "resizing back")
        maps = np.clip(geometry.inverse(probabilities), 0, 1)
        labels = _to_labels(maps, threshold)
        step(1.0, "done")
        return Prediction(
            labels=labels,
            probabilities=maps if len(maps) == 1 else maps[1:],
            edges=None if edges is None else np.clip(geometry.inverse(edges)[0], 0, 1),
            origin={
                "network": self.spec.name,
                "weights": self.entry.id,
                "sha256": self.entry.sha256,
                "device": str(self.device),
                "plan": plan.describe(),
                "seconds": time.perf_counter() - started,
                "messages": tuple(self.messages),
            },
        )

    def _probabilities(self, tensor: Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """(C, h, w): one channel of sigmoid, or softmax with the background first; and (1, h, w) of edges."""
        try:
            return self._forward(tensor)
        except torch.OutOfMemoryError:
            if self.device.type == "cpu":
                raise
            self._fall_back()
            return self._forward(tensor)

    def _forward(self, tensor: Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        with torch.inference_mode():
            output = self._network(tensor.to(self.device, memory_format=torch.channels_last))
            logits = output.logits[0].float()
            maps = logits.sigmoid() if len(logits) == 1 else logits.softmax(dim=0)
            edges = None if output.edge_logits is None else output.edge_logits[0].float().sigmoid()
        found = np.nan_to_num(maps.cpu().numpy())
        return found, None if edges is None else np.nan_to_num(edges.cpu().numpy())


def _to_labels(maps: np.ndarray, threshold: float) -> np.ndarray:
    if len(maps) == 1:
        return (maps[0] >= threshold).astype(np.uint8)
    return maps.argmax(axis=0).astype(np.uint8)
