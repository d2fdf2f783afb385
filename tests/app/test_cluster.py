"""Several processes: the same results, whoever dies; and what is wrong with a cluster is told in a sentence."""

import logging
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_medseg.app import cluster
from napari_medseg.app.cluster_options import Workers, parse_resources
from napari_medseg.app.large_files import target_of
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.samples import samples_of
from napari_medseg.errors import InputError, MedsegError, OperationError, PartlyDoneError
from napari_medseg.io import read_image, read_mask
from napari_medseg.weights.store import find_weights

distributed = pytest.importorskip("distributed")
pytest.importorskip("zarr")
REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=64)
# set in each process of the cluster: blocks are small
PRELOAD = """
import napari_medseg.app.slide_plan, napari_medseg.io.label_blocks, napari_medseg.io.large
napari_medseg.io.label_blocks.BLOCK = napari_medseg.app.slide_plan.BLOCK = (128, 128)
napari_medseg.io.large.MOST_WHOLE = 100_000
"""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in ("napari_medseg.io.label_blocks.BLOCK", "napari_medseg.app.slide_plan.BLOCK"):
        monkeypatch.setattr(name, (128, 128))
    monkeypatch.setattr("napari_medseg.io.large.MOST_WHOLE", 100_000)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """A scheduler with two workers, as somebody else would have started it."""
    preload = tmp_path_factory.mktemp("preload") / "small_blocks.py"
    preload.write_text(PRELOAD)
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        preload=[str(preload)],
        resources={"GPU": 1},
    ) as found:
        yield found


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    data = read_image(samples_of("nuclei")[0].image).data
    grey = data if data.ndim == 2 else data[..., 0]
    tifffile.imwrite(folder / "slide.tif", np.tile(grey, (2, 3))[:500, :600], tile=(64, 64))
    for number in range(3):
        tifffile.imwrite(folder / f"small{number}.tif", np.roll(grey, 40 * number, 0)[:100, :120])
    return folder


@pytest.fixture(scope="module")
def alone(images, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("napari_medseg.io.label_blocks.BLOCK", "napari_medseg.app.slide_plan.BLOCK"):
            patch.setattr(name, (128, 128))
        patch.setattr("napari_medseg.io.large.MOST_WHOLE", 100_000)
        out = tmp_path_factory.mktemp("alone")
        predict_files([images], REQUEST, out)
    return {path.name: read_mask(path) for path in out.iterdir()}


def test_a_killed_worker_loses_nothing_and_nothing_is_done_twice(scheduler, images, alone, tmp_path):
    pids = [worker.pid for worker in scheduler.workers.values()]
    target, killed = target_of(tmp_path / "out", "slide"), {}

    def kill(share, text):
        done = {path: path.stat().st_mtime_ns for path in _blocks(tmp_path / "out")}
        if not killed and len(done) > 3:
            killed.update(done)
            os.kill(pids[0], signal.SIGKILL)

    workers = Workers(scheduler=scheduler.scheduler_address, resources={"GPU": 1})
    written = predict_files([images], REQUEST, tmp_path / "out", workers=workers, progress=kill)
    assert killed
    assert {path.name for path in written} == set(alone)
    for path in written:
        np.testing.assert_array_equal(read_mask(path), alone[path.name])
    after = {path.name: path for path in _blocks(target.parent)}
    assert len(after) >= len(killed) > 3
    for path, stamp in killed.items():
        now = target / path.relative_to(next(one for one in path.parents if one.suffix == ".zarr"))
        assert now.stat().st_mtime_ns == stamp


def _blocks(out):
    """Files of blocks that are written."""
    return [path for path in out.glob("*.ome.zarr/0/c/*/*") if path.is_file()]


def test_one_bad_file_is_told_and_the_others_are_done(scheduler, images, tmp_path):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"no image")
    paths = [bad, images / "small0.tif"]
    with pytest.raises(PartlyDoneError, match=r"bad\.tif"):
        predict_files(paths, REQUEST, tmp_path / "out", workers=Workers(scheduler=scheduler.scheduler_address))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["small0_mask.tif"]


def test_masks_that_become_one_file_do_so(scheduler, images, tmp_path):
    paths = [images / f"small{number}.tif" for number in range(3)]
    workers = Workers(scheduler=scheduler.scheduler_address)
    written = predict_files(paths, REQUEST, tmp_path / "out", format="coco", workers=workers)
    assert [path.name for path in written] == ["masks.coco.json"]


