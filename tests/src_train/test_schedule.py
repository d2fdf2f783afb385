"""Rates that follow a cycle or the clock, encoders that learn more slowly, and averaged weights."""

import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import src_train.pace as pace_module
import src_train.trainer as trainer_module
from napari_medseg.errors import InputError, TrainingError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.project.run_spec import Stage
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, WEIGHTS_FILE, read_events
from napari_medseg.weights import read_entry
from src_train.average import Average
from src_train.optim import build_optimizer, learning_rate_at, set_rate
from src_train.trainer import Trainer
from tests.src_train.helpers import make_run
from tests.src_train.test_trainer import interrupted


def epochs_of(folder):
    return [event for event in read_events(folder / EVENTS_FILE)[0] if event["event"] == "epoch"]


def test_a_cycle_rises_and_falls_to_nothing():
    recipe = replace(get_spec("sgd-net-s").recipe, schedule="onecycle")
    rates = [learning_rate_at(recipe, start=1.0, epoch=e / 10, epochs=100) for e in range(1001)]
    assert rates[0] == pytest.approx(0.02)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates.index(max(rates)) == pytest.approx(150, abs=2)
    assert rates == sorted(rates[:150]) + sorted(rates[150:], reverse=True)
    assert rates[-1] == pytest.approx(0.002)


def test_a_cycle_changes_within_an_epoch(tmp_path):
    spec = make_run(tmp_path, n=6, schedule="onecycle", stages=(Stage(size=32, epochs=1),), val=())
    trainer, rates = Trainer(spec, tmp_path), []
    step = trainer._step

    def noted(*args):
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        return step(*args)

    trainer._step = noted
    trainer.run()
    assert len(set(rates)) == 3


def test_the_clock_brings_the_rate_down_over_all_sittings(tmp_path, monkeypatch):
    """Two of four minutes were used before: the rate goes on from the middle, and the run ends with the time."""
    now = [0.0]
    monkeypatch.setattr(trainer_module.time, "monotonic", lambda: now[0])
    options = {"schedule": "cosine", "clock": True, "time_budget_minutes": 4.0, "validate_every": 100}
    spec = make_run(tmp_path, stages=(Stage(size=32, epochs=1000),), learning_rate=1.0, **options)

    def slow(trainer):
        step = trainer._step

        def timed(*args):
            now[0] += 30.0
            return step(*args)

        trainer._step = timed
        return trainer

    class Killed(BaseException):
        pass

    first = slow(Trainer(spec, tmp_path))
    plain = first._epoch

    def until(*args):
        if first.state.epoch == 4:
            raise Killed
        return plain(*args)

    first._epoch = until
    with pytest.raises(Killed):
        first.run()
    entry = slow(Trainer(spec, tmp_path)).run()
    rates = [event["lr"] for event in epochs_of(tmp_path)]
    assert len(rates) == 8
    assert rates == sorted(rates, reverse=True)
    assert rates[4] == pytest.approx(0.5, abs=1e-4)
    assert rates[7] < 0.05
    assert entry.training["finished"] is True
    # what comes out at the end was scored
    assert [event["val_dice"] is None for event in epochs_of(tmp_path)] == [True] * 7 + [False]
    assert "dice" in entry.metrics


@pytest.fixture
def hands(monkeypatch):
    """The clock that runs go by: seconds, as a list of one number."""
    now = [0.0]
    monkeypatch.setattr(pace_module.time, "monotonic", lambda: now[0])
    return now


def slowed(trainer, hands, seconds):
    """A trainer whose steps take so long; the learning rates of its steps are noted."""
    step, rates = trainer._step, []

    def timed(*args):
        hands[0] += seconds
        rates.append(trainer.optimizer.param_groups[0]["lr"])
        return step(*args)

    trainer._step = timed
    return trainer, rates


def by_clock(folder, **options):
    """A run of two minutes; six images are three steps an epoch."""
    given = {"clock": True, "time_budget_minutes": 2.0, "schedule": "cosine", "learning_rate": 1.0, "n": 6}
    return make_run(folder, **{**given, "stages": (Stage(size=32, epochs=1000),), **options})


def test_by_the_clock_a_run_ends_in_the_middle_of_an_epoch_and_what_it_came_to_is_scored(tmp_path, hands):
    trainer, rates = slowed(Trainer(by_clock(tmp_path, validate_every=100), tmp_path), hands, 24.0)
    entry = trainer.run()
    assert [event["val_dice"] is None for event in epochs_of(tmp_path)] == [True, False]
    assert rates == pytest.approx([(1 + math.cos(math.pi * n / 5)) / 2 for n in range(5)], abs=1e-4)
    assert (entry.training["seconds"], entry.training["finished"]) == (120, True)
    assert entry.training["stages"] == [[32, 2]]
    # as many as there is time for are told, and when it will be over
    assert [(event["epochs"], event["seconds_left"]) for event in epochs_of(tmp_path)] == [(2, 48.0), (2, 0.0)]


