"""How published code turns pixels into a network's input: state dicts do not tell, and a wrong guess is garbage.

Every pipeline here is one mean, standard deviation and order of channels, and of volumes a window and a spacing, which
a weights file carries.
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
    # LGMSNet's for volumes: the window becomes 0 to 1, and that is all
    "btcv": {"mean": 0.0, "std": 1.0, "order": "rgb"},
    "declared": {},
}
# intensities that are 0 and 1, and voxels (z, y, x), mm
GRIDS: Mapping[str, Mapping[str, Any]] = {"btcv": {"window": (-175.0, 250.0), "spacing": (2.0, 1.5, 1.5)}}
_PUBLISHED = ("cmunext", "lgms-net")
ABOUT: Mapping[str, str] = {
    "bgr255": "blue first, ImageNet's mean and standard deviation, divided by 255 again, as the published loaders of "
    "CMUNeXt and LGMSNet do; name --pipeline imagenet for LGMSNet's Kvasir weights",
    "imagenet": "red first, ImageNet's mean and standard deviation",
    "btcv": "with -175 for 0 and 250 for 1, in voxels of 2 x 1.5 x 1.5 mm, as LGMSNet's settings for BTCV have it; how "
    "its loader laid volumes is not published: they go in as (Z, Y, X), towards head, front and right",
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
        If there is none of this name for this network, or no such network.
    """
    deep = get_spec(network).input.ndim == 3
    if name is None:
        name = ("btcv" if deep else "bgr255") if network.startswith(_PUBLISHED) else "declared"
    fit = tuple(one for one in PIPELINES if one == "declared" or (one in GRIDS) == deep)
    if name not in fit:
        raise UnknownNameError("pipeline", name, fit)
    return name, dict(PIPELINES[name]) or intensity_of(get_spec(network).input)
