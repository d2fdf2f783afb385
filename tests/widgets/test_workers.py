"""Work off the GUI thread: what comes too late."""

import pytest

pytestmark = pytest.mark.gui


def test_what_comes_after_the_panel_went_is_dropped(panel, qtbot):
    """A stroke's status is under way between threads while the panel is closed."""
    heard = []
    panel.shut_down()
    panel.correct.view._called.emit(lambda: heard.append("late"))
    qtbot.wait(100)
    assert heard == []


@pytest.mark.parametrize("when", ["while it runs", "before it is heard"])
def test_a_result_that_comes_too_late_is_let_go(qtbot, when):
    """A project that was opened for a panel that is gone must not stay locked."""
    import threading

    from qtpy.QtCore import QObject

    from napari_medseg.widgets.workers import Workers

    parent, may_go, dropped = QObject(), threading.Event(), []
    workers = Workers(parent, lambda error: None)

    def work(ticket, progress):
        may_go.wait(10)
        return "open"

    workers.run(work, on_done=lambda _: dropped.append("delivered"), on_dropped=dropped.append, lane="files")
    if when == "before it is heard":
        may_go.set()
        while not workers._undelivered:
            threading.Event().wait(0.01)
    workers.close()
    may_go.set()
    workers._lanes["files"].shutdown(wait=True)
    qtbot.wait(50)
    assert dropped == ["open"]
