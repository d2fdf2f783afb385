"""The networks there are. A new one is a file, its declaration, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_medseg.errors import UnknownNameError
from napari_medseg.networks.declared import cmunext, dcsnet, dymas_net, lgms_net, sgd_net
from napari_medseg.networks.spec import NetworkSpec

if TYPE_CHECKING:
    from torch import nn

SPECS: tuple[NetworkSpec, ...] = (
    *cmunext.SPECS,
    *dymas_net.SPECS,
    *lgms_net.SPECS,
    *sgd_net.SPECS,
    *dcsnet.SPECS,
)


def list_networks() -> tuple[str, ...]:
    """Names of all networks, in the order in which they are offered."""
    return tuple(spec.name for spec in SPECS)


def get_spec(name: str) -> NetworkSpec:
    """The declaration of a network.

    Raises
    ------
    UnknownNameError
        If no network has this name.
    """
    for spec in SPECS:
        if spec.name == name:
            return spec
    raise UnknownNameError("network", name, list_networks())


def create_network(name: str, *, in_channels: int | None = None, classes: int = 1, **options: Any) -> nn.Module:
    """Build a network with fresh weights, in training mode.

    Parameters
    ----------
    name : str
        One of :func:`list_networks`.
    in_channels : int, optional
        Channels of the input; default: the paper's.
    classes : int
        Channels of the output: 1 for foreground against background.
    **options
        Override the declared options of the network.

    Raises
    ------
    UnknownNameError
        If no network has this name.
    """
    spec = get_spec(name)
    channels = spec.input.channels if in_channels is None else in_channels
    return spec.build(in_channels=channels, classes=classes, **{**spec.options, **options})


def full_options(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a network in a file that may leave out those that were declared when it was written.

    Raises
    ------
    UnknownNameError
        If no network has this name.
    """
    spec = get_spec(name)
    return {**(spec.options if spec.earlier is None else spec.earlier.options), **told}
