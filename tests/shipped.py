"""Ids of the files that ship, whatever their version."""

from napari_medseg.weights import list_weights


def shipped(name: str) -> str:
    """The bundled file of NETWORK/TASK."""
    network, _, task = name.partition("/")
    (found,) = (entry.id for entry in list_weights(network=network) if entry.task == task)
    return found
