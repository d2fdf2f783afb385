"""The trainer on real images: it learns, it resumes bit for bit, it says what it does."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.networks import InputSpec, SegmentationOutput, get_spec
from napari_medseg.project.runs import (
    CHECKPOINT_FILE,
    EVENTS_FILE,
    SPEC_FILE,
    WEIGHTS_FILE,
    Pair,
    RunSpec,
    Stage,
    read_events,
)
from napari_medseg.weights import read_entry
from src_train.dataset import draw_batches, load_pair
from src_train.engine import Engine
from src_train.losses import build_loss, rim
from src_train.optim import learning_rate_at
from src_train.roi_losses import map_loss, soft_rim
from src_train.targets import boxes_of
from src_train.trainer import Trainer, mean_dice
from src_train.volumes import TrainingVolumes


def blobs(folder: Path, n: int, side: int = 48) -> tuple[Pair, ...]:
    """Bright discs on noise, with their masks."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for i in range(n):
        y, x = np.mgrid[:side, :side]
        mask = (y - rng.integers(12, side - 12)) ** 2 + (x - rng.integers(12, side - 12)) ** 2 < rng.integers(
            6, 11
        ) ** 2
        image = np.clip(rng.normal(70, 12, (side, side)) + 110 * mask, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"i{i}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"m{i}.png")
        pairs.append(Pair(name=f"blob {i}", image=f"i{i}.png", mask=f"m{i}.png"))
    return tuple(pairs)


def make_run(folder: Path, **changes) -> RunSpec:
    pairs = blobs(folder, changes.pop("n", 2))
    values = {
        "network": "cmunext-xxs",
        "task": "blobs",
        "train": pairs,
        "val": pairs[:1],
        "stages": (Stage(size=48, epochs=3),),
        "batch_size": 2,
        "device": "cpu",
        "seed": 3,
    }
    spec = RunSpec(**{**values, **changes})
    (folder / SPEC_FILE).write_text(spec.to_json())
    return spec


def test_it_overfits_two_images(tmp_path):
    spec = make_run(
        tmp_path, stages=(Stage(size=48, epochs=120),), augment=False, validate_every=40, learning_rate=1e-2
    )
    trainer = Trainer(spec, tmp_path)
    entry = trainer.run()
    assert entry.metrics["dice"] > 0.95
    from napari_medseg.inference import Predictor

    predictor = Predictor.from_weights("cmunext-xxs", tmp_path / WEIGHTS_FILE, device="cpu")
    assert mean_dice(predictor, trainer.train_samples, classes=1) > 0.95


def interrupted(spec: RunSpec, folder: Path, epochs: int) -> None:
    """Train some epochs and stop dead, as a kill would."""

    class Killed(BaseException):
        pass

    trainer = Trainer(spec, folder)
    plain = trainer._epoch

    def epoch(data, number, *args, **kwargs):
        if number == epochs:
            raise Killed
        return plain(data, number, *args, **kwargs)

    trainer._epoch = epoch
    with pytest.raises(Killed):
        trainer.run()


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resuming_equals_never_having_stopped(tmp_path, stop):
    stages = (Stage(size=32, epochs=2), Stage(size=48, epochs=2))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Trainer(make_run(whole, n=5, stages=stages), whole).run()
    spec = make_run(parts, n=5, stages=stages)
    interrupted(spec, parts, stop)
    entry = Trainer(spec, parts).run()
    assert entry.training["epochs"] == 4
    a, b = load_file(whole / WEIGHTS_FILE), load_file(parts / WEIGHTS_FILE)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    losses = [[e["loss"] for e in read_events(f / EVENTS_FILE)[0] if e["event"] == "epoch"] for f in (whole, parts)]
    assert losses[0] == losses[1]


def test_the_seed_decides(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        Trainer(make_run(tmp_path / name, seed=seed, val=()), tmp_path / name).run()
    a, b = (load_file(tmp_path / name / WEIGHTS_FILE) for name in "ab")
    assert not torch.equal(a["head.weight"], b["head.weight"])


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    Trainer(make_run(tmp_path, val=()), tmp_path).run()
    with pytest.raises(InputError, match="was made with other settings"):
        Trainer(make_run(tmp_path, val=(), learning_rate=0.5), tmp_path).run()


def test_a_damaged_checkpoint_is_told(tmp_path):
    Trainer(make_run(tmp_path, val=()), tmp_path).run()
    path = tmp_path / CHECKPOINT_FILE
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"checkpoint\.pt is damaged"):
        Trainer(make_run(tmp_path, val=()), tmp_path).run()


def test_a_budget_stops_after_an_epoch_and_more_time_goes_on(tmp_path):
    spec = make_run(tmp_path, time_budget_minutes=0.0, stages=(Stage(size=32, epochs=3),))
    entry = Trainer(spec, tmp_path).run()
    assert entry.training == {**entry.training, "epochs": 1, "finished": False}
    spec = make_run(tmp_path, time_budget_minutes=None, stages=(Stage(size=32, epochs=3),))
    entry = Trainer(spec, tmp_path).run()
    assert entry.training == {**entry.training, "epochs": 3, "finished": True}


def test_the_entry_says_how_the_weights_came_about(tmp_path):
    entry = Trainer(make_run(tmp_path, licence="cc0", trained_on=("blobs",), version=4), tmp_path).run()
    assert entry == read_entry(tmp_path / WEIGHTS_FILE)
    assert (entry.id, entry.licence, entry.trained_on) == ("cmunext-xxs/blobs@4", "cc0", ("blobs",))
    assert (entry.metrics["n"], entry.metrics["split"], entry.training["seed"]) == (1, "val", 3)


def test_fine_tuning_keeps_the_start_when_nothing_is_better(tmp_path):
    first = tmp_path / "first"
    good = make_run(first, stages=(Stage(size=48, epochs=40),), augment=False, validate_every=40, learning_rate=1e-2)
    before = Trainer(good, first).run()
    second = tmp_path / "second"
    spec = make_run(
        second, start_from=str(first / WEIGHTS_FILE), learning_rate=10.0, stages=(Stage(size=48, epochs=1),)
    )
    after = Trainer(spec, second).run()
    assert after.metrics["dice"] >= before.metrics["dice"] - 1e-4
    assert after.training["best_epoch"] == 0


def test_the_best_of_all_sizes_is_chosen_with_its_size(tmp_path):
    stages = (Stage(size=48, epochs=1), Stage(size=32, epochs=2))
    trainer = Trainer(make_run(tmp_path, stages=stages), tmp_path)
    scores = iter((0.4, 0.3, 0.2))
    trainer._validate = lambda size: next(scores)
    entry = trainer.run()
    assert (entry.training["best_epoch"], entry.input_size, entry.metrics["dice"]) == (1, (48, 48), 0.4)


def test_frozen_norms_keep_their_statistics(tmp_path):
    Trainer(make_run(tmp_path / "first", val=()), tmp_path / "first").run()
    start = str(tmp_path / "first" / WEIGHTS_FILE)
    states = {}
    for frozen in (False, True):
        folder = tmp_path / str(frozen)
        Trainer(make_run(folder, val=(), start_from=start, freeze_norm=frozen), folder).run()
        states[frozen] = load_file(folder / WEIGHTS_FILE)
    first = load_file(start)
    means = [name for name in first if name.endswith("running_mean")]
    assert means
    assert all(torch.equal(first[name], states[True][name]) for name in means)
    assert not any(torch.equal(first[name], states[False][name]) for name in means)
    assert not torch.equal(first["head.weight"], states[True]["head.weight"])


def test_pairs_are_drawn_by_weight():
    drawn = [index for batch in draw_batches((0, 1, 3), 8, seed=0, epoch=0, images=400) for index, _ in batch]
    counts = [drawn.count(i) for i in range(3)]
    assert sum(counts) == 400
    assert counts[0] == 0
    assert 2.2 < counts[2] / counts[1] < 4


@pytest.mark.parametrize("changes", [{"accumulate": 3}, {"precision": "bf16"}], ids=["in parts", "bf16"])
def test_parts_of_a_batch_and_half_precision_follow_the_same_curve(tmp_path, changes):
    losses = {}
    for name, options in (("plain", {}), ("changed", changes)):
        folder = tmp_path / name
        # batch norms see each part alone: kept as they are, nothing else differs
        spec = make_run(folder, n=6, batch_size=6, val=(), freeze_norm=True, learning_rate=1e-3, **options)
        Trainer(spec, folder).run()
        losses[name] = [e["loss"] for e in read_events(folder / EVENTS_FILE)[0] if e["event"] == "epoch"]
    tolerance = 1e-4 if "accumulate" in changes else 0.02
    assert losses["changed"] == pytest.approx(losses["plain"], rel=tolerance)
    assert losses["plain"][-1] < losses["plain"][0]


def test_two_processes_follow_the_curve_of_one(tmp_path):
    """Seven images in batches of four: the last batch of three divides unevenly."""
    losses, weights = {}, {}
    for name, launcher in (
        ("one", ()),
        ("two", ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")),
    ):
        folder = tmp_path / name
        make_run(folder, n=7, batch_size=4, freeze_norm=True, learning_rate=1e-3, validate_every=3)
        command = [sys.executable, *launcher, "-m", "src_train", "run", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        events, _ = read_events(folder / EVENTS_FILE)
        losses[name] = [e["loss"] for e in events if e["event"] == "epoch"]
        assert next(e["processes"] for e in events if e["event"] == "start") == (1 if name == "one" else 2)
        weights[name] = load_file(folder / WEIGHTS_FILE)
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-4)
    for key, tensor in weights["one"].items():
        torch.testing.assert_close(tensor, weights["two"][key], rtol=1e-3, atol=1e-4)


def test_an_unknown_precision_is_named():
    with pytest.raises(InputError, match="precision is 'int4'; expected auto, no, bf16 or fp16"):
        Engine("cpu", precision="int4")
    with pytest.raises(InputError, match="precision is 'fp16'; a CPU trains"):
        Engine("cpu", precision="fp16")


def test_the_schedules_of_the_papers():
    recipe = get_spec("lgms-net-3d").recipe
    rates = [learning_rate_at(recipe, start=1.0, epoch=e, epochs=110) for e in range(110)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == rates[11] == 1
    assert rates[60] == pytest.approx(0.5, abs=0.02)
    assert rates[109] < 0.01
    assert learning_rate_at(recipe, start=1.0, epoch=49, epochs=5000) == 1
    assert learning_rate_at(recipe, start=1.0, epoch=24, epochs=5000) == 0.5
    plateau = get_spec("dcsnet").recipe
    scores = [0.5, *[0.4] * 6]
    assert [learning_rate_at(plateau, start=1.0, epoch=9, epochs=100, scores=scores[:n]) for n in (0, 1, 6, 7)] == [
        *(1.0, 1.0, 1.0),
        0.5,
    ]
    reference = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(reference, mode="max", factor=0.5, patience=5, threshold=0)
    rng = np.random.default_rng(0)
    seen = []
    for score in rng.random(80):
        seen.append(float(score))
        torchs.step(seen[-1])
        assert learning_rate_at(plateau, start=1.0, epoch=9, epochs=100, scores=seen) == reference.param_groups[0]["lr"]


def test_training_stops_when_nothing_gets_better(tmp_path):
    trainer = Trainer(make_run(tmp_path, stages=(Stage(size=48, epochs=9),), patience=2), tmp_path)
    scores = iter((0.4, 0.5, 0.3, 0.2, 0.9))
    trainer._validate = lambda sides: next(scores)
    entry = trainer.run()
    assert (entry.training["epochs"], entry.training["best_epoch"]) == (4, 2)


def test_gradients_are_clipped(tmp_path):
    trainer = Trainer(make_run(tmp_path), tmp_path)
    trainer.recipe = replace(trainer.recipe, clip=1e-6)
    norms = []
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda *a: (
        norms.append(float(torch.stack([p.grad.norm() for p in trainer.network.parameters()]).norm())),
        step(*a),
    )
    trainer.run()
    assert norms
    assert max(norms) < 1.01e-6


def volumes(folder: Path, n: int) -> tuple[Pair, ...]:
    """Bright balls in noise, of two classes by their side."""
    import nibabel

    rng = np.random.default_rng(2)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for i in range(n):
        z, y, x = np.mgrid[:20, :36, :30]
        mask = ((z - 10) ** 2 + (y - rng.integers(10, 26)) ** 2 + (x - 15) ** 2 < 40) * (1 + (x > 15))
        data = rng.normal(50, 5, mask.shape) + 60 * (mask > 0)
        for name, array in (("i", data.astype(np.float32)), ("m", mask.astype(np.uint8))):
            nibabel.Nifti1Image(array.transpose(), np.diag((2.0, 1, 1, 1))).to_filename(folder / f"{name}{i}.nii.gz")
        pairs.append(Pair(name=f"ball {i}", image=f"i{i}.nii.gz", mask=f"m{i}.nii.gz"))
    return tuple(pairs)


def test_volumes_train_in_windows(tmp_path):
    pairs = volumes(tmp_path, 2)
    spec = make_run(
        tmp_path,
        network="lgms-net-3d",
        train=pairs,
        val=pairs[:1],
        stages=(Stage(size=(32, 32, 32), epochs=1),),
        batch_size=1,
        augmentation="volume",
        classes=("left", "right"),
        spacing=(1.0, 1.0, 2.0),
        validate_every=1,
    )
    assert RunSpec.from_json(spec.to_json()) == spec
    entry = Trainer(spec, tmp_path).run()
    assert entry.input_size == (32, 32, 32)
    assert entry.spacing == (1.0, 1.0, 2.0)
    assert entry.output_channels == 3
    assert 0 <= entry.metrics["dice"] <= 1


def test_a_window_holds_what_the_volume_holds_there(tmp_path):
    sample = load_pair(volumes(tmp_path, 1)[0], tmp_path)
    data = TrainingVolumes(
        [sample],
        sides=(16, 48, 16),
        classes=2,
        augmentation=None,
        spec=InputSpec(ndim=3, channels=1, mean=0.0, std=1.0),
        spacing=(1.0, 1.0, 1.0),
        window=None,
    )
    windows = [data[0, seed] for seed in range(40)]
    assert {tuple(image.shape) for image, _ in windows} == {(1, 16, 48, 16)}
    assert all(
        float(image[mask > 0].mean()) > float(image[mask == 0].mean()) + 0.3 for image, mask in windows if mask.any()
    )
    # half of them lie around a voxel of the ball, most others do not
    assert sum(bool(mask.any()) for _, mask in windows) >= 20
    assert any(set(mask.unique().tolist()) == {0, 1, 2} for _, mask in windows)


def test_a_run_that_draws_resumes_as_well(tmp_path):
    stages = (Stage(size=32, epochs=3),)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Trainer(make_run(whole, n=3, stages=stages, epoch_images=7), whole).run()
    spec = make_run(parts, n=3, stages=stages, epoch_images=7)
    interrupted(spec, parts, 1)
    Trainer(spec, parts).run()
    a, b = load_file(whole / WEIGHTS_FILE), load_file(parts / WEIGHTS_FILE)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_rim_is_a_pixel_to_each_side():
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    mask[..., 3:6, 3:6] = 1
    edge = rim(mask)[0, 0]
    assert edge.sum() == 5 * 5 - 1
    assert edge[4, 4] == 0
    assert edge[2, 2] == edge[3, 3] == 1


def test_boxes_stand_around_the_parts_of_a_mask():
    mask = torch.zeros(1, 40, 60, dtype=torch.uint8)
    mask[0, 10:20, 30:40] = 1
    mask[0, 20, 40] = 1  # touches over a corner: the same part
    mask[0, 35, 2:4] = 2  # two pixels: too small
    mask[0, 0:4, 0:4] = 2
    assert sorted(boxes_of(mask).tolist()) == [[0, 0, 9, 9], [25, 5, 46, 26]]
    assert boxes_of(torch.zeros(1, 5, 5)).shape == (0, 4)


def test_the_boundary_term_sees_a_wrong_border():
    """The published term is zero whatever the border; ours is not."""
    target = torch.zeros(1, 1, 32, 32)
    target[..., 8:24, 8:24] = 1
    near, far = target.clone(), torch.zeros_like(target)
    far[..., 4:28, 4:28] = 1
    edges = [soft_rim(x) for x in (target, near, far)]
    assert edges[0].sum() == 18 * 18 - 14 * 14
    losses = [float(map_loss(20 * (2 * x - 1), target)) for x in (near, far)]
    assert losses[0] < 1e-3
    assert losses[1] > losses[0] + 0.2


def test_further_maps_and_edges_count_as_the_recipe_says():
    target = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    target[..., 2:6, 2:6] = 1
    good, bad = 20.0 * (2 * target.float() - 1), torch.full((1, 1, 8, 8), -20.0)
    edges = 20.0 * (2 * rim(target) - 1)
    recipe = replace(get_spec("sgd-net-s").recipe, losses={"dice": 1.0}, aux_weight=2.0, edge_weight=3.0)
    loss = build_loss(recipe)

    def value(logits, edge, *aux):
        return float(loss(SegmentationOutput(logits=logits, edge_logits=edge, aux=aux), target))

    assert value(good, edges, good, good) == pytest.approx(0, abs=1e-3)
    assert value(bad, edges, good, good) == pytest.approx(1, abs=1e-2)
    assert value(good, edges, bad, good) == pytest.approx(2, abs=1e-2)
    assert value(good, bad, good, good) == pytest.approx(3, abs=1e-2)


@pytest.mark.parametrize("name", ["dymas-net", "lgms-net", "sgd-net-s", "dcsnet-s"])
def test_other_networks_train_too(tmp_path, name):
    spec = make_run(tmp_path, network=name, stages=(Stage(size=64, epochs=2),), val=())
    Trainer(spec, tmp_path).run()
    losses = [e["loss"] for e in read_events(tmp_path / EVENTS_FILE)[0] if e["event"] == "epoch"]
    assert np.isfinite(losses).all()


def test_several_classes(tmp_path):
    pairs = blobs(tmp_path, 2)
    for pair in pairs:
        mask = np.asarray(Image.open(tmp_path / pair.mask)) // 255
        mask = mask * (1 + (np.arange(48)[None] > 24))
        Image.fromarray(mask.astype(np.uint8)).save(tmp_path / f"c{pair.mask}")
    two = tuple(Pair(name=p.name, image=p.image, mask=f"c{p.mask}") for p in pairs)
    spec = make_run(tmp_path, train=two, val=two, classes=("left", "right"))
    entry = Trainer(spec, tmp_path).run()
    assert entry.output_channels == 3


def test_a_mask_of_another_size_is_named(tmp_path):
    spec = make_run(tmp_path)
    Image.new("L", (20, 30)).save(tmp_path / "m1.png")
    with pytest.raises(ShapeError, match=r"m1\.png is 30 x 20 px; its image .*i1\.png is 48 x 48 px"):
        Trainer(spec, tmp_path)


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "src_train", "run", str(folder)], stderr=subprocess.PIPE, text=True)


def wait_for(folder: Path, kind: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + 90
    while not any(e["event"] == kind for e in read_events(folder / EVENTS_FILE)[0]):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_cancelling_is_quick_and_leaves_a_checkpoint_to_go_on_from(tmp_path):
    make_run(tmp_path, stages=(Stage(size=48, epochs=500),), n=4)
    process = start(tmp_path)
    wait_for(tmp_path, "epoch", process)
    process.send_signal(signal.SIGTERM)
    assert "was cancelled" in process.communicate(timeout=20)[1]
    assert process.returncode == 130
    events, _ = read_events(tmp_path / EVENTS_FILE)
    assert events[-1]["event"] == "cancelled"
    process = start(tmp_path)
    end = time.monotonic() + 90
    while not any(e["event"] == "start" and e["resumed_epoch"] > 0 for e in read_events(tmp_path / EVENTS_FILE)[0]):
        assert time.monotonic() < end
        time.sleep(0.05)
    process.kill()
    process.communicate(timeout=20)


def test_a_bad_spec_is_one_line_and_an_event(tmp_path):
    (tmp_path / SPEC_FILE).write_text("{")
    process = start(tmp_path)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 2
    assert len(err.strip().splitlines()) == 1
    assert "spec.json is no JSON" in err
    assert read_events(tmp_path / EVENTS_FILE)[0][-1]["event"] == "failed"


def test_a_torn_event_line_is_skipped_and_the_next_is_read(tmp_path):
    from src_train.events import EventLog

    path = tmp_path / EVENTS_FILE
    path.write_text(json.dumps({"event": "start", "time": 1}) + '\n{"event": "epo')
    first, offset = read_events(path)
    assert [e["event"] for e in first] == ["start"]
    log = EventLog(path)
    log.write("done")
    log.close()
    assert [e["event"] for e in read_events(path, offset)[0]] == ["done"]
