"""EfficientNet-Lite0: it sees what the published file sees."""

import torch
from torch.nn import functional as F

from napari_medseg.networks.backbones.efficientnet_lite import WIDTHS, EfficientNetLite0, EvenPadConv
from napari_medseg.weights.hub import find_packaged


def test_the_published_file_classifies_pictures():
    from skimage import data

    network = EfficientNetLite0(imagenet_head=True).eval()
    # all names and shapes agree
    network.load_state_dict(torch.load(find_packaged("efficientnet-lite0"), weights_only=True))
    found = []
    for picture in (data.coffee(), data.chelsea()):
        image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        side = min(image.shape[2:])
        top, left = ((n - side) // 2 for n in image.shape[2:])
        square = image[:, :, top : top + side, left : left + side]
        small = F.interpolate(square, size=(224, 224), mode="bilinear", antialias=True)
        with torch.inference_mode():
            found.append(int(network.classify((small - 0.5) / 0.5).argmax()))
    assert found == [967, 285]  # espresso, Egyptian cat


def test_maps_have_the_sides_and_widths_that_decoders_expect():
    with torch.inference_mode():
        maps = EfficientNetLite0().eval()(torch.zeros(1, 3, 64, 96))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (width, 64 // 2**i, 96 // 2**i) for i, width in enumerate(WIDTHS, start=2)
    ]


def test_at_stride_two_the_odd_pixel_lies_at_the_end():
    conv = EvenPadConv(1, 1, 3, stride=2)
    conv.weight.data.fill_(0)
    conv.weight.data[0, 0, 0, 0] = 1  # the first pixel of each window
    x = torch.arange(36.0).reshape(1, 1, 6, 6)
    torch.testing.assert_close(conv(x), x[:, :, ::2, ::2])
