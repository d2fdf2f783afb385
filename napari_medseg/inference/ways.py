"""How an image and how a volume go through a network and back: two ways behind one face, :class:`Way`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_medseg.inference.drawn import inside_boxes
from napari_medseg.inference.geometry import Geometry
from napari_medseg.inference.normalize import standardise, to_rgb01, to_tensor
from napari_medseg.inference.plan import PredictionPlan
from napari_medseg.inference.prompts import flip_boxes, from_network, to_network
from napari_medseg.inference.volume import resize_volume, slide, to_grey01
from napari_medseg.networks import InputSpec, SegmentationOutput

Step = Callable[[float], None]


class Maps(NamedTuple):
    """Of one forward pass, on the CPU."""

    probabilities: Tensor  # (C, *spatial)
    edges: Tensor | None = None  # (1, *spatial)
    boxes: Tensor | None = None  # (N, 4: x0, y0, x1, y1)

    def flipped(self, axes: Sequence[int]) -> Maps:
        """Of a mirrored copy, turned back; the boxes stay as they are."""
        if not axes:
            return self
        return Maps(self.probabilities.flip(axes), None if self.edges is None else self.edges.flip(axes), self.boxes)


# (1, C, *spatial) on the CPU, and what else the network takes
Forward = Callable[..., Maps]


class Way(Protocol):
    """One image or volume on its way."""

    def view(self, axes: Sequence[int], forward: Forward, step: Step) -> Maps:
        """A copy mirrored along these axes, through the network and turned back; ``step`` is told the share done."""

    def back(self, maps: Tensor) -> np.ndarray:
        """Maps (K, *network size) at the image's size, float32."""

    def keep(self, maps: np.ndarray) -> None:
        """Take out of the maps (C, *spatial) what was not asked for, in their place."""

    def boxes(self, found: Tensor | None) -> np.ndarray | None:
        """What was segmented, (N, 4: y0, x0, y1, x1) px of the image; None: all of it."""


class ImageWay:
    """The whole image at once.

    Parameters
    ----------
    image : np.ndarray
        (Y, X) or (Y, X, C), any real dtype.
    plan : PredictionPlan
    source : InputSpec
    boxes : np.ndarray or None
        (N, 4: y0, x0, y1, x1), px, checked.
    most : int or None
        Boxes to segment at most, of those that the network finds.
    window : (low, high) or None
        Values that count as 0 and 1; None: as :func:`~napari_medseg.inference.normalize.to_rgb01` says.
    """

    def __init__(
        self,
        image: np.ndarray,
        plan: PredictionPlan,
        source: InputSpec,
        *,
        boxes: np.ndarray | None,
        most: int | None,
        window: Sequence[float] | None = None,
    ) -> None:
        self._geometry = Geometry(plan.original_size, plan.network_size)
        self._tensor = to_tensor(self._geometry.forward(to_rgb01(image, window=window)), source)
        self._given, self._most = boxes, most
        self._prompts = None if boxes is None else to_network(boxes, self._geometry)

    def view(self, axes: Sequence[int], forward: Forward, step: Step) -> Maps:
        """See :class:`Way`."""
        options: dict[str, Any] = {} if self._most is None else {"most": self._most}
        if self._prompts is not None:
            options["boxes"] = flip_boxes(self._prompts, (self._tensor.shape[-2], self._tensor.shape[-1]), axes)
        maps = forward(self._tensor.flip(axes) if axes else self._tensor, **options)
        step(1.0)
        return maps.flipped(axes)

    def back(self, maps: Tensor) -> np.ndarray:
        """See :class:`Way`."""
        return self._geometry.inverse(maps.numpy())

    def keep(self, maps: np.ndarray) -> None:
        """See :class:`Way`."""
        if self._given is None:
            return
        # the network saw some room around each box; a person drew the box
        outside = ~inside_boxes(self._given, (maps.shape[1], maps.shape[2]))
        maps[:, outside] = 0
        if len(maps) > 1:
            maps[0, outside] = 1

    def boxes(self, found: Tensor | None) -> np.ndarray | None:
        """See :class:`Way`."""
        if self._given is not None or found is None:
            return self._given
        return from_network(found, self._geometry)


class VolumeWay:
    """Window by window.

    Parameters
    ----------
    volume : np.ndarray
        (Z, Y, X), any real dtype.
    plan : PredictionPlan
    source : InputSpec
    window : (low, high) or None
        Intensities that count as 0 and 1.
    together : int
        Windows that go through the network at a time.
    """

    def __init__(
        self,
        volume: np.ndarray,
        plan: PredictionPlan,
        source: InputSpec,
        *,
        window: Sequence[float] | None,
        together: int = 1,
    ) -> None:
        assert plan.window is not None
        self._size, self._window, self._together = plan.original_size, plan.window, together
        grey = resize_volume(to_grey01(volume, window=window)[None], plan.network_size)
        self._tensor = standardise(torch.from_numpy(grey)[None], source)

    def view(self, axes: Sequence[int], forward: Forward, step: Step) -> Maps:
        """See :class:`Way`."""
        tensor = self._tensor.flip(axes) if axes else self._tensor

        def windows(part: Tensor) -> Tensor:
            found: Maps = forward(part, together=True)
            return found.probabilities.transpose(0, 1)

        return Maps(slide(tensor, self._window, windows, step, together=self._together)[0]).flipped(axes)

    def back(self, maps: Tensor) -> np.ndarray:
        """See :class:`Way`."""
        return resize_volume(maps.numpy(), self._size)

    def keep(self, maps: np.ndarray) -> None:
        """All of it."""

    def boxes(self, found: Tensor | None) -> np.ndarray | None:
        """There are none in volumes."""
        return None


def joined(parts: Sequence[Maps]) -> Maps:
    """Of images that went through a few at a time, (C, N, *spatial); without boxes."""
    edges = [maps.edges for maps in parts if maps.edges is not None]
    return Maps(torch.cat([maps.probabilities for maps in parts], dim=1), torch.cat(edges, dim=1) if edges else None)


def mean_of(views: Sequence[Maps]) -> tuple[Maps, Tensor | None]:
    """The mean over mirrored copies, and the spread (1, *spatial) of the foreground; boxes of the plain copy."""
    if len(views) == 1:
        return views[0], None
    stack = torch.stack([maps.probabilities for maps in views])
    edges = [maps.edges for maps in views if maps.edges is not None]
    mean = Maps(stack.mean(dim=0), torch.stack(edges).mean(dim=0) if edges else None, views[0].boxes)
    shown = stack if stack.shape[1] == 1 else 1 - stack[:, :1]
    return mean, shown.std(dim=0, correction=0)


def chances(output: SegmentationOutput) -> tuple[Tensor, Tensor | None]:
    """What logits come to, float32: (N, C, *spatial), one channel of sigmoid or softmax with the background first; and
    the edges (N, 1, *spatial), where there are any.
    """
    logits = output.logits.float()
    maps = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
    return maps, None if output.edge_logits is None else output.edge_logits.float().sigmoid()
