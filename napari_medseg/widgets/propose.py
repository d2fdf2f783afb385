"""Propose: an image, a task, a network: a mask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_medseg.app.predict import describe_plan, predict_array
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.errors import MedsegError
from napari_medseg.inference import Prediction, available_devices
from napari_medseg.io import read_image
from napari_medseg.networks import get_spec
from napari_medseg.widgets.layers import (
    EDGES_SUFFIX,
    IMAGE_FILTER,
    PROBABILITY_SUFFIX,
    is_map,
    plain_image,
    show_image,
    show_map,
)
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.workers import Ticket, Workers, sentence


class ProposeSection(QWidget):
    """Runs a network on an image layer and shows what it says."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers) -> None:
        super().__init__()
        self._viewer, self._state, self._bus, self._workers = viewer, state, bus, workers
        self._ticket: Ticket | None = None
        self.image, self.task, self.weights, self.device = QComboBox(), QComboBox(), QComboBox(), QComboBox()
        self.open = QPushButton("Open...")
        self.about, self.plan, self.message = QLabel(), QLabel(), QLabel()
        self.probability = QCheckBox("Also show the probability map")
        self.edges = QCheckBox("Also show the edge map (SGD-Net)")
        self.run, self.cancel, self.progress = QPushButton("Propose mask  (G)"), QPushButton("Cancel"), QProgressBar()
        self._build()
        self._fill_weights()
        self._fill_images()
        viewer.layers.events.inserted.connect(self._fill_images)
        viewer.layers.events.removed.connect(self._removed)
        viewer.layers.selection.events.active.connect(self._follow_selection)
        bus.weights_changed.connect(self._fill_weights)
        state.events.project.connect(self._fill_weights)
        self._bus = bus

    def _build(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        names = (("Image", self.image), ("Task", self.task), ("Network", self.weights), ("Device", self.device))
        for text, box in names:
            box.setMinimumContentsLength(8)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            form.addRow(text, box if box is not self.image else self._with_button(box))
        for label in (self.about, self.plan, self.message):
            label.setWordWrap(True)
        self.run.setObjectName("medseg_run")
        self.run.setToolTip("Runs the network on the image. Running again replaces the mask.")
        self.cancel.setEnabled(False)
        self.progress.setRange(0, 100)
        self.device.addItems(available_devices())
        stored = load_settings()
        self.device.setCurrentText(str(stored.get("device", "auto")))
        self._state.device = self.device.currentText()
        self.probability.setChecked(bool(stored.get("probability", False)))
        self.edges.setChecked(bool(stored.get("edges", False)))
        buttons = QHBoxLayout()
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        for widget in (self.about, self.plan, self.probability, self.edges):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addStretch()
        self.task.currentTextChanged.connect(self._fill_networks)
        self.weights.currentIndexChanged.connect(self._choose)
        self.device.currentTextChanged.connect(self._choose)
        self.image.currentIndexChanged.connect(self._show_plan)
        self.run.clicked.connect(self.start)
        self.cancel.clicked.connect(self.stop)

    def _with_button(self, box: QComboBox) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(box, 1)
        row.addWidget(self.open)
        self.open.clicked.connect(self._ask)
        return row

    # ---- opening -------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        dialog = QFileDialog(self, "Images to open", str(load_settings().get("folder", Path.home())), IMAGE_FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self.open_images)
        dialog.open()

    def open_images(self, paths: Sequence[str | Path]) -> None:
        """Open image files, each as a layer, read off the GUI thread."""
        for path in map(Path, paths):
            self._open(path)

    def _open(self, path: Path) -> None:
        save_settings(folder=str(path.parent))
        self._workers.run(
            lambda ticket, progress: read_image(path),
            on_done=lambda image: show_image(self._viewer, image, name=path.stem),
            on_error=self._failed_to_open,
            lane="files",
        )

    def _failed_to_open(self, error: BaseException) -> None:
        self.message.setText(sentence(error))
        show_warning(sentence(error))

    # ---- choices -------------------------------------------------------------------------------------------------

    def _fill_images(self, event: Any = None) -> None:
        chosen = self.current_image()
        self.image.blockSignals(True)
        self.image.clear()
        for layer in self._viewer.layers:
            if isinstance(layer, Image) and not is_map(layer):
                self.image.addItem(layer.name, layer)
        if chosen is not None:
            self._select(chosen)
        # a layer that was just added is active already, before it could be chosen here
        self._follow_selection()
        self.image.blockSignals(False)
        self._show_plan()

    def _removed(self, event: Any) -> None:
        self._fill_images()

    def _follow_selection(self, event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if isinstance(active, Image) and not is_map(active):
            self._select(active)

    def _select(self, layer: Image) -> None:
        for row in range(self.image.count()):
            # napari hands plugins a proxy of its viewer: what comes through it is equal, not the same object
            if self.image.itemData(row) == layer:
                self.image.setCurrentIndex(row)

    def current_image(self) -> Image | None:
        """The chosen image layer, if it is still in the viewer."""
        layer = self.image.currentData()
        return layer if layer in self._viewer.layers else None

    def _fill_weights(self, *_: Any) -> None:
        """Tasks, newest choice kept."""
        self._known = self._state.selectable_weights()
        wanted = self.task.currentText() or str(load_settings().get("task", ""))
        adopted = self._state.project.adopted() if self._state.project is not None else None
        for identity, entry in self._known:
            if identity == adopted:
                wanted = entry.task
        self.task.blockSignals(True)
        self.task.clear()
        self.task.addItems(sorted({entry.task for _, entry in self._known}))
        if self.task.findText(wanted) >= 0:
            self.task.setCurrentText(wanted)
        self.task.blockSignals(False)
        self._fill_networks()
        row = self.weights.findData(adopted)
        if adopted and row >= 0:
            self.weights.setCurrentIndex(row)

    def _fill_networks(self, *_: Any) -> None:
        self.weights.blockSignals(True)
        self.weights.clear()
        for identity, entry in self._known:
            if entry.task == self.task.currentText():
                own = identity != entry.id
                title = get_spec(entry.network).title.partition(" (")[0]
                self.weights.addItem(f"{title} v{entry.version}" + (" (retrained)" if own else ""), identity)
        self.weights.blockSignals(False)
        self._choose()

    def _choose(self, *_: Any) -> None:
        identity = self.weights.currentData()
        entry = next((e for i, e in self._known if i == identity), None)
        self._state.device = self.device.currentText()
        if entry is not None:
            self._state.network, self._state.weights = entry.network, identity
            score = entry.metrics.get("dice")
            how_good = f"Dice {score:.2f} on {entry.metrics.get('n')} images it had not seen. " if score else ""
            only = "<b>Research use only.</b>" if entry.licence == "research-only" else f"Licence: {entry.licence}."
            self.about.setText(f"{how_good}{only} Trained on {', '.join(entry.trained_on)}.")
            save_settings(device=self._state.device, task=entry.task)
        self._show_plan()

    def _show_plan(self, *_: Any) -> None:
        layer = self.current_image()
        if layer is None:
            self.plan.setText("Open an image, or drop a file on the window. Samples: File > Open Sample.")
            self.run.setEnabled(False)
            return
        data = plain_image(layer)
        if data is None:
            self.plan.setText(f"'{layer.name}' is no plain 2D image; this network needs one.")
            self.run.setEnabled(False)
            return
        try:
            self.plan.setText(f"Plan: {describe_plan(data.shape, self._state.request()).describe()}.")
            self.run.setEnabled(self._ticket is None)
        except MedsegError as error:
            self.plan.setText(str(error))
            self.run.setEnabled(False)

    # ---- running -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Run the network on the chosen image."""
        layer = self.current_image()
        if layer is None or self._ticket is not None:
            return
        data, request = plain_image(layer), self._state.request()
        edges = self.edges.isChecked()
        save_settings(probability=self.probability.isChecked(), edges=edges)
        if data is None:
            return
        self._busy(True)
        self.message.setText("")
        self._ticket = self._workers.run(
            lambda ticket, progress: predict_array(
                data, request, edges=edges, progress=progress, cancelled=lambda: ticket.cancelled
            ),
            on_done=lambda prediction: self._show(layer, prediction),
            on_progress=lambda fraction, text: self._progressed(fraction, text),
            on_error=self._failed,
        )

    def stop(self) -> None:
        """Cancel; what comes back later is dropped."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._busy(False)
            self.message.setText("Cancelled.")

    def _progressed(self, fraction: float, text: str) -> None:
        self.progress.setValue(round(100 * fraction))
        self.progress.setFormat(text)

    def _failed(self, error: BaseException) -> None:
        self._busy(False)
        self.message.setText(sentence(error))
        show_error(sentence(error))

    def _show(self, layer: Image, prediction: Prediction) -> None:
        self._busy(False)
        if layer not in self._viewer.layers:
            self.message.setText("The image was closed meanwhile; its mask was dropped.")
            return
        for message in prediction.origin["messages"]:
            show_info(message)
        self._bus.proposed.emit(layer, prediction)
        if self.probability.isChecked():
            show_map(self._viewer, layer, prediction.probabilities[0], suffix=PROBABILITY_SUFFIX)
        if self.edges.isChecked() and prediction.edges is not None:
            show_map(self._viewer, layer, prediction.edges, suffix=EDGES_SUFFIX)
        share = float((prediction.labels > 0).mean())
        seconds = prediction.origin["seconds"]
        found = f"{share:.1%} of the image" if share else "nothing"
        self.message.setText(f"Found {found} in {seconds:.2f} s on the {prediction.origin['device'].upper()}.")

    def _busy(self, busy: bool) -> None:
        if not busy:
            self._ticket = None
            self.progress.setValue(0)
            self.progress.setFormat("")
        self.run.setEnabled(not busy and self.current_image() is not None)
        self.cancel.setEnabled(busy)

    def close_section(self) -> None:
        """Let go of the viewer."""
        self._viewer.layers.events.inserted.disconnect(self._fill_images)
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._viewer.layers.selection.events.active.disconnect(self._follow_selection)
