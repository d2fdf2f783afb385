"""The networks there are. A new one is a file, its declaration, and a line here."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_medseg.errors import InputError, UnknownNameError
from napari_medseg.networks.declared import cmunext, dcsnet, dymas_net, lgms_net, sgd_net
from napari_medseg.networks.spec import Builder, NetworkSpec

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


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Make sure that a network can be built with options; takes no memory for it.

    Raises
    ------
    UnknownNameError
        If there is no such network, or it has no option of such a name.
    InputError
        If a value is of another kind than the option's own, or makes no network.
    """
    import torch

    known = options_of(name)
    for option, value in options.items():
        if option not in known:
            raise UnknownNameError(f"option of {name}", option, tuple(known))
        usual = known[option].default
        if not _alike(value, usual) and not (value is None and "None" in str(known[option].annotation)):
            raise InputError(f"option {option} of {name} is {value!r}; expected such a value as {usual!r}. Correct it.")
    try:
        with torch.device("meta"):
            create_network(name, **options)
    except (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError) as error:
        told = ", ".join(f"{option}={value}" for option, value in options.items())
        raise InputError(f"{name} cannot be built with {told}: {error}") from error


def options_of(name: str) -> dict[str, inspect.Parameter]:
    """What can be given to a network beside channels and classes; loads torch."""
    build = get_spec(name).build
    given = inspect.signature(build.made() if isinstance(build, Builder) else build).parameters
    return {option: one for option, one in given.items() if option not in ("in_channels", "classes")}


def _alike(value: object, usual: object) -> bool:
    if usual is None:
        return True
    if isinstance(usual, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(usual, bool)
    if isinstance(usual, tuple):
        return isinstance(value, list | tuple) and all(_alike(one, usual[0]) for one in value)
    return isinstance(value, int | float if isinstance(usual, float) else type(usual))


def full_options(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a network in a file that may leave out those that were declared when it was written.

    Raises
    ------
    UnknownNameError
        If no network has this name.
    """
    spec = get_spec(name)
    return {**(spec.options if spec.earlier is None else spec.earlier.options), **told}
