"""The networks: tensors in, :class:`SegmentationOutput` out. Knows torch and nothing else."""

from napari_medseg.networks.output import SegmentationOutput
from napari_medseg.networks.prepare import prepare_for_inference
from napari_medseg.networks.registry import create_network, full_options, get_spec, list_networks
from napari_medseg.networks.spec import BoxRecipe, Capabilities, Earlier, InputSpec, NetworkSpec, Recipe

__all__ = [
    "BoxRecipe",
    "Capabilities",
    "Earlier",
    "InputSpec",
    "NetworkSpec",
    "Recipe",
    "SegmentationOutput",
    "create_network",
    "full_options",
    "get_spec",
    "list_networks",
    "prepare_for_inference",
]
