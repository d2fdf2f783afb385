"""DCSNet's head: counts, order of boxes, and what reaches the mask."""

import torch

from napari_medseg.networks.dcsnet.segmenter import PixelFusion, Segmenter


def maps(n=2, channels=8):
    return [torch.randn(n, channels, 64 // 2**i, 64 // 2**i) for i in range(4)]


def small(**options):
    return Segmenter(in_channels=8, width=16, layers=1, **options)


def test_the_head_is_the_published_one():
    head = Segmenter()
    assert sum(p.numel() for p in head.parameters()) == 18_130_767
    unused = sum(p.numel() for name, p in head.named_parameters() if "level_proj" in name or "upsample" in name)
    unused += sum(p.numel() for p in head.decoder_blocks[3].skip_fusion.parameters())
    assert unused == 1_446_656
    for name in ("fpn_enhance.0.1.weight", "encoder_blocks.3.5.running_mean", "transformer.layers.3.linear2.bias"):
        assert name in head.state_dict()


def test_boxes_come_back_in_their_order():
    torch.manual_seed(0)
    head, x = small().eval(), maps()
    boxes = [torch.tensor([[10.0, 10, 100, 90]]), torch.tensor([[5.0, 5, 50, 80], [0, 0, 255, 255]])]
    with torch.inference_mode():
        together = head(x, boxes)
        alone = head([m[1:] for m in x], [boxes[1][1:]])
    assert together.mask.shape == (3, 1, 64, 64)
    assert (together.edges, together.levels) == (None, ())
    torch.testing.assert_close(together.mask[2:], alone.mask, atol=1e-4, rtol=1e-3)


def test_no_box_gives_no_mask():
    with torch.inference_mode():
        assert small().eval()(maps(), [torch.zeros(0, 4)] * 2).mask.shape == (0, 1, 64, 64)


def test_all_used_parameters_learn():
    torch.manual_seed(0)
    head = small(keep_unused=False).train()
    out = head(maps(), [torch.tensor([[10.0, 10, 100, 90]]), torch.tensor([[5.0, 5, 50, 80]])])
    assert len(out.levels) == 4
    torch.stack([x.square().mean() for x in (out.mask, out.edges, *out.levels)]).sum().backward()
    assert [name for name, p in head.named_parameters() if p.grad is None] == []


def test_pixel_fusion_is_a_mean_at_each_place():
    torch.manual_seed(0)
    fusion, x = PixelFusion(8, 3).eval(), [torch.full((1, 8, 5, 5), float(v)) for v in (1, 2, 4)]
    found = fusion(x)
    assert (found > 1).all()
    assert (found < 4).all()
    same = [torch.randn(1, 8, 5, 5)] * 3
    torch.testing.assert_close(fusion(same), same[0], atol=1e-5, rtol=1e-4)
