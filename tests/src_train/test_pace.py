"""How many epochs fit into minutes, where stages cost differently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import src_train.pace as module
from napari_medseg.errors import InputError
from napari_medseg.project.run_spec import Budget, Data, Pair, RunSpec, Schedule, Stage
from src_train.checkpoint import Checkpoint
from src_train.pace import Pace

HALF = (Stage(size=256, view=128, epochs=18), Stage(size=256, epochs=12))


def spec_of(stages, minutes=None):
    return RunSpec(
        network="cmunext-xxs",
        task="a",
        data=Data(train=(Pair(name="a", image="a", mask="a"),), val=(), classes=("a",)),
        schedule=Schedule(stages=stages),
        budget=Budget(time_budget_minutes=minutes, fit_budget=minutes is not None),
    )


@given(epochs=st.lists(st.integers(1, 40), min_size=1, max_size=4), planned=st.integers(1, 160))
def test_where_fewer_epochs_are_planned_each_stage_has_its_share(epochs, planned):
    stages = tuple(Stage(size=64 * (i + 1), epochs=n) for i, n in enumerate(epochs))
    schedule = Schedule(stages=stages)
    assert [schedule.stage_of(epoch) for epoch in range(schedule.epochs)] == [
        s for s in stages for _ in range(s.epochs)
    ]
    seen = [schedule.stage_of(epoch, planned) for epoch in range(planned)]
    assert [stage.size for stage in seen] == sorted(stage.size for stage in seen)
    for stage in stages:
        assert abs(seen.count(stage) - planned * stage.epochs / schedule.epochs) <= 1


@pytest.mark.parametrize("stages", [HALF, (Stage(size=128, epochs=18), Stage(size=256, epochs=12)), HALF[1:]])
@pytest.mark.parametrize("minutes", [0.2, 1.0, 2.0, 60.0])
def test_what_is_planned_fits_and_ends_with_the_last_stage(monkeypatch, stages, minutes):
    """On a computer that takes 10 s for an epoch of whole images."""
    now, spec = [100.0], spec_of(stages, minutes)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    state = Checkpoint(epoch=0, network={}, optimizer={})
    pace = Pace(spec, state, lambda said: said)
    seen = []
    while state.epoch < pace.planned and not pace.over:
        seen.append(pace.stage(state.epoch))
        now[0] += 10.0 * seen[-1].pixels / 256**2
        state.planned = pace.fitting(state.epoch + 1)
        state.epoch += 1
    assert seen[-1] == stages[-1] or len(seen) == 1
    all_of_it = 10.0 * spec.schedule.pixels / 256**2 * spec.schedule.epochs
    # all of them, or as many as fit: one more would not, and the rounding of stages is worth two at most
    assert now[0] - 100 <= 60 * minutes + 20
    assert now[0] - 100 >= min(all_of_it, 60 * minutes) - 20
    assert pace.seconds_left(10.0, len(seen)) == 0


def test_a_view_is_no_larger_than_the_image_and_of_no_volume():
    for size, view in ((128, 256), ((16, 64, 64), 32), (128, 0)):
        with pytest.raises(InputError, match=f"{view}"):
            Stage(size=size, view=view, epochs=1)
    data = Data(train=(Pair(name="a", image="a", mask="a"),), val=(), classes=("a",), augment=False)
    with pytest.raises(InputError, match="stage of views, and no augmentation"):
        RunSpec(network="cmunext-xxs", task="a", data=data, schedule=Schedule(stages=HALF))
    spec = spec_of(HALF)
    assert RunSpec.from_json(spec.to_json()) == spec
    assert '"view"' not in spec_of(HALF[1:]).to_json()
