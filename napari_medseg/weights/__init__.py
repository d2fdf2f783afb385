"""Weights files: entries, checksums, loading and saving.

The entries and the store need no torch; loading and saving import it when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medseg.weights.entry import WeightsEntry
from napari_medseg.weights.store import list_weights, read_entry, resolve_weights

if TYPE_CHECKING:
    from napari_medseg.weights.load import import_published, load_network, save_weights

__all__ = [
    "WeightsEntry",
    "import_published",
    "list_weights",
    "load_network",
    "read_entry",
    "resolve_weights",
    "save_weights",
]


def __getattr__(name: str) -> Any:
    # lists of weights are shown before anything is computed: keep torch's 1.5 s out of that
    if name in ("import_published", "load_network", "save_weights"):
        from napari_medseg.weights import load

        return getattr(load, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
