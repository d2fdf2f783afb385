"""What every network returns."""

from __future__ import annotations

from typing import NamedTuple

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
    """

    logits: Tensor
    edge_logits: Tensor | None = None
    aux: tuple[Tensor, ...] = ()
