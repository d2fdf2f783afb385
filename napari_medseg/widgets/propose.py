"""Propose: an image, a task, a network: a mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QProgressBar, QPushButton, QWidget

from napari_medseg.app.draft import Draft
from napari_medseg.app.predict import PredictRequest, describe_plan
from napari_medseg.app.settings import save_settings
from napari_medseg.errors import MedsegError, sentence
from napari_medseg.inference import Prediction
from napari_medseg.networks import get_spec
from napari_medseg.project import Project
from napari_medseg.widgets import draft_text
from napari_medseg.widgets.ask_again import AcceptedError, ask_again
from napari_medseg.widgets.asked import Asked, Drafted, Found
from napari_medseg.widgets.boxes import BoxLayers
from napari_medseg.widgets.choice import UNASKED, WeightsChoice
from napari_medseg.widgets.device_choice import DeviceChoice
from napari_medseg.widgets.engine_line import EngineLine
from napari_medseg.widgets.familiar import FamiliarNote
from napari_medseg.widgets.found import found_text, lost, plan_text, show_maps
from napari_medseg.widgets.greyed import AT_WORK, NOTHING_RUNS, able
from napari_medseg.widgets.image_choice import ImageChoice
from napari_medseg.widgets.labels import TextLabel
from napari_medseg.widgets.layers import closest_look, is_slide, lie_of_layer, number_of, plain_image
from napari_medseg.widgets.message import Message, Of
from napari_medseg.widgets.opener import ImageOpener
from napari_medseg.widgets.options import ProposeOptions
from napari_medseg.widgets.propose_form import lay_out
from napari_medseg.widgets.propose_slide import ProposeSlide
from napari_medseg.widgets.state import Bus, PanelState
from napari_medseg.widgets.weights_text import no_boxes, nothing_fits
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import tr


class ProposeSection(QWidget):
    """Runs a network on an image layer and shows what it says."""

    def __init__(self, viewer: Any, state: PanelState, bus: Bus, workers: Workers) -> None:
        super().__init__()
        self._viewer, self._state, self._bus, self._workers = viewer, state, bus, workers
        self._ticket: Ticket | None = None
        self._asked_for: Asked | None = None
        self.choice = WeightsChoice(state)
        self.image, self.device = ImageChoice(viewer), DeviceChoice(state, workers)
        self.task, self.weights = self.choice.task, self.choice.weights
        self.engine = EngineLine(state)
        self.plan, self.message = TextLabel(), Message(Of.PROJECT)
        self.open = ImageOpener(viewer, workers, self.message.setText)
        self.options = ProposeOptions()
        self.familiar = FamiliarNote(state, workers)
        self.boxes = BoxLayers(viewer, self._boxes_drawn)
        self.run, self.cancel = QPushButton(tr("Propose mask  (G)")), QPushButton(tr("Cancel"))
        self.progress = QProgressBar()
        self.slide = ProposeSlide(self.plan, self.run, self.cancel, self._progressed)
        self._build()
        self._volume = False
        # images whose boxes a person drew or changed since the last proposal
        self._drawn: set[str] = set()
        # of which image the message is, what it says of it, and with which task and network that was said
        self._told_of = self._said = ""
        self._said_by: tuple[Any, ...] = ()
        self._refill()
        self.image.begin()
        bus.weights_changed.connect(self._refill)
        bus.kept.connect(self._kept)
        state.events.project.connect(self._refill)

    def _build(self) -> None:
        self.plan.setWordWrap(True)
        self.run.setObjectName("medseg_run")
        self.run.setToolTip(tr("A network proposes a mask; pressed again, a new one. What you drew stays."))
        able(self.cancel, tr(NOTHING_RUNS))
        lay_out(
            self,
            (
                (tr("Image"), self.image, self.open),
                (tr("Task"), self.task, None),
                (tr("Network"), self.weights, None),
                (tr("Device"), self.device, None),
            ),
            self.engine,
            between=(self.choice.about, self.familiar, self.slide, self.plan, self.options),
            buttons=(self.run, self.cancel),
            below=(self.progress,),
        )
        # in its place by now: shown without one it would be a window of its own
        self.engine.forget()
        self.choice.chosen.connect(self._chosen)
        self.choice.decided.connect(self._decided)
        self.familiar.wanted.connect(self.choice.choose)
        self.familiar.seen.connect(self.choice.suggest)
        self.familiar.told.connect(self._tell_next)
        self.device.currentTextChanged.connect(self._chosen)
        self.device.found.connect(self.engine.forget)
        self.image.currentIndexChanged.connect(self._image_chosen)
        self.options.boxes_wanted.connect(self._box_wanted)
        self.options.draw_boxes.connect(self._draw_boxes)
        self.options.changed.connect(self._asked)
        self.run.clicked.connect(self.start)
        self.cancel.clicked.connect(self.stop)
        self.slide.changed.connect(self._show_plan)
        self.slide.chosen.connect(self.choice.choose)
        self.slide.ended.connect(self._slide_ended)

    def open_images(self, paths: Sequence[str | Path]) -> None:
        """Open image files, each as a layer, read off the GUI thread."""
        self.open.open_images(paths)

    # ---- choices -------------------------------------------------------------------------------------------------

    def _image_chosen(self, *_: Any) -> None:
        """Offer the networks that take what is chosen."""
        layer = self.current_image()
        data = None if layer is None else plain_image(layer)
        volume = layer is not None and data is not None and layer.ndim == 3
        if volume != self._volume:
            self._volume = volume
            self._refill()
        number = "" if layer is None else number_of(layer)
        if number != self._told_of:
            # what was said is of another image, and so are the boxes that were wanted
            self._told_of = number
            if self.message.text() == self._said:
                self._say("")
            self.options.boxes.setChecked(number in self._drawn)
        self.options.for_slide(is_slide(layer))
        self._box_wanted()
        self._show_plan()
        self.familiar.ask(closest_look(self._viewer, layer))

    def _boxes_drawn(self, image: Image) -> None:
        self._drawn.add(number_of(image))
        if image == self.current_image():
            self.options.boxes.setChecked(True)

    def _box_wanted(self, *_: Any) -> None:
        """Boxes have a network of their own for one proposal; what was chosen stays chosen."""
        wanted = self.options.boxes.isChecked() and not self._volume and not is_slide(self.current_image())
        self._state.boxed = self.choice.boxed() if wanted else None
        self._asked()

    def _decided(self, task: str, weights: str) -> None:
        """What a person chose stays with their project."""
        project = self._state.project
        if project is not None and not project.read_only:
            self._workers.run(lambda *_: project.choose(task, weights), on_done=lambda _: None, lane="files")

    def _say(self, text: str) -> None:
        """Something about the image and the network; it goes when another one is chosen."""
        self._said, self._said_by = text, self._by()
        self.message.setText(text)

    def _tell(self, text: str) -> None:
        """It is said where the person looks, too."""
        self._bus.told.emit(text)
        self._say(text)

    def _by(self) -> tuple[Any, ...]:
        return self.task.currentData(), self.weights.currentData()

    def _draw_boxes(self) -> None:
        layer = self.current_image()
        if layer is None:
            self._say(tr("Open an image first; then draw boxes on it."))
            return
        self.boxes.draw(layer)
        self._say(tr("Drag a box around each lesion, then propose."))

    def current_image(self) -> Image | None:
        """The chosen image layer, if it is still in the viewer."""
        return self.image.current()

    def _refill(self, *_: Any) -> None:
        self.choice.fill(volume=self._volume)

    def _chosen(self) -> None:
        self._state.device = self.device.currentText()
        save_settings(device=self._state.device)
        self.engine.about((*self._by(), self._state.device))
        if self._said_by != self._by() and self.message.text() == self._said:
            self._say("")
        self.options.offer(self.choice.others(), volume=self._volume)
        self._box_wanted()
        self.familiar.ask(closest_look(self._viewer, self.current_image()))

    def _asked(self) -> None:
        self.options.about(self._state, parts=self._volume or is_slide(self.current_image()))
        self._tell_next()
        self._show_plan()

    def _tell_next(self) -> None:
        # also where one corrects: a network that was chosen by hand stays, whatever comes
        here = self._asked_for is not None and self._asked_for.is_on(self.current_image())
        works = self._of_draft(draft_text.works_on) if here else ""
        self._state.proposes = " ".join(filter(None, (works or self.choice.next_text(), self.familiar.warning)))

    def _show_plan(self, *_: Any) -> None:
        layer = self.current_image()
        if layer is None:
            self._cannot(tr("Open an image, or drop a file on the window. Samples: File > Open Sample."))
            return
        data, slide, at_work = plain_image(layer), is_slide(layer), None if self._ticket is None else tr(AT_WORK)
        self.slide.setVisible(slide)
        if data is None and not slide:
            self._cannot(
                tr("'{name}' is no plain image or volume; expected one of two or three axes.", name=layer.name)
            )
            return
        if self.weights.currentData() is None and self._state.boxed is None:
            # where nobody knows what is on the images, who wants a proposal is asked
            self.plan.setText("")
            able(self.run, at_work or (None if self.choice.unasked else nothing_fits(volume=self._volume)))
            return
        if data is None:
            self.slide.plan(layer, self._request(), self._state.task)
            return
        if self.options.boxes.isChecked() and not self._volume and self._state.boxed is None:
            self._cannot(no_boxes())
            return
        try:
            self.plan.setText(plan_text(describe_plan(data.shape, self._request(), **lie_of_layer(layer))))
            able(self.run, at_work)
        except MedsegError as error:
            self._cannot(str(error))

    def _cannot(self, why: str) -> None:
        self.plan.setText(why)
        able(self.run, why)

    # ---- running -------------------------------------------------------------------------------------------------

    def _request(self) -> PredictRequest:
        mirrored, also = self.options.wanted()["mirrored"], self.options.members()
        request = replace(self._state.request(), mirrored=mirrored, also=also)
        boxed = self._state.boxed
        if boxed is None:
            return request
        # of the others, those are asked that take boxes too
        also = tuple(one for one in also if one != boxed and get_spec(one[0]).capabilities.box_prompt)
        return replace(request, network=boxed[0], weights=boxed[1], also=also)

    def start(self, *_: Any, again: bool = False) -> None:
        """Run the network on the chosen image; ``again``: also where its mask is accepted, which is asked else."""
        layer = self.current_image()
        if layer is None or self._ticket is not None:
            return
        # boxes can be filled whatever is in them
        if self.weights.currentData() is None and self._state.boxed is None:
            if self.choice.unasked:
                self._ask_task()
            return
        if is_slide(layer):
            self.slide.start(layer)
            return
        data, request, edges = plain_image(layer), self._request(), self.options.wanted()["edges"]
        self.options.save()
        if data is None:
            return
        try:
            boxes = self._boxes(layer)
        except MedsegError as error:
            self._failed(error)
            return
        project, case_id, lie = self._state.project, layer.metadata.get("medseg_case"), lie_of_layer(layer)
        asked = self._asked_for = Asked(layer, data, project, case_id, boxes, request, edges, self._volume, lie)
        self._busy(True)
        self._say("")
        # what is proposed on is what is seen
        layer.visible = True
        self._bus.asking.emit(layer)
        self._ticket = self._workers.run(
            lambda ticket, progress: asked.answer(self._state, ticket, progress, again=again),
            on_done=lambda found: self._show(asked, *found),
            on_progress=self._progressed,
            on_error=lambda error: self._ask_again(asked) if isinstance(error, AcceptedError) else self._failed(error),
        )

    def _ask_again(self, asked: Asked) -> None:
        """An accept is never lost unasked."""
        self._busy(False)
        ask_again(self.window(), lambda: self.start(again=True) if asked.is_on(self.current_image()) else None)

    def _ask_task(self) -> None:
        """Nobody knows what is on the image: the person does."""
        self._bus.told.emit(f"{tr('Nothing was proposed.')} {tr(UNASKED)}")
        self._say(tr(UNASKED))
        if self.task.isVisible():
            self.task.showPopup()

    def _boxes(self, layer: Image) -> np.ndarray | None:
        """Boxes to segment, where the person wants that."""
        return None if self._volume or not self.options.boxes.isChecked() else self.boxes.some(layer)

    def stop(self) -> None:
        """Cancel; what comes back later is dropped, a draft stays."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._tell(f"{tr('Cancelled.')} {self._of_draft(draft_text.stays)}".strip())
            self._busy(False)
        self.slide.stop()

    def _slide_ended(self, told: str) -> None:
        self._busy(self._ticket is not None)
        self._tell(told)
        self._show_plan()

    def end_draft(self, project: Project, case_id: int) -> str:
        """A case is accepted: what a network still does on its draft is for nobody. What is to be said of that."""
        if self._asked_for is None or not self._asked_for.is_of(project, case_id):
            return ""
        told = self._of_draft(draft_text.stopped)
        if told and self._ticket is not None:
            self._ticket.cancel()
            self._say(told)
            self._busy(False)
        return told

    def _of_draft(self, words: Callable[[Draft], str]) -> str:
        """What is to be said of a draft that is shown while networks work."""
        draft = None if self._asked_for is None else self._asked_for.draft
        return "" if draft is None else words(draft)

    def _progressed(self, fraction: float, told: str | Drafted) -> None:
        if isinstance(told, Drafted):
            self._show_draft(*told)
        else:
            self.progress.setValue(round(100 * fraction))
            self.progress.setFormat(told)

    def _show_draft(self, found: Found, draft: Draft) -> None:
        asked = self._asked_for
        if asked is None or lost(self._viewer, asked.layer, asked.data, asked.number) is not None:
            return
        asked.draft = draft
        self._say(draft_text.works_on(draft))
        self._tell_next()
        self._bus.proposed.emit(asked.layer, *found)

    def _kept(self, image: Image, project: Project, case_id: int) -> None:
        """By its draft an image of the user's own has become a case."""
        if (asked := self._asked_for) is not None and asked.is_on(image):
            asked.project, asked.case_id = project, case_id

    def _failed(self, error: BaseException) -> None:
        told = f"{sentence(error)} {self._of_draft(draft_text.stays)}".strip()
        self._busy(False)
        self._say(told)
        show_error(told)

    def _show(self, asked: Asked, prediction: Prediction, picture: tuple, over: int | None) -> None:
        replaced = self._of_draft(draft_text.replaced)
        self._busy(False)
        layer, boxes = asked.layer, asked.boxes
        if asked.case_id is not None and not (layer in self._viewer.layers and asked.is_on(layer)):
            self._bus.late.emit(asked.project, asked.case_id, prediction)
            return
        if (why := lost(self._viewer, layer, asked.data, asked.number)) is not None:
            self._say(why)
            return
        if boxes is not None:
            # a box is for this proposal: the person's own choice is back
            self._drawn.discard(asked.number)
            if asked.is_on(self.current_image()):
                self.options.boxes.setChecked(False)
        for message in prediction.origin["messages"]:
            show_info(message)
        show_maps(self._viewer, layer, prediction, self.options.wanted())
        if prediction.boxes is not None:
            self.boxes.show(layer, prediction.boxes)
        (self._tell if replaced else self._say)(f"{found_text(prediction, boxes)} {replaced}".strip())
        self.engine.tell(prediction.origin["engine"], prediction.origin["gain"])
        # last: the mask lies on top and is what is drawn in; where it cannot be shown, that is said instead
        self._bus.proposed.emit(layer, prediction, picture, over)

    def _busy(self, busy: bool) -> None:
        if not busy:
            self._ticket = self._asked_for = None
            self.progress.setValue(0)
            self.progress.setFormat("")
            self._tell_next()
        able(self.cancel, None if busy else tr(NOTHING_RUNS))
        able(self.run, tr(AT_WORK) if busy else None)
        if self.current_image() is None:
            self._show_plan()

    def close_section(self) -> None:
        """Let go of the viewer."""
        self.image.end()
        self.open.let_go()
