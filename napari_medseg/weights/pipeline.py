"""How published code turns pixels into a network's input: state dicts do not tell, and a wrong guess is garbage.

Every pipeline here is one mean, standard deviation and order of channels, which a weights file carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_medseg.errors import UnknownNameError
from napari_medseg.networks import get_spec
from napari_medseg.weights.entry import intensity_of

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# the loaders of CMUNeXt, Mobile-CMUNeXt and LGMSNet (BUSI, TNSCUI, ISIC) read blue first, standardise by ImageNet's
# figures in that order, and divide by 255 once more; that of LGMSNet for Kvasir does neither the first nor the last
PIPELINES: Mapping[str, Mapping[str, Any]] = {
    "bgr255": {"mean": MEAN, "std": tuple(255 * value for value in STD), "order": "bgr"},
    "imagenet": {"mean": MEAN, "std": STD, "order": "rgb"},
    "declared": {},
}
_PUBLISHED = ("cmunext", "lgms-net")
ABOUT: Mapping[str, str] = {
    "bgr255": "blue first, ImageNet's mean and standard deviation, divided by 255 again, as the published loaders of "
    "CMUNeXt and LGMSNet do; name --pipeline imagenet for LGMSNet's Kvasir weights",
    "imagenet": "red first, ImageNet's mean and standard deviation",
    "declared": "as the network is declared here",
}


def pipeline_of(network: str, name: str | None) -> tuple[str, dict[str, Any]]:
    """A pipeline's name and its intensities, as :class:`~napari_medseg.networks.InputSpec` has them.

    Parameters
    ----------
    network : str
    name : str or None
        One of :data:`PIPELINES`; None: that of the network's published loader.

    Raises
    ------
    UnknownNameError
        If there is none of this name, or no such network.
    """
    if name is None:
        colour = not network.endswith("-3d")
        name = "bgr255" if colour and network.startswith(_PUBLISHED) else "declared"
    if name not in PIPELINES:
        raise UnknownNameError("pipeline", name, tuple(PIPELINES))
    return name, dict(PIPELINES[name]) or intensity_of(get_spec(network).input)
