"""The networks: tensors in, :class:`SegmentationOutput` out. Knows torch and nothing else.

What they are is data, read without torch: lists of networks are shown before anything is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medseg.networks.output import SegmentationOutput
from napari_medseg.networks.registry import check_options, create_network, full_options, get_spec, list_networks
from napari_medseg.networks.spec import BoxRecipe, Capabilities, Earlier, InputSpec, NetworkSpec, Recipe

if TYPE_CHECKING:
    from napari_medseg.networks.prepare import prepare_for_inference

__all__ = [
    "BoxRecipe",
    "Capabilities",
    "Earlier",
    "InputSpec",
    "NetworkSpec",
    "Recipe",
    "SegmentationOutput",
    "check_options",
    "create_network",
    "full_options",
    "get_spec",
    "list_networks",
    "prepare_for_inference",
]


def __getattr__(name: str) -> Any:
    if name == "prepare_for_inference":
        from napari_medseg.networks import prepare

        return prepare.prepare_for_inference
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
