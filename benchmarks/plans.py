"""What each bundled file is trained on, and how: data for ``train_bundled.py``, in the order in which it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from napari_medseg.project.run_spec import Stage


@dataclass(frozen=True)
class Domain:
    """Images of one kind.

    Parameters
    ----------
    sets : tuple of str
    empty : tuple of str
        Sets of such images with nothing on them: for training alone.
    share : float
        How often it is drawn where several domains are learned at once, against the others.
    """

    sets: tuple[str, ...]
    empty: tuple[str, ...] = ()
    share: float = 1.0


DOMAINS = {
    "dermoscopy": Domain(("isic2017", "isic2016_test")),
    "breast ultrasound": Domain(("busi",), empty=("busi_normal",)),
    "thyroid ultrasound": Domain(("ddti",)),
    "polyp": Domain(("kvasir_seg", "cvc_clinicdb")),
    "nuclei": Domain(("dsb2018_nuclei",)),
    "brain MRI": Domain(("lgg_mri",)),
    # two pixels wide where the others are large: learned at 512 px by networks of their own
    "kidney-stone CT": Domain(("kidney_stone_ct",), share=0.5),
    "hippocampus": Domain(("msd_hippocampus_3d",)),
    "stained nuclei": Domain(("monuseg_nuclei", "tnbc_nuclei_mini")),
}
# what a generalist learns; stained nuclei are a fifth as wide as the others: learned at 512 px
KINDS = tuple(name for name in DOMAINS if name not in ("hippocampus", "stained nuclei"))
VAL_PER_DOMAIN = 30


@dataclass(frozen=True)
class Plan:
    """Sets, classes, licence and recipe of one bundled file.

    Parameters
    ----------
    domains : tuple of str
    licence : str
    stages : tuple of Stage
    validate_every : int
    sets : tuple of str or None
        Of a single domain, where these are not all of its sets.
    pretrained : str or None
        As :func:`napari_medseg.weights.hub.find_pretrained` takes it.
    start : str or None
        Name of the plan whose weights this one begins with; with ``@`` and a version where that is superseded. What no
        plan here makes any more, history has: the file goes into RUNS/NETWORK-TASK@VERSION/weights.safetensors.
    keep : float
        Share of these weights in the mean that is kept: what it learned stays good on images of other devices.
    whole : tuple of str
        Beginnings of names of tensors that stay in half precision where others take a byte a number.
    side : int or None
        Of the input of the finished file, where it does better at another one than it was trained at, px.

    The others are those of the groups of :class:`napari_medseg.project.run_spec.RunSpec`.
    """

    domains: tuple[str, ...]
    licence: str
    stages: tuple[Stage, ...]
    validate_every: int
    sets: tuple[str, ...] | None = None
    classes: tuple[str, ...] = ("foreground",)
    pretrained: str | None = None
    start: str | None = None
    keep: float = 0.0
    whole: tuple[str, ...] = ()
    side: int | None = None
    epoch_images: int | None = None
    learning_rate: float | None = None
    schedule: str | None = "onecycle"
    encoder_rate: float = 1.0
    average: float | None = None
    precision: str = "auto"
    batch_size: int = 16
    augmentation: str = "strong"
    spacing: tuple[float, ...] | None = None
    version: int = 2
    nice: int = 10


def _stages(*stages: tuple[int, int]) -> tuple[Stage, ...]:
    return tuple(Stage(size=size, epochs=epochs) for size, epochs in stages)


def _generalist(*stages: tuple[int, int], learning_rate: float) -> Plan:
    return Plan(
        KINDS,
        "research-only",
        _stages(*stages),
        validate_every=5,
        epoch_images=700,
        learning_rate=learning_rate,
        average=0.998,
    )


# in bfloat16 it is slower on a CPU, even on one that has instructions for it (25 images a core and second, 30 in full)
def _lite(plan: Plan) -> Plan:
    return replace(plan, pretrained="efficientnet-lite0", encoder_rate=0.3, precision="no")


# rounded to bytes, DCSNet's encoder finds other boxes: 0.773 on stones after 0.790
_BOXES = ("detector.backbone.",)
# the name of a task, its domain, the word for what is marked, and whether its sets are free to use
TASKS = (
    ("dermoscopy", "dermoscopy", "lesion", "cc0"),
    ("breast-ultrasound", "breast ultrasound", "lesion", "research-only"),
    ("thyroid-ultrasound", "thyroid ultrasound", "nodule", "research-only"),
    ("polyp", "polyp", "polyp", "research-only"),
    ("nuclei", "nuclei", "nucleus", "cc0"),
    ("brain-mri", "brain MRI", "tumour", "research-only"),
)


def _draft(domain: str, word: str, licence: str) -> Plan:
    """CMUNeXt-XXS for one kind: a mask at once on any computer.

    On lesions of the skin twenty epochs more at 256 px made it worse (0.872 after 0.882 on 394 val images), and cost
    as much as the sixty before; only nuclei are too small for 128 px.
    """
    return Plan(
        (domain,),
        licence,
        _stages((128, 60), (256, 20)) if domain == "nuclei" else _stages((128, 60)),
        validate_every=5,
        classes=(word,),
        epoch_images=600,
        learning_rate=4e-3,
        average=0.998,
        augmentation="full",
    )


def _specialist(domain: str, word: str, licence: str) -> Plan:
    return Plan(
        (domain,),
        licence,
        _stages((192, 24), (256, 16)),
        validate_every=4,
        classes=(word,),
        epoch_images=600,
        learning_rate=1e-3,
        average=0.998,
        version=1,
    )


def _from_generalist(domain: str, word: str, licence: str) -> Plan:
    """What the generalist knows, brought to one kind."""
    return Plan(
        (domain,),
        licence,
        _stages((256, 12)),
        validate_every=3,
        classes=(word,),
        start="sgd-net-s/generalist@2",
        epoch_images=500,
        learning_rate=3e-4,
        encoder_rate=0.3,
        average=0.995,
        precision="no",
        version=1,
    )


PLANS: Mapping[str, Plan] = {
    # one that others begin with, superseded itself: trained, not published
    "sgd-net-s/generalist@2": _lite(_generalist((192, 60), (256, 40), learning_rate=1e-3)),
    # what is small on the image, stones and tumours, gains most by the larger side
    "sgd-net-s/generalist": replace(
        _lite(_generalist((320, 24), learning_rate=5e-4)),
        pretrained=None,
        start="sgd-net-s/generalist@2",
        keep=0.5,
        validate_every=4,
        version=3,
    ),
    **{f"cmunext-xxs/{task}": _draft(domain, word, licence) for task, domain, word, licence in TASKS},
    # lesions of the skin are large: at 256 px as good as at 320, and better on the set that it never saw
    "sgd-net-s/dermoscopy": replace(
        _from_generalist("dermoscopy", "lesion", "research-only"), start="sgd-net-s/generalist"
    ),
    "sgd-net-s/nuclei": _lite(_specialist("nuclei", "nucleus", "cc0")),
    # stones are two pixels wide at 256
    "dcsnet-s/kidney-stones": _lite(
        Plan(
            ("kidney-stone CT",),
            "research-only",
            _stages((512, 24)),
            validate_every=5,
            classes=("stone",),
            learning_rate=5e-4,
            average=0.998,
            batch_size=4,
            augmentation="detected",
            whole=_BOXES,
            version=1,
        )
    ),
    "dcsnet-s/generalist": replace(
        _lite(_generalist((256, 12), learning_rate=5e-4)),
        batch_size=8,
        augmentation="detected",
        validate_every=6,
        whole=_BOXES,
    ),
    "sgd-net-s/stained-nuclei": replace(
        _from_generalist("nuclei", "nucleus", "research-only"),
        domains=("nuclei", "stained nuclei"),
        stages=_stages((512, 14)),
        epoch_images=240,
        batch_size=4,
        validate_every=2,
    ),
    **{
        f"sgd-net-s/{task}": _from_generalist(domain, word, licence)
        for task, domain, word, licence in TASKS
        if licence != "cc0" and task not in ("breast-ultrasound", "polyp")
    },
    "sgd-net-s/polyp": replace(
        _from_generalist("polyp", "polyp", "research-only"), start="sgd-net-s/generalist", stages=_stages((320, 12))
    ),
    # without what it keeps it forgot what other devices see (BUS-BRA 0.69 before, 0.47 after)
    "sgd-net-s/breast-ultrasound": replace(
        _from_generalist("breast ultrasound", "lesion", "research-only"), keep=0.3, side=320, version=2
    ),
    # from random weights 'strong' augmentation is too much: 0.53 after 55 epochs, where 36 of 'full' gave 0.60
    "lgms-net/generalist": replace(
        _generalist((256, 16), learning_rate=1e-3), start="lgms-net/generalist@1", augmentation="full", validate_every=4
    ),
    "dymas-net/generalist": replace(
        _generalist((160, 14), (224, 4), learning_rate=1e-3),
        start="dymas-net/generalist@1",
        augmentation="full",
        validate_every=4,
    ),
    "lgms-net-3d/hippocampus": Plan(
        ("hippocampus",),
        "research-only",
        (Stage(size=(32, 64, 32), epochs=160),),
        10,
        classes=("anterior", "posterior"),
        learning_rate=1e-3,
        schedule=None,
        batch_size=2,
        augmentation="volume",
        spacing=(1.0, 1.0, 1.0),
    ),
}
