"""Export: masks to files, by the path that the command line and the Save dialog take too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.classes import only_label_1
from napari_medseg.app.export import (
    SUFFIXES,
    check_folder,
    export_masks,
    export_project,
    suffix_for,
)
from napari_medseg.app.layer_keys import HISTORY_KEY
from napari_medseg.app.places import grid_under
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import InputError, PartlyDoneError, sentence
from napari_medseg.names import clean_name, distinct_names
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.layers import images_in, is_numbered
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers

# of the masks that could not be written
MOST_TOLD = 20


class ExportSection(QWidget):
    """Writes the mask that is open, or all accepted ones."""

    def __init__(self, viewer: Any, state: PanelState, view: CaseView, workers: Workers) -> None:
        super().__init__()
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        self.this, self.all = QRadioButton("The selected mask"), QRadioButton("All accepted masks of the project")
        self.format, self.folder = QComboBox(), QLineEdit()
        self.objects = QCheckBox("Also number the objects (nuclei, cells)")
        # not remembered: each time it is for these files alone
        self.overwrite = QCheckBox("Replace files that are there")
        self.browse, self.export, self.message = QPushButton("..."), QPushButton("Export"), TextLabel()
        stored = load_settings()
        self.this.setChecked(True)
        self.format.addItems(list(SUFFIXES))
        self.format.setCurrentText(str(stored.get("format", "tiff")))
        self.folder.setText(str(stored.get("export_folder", Path.home() / "medseg-masks")))
        self.objects.setChecked(bool(stored.get("export_objects", False)))
        self.objects.setToolTip("A second file, NAME_objects, in which each object has a number of its own")
        self.message.setWordWrap(True)
        self.browse.setMaximumWidth(34)
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(self.browse)
        form = QFormLayout()
        form.addRow("Format", self.format)
        form.addRow("Folder", row)
        hint = QLabel(
            "TIFF keeps the pixel size and where the mask comes from. PNG shows one class as 0 and 255. Volumes are "
            "written as NIfTI, onto the voxels of their image."
        )
        hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(self.this)
        layout.addWidget(self.all)
        layout.addLayout(form)
        layout.addWidget(self.objects)
        layout.addWidget(self.overwrite)
        layout.addWidget(hint)
        layout.addWidget(self.export)
        layout.addWidget(self.message)
        layout.addStretch()
        self.browse.clicked.connect(self._ask)
        self.export.clicked.connect(self.start)

    def _ask(self) -> None:
        dialog = QFileDialog(self, "Folder to write to", self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda files: self.folder.setText(files[0]))
        dialog.open()

    def start(self) -> None:
        """Export off the GUI thread."""
        folder, format = Path(self.folder.text()).expanduser(), self.format.currentText()
        wishes = {"objects": self.objects.isChecked(), "overwrite": self.overwrite.isChecked()}
        save_settings(format=format, export_folder=str(folder), export_objects=wishes["objects"])
        if self.all.isChecked():
            project = self._state.project
            if project is None:
                self.message.setText("No project is open. Open one in the section Correct, or export the mask.")
                return
            self._run(lambda ticket, progress: export_project(project, folder, format=format, **wishes))
            return
        layer = self._selected()
        if layer is None:
            self.message.setText("No mask is there to export. Propose one, or select a Labels layer.")
            return
        opened = self._view.case_of(layer)
        try:
            if opened is not None and (why := opened.problem()) is not None:
                raise InputError(why)
            grid = grid_under(images_in(self._viewer), layer)
        except InputError as error:
            self._failed(error)
            return
        labels = np.array(layer.data)
        ask, proposal = layer.metadata.get(HISTORY_KEY), dict(layer.metadata.get("medseg", {}))
        stem, suffix = self._stem(layer), suffix_for(format, volume=labels.ndim == 3)
        project = self._state.project

        def write(ticket: Any, progress: Any) -> list[Path]:
            check_folder(folder)
            # where there is a history, it alone says where the mask comes from: the layer knows of one proposal only
            facts = proposal if ask is None else ask(labels)
            # as in all other files of the project
            numbers = ask is not None and project is not None and not only_label_1(project)
            return export_masks(
                folder / stem, labels, suffix=suffix, grid=grid, provenance=facts, numbers=numbers, **wishes
            )

        self._run(write)

    def _stem(self, layer: Labels) -> str:
        """What the layer's file is called after: no two masks of the viewer after one."""
        masks = [one for one in self._viewer.layers if isinstance(one, Labels)]
        stems = distinct_names([one.name.removesuffix(" mask") for one in masks])
        return next((stem for one, stem in zip(masks, stems, strict=True) if one == layer), clean_name(layer.name))

    def _selected(self) -> Labels | None:
        active = self._viewer.layers.selection.active
        if isinstance(active, Labels):
            return active
        masks = [layer for layer in self._viewer.layers if isinstance(layer, Labels) and not is_numbered(layer)]
        return masks[-1] if masks else None

    def _run(self, work: Any) -> None:
        self.export.setEnabled(False)
        self.message.setText("Writing...")
        self._workers.run(work, on_done=self._done, on_error=self._failed)

    def _done(self, written: list[Path]) -> None:
        self.export.setEnabled(True)
        self.overwrite.setChecked(False)
        self.message.setText(f"Wrote {len(written)} file(s) to {written[0].parent}.")
        show_info(f"Wrote {len(written)} mask(s).")

    def _failed(self, error: BaseException) -> None:
        self.export.setEnabled(True)
        done = f"Wrote {len(error.done)} file(s). " if isinstance(error, PartlyDoneError) else ""
        told = "\n".join(error.problems[:MOST_TOLD]) if isinstance(error, PartlyDoneError) else ""
        self.message.setText("\n".join(text for text in (done + sentence(error), told) if text))
        show_warning(done + sentence(error))