def test_a_run_by_the_clock_that_is_over_is_not_begun_again(tmp_path, hands):
    spec = by_clock(tmp_path)
    slowed(Trainer(spec, tmp_path), hands, 24.0)[0].run()
    before = load_file(tmp_path / WEIGHTS_FILE)
    trainer, rates = slowed(Trainer(spec, tmp_path), hands, 24.0)
    assert trainer.run().training["epochs"] == 2
    assert not rates
    after = load_file(tmp_path / WEIGHTS_FILE)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_where_the_epochs_end_before_the_time_the_rate_ends_with_them(tmp_path, hands, schedule):
    """On a computer with more time than it needs."""
    spec = by_clock(tmp_path, stages=(Stage(size=32, epochs=4),), schedule=schedule)
    trainer, rates = slowed(Trainer(spec, tmp_path), hands, 1.0)
    assert trainer.run().training["epochs"] == 4
    assert len(rates) == 12
    assert rates[-1] < 0.05


def test_by_the_clock_a_warm_up_has_the_share_of_the_time_that_it_has_in_the_recipe(tmp_path, hands, monkeypatch):
    recipe = replace(get_spec("cmunext-xxs").recipe, warm_up=60, schedule="cosine")
    network = replace(get_spec("cmunext-xxs"), recipe=recipe)
    for module in (pace_module, trainer_module):
        monkeypatch.setattr(module, "get_spec", lambda name: network)
    trainer, rates = slowed(Trainer(by_clock(tmp_path, learning_rate=0.1), tmp_path), hands, 3.0)
    trainer.run()
    # of 300 epochs a tenth at most: 12 of 120 seconds
    assert rates[:5] == pytest.approx([0.1 * (30 * n / 4 + 1) / 30 for n in range(4)] + [0.1])


def test_losses_that_change_as_a_run_goes_on_follow_the_clock(tmp_path, hands):
    trainer, _ = slowed(Trainer(by_clock(tmp_path), tmp_path), hands, 24.0)
    done, plain = [], trainer.objective

    def noted(network, images, masks, share):
        done.append(share)
        return plain(network, images, masks, share)

    trainer.objective = noted
    trainer.run()
    # a step's time counts before its loss here
    assert done == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_clock_has_one_stage_and_a_rate_that_comes_down(tmp_path):
    several = by_clock(tmp_path, stages=(Stage(size=32, epochs=1), Stage(size=48, epochs=1)))
    with pytest.raises(InputError, match="clock in the run is true with 2 stages of epochs; expected one"):
        Trainer(several, tmp_path)
    spec = by_clock(tmp_path, schedule="plateau")
    with pytest.raises(
        InputError, match="schedule in the run is 'plateau', and clock is true; expected one that comes"
    ):
        Trainer(spec, tmp_path)
    with pytest.raises(InputError, match=r"'schedule' in spec\.json is 'zigzag'; expected one of cosine, poly"):
        by_clock(tmp_path, schedule="zigzag")


def test_a_clock_without_time_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"clock in the run is true without time_budget_minutes"):
        make_run(tmp_path, clock=True)
    with pytest.raises(InputError, match=r"'average' in spec.json is 1.5; expected a decay between 0 and 1"):
        make_run(tmp_path, average=1.5)


def test_an_encoder_learns_at_its_share():
    network, spec = create_network("sgd-net-s"), get_spec("sgd-net-s")
    optimizer = build_optimizer(network, spec.recipe, learning_rate=1.0, encoder=spec.encoder, encoder_rate=0.3)
    set_rate(optimizer, 0.01)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.003])
    inside = {id(p) for p in network.backbone.parameters()}
    assert {id(p) for p in optimizer.param_groups[1]["params"]} == inside
    every = sum(len(group["params"]) for group in optimizer.param_groups)
    assert every == len(list(network.parameters()))
    one = build_optimizer(network, spec.recipe, learning_rate=1.0, encoder=spec.encoder)
    assert len(one.param_groups) == 1


def test_an_average_follows_faster_at_first():
    layer, average = torch.nn.BatchNorm1d(1), Average(0.99)
    for value in (0.0, 1.0, 1.0):
        layer.weight.data.fill_(value)
        layer.num_batches_tracked += 1
        average.update(layer)
    expected = 0 + 1 - 3 / 12
    expected = expected + (1 - expected) * (1 - 4 / 13)
    assert float(average.state["weight"]) == pytest.approx(expected)
    assert int(average.state["num_batches_tracked"]) == 3


