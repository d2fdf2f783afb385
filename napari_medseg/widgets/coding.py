"""What each class is and where it lies, by a list that is searched while one types: for formats that hold codes."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QCompleter, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_medseg.app.classes import shown_classes
from napari_medseg.app.coding import Coded, coding_of, remember, remembered
from napari_medseg.app.formats import format_named
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.io.codes import WHAT, WHERE, Coding, Concept, concepts
from napari_medseg.project import LabelClass, Project
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr

# of a list, px
_NARROW = 60
# of a class's name, px
_WIDEST = 110


class ConceptList(QComboBox):
    """Entries of the list of codes; what is typed is looked for in their names and in the words beside them."""

    chosen = Signal()

    def __init__(self, use: str) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        # two fit beside a class's name, however narrow the panel is
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(_NARROW)
        if use == WHERE:
            self.addItem(tr("not said"), "")
        for one in concepts(use):
            self.addItem(f"{one.meaning} ({one.words})" if one.words else one.meaning, one.id)
            self.setItemData(self.count() - 1, tr("SNOMED CT {code}", code=one.code), Qt.ItemDataRole.ToolTipRole)
        completer = QCompleter(self.model(), self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.setCompleter(completer)
        completer.activated.connect(self._completed)
        # what was typed and is no entry gives way to the one that is chosen
        edit = self.lineEdit()
        if edit is not None:
            edit.editingFinished.connect(self._settle)
        self.activated.connect(lambda _: self._picked())

    def show_concept(self, one: Concept | None) -> None:
        """Choose an entry; nobody is told."""
        self.setCurrentIndex(max(0, self.findData("" if one is None else one.id)))
        self._from_start()

    def _completed(self, text: str) -> None:
        self.setCurrentIndex(self.findText(text))
        self._picked()

    def _settle(self) -> None:
        popup = self.completer().popup()
        if popup is not None and popup.isVisible():
            # an entry is about to be picked
            return
        typed = self.currentText().strip().casefold()
        found = next((row for row in range(self.count()) if self.itemText(row).casefold() == typed), -1)
        if found < 0:
            model = self.completer().completionModel() if typed else None
            first = model.index(0, 0).data() if model is not None and model.rowCount() == 1 else None
            found = self.findText(first) if first else self.currentIndex()
        changed = found != self.currentIndex()
        self.setCurrentIndex(found)
        self.setEditText(self.itemText(found))
        self._from_start()
        if changed:
            self.chosen.emit()

    def _picked(self) -> None:
        self._from_start()
        self.chosen.emit()

    def _from_start(self) -> None:
        edit = self.lineEdit()
        if edit is not None:
            edit.setCursorPosition(0)
        self.setToolTip(self.currentText())


class CodingBox(QWidget):
    """A row a class, and whether the patient is named; shown for formats whose masks refer to their image."""

    def __init__(self, state: PanelState, workers: Workers) -> None:
        super().__init__()
        self._state, self._workers = state, workers
        self.rows: dict[int, tuple[ConceptList, ConceptList]] = {}
        self._project: Project | None = None
        self.patient = QCheckBox(tr("Name the patient and the study, as the image does"))
        self.patient.setToolTip(
            tr(
                "The patient's name, number and birth date, and the study's date, are then in the file, so that a PACS "
                "puts it beside its image. Else they are left empty. The file's name never holds them."
            )
        )
        self.report = QCheckBox(tr("Also what each lesion measures, as DICOM SR"))
        self.report.setToolTip(
            tr(
                "A second file, NAME_measurements.sr.dcm. Where a class has several lesions, a third has a segment for "
                "each"
            )
        )
        self.report.setChecked(bool(load_settings().get("export_report", False)))
        self.report.toggled.connect(lambda on: save_settings(export_report=on))
        self._grid = QGridLayout()
        self._grid.setSpacing(SPACING)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._grid)
        layout.addWidget(self.report)
        layout.addWidget(self.patient)
        self.hide()
        state.events.project.connect(self._project_changed)
        for event in (state.events.case_id, state.events.weights, state.events.task):
            event.connect(self.refresh)

    def show_for(self, format: str) -> None:
        """Be there for a format that holds codes, else not."""
        wanted = bool(format_named(format).takes.of_format)
        self.setVisible(wanted)
        if wanted:
            self.refresh()

    def coded(self) -> Coded:
        """What is chosen."""
        found = {label: self._coding(label) for label in self.rows}
        return Coded(codes=found, patient=self.patient.isChecked(), measurements=self.report.isChecked())

    def _coding(self, label: int) -> Coding:
        what, where = (box.currentData() for box in self.rows[label])
        return Coding.from_plain({WHAT: what, WHERE: where})

    def _project_changed(self, *_: Any) -> None:
        # another patient's images: it is asked for anew
        self.patient.setChecked(False)
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Read the classes and what the project remembers of them, off the GUI thread."""
        if self.isHidden():
            return
        project, case_id, naming = self._state.project, self._state.case_id, self._state.naming()
        if project is None:
            self._fill(None, [], {}, naming["task"])
            return

        def work(ticket: Any, progress: Any) -> tuple[list[LabelClass], dict[int, Coding]]:
            return shown_classes(project, case_id, **naming), remembered(project)

        self._workers.run(
            work, on_done=lambda found: self._fill(project, found[0], found[1], naming["task"]), lane="files"
        )

    def _fill(self, project: Project | None, classes: list[LabelClass], known: dict[int, Coding], task: str) -> None:
        if project is not self._state.project:
            return
        kept = self.coded().codes if project is self._project else {}
        self._project = project
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.rows = {}
        for column, title in enumerate((tr("Label"), tr("It is"), tr("Where in the body"))):
            self._grid.addWidget(QLabel(title), 0, column)
        named = {one.label: one.name for one in classes} or {1: ""}
        for row, (label, name) in enumerate(named.items(), start=1):
            coding = known.get(label) or (kept.get(label) if project is None else None) or coding_of(name, task)
            text = TextLabel(name or tr("label {label}", label=label))
            lists = ConceptList(WHAT), ConceptList(WHERE)
            for column, (box, one) in enumerate(zip(lists, (coding.what, coding.where), strict=True), start=1):
                box.show_concept(one)
                box.chosen.connect(lambda label=label: self._keep(label))
                self._grid.addWidget(box, row, column)
            text.setToolTip(as_tip(text.text()))
            text.setMaximumWidth(_WIDEST)
            self._grid.addWidget(text, row, 0)
            self.rows[label] = lists

    def _keep(self, label: int) -> None:
        project, coding = self._project, self._coding(label)
        if project is None:
            return
        self._workers.run(
            lambda ticket, progress: remember(project, {label: coding}), on_done=lambda _: None, lane="files"
        )
