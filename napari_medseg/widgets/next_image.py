"""Which image comes next: the user says by what, a queue says which."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from napari_medseg.app.queue import DOUBTFUL, LISTED, RANDOM, WORST, Queue
from napari_medseg.app.settings import load_settings, save_settings
from napari_medseg.project import Case, Project
from napari_medseg.widgets.state import PanelState
from napari_medseg.widgets.workers import Ticket, Workers
from napari_medseg.words import mark, tr

NAMES = {
    LISTED: mark("as listed"),
    RANDOM: mark("at random"),
    DOUBTFUL: mark("most doubtful first"),
    WORST: mark("worst first, as proposed"),
}
WHY = mark(
    "At random, the network sees early what there is: in our simulation this taught it as much as "
    "the most doubtful images first, or more, so it is what you get unless you choose otherwise. "
    "Most doubtful first takes images on which the network is unsure and that are little like those "
    "you have accepted. Worst first goes by the doubt about the proposals of 'Propose all'."
)


class NextImage(QWidget):
    """A choice of orders, remembered."""

    def __init__(self, state: PanelState, workers: Workers) -> None:
        super().__init__()
        self._state, self._workers = state, workers
        self._queue: tuple[Project, Queue] | None = None
        self._ticket: Ticket | None = None
        self.order = QComboBox()
        for key, name in NAMES.items():
            self.order.addItem(tr(name), key)
        self.order.setCurrentIndex(max(0, self.order.findData(load_settings().get("order", RANDOM))))
        self.order.setToolTip(tr(WHY))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel(tr("Next image")))
        layout.addWidget(self.order, 1)
        self._worst = self.order.currentData() == WORST
        self.order.currentIndexChanged.connect(self._ordered)

    def _ordered(self, _: int) -> None:
        self._worst = self.order.currentData() == WORST
        save_settings(order=self.order.currentData())

    @property
    def asks(self) -> bool:
        """Whether networks are asked, which takes a moment."""
        return self.order.currentData() not in (LISTED, WORST)

    @property
    def sorts(self) -> bool:
        """Whether the list stands in another order than the project's."""
        return self._worst

    def queue(self, project: Project) -> Queue:
        """What knows which image comes next."""
        if self._queue is None or self._queue[0] is not project:
            self._queue = project, Queue(project)
        return self._queue[1]

    def note_doubt(self, case_id: int, doubt: float | None) -> None:
        """How doubtful a case's proposal is."""
        if self._state.project is not None:
            self.queue(self._state.project).note(case_id, doubt)

    def sorted(self, project: Project, cases: list[Case]) -> list[Case]:
        """The list as the person wants it; to be called off the GUI thread."""
        return self.queue(project).worst_first(cases) if self._worst else cases

    def worst_first(self) -> None:
        """All have a proposal: the worst come first."""
        self.order.setCurrentIndex(self.order.findData(WORST))

    def question(self, project: Project, after: int) -> Callable[[Ticket], Case | None]:
        """What finds the image after this one, as things are now; to be called off the GUI thread."""
        queue, order = self.queue(project), self.order.currentData()
        request = self._state.request_for(volume=False) if self.asks else None
        return lambda ticket: queue.next(order, request, after=after, cancelled=lambda: ticket.cancelled)

    def choose(
        self,
        project: Project,
        after: int | None,
        on_done: Callable[[Case | None], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        """Find the next image off the GUI thread; asked again, an earlier question is dropped.

        After none, it is the first of the list: a project opens at once.
        """
        if self._ticket is not None:
            self._ticket.cancel()
        find = (lambda _: project.next_case()) if after is None else self.question(project, after)
        self._ticket = self._workers.run(
            lambda ticket, progress: find(ticket),
            on_done=on_done,
            on_error=on_error,
            # whoever keeps to the list does not wait for a network
            lane="compute" if self.asks and after is not None else "files",
        )
