"""What each class is and where it lies, by a list that is searched while one types: for formats that hold codes."""

from __future__ import annotations

from typing import Any, NamedTuple

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QCompleter,
    QGridLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.classes import shown_classes
from napari_medseg.app.coding import Coded, coding_of, proposed_by, remember, remembered, sure_names
from napari_medseg.app.formats import format_named
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.io.codes import WHAT, WHERE, Coding, Concept, concepts
from napari_medseg.project import Project
from napari_medseg.tasks import task_words
from napari_medseg.widgets.labels import SPACING, TextLabel, as_tip
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr

# of a list, px
_NARROW = 60
# of a class's name, px
_WIDEST = 110
# around the entries of a list that is open, px
_RIM = 12
# of an entry: its meaning and the words by which it is found too
_WHOLE = Qt.ItemDataRole.UserRole + 1


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
            whole = f"{one.meaning} ({one.words})" if one.words else one.meaning
            self.addItem(one.meaning, one.id)
            self.setItemData(self.count() - 1, whole, _WHOLE)
            tip = as_tip(f"{whole}, {tr('SNOMED CT {code}', code=one.code)}")
            self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        completer = QCompleter(self.model(), self)
        completer.setCompletionRole(_WHOLE)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.setCompleter(completer)
        completer.activated.connect(self._completed)
        # what was typed and is no entry gives way to the one that is chosen
        edit = self.lineEdit()
        if edit is not None:
            edit.editingFinished.connect(self._settle)
            edit.textEdited.connect(lambda _: self._widen(completer.popup()))
        self.activated.connect(lambda _: self._picked())

    def showPopup(self) -> None:  # noqa: N802
        """As wide as its entries are, however narrow the box is."""
        self._widen(self.view())
        super().showPopup()

    def _widen(self, popup: QAbstractItemView | None) -> None:
        view = self.view()
        bar = view.verticalScrollBar() if view is not None else None
        if popup is not None and view is not None and bar is not None:
            popup.setMinimumWidth(view.sizeHintForColumn(0) + bar.sizeHint().width() + _RIM)

    def show_concept(self, one: Concept | None) -> None:
        """Choose an entry; nobody is told."""
        self.setCurrentIndex(max(0, self.findData("" if one is None else one.id)))
        self._from_start()

    def _completed(self, text: str) -> None:
        self.setCurrentIndex(self.findData(text, _WHOLE))
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
        self.setToolTip(str(self.currentData(Qt.ItemDataRole.ToolTipRole) or as_tip(self.currentText())))


class _Shown(NamedTuple):
    """What the rows show: names, what the project remembers, what is said where nobody chose, and for which task."""

    named: dict[int, str]
    known: dict[int, Coding]
    guessed: dict[int, Coding]
    task: str


class CodingBox(QWidget):
    """A row a class, and whether the patient is named; shown for formats whose masks refer to their image."""

    def __init__(self, state: PanelState, workers: Workers) -> None:
        super().__init__()
        self._state, self._workers = state, workers
        self.rows: dict[int, tuple[ConceptList, ConceptList]] = {}
        self._project: Project | None = None
        # for masks proposed for which task the codes are that are chosen here, and those that were
        self._task = ""
        self._chosen: dict[int, Coding] = {}
        # names of labels of which nobody chose what they are
        self._open: dict[int, str] = {}
        # where the codes come from that nobody chose
        self.origins = TextLabel()
        self.origins.setWordWrap(True)
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
        layout.addWidget(self.origins)
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
        """What a person chose; what the rows show besides is found for each mask anew."""
        task = None if self._project is None else self._task
        return Coded(
            codes=dict(self._chosen),
            task=task,
            patient=self.patient.isChecked() and not self.isHidden(),
            # a tick that is remembered, but out of sight, asks for nothing
            measurements=self.report.isChecked() and not self.isHidden(),
        )

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
            self._fill(None, _Shown({1: ""}, {}, {1: coding_of("")}, ""))
            return

        def work(ticket: Any, progress: Any) -> _Shown:
            origin = None if case_id is None else project.proposal_origin(case_id)
            named = {one.label: one.name for one in shown_classes(project, case_id, **naming)} or {1: ""}
            task, own = proposed_by(origin)
            sure = sure_names(project, named, origin)
            guessed = {label: coding_of(name, task, own) for label, name in sure.items()}
            return _Shown(named, remembered(project, task), guessed, task)

        self._workers.run(work, on_done=lambda found: self._fill(project, found), lane="files")

    def _fill(self, project: Project | None, shown: _Shown) -> None:
        if project is not self._state.project:
            return
        if project is not self._project or shown.task != self._task:
            self._chosen = {}
        self._project, self._task = project, shown.task
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.rows = {}
        for column, title in enumerate((tr("Label"), tr("It is"), tr("Where in the body"))):
            self._grid.addWidget(QLabel(title), 0, column)
        known = {**shown.known, **self._chosen}
        for row, (label, name) in enumerate(shown.named.items(), start=1):
            coding = known.get(label) or shown.guessed[label]
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
        self._open = {label: name or tr("label {label}", label=label) for label, name in shown.named.items()}
        self._open = {label: name for label, name in self._open.items() if label not in known}
        self._tell_origins()

    def _tell_origins(self) -> None:
        lines = []
        if self._open:
            lines.append(
                tr(
                    "Not chosen: {names}. Each mask says what the label's name tells, or the network that proposed "
                    "that mask; where neither tells, tissue, and no place in the body.",
                    names=", ".join(self._open.values()),
                )
            )
        if self._project is not None:
            lines.append(
                tr("What you choose is for masks proposed as this one: {task}.", task=task_words(self._task))
                if self._task
                else tr("What you choose is for masks that no network proposed, as this one.")
            )
        self.origins.setText(" ".join(lines))
        self.origins.setVisible(bool(lines))

    def _keep(self, label: int) -> None:
        project, task, coding = self._project, self._task, self._coding(label)
        self._chosen[label] = coding
        self._open.pop(label, None)
        self._tell_origins()
        if project is None:
            return
        self._workers.run(
            lambda ticket, progress: remember(project, {label: coding}, task), on_done=lambda _: None, lane="files"
        )
