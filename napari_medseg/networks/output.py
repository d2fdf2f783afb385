"""What every network returns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class SegmentationOutput(NamedTuple):
    """Output of a network's ``forward``.

    Attributes
    ----------
    logits : Tensor
        (B, classes, *spatial), float, at the input's size. One class: sigmoid. More:
        softmax, channel 0 is the background.
    edge_logits : Tensor or None
        (B, 1, *spatial), float: logits of the boundary map, where the network has one.
    aux : tuple of Tensor
        (B, classes, *spatial) each, float: further maps for deep supervision, in training only.
    boxes : tuple of Tensor or None
        (N, 4) for each image, x0, y0, x1, y1, px of the input, where the network looks at boxes.
    scores : tuple of Tensor or None
        (N,) for each image, in [0, 1].
    losses : mapping of str to Tensor
        Scalars that a network computes itself in training, its detector's.
    rois : tuple of Tensor or None
        What a head says inside the boxes; its own named tuple.
    """

    logits: Tensor
    edge_logits: Tensor | None = None
    aux: tuple[Tensor, ...] = ()
    boxes: tuple[Tensor, ...] | None = None
    scores: tuple[Tensor, ...] | None = None
    losses: Mapping[str, Tensor] = MappingProxyType({})
    rois: Any = None
