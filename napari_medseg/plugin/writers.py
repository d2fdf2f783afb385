"""napari's Save dialog to the export that everything else takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_medseg.app.export import export_labels, layer_spacing


def write_labels(path: str, data: np.ndarray, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as TIFF or PNG, of a volume as NIfTI.

    Raises
    ------
    MedsegError
        If the layer is no mask of an image or a volume, or the file cannot be written.
    """
    spacing, unit = layer_spacing(attributes.get("scale", (1, 1)), attributes.get("units", ("pixel", "pixel")))
    facts = dict(attributes.get("metadata", {}).get("medseg", {}))
    return [str(export_labels(path, np.asarray(data), spacing=spacing, unit=unit, provenance=facts))]
