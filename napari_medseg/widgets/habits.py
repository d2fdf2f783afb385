"""How a person draws: brush, look and tool go from image to image, brush size and opacity from session to session."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.project import Project

# of a Labels layer
KEPT = ("brush_size", "opacity", "preserve_labels", "contour")
# what is believed of the settings file; a mask that cannot be seen is no way to begin a day
STORED = {"brush_size": (1, 1000), "opacity": (0.1, 1)}
MODES = ("paint", "erase", "fill", "polygon")


class Habits:
    """What was last set on the mask that was drawn in.

    Attributes
    ----------
    mode : str
        Which of napari's tools was used last.
    """

    def __init__(self) -> None:
        stored = load_settings()
        self._values: dict[str, Any] = {}
        for name, (low, high) in STORED.items():
            value = stored.get(name)
            if isinstance(value, int | float) and low <= value <= high:
                self._values[name] = value
        self._label: tuple[Project, int] | None = None
        self.mode = "paint"

    def give(self, labels: Labels, project: Project) -> None:
        """Set a mask up as the last one was; the label too, where it is one of the same project."""
        for name, value in self._values.items():
            # napari draws anew at each, also where nothing is another
            if getattr(labels, name) != value:
                setattr(labels, name, value)
        if self._label is not None and self._label[0] is project and labels.selected_label != self._label[1]:
            labels.selected_label = self._label[1]

    def learn(self, labels: Labels, project: Project) -> None:
        """Look how a mask is set up, and remember it."""
        before, self._values = self._values, {name: getattr(labels, name) for name in KEPT}
        self._label = project, int(labels.selected_label)
        if str(labels.mode) in MODES:
            # ours, and moving the image, leave it as it was
            self.mode = str(labels.mode)
        if before != self._values:
            save_settings(**{name: self._values[name] for name in STORED})
