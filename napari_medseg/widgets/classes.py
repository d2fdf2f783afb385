"""What the labels stand for: names and colours, kept with the project; choosing one draws with it."""

from __future__ import annotations

from typing import Any

from napari.utils.colormaps import DirectLabelColormap
from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QColorDialog,
    QGroupBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
)

from napari_medseg.app.classes import colour_of, shown_classes
from napari_medseg.app.correct import SaveStatus
from napari_medseg.errors import sentence
from napari_medseg.project import LabelClass, Project
from napari_medseg.widgets.case_view import CaseView
from napari_medseg.widgets.greyed import NO_PROJECT, able
from napari_medseg.widgets.labels import MARGINS
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Workers
from napari_medseg.words import tr

MOST_ROWS = 4
LABEL, COLOUR = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class ClassList(QGroupBox):
    """The project's classes; double-click renames."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, view: CaseView, workers: Workers) -> None:
        super().__init__(tr("Labels"))
        self._viewer, self._state, self._view, self._workers = viewer, state, view, workers
        self._filling = False
        # a label that was just added; a proposal may bring names when it is stored
        self._added: int | None = None
        self._proposed = False
        # colours by label, and the map of them that a mask was given last
        self._given: tuple[dict[int | None, Any], Any] | None = None
        self.list = QListWidget()
        self.add, self.colour = QPushButton(tr("Add label")), QPushButton(tr("Colour..."))
        self.list.setToolTip(tr("Choose what to draw; double-click to rename"))
        row = QHBoxLayout(self)
        row.setContentsMargins(*MARGINS)
        row.addWidget(self.list, 1)
        for button in (self.add, self.colour):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.list.currentItemChanged.connect(self._chosen)
        self.list.itemChanged.connect(self._renamed)
        self.add.clicked.connect(self.add_class)
        self.colour.clicked.connect(self._ask_colour)
        state.events.project.connect(self.refresh)
        state.events.case_id.connect(self._case_changed)
        state.events.weights.connect(self.refresh)
        state.events.task.connect(self.refresh)
        bus.proposed.connect(self._expect_names)
        bus.save_status.connect(self._stored)
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Read the project's classes, off the GUI thread."""
        project = self._state.project
        for widget in (self.list, self.add, self.colour):
            able(widget, tr(NO_PROJECT) if project is None else None)
        if project is None:
            self._fill([])
            return
        case_id, naming = self._state.case_id, self._state.naming()
        self._workers.run(
            lambda ticket, progress: shown_classes(project, case_id, **naming),
            on_done=lambda found: self._read(project, found),
            lane="files",
        )

    def _case_changed(self, *_: Any) -> None:
        self._show_on_layer()
        self._expect_names()
        self.refresh()

    def _expect_names(self, *_: Any) -> None:
        self._proposed = True

    def _stored(self, status: SaveStatus) -> None:
        if self._proposed and not status.pending:
            self._proposed = False
            self.refresh()

    def _read(self, project: Project, found: list[LabelClass]) -> None:
        if project is self._state.project:
            self._fill(found or [LabelClass(label=1, name="label 1", colour=colour_of(1))])

    def _fill(self, classes: list[LabelClass]) -> None:
        case, item = self._view.current, self.list.currentItem()
        chosen = int(case.labels.selected_label) if case else item.data(LABEL) if item else 1
        if self._added is not None and any(one.label == self._added for one in classes):
            # whoever adds a label is about to draw it
            chosen, self._added = self._added, None
            if case is not None:
                case.labels.selected_label = chosen
        self._filling = True
        self.list.clear()
        for one in classes:
            item = QListWidgetItem(one.name)
            item.setData(LABEL, one.label)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setToolTip(tr("label {label}", label=one.label))
            self._paint(item, one.colour)
            self.list.addItem(item)
            if one.label == chosen:
                self.list.setCurrentItem(item)
        self._filling = False
        # as high as its rows, up to so many
        rows = min(max(1, self.list.count()), MOST_ROWS)
        self.list.setFixedHeight(rows * max(self.list.sizeHintForRow(0), 18) + 2 * self.list.frameWidth() + 4)
        self._show_on_layer()

    @staticmethod
    def _paint(item: QListWidgetItem, colour: str) -> None:
        patch = QPixmap(14, 14)
        patch.fill(QColor(colour))
        item.setIcon(QIcon(patch))
        item.setData(COLOUR, colour)

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def name_of(self, label: int) -> str:
        """What a label is called."""
        return next((item.text() for item in self._items() if item.data(LABEL) == label), f"label {label}")

    def _show_on_layer(self, *_: Any) -> None:
        """The open mask in the classes' colours."""
        case = self._view.current
        if case is None or not self.list.count():
            return
        colours: dict[int | None, Any] = {label: colour_of(label) for label in range(1, 256)}
        colours.update({item.data(LABEL): item.data(COLOUR) for item in self._items()})
        # in the layer controls, another label may be chosen: connecting twice is connecting once
        case.labels.events.selected_label.connect(self._follow_layer)
        if self._given is None or self._given[0] != colours or case.labels.colormap is not self._given[1]:
            # it costs more than all else of an image that is opened
            case.labels.colormap = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", **colours})
            self._given = colours, case.labels.colormap
        self._chosen()

    def _chosen(self, *_: Any) -> None:
        case, item = self._view.current, self.list.currentItem()
        if case is not None and item is not None and not self._filling:
            case.labels.selected_label = item.data(LABEL)

    def _follow_layer(self, event: Any = None) -> None:
        """The list stands at the label that is drawn with; at none where that has no name."""
        case = self._view.current
        if case is not None:
            named = [item.data(LABEL) for item in self._items()]
            label = int(case.labels.selected_label)
            self.list.setCurrentRow(named.index(label) if label in named else -1)

    # ---- changes -------------------------------------------------------------------------------------------------

    def add_class(self) -> None:
        """One more, under the next free label."""
        used = {item.data(LABEL) for item in self._items()}
        label = next((n for n in range(1, 256) if n not in used), None)
        if label is None:
            show_warning(tr("All 255 labels have a name; expected a free one. Rename one instead."))
            return
        self._added = label
        # a name that is stored: the same in every language
        self._store(label, f"label {label}", colour_of(label))

    def _renamed(self, item: QListWidgetItem) -> None:
        if not self._filling:
            self._store(item.data(LABEL), item.text(), item.data(COLOUR))

    def _ask_colour(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        dialog = QColorDialog(QColor(item.data(COLOUR)), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(lambda colour: self._store(item.data(LABEL), item.text(), colour.name()))
        dialog.open()

    def _store(self, label: int, name: str, colour: str) -> None:
        project = self._state.project
        if project is None:
            return
        shown = {item.data(LABEL): (item.text(), item.data(COLOUR)) for item in self._items()}

        def work(ticket: Any, progress: Any) -> None:
            # the first label stands in the list before anyone named it
            named = {one.label: one.name for one in project.classes()}
            typed = not (label in project.untyped() and named[label] == name)
            for other, (text, paint) in shown.items():
                if other != label and other not in named:
                    project.set_class(other, text, paint, typed=False)
            project.set_class(label, name, colour, typed=typed)

        def failed(error: BaseException) -> None:
            show_warning(sentence(error))
            self.refresh()

        self._workers.run(work, on_done=self.refresh, on_error=failed, lane="files")
