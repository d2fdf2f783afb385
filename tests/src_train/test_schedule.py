"""Rates that follow a cycle or the clock, encoders that learn more slowly, and averaged weights."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from napari_medseg.errors import InputError, TrainingError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.project.run_spec import Stage
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, WEIGHTS_FILE, read_events
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
    import src_train.trainer as module

    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
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
    assert load_file(whole / WEIGHTS_FILE).keys() == a["network"].keys()


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
