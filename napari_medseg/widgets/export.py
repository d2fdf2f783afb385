"""Export: masks to files, by the path that the command line and the Save dialog take too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QShowEvent
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

from napari_medseg.app.batch import check_free
from napari_medseg.app.classes import only_label_1
from napari_medseg.app.coding import check_format, coded_facts, told
from napari_medseg.app.export import (
    ACCEPTED,
    ALL,
    check_folder,
    export_masks,
    export_project,
    to_export,
)
from napari_medseg.app.export_slide import export_slide, no_objects, no_table
from napari_medseg.app.formats import DEFAULT, advice, format_named, names, suffix_for
from napari_medseg.app.layer_keys import HISTORY_KEY, SLIDE_KEY
from napari_medseg.app.lesions import measure
from napari_medseg.app.measure_files import TABLE, export_with_table, write_table
from napari_medseg.app.places import file_under, grid_under, image_under
from napari_medseg.app.provenance import of_proposal
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import FilesThereError, InputError, PartlyDoneError, sentence
from napari_medseg.names import clean_name, distinct_names
from napari_medseg.project import Case, Project
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.coding import CodingBox
from napari_medseg.widgets.elsewhere import unseen
from napari_medseg.widgets.export_table import TableChoice
from napari_medseg.widgets.files_there import REPLACE, files_there
from napari_medseg.widgets.greyed import able
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.layers import image_of, images_in, is_numbered, is_part, plain_image
from napari_medseg.widgets.message import Message, Of
from napari_medseg.widgets.once import warn_unseen
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers, stepping
from napari_medseg.words import tr, trn

# of the masks that could not be written
MOST_TOLD = 20


class ExportSection(QWidget):
    """Writes the mask that is open, or all accepted ones."""

    def __init__(self, viewer: Any, state: PanelState, view: CaseView, workers: Workers) -> None:
        super().__init__()
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        # what is being written
        self._ticket: Ticket | None = None
        self._begun, self._ended = Event(), Event()
        # images that have no mask to write, and what was not measured of others
        self._left_out = 0
        self._not_measured: list[str] = []
        self.this = QRadioButton(tr("The selected mask"))
        self.all = QRadioButton(tr("All accepted masks of the project"))
        self.whole = QRadioButton(tr("All masks, also those that nobody accepted"))
        self.format, self.folder = QComboBox(), QLineEdit()
        self.objects = QCheckBox(tr("Also number the objects (nuclei, cells)"))
        self.table = TableChoice()
        # not remembered: each time it is for these files alone
        self.overwrite = QCheckBox(tr(REPLACE))
        self.browse, self.export, self.message = QPushButton("..."), QPushButton(tr("Export")), Message(Of.PROJECT)
        self.show_folder = QPushButton(tr("Open folder"))
        self._written_to = Path()
        stored = load_settings()
        self.this.setChecked(True)
        self.format.addItems(list(names()))
        for row, name in enumerate(names()):
            # which program it is for, before it is chosen
            self.format.setItemData(row, as_tip(advice(name)), Qt.ItemDataRole.ToolTipRole)
        self.format.setToolTip(tr("For QuPath and ImageJ: geojson and tiff; for 3D Slicer and ITK-SNAP: nifti, nrrd"))
        self.format.setCurrentText(str(stored.get("format", DEFAULT)))
        self.folder.setText(str(stored.get("export_folder", Path.home() / "medseg-masks")))
        self.objects.setChecked(bool(stored.get("export_objects", False)))
        self.objects.setToolTip(tr("A second file, NAME_objects, in which each object has a number of its own"))
        self.browse.setMaximumWidth(34)
        where, form = QHBoxLayout(), QFormLayout()
        where.addWidget(self.folder, 1)
        where.addWidget(self.browse)
        form.addRow(tr("Format"), self.format)
        form.addRow(tr("Folder"), where)
        self.hint = QLabel(advice(self.format.currentText()))
        self.hint.setWordWrap(True)
        self.coding = CodingBox(state, workers)
        # who is named, told before anything is written
        self.naming = TextLabel()
        self.naming.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACING)
        for choice in (self.this, self.all, self.whole):
            layout.addWidget(choice)
        layout.addLayout(form)
        below = (self.objects, self.table, self.overwrite, self.hint, self.coding, self.naming)
        for widget in (*below, self.export, self.show_folder):
            layout.addWidget(widget)
        layout.addStretch()
        self.show_folder.hide()
        self.format.currentTextChanged.connect(self._format_chosen)
        self.this.toggled.connect(self.look)
        view.slides.turned.connect(self.look)
        self.coding.patient.toggled.connect(self._tell_naming)
        self._format_chosen(self.format.currentText())
        self.browse.clicked.connect(self._ask)
        self.export.clicked.connect(self.start)
        self.show_folder.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written_to))))

    def _format_chosen(self, name: str) -> None:
        self.hint.setText(advice(name))
        self.coding.show_for(name)
        self.look()
        self._tell_naming()

    def look(self, *_: Any) -> None:
        """What the image that would be written does not give is grey, and says why."""
        case = self._slide() if self.this.isChecked() else None
        able(self.objects, None if case is None else no_objects(case, self.format.currentText()))
        able(self.table.tick, None if case is None else no_table(case))

    def showEvent(self, event: QShowEvent | None) -> None:
        """Another image may be open than when the tab was left."""
        super().showEvent(event)
        self.look()

    def _slide(self) -> Case | None:
        """The large image whose mask is meant by the selected one."""
        layer, slide = self._selected(), self._view.slides.shown
        if slide is not None and (layer is None or is_part(layer) or SLIDE_KEY in layer.metadata):
            return slide.case
        return None

    def _tell_naming(self, *_: Any) -> None:
        lines = told(format_named(self.format.currentText()), (), patient=self.coding.patient.isChecked())
        self.naming.setText(" ".join(lines))
        self.naming.setVisible(bool(lines))

    def _ask(self) -> None:
        dialog = QFileDialog(self, tr("Folder to write to"), self.folder.text())
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(lambda files: self.folder.setText(files[0]))
        dialog.open()

    def start(self) -> None:
        """Export off the GUI thread."""
        folder, format = Path(self.folder.text()).expanduser(), self.format.currentText()
        self.look()
        # what is grey is remembered, and not asked for
        objects, table = (one.isChecked() and one.isEnabled() for one in (self.objects, self.table.tick))
        wishes = {"objects": objects, "overwrite": self.overwrite.isChecked()}
        coded, chosen = self.coding.coded(), format_named(format)
        save_settings(format=format, export_folder=str(folder), export_objects=self.objects.isChecked())
        if not self.this.isChecked():
            project, state = self._state.project, ALL if self.whole.isChecked() else ACCEPTED
            if project is None:
                self.message.setText(tr("No project is open. Open one in the section Correct, or export the mask."))
                return
            # what was drawn last is written too, or that is said
            unstored = self._view.unstored() if state == ALL else []
            if (why := unstored[0][1] if unstored else self._view.resized()) is not None:
                self._failed(InputError(why))
                return

            self._run(
                partial(
                    self._write_all,
                    project,
                    folder,
                    state=state,
                    format=format,
                    coded=coded,
                    table=table,
                    **wishes,
                    **self._state.naming(),
                )
            )
            return
        layer, slide = self._selected(), self._view.slides.shown
        if slide is not None and self._slide() is not None:
            if unstored := self._view.unstored():
                self._failed(InputError(unstored[0][1]))
                return
            naming = {"table": table, **wishes, **self._state.naming()}
            self._run(partial(_write_slide, slide.project, slide.case, folder, format=format, **naming))
            return
        if layer is None:
            self.message.say(
                tr("No mask is selected; expected one to export. Propose one, or select a Labels layer."), Of.IMAGE
            )
            return
        opened = self._view.case_of(layer)
        try:
            if (why := (None if opened is None else opened.problem()) or unseen(layer)) is not None:
                raise InputError(why)
            grid = grid_under(images_in(self._viewer), layer)
            grid = grid if opened is None else opened.grid(grid)
            file = file_under(images_in(self._viewer), layer)
            file = file if opened is None else opened.project.case(opened.case_id).image
            check_format(chosen, file)
        except InputError as error:
            self._failed(error)
            return
        labels = np.array(layer.data)
        ask, proposal = layer.metadata.get(HISTORY_KEY), dict(layer.metadata.get("medseg", {}))
        stem, suffix = self._stem(layer), suffix_for(format, volume=labels.ndim == 3)
        project = self._state.project
        problem = None if opened is None else opened.other_picture()
        under = image_under(images_in(self._viewer), layer)
        values = None if under is None else plain_image(under)

        def write(ticket: Any, progress: Any) -> list[Path]:
            if problem is not None and (wrong := problem()) is not None:
                raise InputError(tr("{wrong} Nothing was written.", wrong=wrong))
            check_folder(folder)
            # where there is a history, it alone says where the mask comes from: the layer knows of one proposal only
            facts = of_proposal(proposal, labels) if ask is None else ask(labels)
            facts |= coded_facts(chosen, coded, facts, None if opened is None else opened.project)
            csv = folder / f"{stem}_{TABLE}"
            if table:
                check_free([csv], overwrite=wishes["overwrite"])
            # as in all other files of the project
            numbers = ask is not None and project is not None and not only_label_1(project)
            written = export_masks(
                folder / stem,
                labels,
                suffix=suffix,
                grid=grid,
                provenance=facts,
                numbers=numbers,
                source=file,
                **wishes,
            )
            if table:
                measured = measure(labels, grid, values, names=facts.get("classes"))
                written.append(write_table(csv, stem, measured, file))
            return written

        self._run(write)

    def _write_all(
        self, project: Project, folder: Path, ticket: Ticket, progress: Any, *, table: bool, **wishes: Any
    ) -> list[Path]:
        self._left_out = len(project.cases()) - len(to_export(project, wishes["state"]))
        step = stepping(ticket, progress)
        if not table:
            return export_project(project, folder, progress=step, **wishes)
        written, self._not_measured = export_with_table(project, folder, progress=step, **wishes)
        return written

    def _stem(self, layer: Labels) -> str:
        """What the layer's file is called after: no two masks of the viewer after one."""
        masks = [one for one in self._viewer.layers if isinstance(one, Labels)]
        stems = distinct_names([one.name.removesuffix(" mask") for one in masks])
        return next((stem for one, stem in zip(masks, stems, strict=True) if one == layer), clean_name(layer.name))

    def _selected(self) -> Labels | None:
        """The mask that is selected, or that of the selected image; else the one that is there."""
        active, current = self._viewer.layers.selection.active, self._view.current
        if isinstance(active, Labels):
            return active
        masks = [layer for layer in self._viewer.layers if isinstance(layer, Labels) and not is_numbered(layer)]
        image = None if active is None else image_of(self._viewer, active) or active
        if current is not None and (current.image == image or not isinstance(image, Image)):
            return current.labels
        if isinstance(image, Image):
            of = [image_of(self._viewer, mask) for mask in masks]
            # one that was made for another image is never this one's
            wanted = image if image in of else None
            masks = [mask for mask, its in zip(masks, of, strict=True) if its == wanted]
        return masks[0] if len(masks) == 1 else None

    def _run(self, work: Any) -> None:
        able(self.export, tr("Masks are being written: wait until they are."))
        self.message.setText(tr("Writing..."))
        self.show_folder.hide()
        self._left_out, self._not_measured = 0, []
        begun, ended = self._begun, self._ended = Event(), Event()

        def whole(ticket: Ticket, progress: Any) -> list[Path]:
            begun.set()
            try:
                return work(ticket, progress)
            finally:
                ended.set()

        self._ticket = self._workers.run(
            whole,
            on_done=self._done,
            on_error=self._failed,
            lane="export",
            # how far it is, and the button that ends it
            waits=tr("Writing..."),
            on_cancelled=self._stopped,
        )

    def _stopped(self) -> None:
        """What is written stays; the mask that is under way is whole or not there."""
        self._ticket = None
        able(self.export, None)
        self.message.note(tr("Stopped; the masks that are missing were left out."))

    def may_close(self, ask: Callable[[str], bool]) -> bool:
        """Before the window or the project closes: may what is not written yet be left out?

        Parameters
        ----------
        ask : callable
            Shows a question; its answer is whether to close all the same.
        """
        if self._ticket is None or self._ended.is_set():
            return True
        agreed = ask(tr("Masks are being written to {folder}.", folder=self.folder.text()))
        if agreed and self._ticket is not None:
            self._ticket.cancel()
            self._stopped()
        return agreed

    def close_section(self) -> None:
        """Wait for what is being written, or asked for: the project that it comes from is closed next."""
        if self._ticket is not None or self._begun.is_set():
            self._ended.wait()

    def _done(self, written: list[Path]) -> None:
        self._ticket = None
        able(self.export, None)
        self.overwrite.setChecked(False)
        told = trn(
            "Wrote {n} file to {folder}.", "Wrote {n} files to {folder}.", len(written), folder=written[0].parent
        )
        left = trn(
            "{n} image without such a mask was left out.",
            "{n} images without such a mask were left out.",
            self._left_out,
        )
        lines = [told, left if self._left_out else "", *self._not_measured[:MOST_TOLD]]
        self.message.setText(" ".join(line for line in lines if line))
        self._offer(written)
        show_info(told)

    def _offer(self, written: list[Any]) -> None:
        """The folder, by one click."""
        if written:
            self._written_to = Path(written[0]).parent
        self.show_folder.setVisible(bool(written))

    def _failed(self, error: BaseException) -> None:
        self._ticket = None
        able(self.export, None)
        done = list(error.done) if isinstance(error, PartlyDoneError) else []
        why = files_there(error) if isinstance(error, FilesThereError) else sentence(error)
        wrote = trn("Wrote {n} file.", "Wrote {n} files.", len(done)) if done else ""
        lines = [f"{wrote} {why}"]
        if isinstance(error, PartlyDoneError):
            # a reason that several have is told once
            what = f"{error.what[:1].upper()}{error.what[1:]}."
            lines = [f"{wrote} {what}", *list(dict.fromkeys(error.problems))[:MOST_TOLD]]
        self.message.setText("\n".join(line.strip() for line in lines))
        self._offer(done)
        warn_unseen(self, why)


def _write_slide(
    project: Project, case: Case, folder: Path, ticket: Ticket, progress: Any, **wishes: Any
) -> list[Path]:
    """All of a slide, whatever part of it is looked at."""
    return export_slide(project, case, folder, progress=stepping(ticket, progress), **wishes)
