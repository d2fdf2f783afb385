"""What is done once, when napari first uses the plugin: our language, and our writer before napari's own."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from npe2 import PluginManager

from napari_medseg import words

BUILTIN = "napari"
"""napari's own readers and writers."""


def activate(context: Any = None) -> None:
    """All of it.

    Parameters
    ----------
    context : npe2.PluginContext
        npe2 passes it; not needed.
    """
    # readers work without a window too
    with suppress(ImportError):
        from qtpy.QtCore import QLocale

        words.begin(QLocale.system().uiLanguages())
    offer_first()


def offer_first() -> None:
    """Put MedSeg first where a mask is saved.

    napari's File > Save and Ctrl+S offer the writers of a layer in the order in which their plugins were found, and
    take the first unless a person chooses: napari's own, which fails at a mask named ``.png`` (and leaves an empty
    file), and knows neither the image nor the size of its pixels. A manifest cannot say what comes first; enabled
    again, napari's own come last.
    """
    manager = PluginManager.instance()
    writers = [writer.plugin_name for writer in manager.iter_compatible_writers(["labels"])]
    if BUILTIN not in writers or "napari-medseg" not in writers[writers.index(BUILTIN) :]:
        return
    # nothing is disabled for anyone: who listens would store that as a wish of the user
    with manager.events.enablement_changed.blocked():
        manager.disable(BUILTIN)
        manager.enable(BUILTIN)
