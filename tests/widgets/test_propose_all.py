"""Propose all in a real napari window: the person goes on meanwhile, and can stop it."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest

import napari_medseg
from napari_medseg.app.queue import WORST
from napari_medseg.io import read_image, write_image
from napari_medseg.project import Project
from napari_medseg.widgets.propose_all import ALL, STOP
from tests.io.dicom_files import CT, US, write
from tests.widgets.helpers import WAIT, blobs, choose

pytestmark = pytest.mark.gui
MANY = 12
SAMPLES = Path(napari_medseg.__file__).parent / "samples"


@pytest.fixture
def many(panel, qtbot, tmp_path):
    """A project of twelve small images; the first is open."""
    with Project.create(tmp_path / "p") as made:
        for number in range(MANY):
            path = write_image(tmp_path / f"i{number}.tif", (blobs(number) / (2 + number % 3)).astype(np.uint8))
            made.add_case(path, shape=(96, 128), group=f"{number}")
    choose(panel)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    return panel


def rows(panel):
    table = panel.correct.table
    return [(table.item(row, 0).text(), table.item(row, 1).text()) for row in range(table.rowCount())]


def test_one_click_proposes_on_all_and_the_list_stands_worst_first(many, qtbot):
    panel, everything = many, many.correct.everything
    assert everything.button.text() == ALL and everything.progress.isHidden()
    everything.button.click()
    assert everything.button.text() == STOP and not everything.progress.isHidden()
    qtbot.waitUntil(lambda: everything.button.text() == ALL, timeout=WAIT)
    assert everything.message.text() == (
        "11 images have a proposal. 1 left as it is: open (for that, press Propose), or drawn on."
    )
    assert panel.correct.next_image.order.currentData() == WORST
    project = panel.state.project
    doubts = {case.name: (project.proposal_origin(case.id) or {}).get("doubt", -1.0) for case in project.cases()}
    worst = sorted(doubts, key=lambda name: -doubts[name])
    qtbot.waitUntil(lambda: [name for name, _ in rows(panel)] == worst, timeout=WAIT)
    assert {state for _, state in rows(panel)} == {"proposed"}
    # accepting opens the worst one, at once: its proposal is there
    panel.correct.accept_and_next()
    first = next(case.id for case in project.cases() if case.name == worst[0])
    qtbot.waitUntil(lambda: panel.state.case_id == first, timeout=WAIT)


def test_it_ends_however_early_the_first_image_is_begun_with(many, qtbot, monkeypatch):
    panel, everything = many, many.correct.everything
    run, first = panel.workers.run, []

    def run_at_once(function, **how):
        """The first image is over before the button knows that it was asked for."""
        over = Event()

        def whole(*args):
            try:
                return function(*args)
            finally:
                over.set()

        ticket = run(whole, **how)
        if how.get("lane") == "compute" and not first:
            first.append(over.wait(WAIT / 1000))
        return ticket

    monkeypatch.setattr(panel.workers, "run", run_at_once)
    everything.button.click()
    assert first == [True]
    qtbot.waitUntil(lambda: everything.button.text() == ALL, timeout=10_000)
    assert everything.message.text().startswith("11 images have a proposal.")


def test_an_image_is_opened_and_drawn_on_meanwhile(many, qtbot):
    panel, everything = many, many.correct.everything
    everything.button.click()
    qtbot.waitUntil(lambda: everything.progress.value() >= 1, timeout=WAIT)
    panel.correct.view.open_case(MANY)
    qtbot.waitUntil(lambda: panel.state.case_id == MANY, timeout=WAIT)
    # it came between two of the others
    assert everything.button.text() == STOP
    labels = panel.correct.view.current.labels
    labels.data_setitem((np.array([3, 4]), np.array([5, 6])), 1)
    qtbot.waitUntil(lambda: everything.button.text() == ALL, timeout=WAIT)
    shown = np.array(labels.data)
    assert panel.correct.view.current.unstored() is None
    np.testing.assert_array_equal(panel.state.project.labels(MANY), shown)
    assert shown[3, 5] == shown[4, 6] == 1
    said = [row.kind for row in panel.state.project.history(MANY)]
    assert said.count("proposal") == 1


def test_images_of_another_kind_are_left_out_until_one_says_so(many, qtbot):
    panel, everything = many, many.correct.everything
    choose(panel, "polyp")
    everything.button.click()
    qtbot.waitUntil(lambda: everything.button.text() == ALL, timeout=WAIT)
    assert everything.message.text() == (
        "0 images have a proposal. 11 images look like something else than the network knows: left out. "
        "1 left as it is: open (for that, press Propose), or drawn on."
    )
    assert not everything.anyway.isHidden()
    everything.anyway.click()
    assert everything.anyway.isHidden()
    qtbot.waitUntil(lambda: everything.button.text() == ALL, timeout=WAIT)
    assert everything.message.text().startswith("11 images have a proposal.") and everything.anyway.isHidden()


def test_cancelled_it_stops_after_the_image_that_is_under_way(many, qtbot):
    panel, everything = many, many.correct.everything
    everything.button.click()
    qtbot.waitUntil(lambda: everything.progress.value() >= 2, timeout=WAIT)
    everything.button.click()
    assert everything.button.text() == ALL and "Cancelled." in everything.message.text()
    states = [case.state for case in panel.state.project.cases()]
    assert states.count("new") >= MANY - 6
    # nothing comes later
    panel.workers.run(lambda ticket, progress: None, on_done=lambda _: states.append("waited"))
    qtbot.waitUntil(lambda: states[-1] == "waited", timeout=WAIT)
    assert [case.state for case in panel.state.project.cases()].count("new") >= MANY - 6
    assert panel.correct.next_image.order.currentData() != WORST


def test_a_bad_image_is_named_at_the_end(many, qtbot):
    panel, everything = many, many.correct.everything
    panel.state.project.cases()[4].image.write_bytes(b"no image")
    everything.button.click()
    qtbot.waitUntil(lambda: everything.button.text() == ALL, timeout=WAIT)
    told = everything.message.text()
    assert told.startswith("10 images have a proposal. 1 left as it is") and "1 got none:" in told
    assert "i4.tif" in told


def test_without_a_project_there_is_nothing_to_propose_on(panel):
    assert not panel.correct.everything.button.isEnabled()


def test_an_image_of_another_device_gets_none(panel, qtbot, tmp_path):
    with Project.create(tmp_path / "p") as made:
        for name, kind in (("first", None), ("us", US), ("ct", CT)):
            # all look like breast ultrasound: by its looks none is left out
            data = read_image(SAMPLES / "breast-ultrasound_1.jpg").data[::2, ::2, 0]
            path = tmp_path / f"{name}.{'dcm' if kind else 'tif'}"
            write_image(path, data) if kind is None else write(path, data, kind=kind)
            made.add_case(path, shape=data.shape[:2], group=name)
    choose(panel, "breast-ultrasound")
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    everything = panel.correct.everything
    everything.button.click()
    qtbot.waitUntil(lambda: everything.button.text() == ALL, timeout=WAIT)
    states = {case.name: case.state for case in panel.state.project.cases()}
    assert (states["us"], states["ct"]) == ("proposed", "new")
    assert "'ct': no network that is known to fit" in everything.message.text()
