"""LGMSNet, declared."""

from __future__ import annotations

from napari_medseg.networks.spec import Builder, Capabilities, InputSpec, NetworkSpec, Recipe

_PAPER = "Dong et al.: LGMSNet. ECAI 2025"
SPECS: tuple[NetworkSpec, ...] = (
    NetworkSpec(
        name="lgms-net",
        title="LGMSNet (local and global scales)",
        paper=_PAPER,
        build=Builder("lgms_net", "LGMSNet"),
        input=InputSpec(multiple=32, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        recipe=Recipe(
            losses={"bce": 0.5, "dice": 1.0},
            optimizer="sgd",
            schedule="poly",
            learning_rate=0.02,
            weight_decay=1e-4,
            augmentation="turned",
            epochs=500,
            batch_size=16,
        ),
        parameters=2_321_393,
        macs_256=4.8925e9,
        macs_tool="thop",
        assumptions=(
            "GELU follows the group norm of LMS, as in the published code; the text says SiLU.",
            "Momentum is 0.9 and the rate falls by a poly of power 0.9, epoch by epoch; published: step by step.",
            "Kvasir's recipe is another (a rate of 0.01, 300 epochs, batches of 8, more augmentation), not this one.",
        ),
    ),
    NetworkSpec(
        name="lgms-net-3d",
        title="LGMSNet 3D (volumes)",
        paper=_PAPER,
        build=Builder("lgms_net", "LGMSNet"),
        input=InputSpec(ndim=3, channels=1, size=(96, 96, 96), multiple=32, mean=0.5, std=0.25),
        recipe=Recipe(
            losses={"bce": 1.0, "dice": 1.0},
            optimizer="adamw",
            schedule="cosine",
            learning_rate=1e-3,
            weight_decay=1e-5,
            warm_up=50,
            augmentation="volume",
            epochs=5000,
            batch_size=1,
        ),
        capabilities=Capabilities(volumes=True),
        options={"ndim": 3, "instance": True},
        parameters=6_193_742,
        classes=14,
        macs_256=67.78e9,
        macs_tool="thop",
        assumptions=(
            "The published recipe has 6 193 742 parameters; the 9.86 M that the paper prints follow from no published "
            "setting.",
            "Volumes are mirrored left and right alone; published code mirrors other axes too.",
            "The loss is cross entropy plus Dice; intensities are scaled between their percentiles where the weights "
            "name no window.",
        ),
    ),
)
