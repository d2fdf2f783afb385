"""Training: it learns, resumes bit for bit, and follows its plan."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.networks import get_spec
from napari_medseg.project.run_spec import Pair, RunSpec, Stage
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, WEIGHTS_FILE, read_events
from napari_medseg.weights import read_entry
from src_train.dataset import draw_batches
from src_train.optim import learning_rate_at
from src_train.scoring import mean_dice
from src_train.trainer import Trainer
from tests.src_train.helpers import blobs, changed, make_run


@pytest.mark.slow
def test_it_overfits_two_images(tmp_path):
    spec = make_run(tmp_path, stages=(Stage(size=48, epochs=70),), augment=False, validate_every=70, learning_rate=1e-2)
    trainer = Trainer(spec, tmp_path)
    entry = trainer.run()
    assert entry.metrics["dice"] > 0.95
    from napari_medseg.inference import Predictor

    predictor = Predictor.from_weights("cmunext-xxs", tmp_path / WEIGHTS_FILE, device="cpu")
    assert mean_dice(predictor, trainer.train_samples) > 0.95


def interrupted(spec: RunSpec, folder: Path, epochs: int) -> None:
    """Train some epochs and stop dead, as a kill would."""

    class Killed(BaseException):
        pass

    trainer = Trainer(spec, folder)
    plain = trainer._epoch

    def epoch(*args):
        if trainer.state.epoch == epochs:
            raise Killed
        return plain(*args)

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


@pytest.mark.slow
@pytest.mark.parametrize("val", [0, 2])
def test_the_start_is_kept_in_part(tmp_path, val):
    stages = (Stage(size=48, epochs=4),)
    first = make_run(tmp_path / "first", stages=stages, validate_every=4, learning_rate=1e-2)
    Trainer(first, tmp_path / "first").run()
    start = str(tmp_path / "first" / WEIGHTS_FILE)
    trained = {}
    for kept in (None, start):
        folder = tmp_path / ("whole" if kept is None else "mixed")
        spec = make_run(
            folder, n=4, stages=stages, start_from=start, keep_from=kept, keep_share=0.25, learning_rate=1e-2
        )
        spec = changed(spec, val=spec.data.train[:val], validate_every=4, choose_best=False)
        trainer = Trainer(spec, folder)
        trainer.run()
        trained[kept] = load_file(folder / WEIGHTS_FILE), trainer.state
    before, (whole, _), (mixed, state) = load_file(start), trained[None], trained[start]
    # the last state, a quarter of the way back
    assert not val or state.best_epoch == 4
    floats = [name for name in mixed if mixed[name].is_floating_point()]
    assert all(torch.allclose(mixed[name], state.network[name].lerp(before[name], 0.25), atol=1e-6) for name in floats)
    assert any(not torch.equal(mixed[name], whole[name]) for name in mixed)
    if val:
        from napari_medseg.inference import Predictor

        # what was scored is what was written
        predictor = Predictor.from_weights("cmunext-xxs", tmp_path / "mixed" / WEIGHTS_FILE, device="cpu")
        assert mean_dice(predictor, trainer.val_samples) == pytest.approx(state.best_dice)


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


def test_a_plan_that_fits_the_budget_ends_scored_and_with_a_low_rate(tmp_path):
    run = {"stages": (Stage(size=32, epochs=9),), "validate_every": 5, "fit_budget": True, "time_budget_minutes": 1.0}
    spec = make_run(tmp_path, choose_best=False, schedule="poly", **run)
    trainer = Trainer(spec, tmp_path)
    trainer.pace.fitting = lambda done: 7 if done < 2 else 3
    entry = trainer.run()
    assert entry.training == {**entry.training, "epochs": 3, "best_epoch": 3, "finished": True}
    told = [e for e in read_events(tmp_path / EVENTS_FILE)[0] if e["event"] == "epoch"]
    assert [e["epochs"] for e in told] == [7, 3, 3]
    assert told[-1]["val_dice"] is not None and told[-2]["seconds_left"] > told[-1]["seconds_left"] == 0
    first = trainer.learning_rate
    assert told[-1]["lr"] == learning_rate_at(trainer.recipe, start=first, epoch=2, epochs=3) < 0.5 * first
    # what ended by its plan has ended, and a run that was killed goes on with its plan
    assert Trainer(spec, tmp_path).run().training["epochs"] == 3


@pytest.mark.parametrize(("minutes", "planned"), [(None, 40), (1.0, 11), (0.0, 2), (60.0, 40)])
def test_so_many_epochs_fit_into_a_budget(tmp_path, minutes, planned):
    spec = make_run(tmp_path, stages=(Stage(size=32, epochs=40),), time_budget_minutes=minutes, fit_budget=True)
    trainer = Trainer(spec, tmp_path)
    # two epochs of five seconds
    trainer.pace.started = time.monotonic() - 10
    found = trainer.pace.fitting(2)
    trainer.events.close()
    assert found == planned


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
    trainer.keeper.score = lambda size, epoch: next(scores)
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


def test_dcsnet_waits_for_its_loss_on_the_validation_pairs_not_for_dice(tmp_path):
    """The plateau and the patience count it; Dice chooses what is kept."""
    trainer = Trainer(make_run(tmp_path, stages=(Stage(size=32, epochs=9),), patience=2), tmp_path)
    trainer.recipe = replace(trainer.recipe, monitor=get_spec("dcsnet").recipe.monitor)
    dice, losses, rates = iter((0.1, 0.2, 0.3, 0.4, 0.5)), iter((2.0, 1.0, 1.5, 1.25)), []
    trainer.keeper.score = lambda sides, epoch: next(dice)
    trainer._validation_loss = lambda sides, epoch: (rates.append(epoch), next(losses))[1]
    entry = trainer.run()
    assert trainer.state.scores == [-2.0, -1.0, -1.5, -1.25]
    assert (entry.training["epochs"], entry.training["best_epoch"], rates) == (4, 4, [0, 1, 2, 3])


def test_the_loss_on_the_validation_pairs_changes_nothing_and_repeats(tmp_path):
    trainer = Trainer(make_run(tmp_path, network="dcsnet-s", stages=(Stage(size=64, epochs=1),)), tmp_path)
    trainer.events.close()
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    found = [trainer._validation_loss((64, 64), epoch=0) for _ in range(2)]
    assert found[0] == found[1] > 0
    # weights of the levels are those of the epoch
    assert trainer._validation_loss((64, 64), epoch=1) != found[0]
    assert all(torch.equal(before[name], tensor) for name, tensor in trainer.network.state_dict().items())


@pytest.mark.parametrize("best", [True, False])
def test_the_best_or_the_last_that_was_scored(tmp_path, best):
    trainer = Trainer(make_run(tmp_path, stages=(Stage(size=32, epochs=3),), choose_best=best), tmp_path)
    scores = iter((0.2, 0.6, 0.4))
    trainer.keeper.score = lambda sides, epoch: next(scores)
    entry = trainer.run()
    assert (entry.training["best_epoch"], entry.metrics["dice"]) == ((2, 0.6) if best else (3, 0.4))
    written, last = load_file(tmp_path / WEIGHTS_FILE), trainer.state.network
    assert all(torch.equal(written[name], last[name]) for name in last) != best


def test_training_stops_when_nothing_gets_better(tmp_path):
    trainer = Trainer(make_run(tmp_path, stages=(Stage(size=48, epochs=9),), patience=2), tmp_path)
    scores = iter((0.4, 0.5, 0.3, 0.2, 0.9))
    trainer.keeper.score = lambda sides, epoch: next(scores)
    entry = trainer.run()
    assert (entry.training["epochs"], entry.training["best_epoch"]) == (4, 2)


def test_a_run_that_was_killed_after_its_last_epoch_has_none_to_come(tmp_path):
    spec = make_run(tmp_path, stages=(Stage(size=48, epochs=9),), patience=1)
    first = Trainer(spec, tmp_path)
    scores = iter((0.5, 0.3))
    first.keeper.score = lambda sides, epoch: next(scores)

    class Killed(BaseException):
        pass

    def die(*, finished):
        raise Killed

    first._finish = die
    with pytest.raises(Killed):
        first.run()
    entry = Trainer(spec, tmp_path).run()
    assert entry.training == {**entry.training, "epochs": 2, "best_epoch": 1, "finished": True}


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


def test_a_run_that_draws_resumes_as_well(tmp_path):
    stages = (Stage(size=32, epochs=3),)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Trainer(make_run(whole, n=3, stages=stages, epoch_images=7), whole).run()
    spec = make_run(parts, n=3, stages=stages, epoch_images=7)
    interrupted(spec, parts, 1)
    Trainer(spec, parts).run()
    a, b = load_file(whole / WEIGHTS_FILE), load_file(parts / WEIGHTS_FILE)
    assert all(torch.equal(a[name], b[name]) for name in a)


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


@pytest.mark.parametrize(
    "stages", [(Stage(size=48, epochs=1), Stage(size=40, epochs=1)), (Stage(size=64, view=40, epochs=1),)]
)
def test_a_size_that_the_network_does_not_take_is_named(tmp_path, stages):
    spec = make_run(tmp_path, stages=stages)
    with pytest.raises(InputError, match=r"has a side of 40 px; cmunext-xxs expects multiples of 16 px\. Choose 48"):
        Trainer(spec, tmp_path)


def test_a_mask_of_another_size_is_named(tmp_path):
    spec = make_run(tmp_path)
    Image.new("L", (20, 30)).save(tmp_path / "m1.png")
    with pytest.raises(ShapeError, match=r"m1\.png is 30 x 20 px; its image .*i1\.png is 48 x 48 px"):
        Trainer(spec, tmp_path)


def test_nobody_is_scored_by_what_a_network_proposed(tmp_path):
    spec = make_run(tmp_path, n=4, stages=(Stage(size=32, epochs=1),))
    pairs = spec.data.train
    for own in range(3):
        val = tuple(replace(pair, as_proposed=number >= own) for number, pair in enumerate(pairs[:2]))
        spec = replace(spec, data=replace(spec.data, val=val))
        trainer = Trainer(spec, tmp_path)
        trainer.events.close()
        assert len(trainer.val_samples) == own
    # what it came to is told of those alone
    folder = tmp_path / "one"
    spec = make_run(folder, n=4, stages=(Stage(size=32, epochs=1),))
    val = (spec.data.train[0], replace(spec.data.train[1], as_proposed=True))
    assert Trainer(replace(spec, data=replace(spec.data, val=val)), folder).run().metrics["n"] == 1
