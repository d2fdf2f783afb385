"""DCSNet, declared."""

from __future__ import annotations

from napari_medseg.networks.spec import BoxRecipe, Builder, Capabilities, Earlier, InputSpec, NetworkSpec, Recipe

_PAPER = "Zhang et al.: DCSNet"
_ASSUMPTIONS = (
    "All boxes that the detector keeps are segmented, up to twenty (in the small size a hundred); published inference "
    "keeps the best one.",
    "The target of a jittered box is cut with the jittered box; published code cuts it with the true one.",
    "In training the head learns from at most four boxes of an image at a step.",
    "The boundary term compares dilation minus erosion; the published term is always zero.",
    "Each level and the mask have 0.5 Dice, 0.3 focal and 0.2 boundary, as the text says; published code has other "
    "shares for the finest and the coarsest level and for the mask.",
    "The focal term counts pixels of lesions by 0.35, as published for polyps and kidneys (brains: 0.30), and all "
    "others by 0.65; published code counts both by the same.",
    "Dice is that of each box; published code takes all boxes of a batch together.",
    "Neighbours in equation (10) are levels; published code has the coarsest level and the mask for a fourth pair.",
    "A mask goes on beyond its box for the Laplacian of edge targets; published code finds an edge at the box's rim.",
    "True boxes are jittered by 0.05, as published for brains and kidneys (polyps: 0.02).",
    "Augmentation has the chances and spans of the published loader; but the grid's distortion is a smooth random "
    "field, brightness a factor, blur the mean over 3 x 3, and images go on mirrored beyond their border.",
    "Plateau and patience watch the loss on the validation pairs through norms that stand still there; what is kept is "
    "chosen by Dice.",
    "Intensities are standardised by 0.5 and 0.5, as the published loader does, with ImageNet's weights too.",
)
_RECIPE = Recipe(
    losses={"dice": 0.5, "focal": 0.3, "boundary": 0.2},
    focal=(0.35, 2.0),
    edge_weight=0.2,
    boxes=BoxRecipe(
        # levels finest first, then the mask [DCSNet, III]
        steps=((0.3, (1.0, 0.8, 0.6, 0.4), 0.2), (0.6, (0.8, 0.9, 1.0, 1.1), 1.2), (1.0, (0.7, 0.8, 0.9, 1.0), 1.1)),
        edge_positive=10.0,
        consistency=0.05,
    ),
    optimizer="adamw",
    schedule="plateau",
    monitor="loss",
    augmentation="detected",
    learning_rate=2e-4,
    final_learning_rate=1e-7,
    weight_decay=1e-4,
    clip=1.0,
    patience=20,
    epochs=100,
    batch_size=4,
)
_SMALL = {
    "pyramid": 64, "box_width": 256, "width": 64, "layers": 2,
    "keep_unused": False, "most_masks": 100, "score_threshold": 0.2, "sure": 0.8,
}  # fmt: skip
_CAN = Capabilities(boxes=True, box_prompt=True, most_classes=1)
SPECS: tuple[NetworkSpec, ...] = (
    NetworkSpec(
        name="dcsnet",
        title="DCSNet (finds and enlarges lesions, paper size)",
        paper=_PAPER,
        build=Builder("dcsnet.network", "DCSNet"),
        input=InputSpec(multiple=64, mean=0.5, std=0.5),
        recipe=_RECIPE,
        capabilities=_CAN,
        options={"backbone": "resnet", "frozen": True},
        fresh={"frozen": False},
        encoder=("detector.backbone.body.",),
        parameters=59_420_520,
        macs_256=46.864e9,
        macs_tool="thop",
        unused=(
            "detector.backbone.body.conv1.",
            "seg_head.level_proj.",
            "seg_head.loss_weights",
            *(f"seg_head.decoder_blocks.{i}.upsample." for i in range(4)),
            "seg_head.decoder_blocks.3.skip_fusion.",
        ),
        assumptions=(
            *_ASSUMPTIONS,
            "Counted are the parameters that are trained; the stem's 9 408 are frozen.",
            "Without pretrained weights the backbone's stem and norms learn: frozen at random they pass on nothing.",
            "MACs are those of 1000 proposals and one box.",
        ),
    ),
    NetworkSpec(
        name="dcsnet-s",
        title="DCSNet small (finds and enlarges lesions)",
        paper=_PAPER,
        build=Builder("dcsnet.network", "DCSNet"),
        input=InputSpec(multiple=64, mean=0.5, std=0.5),
        recipe=_RECIPE,
        capabilities=_CAN,
        options={**_SMALL, "backbone": "efficientnet-lite0", "box_width": 192},
        earlier=Earlier(
            options={**_SMALL, "backbone": "resnet", "planes": 24, "depths": (2, 2, 2, 2), "frozen": True}, std=0.5
        ),
        encoder=("detector.backbone.body.",),
        parameters=4_780_723,
        macs_256=3.08e9,
        macs_tool="thop",
        assumptions=(
            *_ASSUMPTIONS,
            "A small size of our own, with EfficientNet-Lite0 below the pyramid, all of which learns.",
            "Boxes that score above 0.8 are segmented; where there are none, the best one from 0.2 (chosen on val).",
        ),
    ),
)  # fmt: skip
