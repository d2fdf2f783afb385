"""DCSNet as published converts and gives the same masks.

The reference below reads the published names straight from the state dict and computes each layer with plain
functions, box by box.
"""

import pytest
import torch
from torch.nn import functional as F

from napari_medseg.errors import WeightsError
from napari_medseg.networks.dcsnet.network import DCSNet
from napari_medseg.networks.published import convert_published

OPTIONS = {"planes": 8, "depths": (2, 1, 1, 2), "pyramid": 16, "box_width": 24, "width": 16, "layers": 2}


def published_state(*, new_names):
    """Random tensors under the published names, in torchvision's newer or older spelling of them."""
    generator = torch.Generator().manual_seed(4)
    state = {}
    for name, tensor in DCSNet(**OPTIONS).state_dict().items():
        if not tensor.is_floating_point():
            state[name] = tensor
            continue
        values = torch.randn(tensor.shape, generator=generator) * (0.4 if tensor.dim() > 1 else 0.2)
        if tensor.dim() > 1:
            values = values * min(1.0, (8 / tensor[0].numel()) ** 0.5 * 2)
        if name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            values = values.abs() + 0.6
        if name.startswith("detector.") and name.endswith("running_var"):
            state[name.replace("running_var", "num_batches_tracked")] = torch.tensor(7)
        spelled = name
        if new_names:
            spelled = spelled.replace("rpn.head.conv.", "rpn.head.conv.0.0.")
        else:
            for part in ("inner_blocks", "layer_blocks"):
                for i in range(4):
                    spelled = spelled.replace(f"{part}.{i}.0.", f"{part}.{i}.")
        state["module." + spelled] = values
    return state


