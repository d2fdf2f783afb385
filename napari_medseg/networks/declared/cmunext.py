"""CMUNeXt and CMUNeXt-XXS, declared."""

from __future__ import annotations

from napari_medseg.networks.spec import Builder, InputSpec, NetworkSpec, Recipe

_FAMILY_PAPER = (
    "Tang F. et al.: CMUNeXt: An Efficient Medical Image Segmentation Network "
    "Based on Large Kernel and Skip Fusion. ISBI 2024"
)
_XXS_PAPER = "Carvalho M., Vestias M.: Fast Semantic Segmentation of Medical Images"
_OURS = (
    "Augmentation ('full') and intensities (0.5 and 0.25) are ours; published code's are 'turned' and 'bgr255', which "
    "medseg train takes as --augmentation and --pipeline."
)
_XXS_RECIPE = Recipe(
    losses={"bce": 0.5, "dice": 1.0},
    optimizer="adam",
    schedule="cosine",
    learning_rate=1e-3,
    final_learning_rate=1e-5,
    weight_decay=1e-4,
    epochs=300,
    batch_size=8,
    smooth=1e-5,
)
_FAMILY_RECIPE = Recipe(
    losses={"bce": 0.5, "dice": 1.0},
    optimizer="sgd",
    schedule="poly",
    learning_rate=1e-2,
    weight_decay=1e-4,
    epochs=300,
    batch_size=8,
    smooth=1e-5,
)


def _family_member(name: str, title: str, parameters: int, macs_256: float, **options: object) -> NetworkSpec:
    """A published size of CMUNeXt; the counts are those of the paper's own tool, thop."""
    return NetworkSpec(
        name=name,
        title=title,
        paper=_FAMILY_PAPER,
        build=Builder("cmunext", "CMUNeXt"),
        input=InputSpec(),
        recipe=_FAMILY_RECIPE,
        options=options,
        parameters=parameters,
        macs_256=macs_256,
        macs_tool="thop",
        assumptions=(
            "Momentum 0.9 and a poly schedule of power 0.9, epoch by epoch.",
            _OURS,
        ),
    )


SPECS: tuple[NetworkSpec, ...] = (
    NetworkSpec(
        name="cmunext-xxs",
        title="CMUNeXt-XXS (fast, any computer)",
        paper=_XXS_PAPER,
        build=Builder("cmunext", "CMUNeXt"),
        input=InputSpec(),
        recipe=_XXS_RECIPE,
        options={
            "widths": (8, 10, 12, 16, 24),
            "depths": (3, 1, 1, 1, 2),
            "kernels": (3, 3, 7, 7, 9),
            "depthwise": 2,
            "fusion": "sum",
            "activation": "hardswish",
            "stage_activation": None,
        },
        parameters=40_837,
        macs_256=0.468e9,
        macs_tool="thop",
        assumptions=(
            "Depths are (3, 1, 1, 1, 2): the table's (3, 1, 1, 2, 3) gives 48 393 parameters, not the 40 K.",
            "Skips are added before one grouped convolution, as published code does, not after as equation (1).",
            "The activation is Hardswish, as every layer description says; one closing sentence says ReLU.",
            "The schedule is a cosine from 1e-3 to 1e-5, the published code's default; the paper names none.",
            _OURS,
        ),
    ),
    _family_member(
        "cmunext-s",
        "CMUNeXt-S",
        417_505,
        1.090e9,
        widths=(8, 16, 32, 64, 128),
        depths=(1, 1, 1, 1, 1),
        kernels=(3, 3, 7, 7, 9),
    ),
    _family_member("cmunext", "CMUNeXt", 3_149_185, 7.418e9),
    _family_member(
        "cmunext-l",
        "CMUNeXt-L",
        8_286_721,
        17.183e9,
        widths=(32, 64, 128, 256, 512),
        depths=(1, 1, 1, 6, 3),
        kernels=(3, 3, 7, 7, 7),
    ),
)
