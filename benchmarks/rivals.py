"""Networks that people would take instead, in the form that our trainer and our predictor take: for benchmarks alone.

:func:`register` puts them beside our own for this process. Both are MONAI's. The plain U-Net has nnU-Net's form for 2-D
images (Isensee et al. 2021): instance norm, leaky ReLU, two convolutions a stage, strided ones downwards, transposed
ones upwards, 32 maps that double to 512, deep supervision in training, Dice and cross entropy. It is no nnU-Net: that
also plans patches, spacing and folds by the data, and trains for a day on a card. Both learn by AdamW with a cycle of
the rate, which suits a few minutes better than nnU-Net's slow SGD.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from napari_medseg.networks import registry
from napari_medseg.networks.output import SegmentationOutput
from napari_medseg.networks.spec import InputSpec, NetworkSpec, Recipe

_STAGES = 6


class Rival(nn.Module):
    """A network of MONAI's, whose output is ours.

    Parameters
    ----------
    network : nn.Module
        Gives logits (B, classes, H, W); in training (B, maps, classes, H, W) where it has deep supervision.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> SegmentationOutput:
        """Segment (B, 3, H, W)."""
        found = self.network(image)
        if found.dim() == 4:
            return SegmentationOutput(found)
        first, *others = found.unbind(dim=1)
        return SegmentationOutput(first, aux=tuple(others))


def basic_unet(*, in_channels: int, classes: int) -> nn.Module:
    """MONAI's BasicUNet as it comes: 32 to 256 maps, instance norm, leaky ReLU."""
    from monai.networks.nets import BasicUNet

    return Rival(BasicUNet(spatial_dims=2, in_channels=in_channels, out_channels=classes))


def plain_unet(*, in_channels: int, classes: int) -> nn.Module:
    """MONAI's DynUNet in nnU-Net's form for 2-D images."""
    from monai.networks.nets import DynUNet

    strides = [1, *[2] * (_STAGES - 1)]
    net = DynUNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=classes,
        kernel_size=[3] * _STAGES,
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=[min(512, 32 * 2**stage) for stage in range(_STAGES)],
        norm_name=("INSTANCE", {"affine": True}),
        deep_supervision=True,
        deep_supr_num=3,
    )
    return Rival(net)


_RECIPE = Recipe(
    losses={"bce": 1.0, "dice": 1.0},
    optimizer="adamw",
    schedule="onecycle",
    learning_rate=1e-3,
    epochs=300,
    batch_size=8,
)
SPECS = (
    NetworkSpec(
        name="basic-unet",
        title="MONAI's BasicUNet",
        paper="MONAI",
        build=basic_unet,
        input=InputSpec(),
        recipe=_RECIPE,
    ),
    NetworkSpec(
        name="plain-unet",
        title="plain U-Net in nnU-Net's form (MONAI's DynUNet)",
        paper="Isensee et al. 2021",
        build=plain_unet,
        input=InputSpec(multiple=32),
        recipe=replace(_RECIPE, aux_weight=0.5, clip=12.0),
    ),
)


def register() -> None:
    """Put them beside our own networks, in this process."""
    named: Any = registry
    known = {spec.name for spec in registry.SPECS}
    named.SPECS = (*registry.SPECS, *(spec for spec in SPECS if spec.name not in known))