def test_what_no_worker_has_is_told(scheduler, images, tmp_path, monkeypatch):
    address = scheduler.scheduler_address
    workers = Workers(scheduler=address, resources={"GPU": 2})
    with pytest.raises(InputError, match="No worker has GPU=2"):
        predict_files([images], REQUEST, tmp_path / "out", workers=workers)
    with cluster.team_of(Workers(scheduler=address)) as team, pytest.raises(OperationError, match="does not see"):
        team.see([Path("/nowhere/at/all")])
    monkeypatch.setattr(cluster, "__version__", "0.0.0")
    with pytest.raises(OperationError, match=r"expected 0\.0\.0"), cluster.team_of(Workers(scheduler=address)):
        pass


def test_a_scheduler_that_is_not_there(monkeypatch):
    monkeypatch.setattr(cluster, "_SECONDS", "1s")
    with (
        pytest.raises(OperationError, match="does not answer"),
        cluster.team_of(Workers(scheduler="tcp://127.0.0.1:9")),
    ):
        pass
    with pytest.raises(OperationError, match="does not answer"), cluster.team_of(Workers(scheduler="nonsense://a:1")):
        pass
    tls = Workers(scheduler="tls://127.0.0.1:9", tls={"ca": "/none.pem"})
    with pytest.raises(OperationError, match="does not answer"), cluster.team_of(tls):
        pass


def test_a_scheduler_that_goes_away_is_told(images, tmp_path):
    with distributed.LocalCluster(
        n_workers=1,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
    ) as own:

        def stop(share, text):
            own.close()

        workers = Workers(scheduler=own.scheduler_address)
        with pytest.raises(OperationError, match="scheduler is gone"):
            predict_files([images / "slide.tif"], REQUEST, tmp_path / "out", workers=workers, progress=stop)


def test_workers_of_other_weights_refuse(scheduler, images, tmp_path):
    from napari_medseg.app.large_files import work_on
    from napari_medseg.app.slide_plan import plan_slide
    from napari_medseg.app.slides import facts_of
    from napari_medseg.errors import WeightsError
    from napari_medseg.io.label_blocks import LabelBlocks
    from napari_medseg.io.large_open import open_large

    with open_large(images / "slide.tif") as slide:
        plan = plan_slide(slide, REQUEST)
        facts = facts_of(plan)
        facts["members"][0]["sha256"] = "0" * 64
        store = LabelBlocks.create(tmp_path / "a.ome.zarr", slide.grid, facts)
    with cluster.team_of(Workers(scheduler=scheduler.scheduler_address)) as team:
        ((_, result),) = team.each(work_on, [((0, 0),)], plan, str(store.path))
        with pytest.raises(WeightsError, match="other weights"):
            result()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 2, "scheduler": "tcp://a:1"}, "Both a scheduler"),
        ({"scheduler": "tcp://a:1", "tls": {"ca": "a"}}, "begins with tls://"),
    ],
)
def test_options_that_contradict_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Workers(**options)


def test_resources_are_names_and_numbers():
    assert parse_resources(["GPU=1", "memory = 2.5"]) == {"GPU": 1, "memory": 2.5}
    for text in ("GPU", "GPU=", "=1", "GPU=0", "GPU=-1", "GPU=nan"):
        with pytest.raises(MedsegError, match="expected NAME=NUMBER"):
            parse_resources([text])


def test_paths_and_weights_are_taken_from_the_folder_one_stands_in(scheduler, images, alone, tmp_path, monkeypatch):
    # the workers stand elsewhere
    monkeypatch.chdir(images)
    shutil.copy(find_weights("cmunext-xxs", "nuclei")[1], tmp_path / "own.safetensors")
    request = replace(REQUEST, weights=os.path.relpath(tmp_path / "own.safetensors"))
    out = Path(os.path.relpath(tmp_path / "out"))
    workers = Workers(scheduler=scheduler.scheduler_address)
    written = predict_files(["small0.tif", Path("small1.tif")], request, out, workers=workers, progress=print)
    assert sorted(path.name for path in written) == ["small0_mask.tif", "small1_mask.tif"]
    np.testing.assert_array_equal(read_mask(tmp_path / "out" / "small0_mask.tif"), alone["small0_mask.tif"])


def test_who_asks_the_command_to_end_is_heard_as_ctrl_c_is():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), cluster._ended_in_order():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def _hears_ctrl_c(number):
    return signal.getsignal(signal.SIGINT) != signal.SIG_IGN, logging.getLogger("distributed").level


def test_workers_of_this_computer_leave_ctrl_c_to_the_command_and_say_nothing():
    with cluster.team_of(Workers(count=1)) as team:
        assert [result() for _, result in team.each(_hears_ctrl_c, [1])] == [(False, logging.CRITICAL)]
