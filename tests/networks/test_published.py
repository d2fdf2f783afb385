"""A state dict in the published layout converts and gives the same output.

The reference below is a plain network written from the documented layout, with the published tensor names.
"""

import pytest
import torch
from torch import nn

from napari_medseg.errors import WeightsError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.networks.published import convert_published


class Residual(nn.Module):
    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x) + x


class Stage(nn.Module):
    def __init__(self, i, o, depth, k, depthwise, act, end_act):
        super().__init__()

        def dw():
            return Residual(nn.Sequential(nn.Conv2d(i, i, k, groups=i, padding=k // 2), act(), nn.BatchNorm2d(i)))

        self.block = nn.Sequential(*[
            nn.Sequential(
                *[dw() for _ in range(depthwise)],
                nn.Conv2d(i, 4 * i, 1), act(), nn.BatchNorm2d(4 * i),
                nn.Conv2d(4 * i, i, 1), act(), nn.BatchNorm2d(i),
            ) for _ in range(depth)
        ])  # fmt: skip
        self.up = Conv(i, o, end_act)

    def forward(self, x):
        return self.up(self.block(x))


class Conv(nn.Module):
    def __init__(self, i, o, act):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), act())

    def forward(self, x):
        return self.conv(x)


class Up(nn.Module):
    def __init__(self, i, o, act):
        super().__init__()
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), act()
        )

    def forward(self, x):
        return self.up(x)


class Fuse(nn.Module):
    def __init__(self, i, o, act):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(i, i, 3, padding=1, groups=2), act(), nn.BatchNorm2d(i),
            nn.Conv2d(i, 4 * o, 1), act(), nn.BatchNorm2d(4 * o),
            nn.Conv2d(4 * o, o, 1), act(), nn.BatchNorm2d(o),
        )  # fmt: skip

    def forward(self, x):
        return self.conv(x)


class Published(nn.Module):
    def __init__(self, widths, depths, kernels, depthwise, concat, act, end_act):
        super().__init__()
        self.concat = concat
        self.stem = Conv(3, widths[0], end_act)
        ins = [widths[0], *widths[:-1]]
        for n in range(5):
            stage = Stage(ins[n], widths[n], depths[n], kernels[n], depthwise, act, end_act)
            setattr(self, f"encoder{n + 1}", stage)
        for n in range(5, 1, -1):
            low, high = widths[n - 1], widths[n - 2]
            setattr(self, f"Up{n}", Up(low, high, end_act))
            setattr(self, f"Up_conv{n}", Fuse(2 * high if concat else high, high, act))
        self.Conv_1x1 = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x):
        skips = []
        x = self.stem(x)
        for n in range(1, 6):
            x = getattr(self, f"encoder{n}")(x if n == 1 else nn.functional.max_pool2d(x, 2))
            skips.append(x)
        for n in range(5, 1, -1):
            up, skip = getattr(self, f"Up{n}")(x), skips[n - 2]
            x = getattr(self, f"Up_conv{n}")(torch.cat((skip, up), 1) if self.concat else skip + up)
        return self.Conv_1x1(x)


def published(name):
    options = get_spec(name).options
    xxs = name == "cmunext-xxs"
    torch.manual_seed(11)
    net = Published(
        options.get("widths", (16, 32, 128, 160, 256)),
        options.get("depths", (1, 1, 1, 3, 1)),
        options.get("kernels", (3, 3, 7, 7, 7)),
        depthwise=2 if xxs else 1,
        concat=not xxs,
        act=nn.Hardswish if xxs else nn.GELU,
        end_act=nn.Hardswish if xxs else nn.ReLU,
    )
    for module in net.modules():  # running statistics count too
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval()


@pytest.mark.parametrize("name", ["cmunext-xxs", "cmunext-s", "cmunext", "cmunext-l"])
def test_converted_weights_give_the_published_output(name):
    theirs, ours = published(name), create_network(name).eval()
    ours.load_state_dict(convert_published(name, theirs.state_dict(), ours.state_dict()))
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected, found = theirs(x), ours(x).logits
    assert (expected - found).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


def test_a_prefix_of_parallel_training_is_dropped():
    theirs, ours = published("cmunext-xxs"), create_network("cmunext-xxs")
    state = {f"module.{key}": value for key, value in theirs.state_dict().items()}
    assert convert_published("cmunext-xxs", state, ours.state_dict()).keys() == ours.state_dict().keys()


def test_tensors_of_another_network_are_refused():
    ours = create_network("cmunext-xxs").state_dict()
    with pytest.raises(WeightsError, match=r"'layer1\.weight' is not part of cmunext-xxs"):
        convert_published("cmunext-xxs", {"layer1.weight": torch.zeros(1)}, ours)
    with pytest.raises(WeightsError, match=r"shape \(16, 3, 3, 3\); cmunext-xxs expects \(8, 3, 3, 3\)"):
        convert_published("cmunext-xxs", published("cmunext").state_dict(), ours)


def test_a_missing_tensor_is_named():
    state = published("cmunext-xxs").state_dict()
    state.pop("Up3.up.1.weight")
    with pytest.raises(WeightsError, match=r"lacks 1 tensors of cmunext-xxs, first 'up\.2\.conv\.0\.weight'"):
        convert_published("cmunext-xxs", state, create_network("cmunext-xxs").state_dict())
