"""What a round would do is said before, and is what it then does."""

import json
from dataclasses import replace

import pytest

from napari_medseg.app.forecast import GUESS, START, forecast, note_pace
from napari_medseg.app.plan_round import plan_retrain
from napari_medseg.app.settings import load_settings
from napari_medseg.errors import InputError
from napari_medseg.project.runs import EVENTS_FILE
from tests.app.helpers import OPTIONS, accept
from tests.app.test_judges import propose


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6])
def test_it_says_what_is_then_planned(sampled, count):
    propose(sampled, count)
    accept(sampled, min(count, 3))
    before = forecast(sampled, OPTIONS)
    assert before.learned + before.judging == count
    if count < 2:
        with pytest.raises(InputError, match=rf"Accept at least 2 images first \({count} so far\)"):
            plan_retrain(sampled, OPTIONS)
        return
    spec, _ = plan_retrain(sampled, OPTIONS)
    assert before.learned == sum(bool(pair.group) for pair in spec.data.train)
    assert (before.judging, before.as_proposed) == (
        len(spec.data.val),
        sum(pair.as_proposed for pair in spec.data.val),
    )
    assert forecast(sampled, OPTIONS) == before


def test_how_long_is_a_guess_a_measure_or_unknown(sampled):
    accept(sampled, 6)
    options = replace(OPTIONS, epochs=30)
    guess = forecast(sampled, options)
    # eighteen epochs see a quarter of each image
    images, pixels = 32 + 11, (18 / 4 + 12) * 256**2
    assert guess.seconds == pytest.approx(START + images * GUESS["cmunext-xxs"] * pixels)
    assert not guess.measured
    assert forecast(sampled, replace(options, network="lgms-net", weights="generalist")).seconds is None
    # a round is timed
    spec, folder = plan_retrain(sampled, options)
    events = [
        {"event": "start", "device": "cpu"},
        {"event": "epoch", "epoch": 0, "epochs": 30},
        *({"event": "epoch", "epoch": n, "epochs": 30, "seconds": s} for n, s in ((1, 8), (2, 4), (3, 4))),
    ]
    (folder / EVENTS_FILE).write_text("".join(json.dumps({"time": 0, **event}) + "\n" for event in events))
    note_pace(spec, folder)
    timed = forecast(sampled, options)
    # a quarter took 4 s
    assert timed.seconds == pytest.approx(START + 18 * 4 + 12 * 16)
    assert timed.measured
    # and a limit leaves room for so many
    limited = forecast(sampled, replace(options, minutes=1))
    assert limited.epochs == 6
    assert limited.seconds == pytest.approx(START + 6 * 264 / 30)
    # another device is another matter
    assert set(load_settings()["pace"]) == {"cmunext-xxs cpu"}


def test_a_trainer_that_told_no_times_leaves_the_guess(sampled):
    accept(sampled, 2)
    spec, folder = plan_retrain(sampled, OPTIONS)
    note_pace(spec, folder)
    (folder / EVENTS_FILE).write_text('{"event": "start", "time": 0}\n{"event": "epoch", "epoch": 1, "epochs": 1}\n')
    note_pace(spec, folder)
    assert "pace" not in load_settings()