class Plain:
    """The published forward, from names to tensors."""

    def __init__(self, state):
        self.s = {key.removeprefix("module."): value for key, value in state.items()}

    def conv(self, name, x, **options):
        groups = options.pop("groups", 1)
        return F.conv2d(x, self.s[name + ".weight"], self.s.get(name + ".bias"), groups=groups, **options)

    def norm(self, name, x):
        parts = (self.s[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts, eps=1e-5)

    def pyramid(self, x):
        p = "detector.backbone.body."
        x = F.relu(self.norm(p + "bn1", self.conv(p + "conv1", x, stride=2, padding=3)))
        x, maps = F.max_pool2d(x, 3, 2, 1), []
        for stage in range(1, 5):
            for block in range(OPTIONS["depths"][stage - 1]):
                q, stride = f"{p}layer{stage}.{block}.", 2 if stage > 1 and block == 0 else 1
                y = F.relu(self.norm(q + "bn1", self.conv(q + "conv1", x)))
                y = F.relu(self.norm(q + "bn2", self.conv(q + "conv2", y, stride=stride, padding=1)))
                y = self.norm(q + "bn3", self.conv(q + "conv3", y))
                if block == 0:
                    x = self.norm(q + "downsample.1", self.conv(q + "downsample.0", x, stride=stride))
                x = F.relu(x + y)
            maps.append(x)
        p = "detector.backbone.fpn."
        dot = ".0" if p + "inner_blocks.0.0.weight" in self.s else ""
        top, found = None, []
        for i in (3, 2, 1, 0):
            inner = self.conv(f"{p}inner_blocks.{i}{dot}", maps[i])
            top = inner if top is None else inner + F.interpolate(top, size=inner.shape[2:], mode="nearest")
            found.insert(0, self.conv(f"{p}layer_blocks.{i}{dot}", top, padding=1))
        return found

    @staticmethod
    def cut(x, box, cells, scale):
        """Four points in each cell, read between the pixels around them."""
        x0, y0, x1, y1 = (v * scale for v in box)
        h, w = max(y1 - y0, 1.0), max(x1 - x0, 1.0)
        out = torch.zeros(1, x.shape[1], cells, cells)
        for i in range(cells):
            for j in range(cells):
                for a in (0.25, 0.75):
                    for b in (0.25, 0.75):
                        v = min(max(y0 + (i + a) * h / cells, 0.0), x.shape[2] - 1.0)
                        u = min(max(x0 + (j + b) * w / cells, 0.0), x.shape[3] - 1.0)
                        r, c = min(int(v), x.shape[2] - 2), min(int(u), x.shape[3] - 2)
                        fy, fx = v - r, u - c
                        out[0, :, i, j] += 0.25 * (
                            (1 - fy) * ((1 - fx) * x[0, :, r, c] + fx * x[0, :, r, c + 1])
                            + fy * ((1 - fx) * x[0, :, r + 1, c] + fx * x[0, :, r + 1, c + 1])
                        )
        return out

    def detail(self, x):
        p = "seg_head.detail_enhance."
        y = self.conv(p + "depthwise", x, padding=1, groups=x.shape[1])
        y = F.relu(self.conv(p + "pointwise", y))
        a = F.relu(self.conv(p + "attention.1", y.mean(dim=(2, 3), keepdim=True)))
        return F.relu(y * self.conv(p + "attention.3", a).sigmoid() + self.conv(p + "shortcut", x))

    def attention(self, x, p):
        q, k, v = F.linear(x, self.s[p + "self_attn.in_proj_weight"], self.s[p + "self_attn.in_proj_bias"]).chunk(3, -1)
        n, t, c = x.shape
        q, k, v = (y.reshape(n, t, 8, c // 8).transpose(1, 2) for y in (q, k, v))
        seen = ((q @ k.transpose(-1, -2)) / (c // 8) ** 0.5).softmax(-1) @ v
        seen = seen.transpose(1, 2).reshape(n, t, c)
        x = x + F.linear(seen, self.s[p + "self_attn.out_proj.weight"], self.s[p + "self_attn.out_proj.bias"])
        x = F.layer_norm(x, (c,), self.s[p + "norm1.weight"], self.s[p + "norm1.bias"])
        y = F.relu(F.linear(x, self.s[p + "linear1.weight"], self.s[p + "linear1.bias"]))
        x = x + F.linear(y, self.s[p + "linear2.weight"], self.s[p + "linear2.bias"])
        return F.layer_norm(x, (c,), self.s[p + "norm2.weight"], self.s[p + "norm2.bias"])

    def head(self, maps, box):
        skips, tokens = [], []
        for i, cells in enumerate((64, 32, 16, 8)):
            x = self.cut(maps[i], box, cells, 1 / 2 ** (i + 2))
            x = self.conv(f"seg_head.fpn_enhance.{i}.0", x)
            x = F.relu(self.conv(f"seg_head.fpn_enhance.{i}.1", x, padding=1, groups=x.shape[1]))
            for a, b in ((0, 1), (4, 5)):
                p = f"seg_head.encoder_blocks.{i}."
                x = F.relu(self.norm(p + str(b), self.conv(p + str(a), x, padding=1)))
            skips.append(x)
            t = self.conv(f"seg_head.patch_embed.{i}", x, stride=cells // 8).flatten(2).transpose(1, 2)
            tokens.append(t + self.s["seg_head.level_embed"][i])
        x = torch.cat(tokens, 1) + self.s["seg_head.pos_embed"]
        for i in range(OPTIONS["layers"]):
            x = self.attention(x, f"seg_head.transformer.layers.{i}.")
        x = x[:, -64:].transpose(1, 2).reshape(1, -1, 8, 8)
        decoded = [x]
        for i in (2, 1, 0):
            p = f"seg_head.decoder_blocks.{i}.skip_fusion.fuse_conv."
            x = F.interpolate(x, size=skips[i].shape[2:], mode="bilinear", align_corners=True)
            x = F.relu(self.norm(p + "1", self.conv(p + "0", torch.cat((skips[i], x), 1))))
            decoded.append(x)
        sharp = [self.detail(F.interpolate(x, size=(64, 64), mode="bilinear", align_corners=True)) for x in decoded]
        p, g = "seg_head.pixel_fusion.gate_generator.", torch.cat(sharp, 1)
        for a, b in ((0, 1), (3, 4)):
            g = F.relu(self.norm(f"{p}{b}", self.conv(f"{p}{a}", g, padding=1)))
        g = self.conv(p + "6", g).softmax(1)
        x = self.detail(sum(g[:, i : i + 1] * sharp[i] for i in range(4)))
        for a, b in ((0, 1), (4, 5)):
            x = F.relu(self.norm(f"seg_head.main_head.{b}", self.conv(f"seg_head.main_head.{a}", x, padding=1)))
        return self.conv("seg_head.main_head.8", x)


@pytest.mark.parametrize("new_names", [True, False], ids=["newer torchvision", "older torchvision"])
def test_dcsnet_as_published_gives_the_same_masks(new_names):
    state = published_state(new_names=new_names)
    ours = DCSNet(**OPTIONS).eval()
    ours.load_state_dict(convert_published("dcsnet", state, ours.state_dict()))
    x = torch.randn(1, 3, 128, 192, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[10.0, 20, 90, 100], [100.5, 3, 190, 60.25]])
    with torch.inference_mode():
        plain = Plain(state)
        maps = plain.pyramid(x)
        expected = torch.cat([plain.head(maps, box.tolist()) for box in boxes])
        found = ours(x, boxes=[boxes]).rois.mask
        for theirs, own in zip(maps, ours.detector.backbone(x), strict=False):
            assert (theirs - own).abs().max() < 1e-4 * theirs.abs().max()
    assert expected.std() > 1e-3
    assert (found - expected).abs().max() < 1e-4 * (expected.max() - expected.min())


def test_a_file_of_another_network_is_named():
    state = published_state(new_names=True)
    state["module.detector.rpn.head.other.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"tensor 'module.detector.rpn.head.other.weight' is not part of dcsnet"):
        convert_published("dcsnet", state, DCSNet(**OPTIONS).state_dict())
