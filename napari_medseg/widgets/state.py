"""What the sections of one panel share; they hear of changes and never call each other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np
from psygnal import Signal, SignalGroupDescriptor

from napari_medseg.app.choosing import best_for, offered
from napari_medseg.app.draft import Draft, draft_for
from napari_medseg.app.familiar import kind_of, look
from napari_medseg.app.kinds import proposes, takes
from napari_medseg.app.own_weights import own_weights
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.versions import measured_worse
from napari_medseg.app.waits import is_slow
from napari_medseg.io import Image
from napari_medseg.project import Project
from napari_medseg.tasks import IN_SLICES, TASKS, contradicts
from napari_medseg.weights import WeightsEntry, list_weights


@dataclass(eq=False)
class PanelState:
    """State of one panel.

    Attributes
    ----------
    task : str
        What is on the images; empty: nobody knows yet.
    suggested : bool
        The image that was looked at last said it of itself, and nobody chose: another image may be of another kind.
    network, weights, device, engine : str
        What proposals are made with; ``weights`` is an id or a path, and empty where nobody chose any.
    devices : tuple of str
        Those that may be chosen, as far as is known.
    boxed : tuple of (network, weights) or None
        What segments inside the boxes that were drawn on the image that is looked at: the next proposal's alone.
    proposes : str
        What will propose next, in words.
    also : tuple of (network, weights)
        Networks that are asked beside it.
    careful : mapping of str to bool
        Whether images are segmented mirrored too, by :func:`careful_key`, where a person said so or not so.
    drafts : bool
        A draft is wanted while a slow network works.
    project : Project or None
    case_id : int or None
        The open case.
    loading : bool
        A project is being opened: it will be the one.
    unusable : list of str
        A sentence for each of the project's weights that could not be listed.
    worse : set of str
        Paths of the project's weights that were measured as worse than those they began with.
    """

    task: str = ""
    suggested: bool = False
    network: str = "cmunext-xxs"
    weights: str = ""
    device: str = "auto"
    devices: tuple[str, ...] = ("auto", "cpu")
    engine: str = "auto"
    boxed: tuple[str, str] | None = None
    proposes: str = ""
    also: tuple[tuple[str, str], ...] = ()
    careful: dict[str, bool] = field(default_factory=dict)
    drafts: bool = True
    project: Project | None = None
    case_id: int | None = None
    loading: bool = False
    unusable: list[str] = field(default_factory=list)
    worse: set[str] = field(default_factory=set)

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    def request(self) -> PredictRequest:
        """What to run now."""
        return self._asked_of(self.network, self.weights, parts=False)

    def _asked_of(self, network: str, weights: str, *, parts: bool) -> PredictRequest:
        return PredictRequest(
            network=network,
            weights=weights,
            device=self.device,
            engine=self.engine,
            mirrored=self.careful.get(careful_key(network, parts=parts)),
        )

    def naming(self) -> dict[str, Any]:
        """What :func:`napari_medseg.app.classes.class_table` is told besides the proposal; may be asked anywhere."""
        return {"chosen": (self.network, self.weights), "task": self.task}

    def request_for(self, *, volume: bool, image: np.ndarray | None = None) -> PredictRequest | None:
        """What to run on an image or a volume: the network chosen, or the best for what is on it.

        Parameters
        ----------
        volume : bool
        image : np.ndarray, optional
            As it was read: what it shows, where nobody said that. To be asked off the GUI thread then.

        Returns
        -------
        PredictRequest or None
            None: nobody knows what is on it, or no weights at hand do.
        """
        own = self._asked_of(self.network, self.weights, parts=volume)
        chosen = own if self.weights and self._chosen_for(volume) else None
        if chosen is not None and not (self.suggested and image is not None and not volume):
            return chosen
        able = offered(self.selectable_weights(), volume=volume)
        if chosen is not None:
            # the image before said it of itself: this one is asked anew, and a doubtful one is taken for the same
            seen = look(cast(np.ndarray, image))
            kind = "" if seen is None else kind_of(seen)
            best = best_for(able, kind, worse=self.worse) if kind not in ("", self.task) else None
            return chosen if best is None else self._asked_of(best[1].network, best[0], parts=volume)
        best = best_for(able, self.task, image, volume=volume, worse=self.worse)
        return None if best is None else self._asked_of(best[1].network, best[0], parts=volume)

    def _chosen_for(self, volume: bool) -> bool:
        """Whether what was chosen is meant for such an image too: of a photograph's task no slices are asked."""
        sliced = volume and proposes(self.network, volume=True) and (self.task in IN_SLICES or self.task not in TASKS)
        return takes(self.network, volume=volume) or (sliced and bool(self.task))

    def unasked_for(self, image: Image) -> PredictRequest | None:
        """What to run on an image that is opened, of which nobody said anything; to be asked off the GUI thread.

        None also where the weights are for images that are taken with another device: a person may ask them all the
        same. Weights of the person's own are for what they made them for.
        """
        request = self.request_for(volume=image.volume, image=image.data)
        tasks = [entry.tasks for entry in list_weights() if request is not None and entry.id == request.weights]
        return None if tasks and contradicts(tasks[0], image.modality) else request

    def opinions_for(self, *, volume: bool) -> PredictRequest | None:
        """As :meth:`request_for`, with the networks that are asked beside it where they take such an image."""
        request = self.request_for(volume=volume)
        if request is None:
            return None
        also = (one for one in self.also if one != (request.network, request.weights))
        return replace(request, also=tuple(one for one in also if proposes(one[0], volume=volume)))

    def draft_for(self, request: PredictRequest, image: np.ndarray, *, volume: bool) -> Draft | None:
        """Who drafts on an image while a request is worked on; to be asked off the GUI thread.

        None: nobody, see :func:`napari_medseg.app.draft.draft_for`, and on volumes, through which a network for images
        goes slice by slice.
        """
        if not self.drafts or volume or not is_slow(request, image.shape):
            return None
        task = self.task
        if self.suggested and (seen := look(image)) is not None:
            # the image before said it of itself
            task = kind_of(seen) or task
        known = offered(self.selectable_weights(), volume=False)
        return draft_for(request, image.shape, known, task, worse=self.worse)

    def selectable_weights(self) -> list[tuple[str, WeightsEntry]]:
        """Weights adopted in the project, bundled and installed: (id or path, entry)."""
        own, self.unusable = own_weights(self.project)
        self.worse = set() if self.project is None else {str(path) for path in measured_worse(self.project)}
        return [(str(path), entry) for path, entry in own] + [(e.id, e) for e in list_weights()]


