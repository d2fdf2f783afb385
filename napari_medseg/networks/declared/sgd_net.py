"""SGD-Net, declared."""

from __future__ import annotations

from napari_medseg.networks.spec import Builder, Capabilities, Earlier, InputSpec, NetworkSpec, Recipe

_PAPER = "Shi, Zhu, Swamy: SGDC. MIDL 2026 submission"
_ASSUMPTIONS = (
    "The wiring follows CTO: the dual attention's output takes the place of the deepest map, but for the edges, which "
    "the paper (3.2) finds in the encoder's last block.",
    "The dynamic convolutions stand on the first three maps of the backbone, before their reduction.",
    "Kernels of 7 and 4 heads are the published module's defaults; the paper names neither.",
    "The edge branch gates by the gradient of all channels' sum, as published; equation (1) reads as one a channel.",
    "The gates of SGDC act on the raw map, as published; the paper's equations (2) and (3) have its norm.",
    "SGDC's layer scales begin at 1e-6, as published; the paper has none.",
    "The target of the edge map is the rim of the mask, a pixel to each side.",
    "The rate falls by a poly of power 0.9, epoch by epoch, and augmentation is ours ('full').",
)
_RECIPE = Recipe(
    losses={"bce": 1.0, "dice": 1.0},
    aux_weight=1.0,
    edge_weight=3.0,
    optimizer="adam",
    schedule="poly",
    learning_rate=1e-4,
    epochs=50,
    batch_size=16,
)
_CAN = Capabilities(edges=True)
SPECS: tuple[NetworkSpec, ...] = (
    NetworkSpec(
        name="sgd-net",
        title="SGD-Net (edge map, paper size)",
        paper=_PAPER,
        build=Builder("sgd_net", "SGDNet"),
        # of ImageNet, with whose weights the paper begins
        input=InputSpec(multiple=64, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        recipe=_RECIPE,
        capabilities=_CAN,
        options={"backbone": "res2net", "imagenet_head": True, "edges_from": "encoder"},
        earlier=Earlier(options={"backbone": "res2net", "imagenet_head": True, "edges_from": "attention"}),
        encoder=("backbone.conv1.", "backbone.bn1.", "backbone.layer"),
        parameters=76_054_848,
        macs_256=36.07e9,
        macs_tool="fvcore",
        unused=("backbone.fc.",),
        assumptions=(
            *_ASSUMPTIONS,
            "The backbone's unused classifier (2 049 000 parameters) stays: the paper's 75.88 M includes it.",
            "MACs are those of the dense Sobel convolutions (4.9 G), which are computed here once for all channels.",
        ),
    ),
    NetworkSpec(
        name="sgd-net-s",
        title="SGD-Net small (edge map)",
        paper=_PAPER,
        build=Builder("sgd_net", "SGDNet"),
        input=InputSpec(multiple=64, mean=0.5, std=0.5),
        recipe=_RECIPE,
        capabilities=_CAN,
        options={
            "backbone": "efficientnet-lite0",
            "edge_width": 32,
            "decoder_width": 32,
            "kernel_size": 5,
            "edges_from": "encoder",
        },
        earlier=Earlier(
            options={
                "backbone": "res2net",
                "planes": 16,
                "edge_width": 64,
                "decoder_width": 32,
                "kernel_size": 7,
                "edges_from": "attention",
            }
        ),
        encoder=("backbone.",),
        parameters=4_041_022,
        macs_256=2.231e9,
        macs_tool="fvcore",
        mirrored=True,
        assumptions=(
            *_ASSUMPTIONS,
            "A small size of our own: EfficientNet-Lite0 as encoder, slim branches.",
            "Intensities are standardised by 0.5 and 0.5: the encoder's makers took 0.498 and 0.502.",
        ),
    ),
)