def test_averaged_weights_are_scored_too_and_resumed(tmp_path):
    options = {"average": 0.9, "stages": (Stage(size=32, epochs=3),), "learning_rate": 1e-3}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    Trainer(make_run(whole, **options), whole).run()
    spec = make_run(broken, **options)
    interrupted(spec, broken, 2)
    Trainer(spec, broken).run()
    a, b = (torch.load(folder / CHECKPOINT_FILE, weights_only=True) for folder in (whole, broken))
    assert a["steps"] == b["steps"] == 3
    for name, tensor in a["average"].items():
        assert torch.equal(tensor, b["average"][name])
        assert not tensor.is_floating_point() or tensor.shape == a["network"][name].shape
    assert any(not torch.equal(a["average"][name], a["network"][name]) for name in a["network"])
    told = epochs_of(whole)
    assert all(0 <= event["val_dice_averaged"] <= 1 for event in told)
    best = max(max(event["val_dice"], event["val_dice_averaged"]) for event in told)
    assert told[-1]["best_dice"] == pytest.approx(best)
    found = load_file(whole / WEIGHTS_FILE)
    assert found.keys() == a["network"].keys()
    # which of the two they are is said with the weights
    event = told[a["best_epoch"] - 1]
    averaged = event["val_dice_averaged"] > event["val_dice"]
    assert read_entry(whole / WEIGHTS_FILE).training["averaged"] == a["best_averaged"] == averaged


@pytest.mark.parametrize("averaged", [True, False])
def test_the_better_of_averaged_and_raw_weights_is_kept_and_said(tmp_path, averaged):
    spec = make_run(tmp_path, average=0.5, stages=(Stage(size=32, epochs=1),), n=4, learning_rate=1e-2)
    trainer = Trainer(spec, tmp_path)
    scores = iter((0.3, 0.6) if averaged else (0.6, 0.3))
    trainer.keeper.score = lambda sides, epoch: next(scores)
    entry = trainer.run()
    assert (entry.training["averaged"], entry.metrics["dice"]) == (averaged, 0.6)
    found, state = load_file(tmp_path / WEIGHTS_FILE), trainer.state
    better, other = (state.average, state.network) if averaged else (state.network, state.average)
    assert all(torch.equal(found[name], better[name]) for name in better)
    assert any(not torch.equal(found[name], other[name]) for name in other)


def test_without_pairs_to_score_on_the_average_is_what_comes_out(tmp_path):
    spec = make_run(tmp_path, average=0.5, stages=(Stage(size=32, epochs=2),), n=4, learning_rate=1e-2, val=())
    trainer = Trainer(spec, tmp_path)
    assert trainer.run().training["averaged"] is True
    found = load_file(tmp_path / WEIGHTS_FILE)
    assert all(torch.equal(found[name], trainer.state.average[name]) for name in found)
    assert any(not torch.equal(found[name], trainer.state.network[name]) for name in found)


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(tmp_path):
    trainer = Trainer(make_run(tmp_path), tmp_path)
    with torch.no_grad():
        next(trainer.network.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1; expected a number. Choose a lower"):
        trainer.run()


def test_a_pipeline_of_published_loaders_travels_with_the_weights(tmp_path):
    spec = make_run(tmp_path, pipeline="bgr255", augmentation="turned", stages=(Stage(size=32, epochs=1),))
    trainer = Trainer(spec, tmp_path)
    entry = trainer.run()
    assert entry.intensity["order"] == "bgr"
    assert entry.intensity["std"][0] == pytest.approx(255 * 0.229)
    images, _ = trainer._data(trainer.train_samples, (32, 32), augmentation=None).batch([(0, 0)])
    assert float(images.abs().max()) < 0.02  # divided by 255 twice


def test_a_run_of_before_goes_on_with_its_own_kind_of_step(tmp_path):
    """Checkpoints of before know of no fused steps."""
    stages = (Stage(size=32, epochs=2),)
    spec = make_run(tmp_path, stages=stages, val=(), time_budget_minutes=0.0)
    Trainer(spec, tmp_path).run()
    found = torch.load(tmp_path / CHECKPOINT_FILE, weights_only=True)
    for group in found["optimizer"]["param_groups"]:
        assert group["fused"]
        group["fused"] = None
    torch.save(found, tmp_path / CHECKPOINT_FILE)
    assert Trainer(make_run(tmp_path, stages=stages, val=()), tmp_path).run().training["epochs"] == 2
