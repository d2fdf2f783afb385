"""DyMAS-Net, declared."""

from __future__ import annotations

from napari_medseg.networks.spec import Builder, InputSpec, NetworkSpec, Recipe

SPECS: tuple[NetworkSpec, ...] = (
    NetworkSpec(
        name="dymas-net",
        title="DyMAS-Net (multi-scale, dynamic up-sampling)",
        paper="DyMAS-Net (no code published)",
        build=Builder("dymas_net", "DyMASNet"),
        input=InputSpec(),
        recipe=Recipe(
            losses={"bce": 1.0, "dice": 1.0},
            optimizer="adam",
            schedule="constant",
            learning_rate=1e-4,
            augmentation="tilted",
            epochs=250,
            batch_size=32,
        ),
        parameters=6_240_779,
        macs_256=8.956e9,
        macs_tool="thop",
        assumptions=(
            "Widths (32, 64, 128, 256, 512) and depths (1, 2, 3, 3, 3) were fitted to the paper's table.",
            "The three depthwise branches are added, without norm or activation of their own, as equation (1) reads; "
            "equation (2) stacks them, which the option 'branches' does.",
            "What replaces the multi-scale block in the rows without it is not said; with two plain convolutions these "
            "rows have the paper's parameters and 51 to 65 % more MACs.",
            "The attention of HMCB's text is placed in DAFU; channel reduction follows the up-sampling.",
            "Four groups share sampling points and the range has eight hidden channels, as in DySample.",
            "Attention reduces channels by eight and stands at the bottleneck too.",
            "Intensities are standardised by 0.5 and 0.25 and the schedule is constant; the paper names neither.",
        ),
    ),
)
