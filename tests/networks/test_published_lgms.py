"""LGMSNet and SGD-Net's modules as published convert and give the same output.

The references are plain modules written from the documented layouts, with the published tensor names.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from napari_medseg.networks.blocks.guidance import SOBEL
from napari_medseg.networks.lgms_net import LGMSNet
from napari_medseg.networks.published import build_module, convert_published

CONV, BN, UP = {2: nn.Conv2d, 3: nn.Conv3d}, {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}, {2: "bilinear", 3: "trilinear"}


def norm(n, d):
    return nn.BatchNorm2d(n) if d == 2 else nn.InstanceNorm3d(n)


def conv_norm(i, o, k, d):
    return nn.Sequential(CONV[d](i, o, k, padding=k // 2, bias=False), norm(o, d), nn.SiLU())


class Local(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        q = c // 4
        self.local_dwc, self.global_dwc_s, self.global_dwc_m, self.global_dwc_l = (
            CONV[d](q, q, k, padding=k // 2, groups=q) for k in (3, 5, 7, 9)
        )
        self.norm_act = nn.Sequential(nn.GroupNorm(4, c), nn.GELU())
        self.conv_1x1_bn, self.conv_nxn_bn = conv_norm(c, q, 1, d), conv_norm(q, c, 3, d)

    def forward(self, x):
        a, b, c, e = x.chunk(4, 1)
        y = torch.cat((self.local_dwc(a), self.global_dwc_s(b), self.global_dwc_m(c), self.global_dwc_l(e)), 1)
        return x + self.conv_nxn_bn(self.conv_1x1_bn(self.norm_act(y + x)))


class Split(nn.Module):
    def __init__(self, c, d):
        super().__init__()
        name = "x".join
        setattr(self, "dwconv" + name(["3"] * d), CONV[d](c, c, 3, padding=1, groups=c, bias=False))
        setattr(self, "dwconv" + name(["1"] * d), CONV[d](c, c, 1, groups=c, bias=False))
        self.bn1, self.bn2, self.d = BN[d](c), BN[d](c), d

    def forward(self, x):
        three, one = (getattr(self, "dwconv" + "x".join([k] * self.d)) for k in "31")
        return x + self.bn2(one(F.relu(self.bn1(three(x)))))


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm, self.to_qkv = nn.LayerNorm(c), nn.Linear(c, 96, bias=False)
        self.to_out = nn.Sequential(nn.Linear(32, c))

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (4, 8)).transpose(-2, -3) for t in self.to_qkv(self.norm(x)).chunk(3, -1))
        mixed = (q @ k.transpose(-1, -2) * 8**-0.5).softmax(-1) @ v
        return self.to_out(mixed.transpose(-2, -3).flatten(-2))


class Mlp(nn.Module):
    def __init__(self, c, hidden):
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(c), nn.Linear(c, hidden), nn.SiLU(), nn.Identity(), nn.Linear(hidden, c))

    def forward(self, x):
        return self.net(x)


class Transformer(nn.Module):
    def __init__(self, c, hidden):
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleList([Attention(c), Mlp(c, hidden)])])

    def forward(self, x):
        """One sequence for each place in a patch, taken apart and put together place by place."""
        out, d = torch.empty_like(x), x.dim() - 2
        for place in torch.cartesian_prod(*[torch.arange(2)] * d).tolist():
            at = (slice(None), slice(None), *(slice(p, None, 2) for p in place))
            part = x[at]
            tokens = part.flatten(2).transpose(1, 2)
            tokens = tokens + self.layers[0][0](tokens)
            tokens = tokens + self.layers[0][1](tokens)
            out[at] = tokens.transpose(1, 2).reshape(part.shape)
        return out


class Wide(nn.Module):
    def __init__(self, i, c, d):
        super().__init__()
        self.parts = (3 * c // 4, c // 4)
        self.conv1, self.conv2, self.conv3 = conv_norm(i, c, 3, d), conv_norm(c, c, 1, d), conv_norm(c, c, 1, d)
        self.conv_spilt, self.transformer = Split(c // 4, d), Transformer(3 * c // 4, 2 * c)
        self.conv4 = conv_norm(c + i, c, 3, d)

    def forward(self, x):
        t, v = self.conv2(self.conv1(x)).split(self.parts, 1)
        w = self.conv3(torch.cat((self.transformer(t), self.conv_spilt(v)), 1))
        return self.conv4(torch.cat((w, x), 1))


class Fusion(nn.Module):
    def __init__(self, i, o, d):
        super().__init__()
        self.conv = nn.Sequential(
            CONV[d](i, i, 3, padding=1, groups=2), nn.GELU(), norm(i, d),
            CONV[d](i, 4 * o, 1), nn.GELU(), norm(4 * o, d),
            CONV[d](4 * o, o, 1), nn.GELU(), norm(o, d),
        )  # fmt: skip

    def forward(self, x):
        return self.conv(x)


class Named(nn.Module):
    """A sequence under a name."""

    def __init__(self, name, *layers):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Sequential(*layers))

    def forward(self, x):
        return getattr(self, self.name)(x)


class Published(nn.Module):
    def __init__(self, channels, classes, d):
        super().__init__()
        self.d = d
        self.stem = Named("conv", CONV[d](channels, 16, 3, padding=1), norm(16, d), nn.ReLU())
        self.encoder1 = nn.Sequential(Local(16, d), conv_norm(16, 16, 1, d))
        self.encoder2 = nn.Sequential(Local(16, d), conv_norm(16, 32, 1, d))
        self.encoder3 = nn.Sequential(Local(32, d), conv_norm(32, 64, 1, d))
        self.encoder4, self.encoder5 = nn.Sequential(Wide(64, 128, d)), nn.Sequential(Wide(128, 128, d))

        def up(i, o):
            return Named(
                "up", nn.Upsample(scale_factor=2, mode=UP[d]), CONV[d](i, o, 3, padding=1), norm(o, d), nn.ReLU()
            )

        self.Up5, self.Up4, self.Up3, self.Up2 = up(128, 128), up(128, 64), up(64, 32), up(32, 16)
        self.Up_conv5 = Wide(256, 128, d)
        self.Up_conv4 = nn.Sequential(Fusion(128, 64, d), Wide(64, 64, d))
        self.Up_conv3, self.Up_conv2 = Fusion(64, 32, d), Fusion(32, 16, d)
        self.Conv_1x1 = CONV[d](16, classes, 1)

    def forward(self, x):
        pool = F.max_pool2d if self.d == 2 else F.max_pool3d
        x1 = self.encoder1(self.stem(x))
        x2 = self.encoder2(pool(x1, 2))
        x3 = self.encoder3(pool(x2, 2))
        x4 = self.encoder4(pool(x3, 2))
        x = self.encoder5(pool(x4, 2))
        x = self.Up_conv5(torch.cat((x4, self.Up5(x)), 1))
        x = self.Up_conv4(torch.cat((x3, self.Up4(x)), 1))
        x = self.Up_conv3(torch.cat((x2, self.Up3(x)), 1))
        return self.Conv_1x1(self.Up_conv2(torch.cat((x1, self.Up2(x)), 1)))


def lively(network):
    """Tensors as after training: every norm has statistics of its own."""
    generator = torch.Generator().manual_seed(5)
    for name, tensor in network.state_dict().items():
        if "running_var" in name:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif "running_mean" in name:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) - 0.5)
    return network.eval()


@pytest.mark.parametrize(("d", "channels", "classes", "side"), [(2, 3, 1, 64), (3, 1, 14, 32)])
def test_lgms_net_as_published(d, channels, classes, side):
    torch.manual_seed(0)
    theirs = lively(Published(channels, classes, d))
    ours = LGMSNet(in_channels=channels, classes=classes, ndim=d, instance=d == 3).eval()
    state = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(convert_published("lgms-net" if d == 2 else "lgms-net-3d", state, ours.state_dict()))
    x = torch.randn(1, channels, *[side] * d)
    with torch.inference_mode():
        expected, found = theirs(x), ours(x).logits
    assert (expected - found).abs().max() < 1e-4 * (expected.max() - expected.min())


class PlainSGE(nn.Module):
    """With the dense Sobel convolutions of the published file."""

    def __init__(self, deep, shallow, mid):
        super().__init__()

        def unit(i, o, k):
            module = nn.Module()
            module.conv, module.bn = nn.Conv2d(i, o, k, padding=k // 2, bias=False), nn.BatchNorm2d(o)
            return module

        def refiner():
            q = mid // 4
            module = nn.Module()
            module.refine = nn.Sequential(
                nn.Conv2d(mid, q, 1, bias=False), nn.BatchNorm2d(q), nn.ReLU(),
                nn.Conv2d(q, q, 3, padding=1, bias=False), nn.BatchNorm2d(q), nn.ReLU(),
                nn.Conv2d(q, mid, 1, bias=False), nn.BatchNorm2d(mid),
            )  # fmt: skip
            return module

        self.s4_proj, self.s1_proj, self.fuse = unit(deep, mid, 1), unit(shallow, mid, 1), unit(2 * mid, mid, 3)
        self.refine4, self.refine1 = refiner(), refiner()
        self.sobel_x, self.sobel_y = (nn.Conv2d(mid, mid, 3, padding=1, bias=False) for _ in range(2))
        self.sobel_x.weight.data = torch.tensor(SOBEL).expand(mid, mid, 3, 3).clone()
        self.sobel_y.weight.data = torch.tensor(SOBEL).T.expand(mid, mid, 3, 3).clone()
        self.out_edge_map, self.out_guidance = nn.Conv2d(mid, 1, 1, bias=False), nn.Conv2d(mid, 16, 1, bias=False)

    def forward(self, x4, x1):
        def run(unit, x):
            return F.relu(unit.bn(unit.conv(x)))

        def lit(x, refiner):
            x = x * (self.sobel_x(x) ** 2 + self.sobel_y(x) ** 2).sqrt().sigmoid()
            return F.relu(x + refiner.refine(x))

        a, b = lit(run(self.s4_proj, x4), self.refine4), lit(run(self.s1_proj, x1), self.refine1)
        a = F.interpolate(a, size=b.shape[2:], mode="bilinear", align_corners=False)
        y = run(self.fuse, torch.cat((a, b), 1))
        return self.out_edge_map(y), self.out_guidance(y)


def test_sge_as_published():
    torch.manual_seed(0)
    theirs = lively(PlainSGE(32, 8, 16))
    ours = build_module("sge", theirs.state_dict()).eval()
    ours.load_state_dict(convert_published("sge", theirs.state_dict(), ours.state_dict()))
    deep, shallow = torch.randn(1, 32, 4, 4), torch.randn(1, 8, 16, 16)
    with torch.inference_mode():
        for expected, found in zip(theirs(deep, shallow), ours(deep, shallow), strict=True):
            assert (expected - found).abs().max() < 1e-4 * (expected.max() - expected.min())


class PlainSGDC(nn.Module):
    """With an unfolded map."""

    def __init__(self, c, heads, k):
        super().__init__()
        self.h, self.k, self.c = heads, k, c
        self.proj_guidance, self.attn = nn.Conv2d(16, c, 1), nn.Conv2d(c, 2 * c + heads * k * k, 1)
        self.norm1, self.norm2 = nn.LayerNorm(c, eps=1e-6), nn.LayerNorm(c, eps=1e-6)
        self.dwconv = nn.Conv2d(c, c, 3, padding=1, groups=c)
        self.mlp = nn.Sequential(nn.Conv2d(c, 4 * c, 1), nn.GELU(), nn.Conv2d(4 * c, c, 1))
        self.ls1, self.ls2 = nn.Parameter(torch.rand(c) + 0.5), nn.Parameter(torch.rand(c) + 0.5)

    def forward(self, x, g):
        def over_channels(norm, x):
            return norm(x.movedim(1, -1)).movedim(-1, 1)

        b, c, h, w = x.shape
        g = F.interpolate(g, size=(h, w), mode="bilinear", align_corners=False)
        a1, a2, kernel = self.attn(x + self.proj_guidance(g)).split((c, c, self.h * self.k**2), 1)
        windows = F.unfold(over_channels(self.norm1, x), self.k, padding=self.k // 2)
        windows = windows.reshape(b, self.h, c // self.h, self.k**2, h * w)
        kernel = kernel.reshape(b, self.h, 1, self.k**2, h * w).softmax(3)
        y = self.dwconv(x * a1.sigmoid()) + (windows * kernel).sum(3).reshape(x.shape) * a2.sigmoid()
        x = x + self.ls1[:, None, None] * y
        return x + self.ls2[:, None, None] * self.mlp(over_channels(self.norm2, x))


def test_sgdc_as_published_with_layer_scales_that_count():
    torch.manual_seed(0)
    theirs = PlainSGDC(16, 4, 7)
    ours = build_module("sgdc", theirs.state_dict())
    ours.load_state_dict(convert_published("sgdc", theirs.state_dict(), ours.state_dict()))
    x, g = torch.randn(1, 16, 9, 8), torch.randn(1, 16, 18, 16)
    with torch.inference_mode():
        expected, found = theirs(x, g), ours(x, g)
    assert (expected - found).abs().max() < 1e-4 * (expected.max() - expected.min())
