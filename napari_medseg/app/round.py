"""A round of retraining: planned, trained, compared and judged; one state, for whoever looks on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from psygnal import Signal

from napari_medseg import log
from napari_medseg.app.forecast import note_pace
from napari_medseg.app.plan_round import RetrainOptions, plan_retrain
from napari_medseg.app.review import Review, note_review, review_run
from napari_medseg.app.trainer_process import FoundTrainer, OwnTrainer, Trainer
from napari_medseg.app.unfinished import Unfinished, go_on
from napari_medseg.app.versions import adopt_run
from napari_medseg.errors import Cancelled, MedsegError
from napari_medseg.project import Project
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import WEIGHTS_FILE
from napari_medseg.words import tr

RoundState = Literal["preparing", "running", "reviewing", "judged", "adopted", "kept", "cancelled", "broken", "left"]
# in this order
AT_WORK: tuple[RoundState, ...] = ("preparing", "running", "reviewing")


class Round:
    """One round. It knows no window: whoever wants to see it connects to its signals, or reads its state.

    ``preparing -> running -> reviewing -> judged -> adopted | kept``. While it is at work (the first three) it can be
    ``cancelled``, break (``broken``), or be ``left`` for whoever opens the project next.

    The project's record says ``running`` while a trainer is at work, with a window or alone. Each end has one word:
    ``adopted``; ``kept``, judged and not adopted, by the gate or a person; ``cancelled``; ``failed``. A round of which
    nobody noted the end is ``interrupted``.

    :meth:`run` does all of it and waits. A window calls :meth:`prepare`, :meth:`follow` and :meth:`end` on threads of
    its own; :meth:`stop` may come from any thread.

    Parameters
    ----------
    project : Project
    plan : callable
        Writes the run's folder; gives its spec and the folder.
    device : str
        For the review.

    Attributes
    ----------
    changed : Signal(str)
        The new state, on the thread where it came about: another may have followed already. Whoever hears of it must
        be quick, since the round waits.
    told : Signal(dict)
        Of the trainer, see :func:`napari_medseg.project.runs.read_events`.
    run_id : int or None
        In the project's record; None before it is planned.
    spec : RunSpec or None
    folder : Path or None
        The run's.
    review : Review or None
        Once it is judged.
    error : BaseException or None
        Why it broke.
    weights : Path or None
        In the project, once they are adopted.
    """

    changed = Signal(str)
    told = Signal(object)

    def __init__(self, project: Project, plan: Callable[[], tuple[RunSpec, Path]], *, device: str = "auto") -> None:
        self.project, self._plan, self._device = project, plan, device
        self.run_id: int | None = None
        self.spec: RunSpec | None = None
        self.folder: Path | None = None
        self.review: Review | None = None
        self.error: BaseException | None = None
        self.weights: Path | None = None
        self._state: RoundState = "preparing"
        self._trainer: Trainer | None = None
        # it is to finish alone, whatever becomes of this program
        self._staying = False
        # of the state; never held while anything is written
        self._lock = threading.Lock()
        self._ending, self._noted = threading.Lock(), False

    @classmethod
    def new(cls, project: Project, options: RetrainOptions) -> Round:
        """One that begins."""
        return cls(project, lambda: plan_retrain(project, options), device=options.device)

    @classmethod
    def again(cls, project: Project, left: Unfinished, *, device: str = "auto", minutes: float | None = None) -> Round:
        """One that was left at work, is trained and not judged, or goes on from its last whole epoch."""
        made = cls(project, lambda: (go_on(left, device, minutes), left.folder), device=device)
        made.run_id, made.spec, made.folder = left.run_id, left.spec, left.folder
        if left.state != "broken":
            made._trainer, made._state = FoundTrainer(left.folder), "running"
        return made

    @property
    def state(self) -> RoundState:
        """Where it is now."""
        return self._state

    @property
    def at_work(self) -> bool:
        """Whether it is neither over nor waits for a person."""
        return self._state in AT_WORK

    @property
    def pending(self) -> bool:
        """Whether :meth:`close` has anything left to do."""
        return self.at_work or (self._state == "cancelled" and not self._noted)

    @property
    def staying(self) -> bool:
        """Whether its trainer is to finish alone when this program ends."""
        return self._staying and self._state == "running"

    @property
    def made(self) -> Path:
        """The weights that came out, in the run's folder."""
        assert self.folder is not None
        return self.folder / WEIGHTS_FILE

    # ---- its course ----------------------------------------------------------------------------------------------

    def run(self, *, adopt: bool = False) -> Review:
        """All of it; an interruption (Ctrl-C) cancels.

        Parameters
        ----------
        adopt : bool
            Use the new weights if the gate lets them in.

        Raises
        ------
        InputError, OperationError
            If it cannot be planned, or breaks.
        Cancelled
            If it was cancelled from elsewhere.
        """
        try:
            self.prepare()
            self.follow()
        except Exception:
            raise
        except BaseException:
            self.cancel()
            raise
        if self.review is None:
            raise Cancelled(tr("The round was cancelled. The weights in use are as they were."))
        if adopt and self.review.verdict.adopt:
            self.adopt()
        return self.review

    def prepare(self) -> None:
        """Write the run's folder, note the run, start the trainer; of one that was found there is nothing to prepare.

        Raises
        ------
        InputError, OutputError
            As :func:`plan_retrain` raises them.
        """
        if self._trainer is not None:
            return
        try:
            self.spec, self.folder = self._plan()
            if self.run_id is None:
                self.run_id = self.project.add_run(self.spec.to_json(), self.folder.relative_to(self.project.path))
            else:
                self.project.set_run(self.run_id, "running")
            if self._state == "preparing":
                self._trainer = OwnTrainer(self.folder)
        except Exception as error:
            self._break(error)
            raise
        if not self._move("preparing", "running"):
            # cancelled meanwhile, maybe before there was anything to end
            self._noted = False
            self.end()

    def follow(self) -> None:
        """See the trainer to its end, compare and judge; returns early if it is cancelled or left.

        Raises
        ------
        TrainingError
            If the trainer failed.
        InputError, OutputError
            If a file of the run cannot be read, or the project not be written.
        """
        if self._trainer is None or self.spec is None or self.folder is None or self.run_id is None:
            return
        try:
            for event in self._trainer.follow(lambda: self._state != "running"):
                self.told.emit(event)
            if self._move("running", "reviewing"):
                note_pace(self.spec, self.folder)
                self.review = review_run(
                    self.project,
                    self.spec,
                    self.folder,
                    device=self._device,
                    cancelled=lambda: self._state != "reviewing",
                )
                note = (self.project, self.run_id, self.folder, self.review)
                self._move("reviewing", "judged", lambda: note_review(*note))
        except Exception as error:
            if self._break(error):
                # whatever it was that broke: nobody follows it any more
                with suppress(MedsegError):
                    self._trainer.cancel()
                raise
            # a project that was closed under a round that nobody follows any more, or the review's own end
            if not isinstance(error, MedsegError):
                raise

    # ---- a person's word -----------------------------------------------------------------------------------------

    def adopt(self) -> Path:
        """Use the new weights for proposals from now on; the old stay selectable.

        Returns
        -------
        Path
            Of their copy in the project.

        Raises
        ------
        WeightsError
            If they are not what was judged any more.
        OutputError
            If the project cannot be written.
        """
        assert self.run_id is not None
        self.weights = adopt_run(self.project, self.run_id, self.made)
        self._move("judged", "adopted")
        return self.weights

    def keep(self) -> None:
        """Leave the weights in use as they are; the new ones stay in the run's folder."""
        self._move("judged", "kept")

    def cancel(self) -> None:
        """End it within a second; its last whole epoch stays to go on from. See :meth:`end` for what can go wrong."""
        self.stop()
        self.end()

    def stop(self) -> None:
        """It is not wanted any more; does not wait. :meth:`end` must follow."""
        for state in AT_WORK:
            if self._move(state, "cancelled"):
                return

    def end(self) -> None:
        """End the trainer of a round that was stopped, and note that; of others nothing.

        Raises
        ------
        TrainingError
            If its trainer was started by another program and does not end.
        OutputError
            If it cannot be noted.
        """
        with self._ending:
            if self._state != "cancelled":
                return
            if self._trainer is not None:
                self._trainer.cancel()
            # one that is still being planned sees to it itself
            if self.run_id is not None and not self._noted:
                self.project.set_run(self.run_id, "cancelled")
                self._noted = True

    def stay(self, wanted: bool = True) -> None:
        """Say whether its trainer shall finish alone when this program ends; until then it is followed."""
        self._staying = wanted
        if self._trainer is not None:
            self._trainer.stay(wanted)

    def leave(self) -> bool:
        """Leave a trainer at work, or a review, to whoever opens the project next; False where there is neither."""
        if self._move("running", "left"):
            assert self._trainer is not None
            self._trainer.leave()
            return True
        return self._move("reviewing", "left")

    def part(self) -> None:
        """Its project closes: what is to finish alone, or only to be judged, is left, the rest stopped. No waiting."""
        if not ((self.staying or self._state == "reviewing") and self.leave()):
            self.stop()

    def close(self) -> None:
        """As :meth:`part`, and waits for the end; see :meth:`end` for what can go wrong."""
        self.part()
        self.end()

    # ---- its state -----------------------------------------------------------------------------------------------

    def _move(self, before: RoundState, after: RoundState, note: Callable[[], None] | None = None) -> bool:
        """From one state into another, unless a word from elsewhere came first; it is noted before it is told."""
        with self._lock:
            if self._state != before:
                return False
            self._state = after
        if note is not None:
            note()
        self.changed.emit(after)
        return True

    def _break(self, error: Exception) -> bool:
        """It cannot go on; False where nobody waits for it."""

        def note() -> None:
            try:
                if self.run_id is not None:
                    self.project.set_run(self.run_id, "failed")
            except MedsegError as other:
                # the first is what is told
                log.tell(other, expected=True)

        self.error = error
        return any(self._move(state, "broken", note) for state in (*AT_WORK, "judged"))