def careful_key(network: str, *, parts: bool) -> str:
    """Under what a wish for mirrored copies is kept: of ``parts`` (slices, tiles) it is another wish."""
    return f"{network}/parts" if parts else network


class Bus:
    """Things that happen in one section and concern others."""

    cases_changed = Signal()
    """Cases were added, or their states changed."""
    case_changed = Signal(int)
    """One case was opened or accepted: the others are as they were."""
    weights_changed = Signal()
    """There are weights to choose that were not there before."""
    save_status = Signal(object)
    """How storing the open case goes: a SaveStatus."""
    proposed = Signal(object, object, object, object)
    """A network's word on an image layer: (Image, Prediction, of which picture, see app/picture.py, and the number of
    the accepted mask that it was asked to replace, or None)."""
    asking = Signal(object)
    """A person asks for a proposal on an image layer."""
    kept = Signal(object, object, object)
    """An image layer of the user's own is a case from here on: (Image, Project, number)."""
    filled = Signal(object)
    """An image layer shows another image of the list than before, and so does its mask: (Image)."""
    late = Signal(object, object, object)
    """A network's word on a case that was closed meanwhile: (Project, number, Prediction)."""
    doubts = Signal(int, object)
    """How doubtful parts of a slide's proposal are that came: number of the case, and a dict by box; None: another
    proposal is shown from here on."""
    opening = Signal(bool)
    """A case is being loaded, or no longer."""
    told = Signal(str)
    """A sentence on what was not done, for the person who asked: napari's own messages go after some seconds."""
