"""A slide's proposal in a project: begun, ended at any moment, and gone on with; nothing twice, nothing lost."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medseg.app.case_labels import window_labels
from napari_medseg.app.correct import CorrectionSession
from napari_medseg.app.images import add_images
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.queue import opinion_of
from napari_medseg.app.slide_plan import WORTH, plan_slide
from napari_medseg.app.slide_work import (
    DONE,
    EMPTY,
    WAITING,
    begin,
    boxes_of,
    doubts_of,
    go_on,
    middle_of,
    on_its_way,
    progressed,
    shown_store,
)
from napari_medseg.app.slides import SlideRun, facts_of
from napari_medseg.errors import Cancelled, ProjectError
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.large_open import open_large
from napari_medseg.project import Project
from tests.app.test_slides import cells

pytest.importorskip("zarr")
REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=64)
SMALL = {
    "napari_medseg.io.label_blocks.BLOCK": (128, 128),
    "napari_medseg.app.slide_plan.BLOCK": (128, 128),
    "napari_medseg.io.label_blocks.SMALLEST": 64,
    "napari_medseg.io.large.MOST_WHOLE": 100_000,
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in SMALL.items():
        monkeypatch.setattr(name, value)


def write(path):
    import tifffile

    data = np.zeros((300, 420), np.uint8)
    data[20:280, 10:160] = cells(260, 150)
    rate = {"resolution": (2e4, 2e4), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path) as out:
        out.write(data, tile=(64, 64), compression="zlib", **rate)
        out.write(data[::2, ::2], tile=(64, 64), compression="zlib", subfiletype=1)


@pytest.fixture
def project(tmp_path):
    write(tmp_path / "s.tif")
    with Project.create(tmp_path / "p") as found:
        (case,), refused = add_images(found, [tmp_path / "s.tif"])
        assert not refused
        assert case.large
        yield found


@pytest.fixture
def slide(tmp_path, project):
    with open_large(tmp_path / "s.tif") as found:
        yield found


def run(project, slide, plan, *, stop_after=None):
    """Until so many units are done, or to the end; gives which blocks were done."""
    done = []
    go_on(
        project,
        project.case(1),
        slide,
        plan,
        first=None,
        progress=lambda share, told: None,
        cancelled=lambda: stop_after is not None and len(done) >= stop_after,
        begun=lambda store, new: None,
        done=lambda store, unit: done.extend(unit),
    )
    return done


def test_what_was_cancelled_is_gone_on_with_and_is_the_same_as_in_one_go(project, slide):
    plan = plan_slide(slide, REQUEST)
    assert on_its_way(project, project.case(1), plan) is None
    with pytest.raises(Cancelled):
        run(project, slide, plan, stop_after=1)
    far = on_its_way(project, project.case(1), plan)
    assert 0 < far.done < far.of == plan.count
    assert not far.whole
    assert {EMPTY, WAITING, DONE} == set(np.unique(far.map))
    # what is done is shown, as far as it is
    assert project.labels(1, (0, 0, 128, 128)).any()
    left = run(project, slide, plan)
    assert on_its_way(project, project.case(1), plan).whole
    assert (0, 0) not in left
    # one stroke of all of it, that one can undo
    assert [row.kind for row in project.history(1)].count("proposal") == 1
    held = project.labels(1, (0, 0, 300, 420))
    assert held.any()
    again = LabelBlocks.create(project.path / "slides" / "x.ome.zarr", slide.grid, {"of": "another"})
    assert progressed(plan, again).done == 0


def test_what_is_seen_comes_at_once_and_is_what_its_blocks_will_have(project, slide):
    plan, found, order = plan_slide(slide, REQUEST), [], []
    go_on(
        project,
        project.case(1),
        slide,
        plan,
        first=(30, 20, 230, 320),
        progress=lambda share, told: None,
        cancelled=lambda: False,
        begun=lambda store, new: order.append("begun"),
        seen=lambda box, labels: (order.append("seen"), found.append((box, labels))),
        done=lambda store, unit: order.append("done"),
    )
    assert order[:3] == ["begun", "seen", "done"]
    ((box, labels),) = found
    assert box == (30, 20, 230, 320)
    assert labels.any()
    assert np.array_equal(labels, project.labels(1, box))
    # once all is there, nothing has to be shown before it
    left = run(project, slide, plan)
    assert left == []


def test_the_middle_of_a_large_view_is_shown_at_once():
    assert middle_of((0, 0, 3000, 100)) == (988, 0, 2012, 100)


def test_other_weights_begin_anew_and_undo_shows_what_was_before(project, slide):
    plan = plan_slide(slide, REQUEST)
    run(project, slide, plan)
    before = project.labels(1, (0, 0, 300, 420))
    other = plan_slide(slide, replace(REQUEST, threshold=0.99))
    assert on_its_way(project, project.case(1), other) is None
    store, new = begin(project, project.case(1), slide, other)
    assert new
    assert not project.labels(1, (0, 0, 128, 128)).any()
    project.undo(1)
    assert np.array_equal(project.labels(1, (0, 0, 300, 420)), before)
    # what is shown again is gone on with
    found, new = begin(project, project.case(1), slide, plan)
    assert not new
    assert found.path != store.path


def test_each_part_with_tissue_has_a_doubt_that_hangs_on_nothing_but_the_part(project, slide, tmp_path):
    plan = plan_slide(slide, REQUEST)
    assert doubts_of(project, 1) == {}
    with pytest.raises(Cancelled):
        run(project, slide, plan, stop_after=1)
    (first,) = doubts_of(project, 1)
    assert first == (0, 0, 128, 128)
    run(project, slide, plan)
    doubts = doubts_of(project, 1)
    store = shown_store(project, 1)
    worth = [box for box in map(store.box, store.blocks()) if plan.share(box) >= WORTH]
    assert sorted(doubts) == sorted(worth)
    assert len(worth) < len(store.blocks())
    assert all(0 <= doubt <= 1 for doubt in doubts.values())
    assert len(set(doubts.values())) == len(doubts)
    # in another order, block by block
    other = LabelBlocks.create(tmp_path / "b.ome.zarr", slide.grid, facts_of(plan), doubts=True)
    for index in reversed(other.blocks()):
        SlideRun(slide, plan, other).work((index,))
    assert boxes_of(other, other.doubts()) == doubts


def test_the_doubt_of_a_part_is_that_of_an_image(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", cells(64, 64), tile=(64, 64))
    with open_large(tmp_path / "a.tif") as slide:
        plan = plan_slide(slide, REQUEST)
        store = LabelBlocks.create(tmp_path / "a.ome.zarr", slide.grid, facts_of(plan), doubts=True)
        SlideRun(slide, plan, store).work(((0, 0),))
    found = predict_array(cells(64, 64), REQUEST)
    assert found.labels.any()
    assert store.doubts()[(0, 0)] == pytest.approx(opinion_of(found).doubt, abs=1e-5)


def test_what_is_accepted_is_the_same_under_another_proposal_and_under_its_preview(project, slide):
    run(project, slide, plan_slide(slide, REQUEST))
    box = (40, 30, 200, 140)
    before = project.labels(1, box)
    assert before.any()
    project.accept(1, box)
    previews = []
    for pixel in (1.0, 0.8):
        go_on(
            project,
            project.case(1),
            slide,
            plan_slide(slide, replace(REQUEST, pixel_um=pixel, threshold=0.2)),
            first=(0, 0, 300, 420),
            progress=lambda share, told: None,
            cancelled=lambda: False,
            begun=lambda store, new: None,
            seen=lambda at, labels: previews.append((at, labels)),
            done=lambda store, unit: None,
        )
        assert np.array_equal(project.labels(1, box), before)
    assert project.frames(1) == [box]
    assert project.proposal_origin(1)["worth_looking"] == project.case(1).frames_of == 1
    for at, labels in previews:
        assert not labels[box[0] - at[0] : box[2] - at[0], box[1] - at[1] : box[3] - at[1]].any()
    assert len(previews) == 2
    assert not np.array_equal(shown_store(project, 1).read(box), before)


def test_a_killed_run_loses_nothing_and_does_no_block_twice(tmp_path):
    write(tmp_path / "s.tif")
    with Project.create(tmp_path / "p") as project:
        add_images(project, [tmp_path / "s.tif"])
    script = (
        "import sys, time, unittest.mock as m\n"
        "from tests.app import test_slide_work as t\n"
        "from contextlib import ExitStack\n"
        "with ExitStack() as stack:\n"
        "    for name, value in t.SMALL.items(): stack.enter_context(m.patch(name, value))\n"
        "    project, slide = t.Project.open(sys.argv[1]), t.open_large(sys.argv[2])\n"
        "    said = lambda store, unit: (print(unit, flush=True), time.sleep(0.2))\n"
        "    plan = t.plan_slide(slide, t.REQUEST)\n"
        "    t.go_on(project, project.case(1), slide, plan, first=None, progress=lambda *_: None,\n"
        "            cancelled=lambda: False, begun=lambda *_: None, done=said)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "p"), str(tmp_path / "s.tif")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    )
    first = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert first.startswith("((")
    with Project.open(tmp_path / "p") as project, open_large(tmp_path / "s.tif") as slide:
        assert "unexpectedly" in project.recovered
        plan = plan_slide(slide, REQUEST)
        far = on_its_way(project, project.case(1), plan)
        assert far.map.size > (far.map == DONE).sum() > 0
        left = run(project, slide, plan)
        assert str(left[0]) not in first
        assert on_its_way(project, project.case(1), plan).whole
        assert not project.verify()


def test_strokes_in_frames_survive_a_kill(tmp_path):
    write(tmp_path / "s.tif")
    with Project.create(tmp_path / "p") as project:
        add_images(project, [tmp_path / "s.tif"])
    script = (
        "import sys, time, numpy as np, unittest.mock as m\n"
        "from napari_medseg.project import Project\n"
        "from napari_medseg.app.correct import CorrectionSession\n"
        "with m.patch('napari_medseg.io.large.MOST_WHOLE', 100_000):\n"
        "    project = Project.open(sys.argv[1])\n"
        "    for number in range(1, 200):\n"
        "        y = 2 * number % 200\n"
        "        session = CorrectionSession(project, 1, window=(y, 100, y + 64, 164))\n"
        "        session.stroke(np.full((1, 5), number, np.uint8), (3, 10, 4, 15)).result()\n"
        "        print(number, flush=True)\n"
        "        assert session.close()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "p")], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    lines = [process.stdout.readline() for _ in range(5)]
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.read().split()
    process.wait()
    process.stdout.close()
    told = max(int(line) for line in lines)
    assert told < 199
    with Project.open(tmp_path / "p") as project:
        for number in range(1, told + 1):
            y = 2 * number % 200
            assert (project.labels(1, (y + 3, 110, y + 4, 115)) == number).all()
        assert not project.verify()


def test_an_undo_in_a_window_says_what_of_the_whole_it_changed(project):
    session = CorrectionSession(project, 1, window=(100, 200, 164, 264))
    session.stroke(np.ones((2, 3), np.uint8), (5, 6, 7, 9)).result()
    assert project.labels(1, (105, 206, 107, 209)).all()
    assert window_labels(project, 1, (100, 200, 164, 264)).labels[5:7, 6:9].all()
    shown = session.undo().result()
    assert shown.moved == (105, 206, 107, 209)
    assert shown.box == (5, 6, 7, 9)
    assert not shown.labels.any()
    # from another window
    assert session.close()
    other = CorrectionSession(project, 1, window=(0, 0, 64, 64))
    shown = other.redo().result()
    assert shown.moved == (105, 206, 107, 209)
    assert shown.labels.size == 0
    assert other.close()
    with pytest.raises(ProjectError):
        other.redo().result()
