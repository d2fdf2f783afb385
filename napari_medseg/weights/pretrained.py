"""Pretrained backbones into fresh networks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from napari_medseg.errors import WeightsError
from napari_medseg.networks import get_spec
from napari_medseg.weights.load import read_state

# beginnings of names in the file, and what they are in our networks
_PLACES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "sgd-net": ((r"^", "backbone."),),
    "sgd-net-s": ((r"^", "backbone."),),
    "dcsnet-s": ((r"^", "detector.backbone.body."),),
    "dcsnet": (
        (r"^rpn\.head\.conv\.0\.0\.", "detector.rpn.head.conv."),
        (r"^backbone\.fpn\.(inner|layer)_blocks\.(\d)\.(?!0\.)", r"detector.backbone.fpn.\1_blocks.\2.0."),
        (r"^(?=backbone\.|rpn\.|roi_heads\.)", "detector."),
        (r"^", "detector.backbone.body."),
    ),
}


def load_pretrained(network: nn.Module, name: str, path: str | Path) -> int:
    """Copy what a pretrained file holds into a fresh network; its last layers of other classes stay fresh.

    Parameters
    ----------
    network : nn.Module
        Of the widths that published files have.
    name : str
        Of the network.
    path : str or Path
        Read as tensors only; nothing in it runs.

    Returns
    -------
    int
        Tensors copied.

    Raises
    ------
    WeightsError
        If the network has no such backbone, or the file does not hold it.
    """
    if name not in _PLACES:
        raise WeightsError(
            f"{name} has no pretrained backbone; expected one of: {', '.join(_PLACES)}. Leave the pretrained file out."
        )
    ours = network.state_dict()
    found: dict[str, Tensor] = {}
    for key, tensor in read_state(path).items():
        place = _place(key, _PLACES[name])
        if place in ours and ours[place].shape == tensor.shape:
            found[place] = tensor
    spec = get_spec(name)
    wanted = [key for key in ours if key.startswith(spec.encoder)]
    counted = [key for key in wanted if not key.endswith("num_batches_tracked")]
    missing = [key for key in counted if key not in found]
    if missing:
        raise WeightsError(
            f"{path} lacks {len(missing)} of the {len(counted)} tensors of {name}'s backbone, first '{missing[0]}'. "
            "Choose the file that belongs to this backbone."
        )
    network.load_state_dict(found, strict=False)
    return len(found)


def _place(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, template in rules:
        changed, count = re.subn(pattern, template, key, count=1)
        if count:
            return changed
    return key
