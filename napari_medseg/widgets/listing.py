"""The list of images read off the GUI thread: all of it, or those that something happened to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_medseg.project import Case, Project
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Workers


class Listing(QObject):
    """Many questions at once become one.

    Parameters
    ----------
    state, workers
    sort : callable
        Puts a project's cases in the order of the list; called off the GUI thread.
    beside : callable
        Asked with the project and the open case, off the GUI thread, whenever cases are read.
    parent : QObject
    """

    # project, its cases, and what was found beside
    listed = Signal(object, list, object)
    # the same of some cases; the others are as they were
    changed = Signal(object, list, object)

    def __init__(
        self,
        state: PanelState,
        workers: Workers,
        sort: Callable[[Project, list[Case]], list[Case]],
        beside: Callable[[Project, int | None], Any],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state, self._workers, self._sort, self._beside = state, workers, sort, beside
        self._reading = self._all = False
        self._some: set[int] = set()

    @property
    def busy(self) -> bool:
        """Whether something is being read."""
        return self._reading

    def read(self) -> None:
        """All cases."""
        self._all = True
        self._begin()

    def read_some(self, case_ids: Iterable[int]) -> None:
        """These alone: what one stroke costs does not depend on how many images there are."""
        self._some |= set(case_ids)
        self._begin()

    def _begin(self) -> None:
        project = self._state.project
        if project is None or self._reading:
            return
        everything, some, case_id = self._all, sorted(self._some), self._state.case_id
        self._all, self._some, self._reading = False, set(), True

        def work(*_: Any) -> tuple[list[Case], Any]:
            beside = self._beside(project, case_id)
            if everything:
                return self._sort(project, project.cases()), beside
            return [project.case(one) for one in some], beside

        def done(found: tuple[list[Case], Any] | None) -> None:
            self._reading = False
            if found is not None and project is self._state.project:
                (self.listed if everything else self.changed).emit(project, *found)
            if project is not self._state.project:
                # what was asked of the one before
                self._all, self._some = True, set()
            if self._all or self._some:
                self._begin()

        self._workers.run(work, on_done=done, on_error=lambda error: done(None), lane="files")
