"""What is said of a round, in words for people."""

import re
from dataclasses import replace

import pytest

from napari_medseg.app.forecast import Forecast
from napari_medseg.app.gate import Check, Verdict, how
from napari_medseg.app.review import Review
from napari_medseg.networks import list_networks
from napari_medseg.project.run_spec import Budget, Data, Pair, Provenance, RunSpec, Schedule, Stage
from napari_medseg.weights.store import find_weights
from napari_medseg.widgets.run_text import (
    STATE_TEXT,
    event_text,
    forecast_text,
    progress_text,
    state_text,
    verdict_text,
    version_name,
)
from napari_medseg.widgets.weights_text import purpose, weights_facts, weights_title
from tests.shipped import shipped

BREAST = find_weights("cmunext-xxs", "breast-ultrasound")[0]
AHEAD = Forecast(
    learned=5, judging=2, as_proposed=0, groups=7, entry=BREAST, own=False, epochs=30, seconds=170.0, measured=True
)
SPEC = RunSpec(
    network="cmunext-xxs",
    task="t",
    data=Data(
        train=(Pair(name="a", image="a", mask="a", group="g"), Pair(name="anchor", image="b", mask="b")),
        val=(Pair(name="c", image="c", mask="c", group="h"),),
    ),
    schedule=Schedule(stages=(Stage(size=64, epochs=30),)),
    budget=Budget(time_budget_minutes=5),
)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "7 accepted: 5 to learn from, 2 to judge, from Breast ultrasound v1 (CMUNeXt-XXS), about 3 minutes.",
        ),
        ({"learned": 0, "judging": 0}, "Accept at least 2 images first (0 so far)."),
        ({"learned": 1}, "Accept at least 2 images first (1 so far, and 2 kept for testing)."),
        (
            {"learned": 3, "judging": 0, "groups": 3},
            "3 accepted: 3 to learn from, none to judge (for that, accept 4 or more), from",
        ),
        ({"judging": 0}, "5 accepted: 5 to learn from, none to judge, from"),
        # frames of one slide are on one side
        (
            {"judging": 0, "groups": 1},
            "none to judge (for that, accept masks of 4 patients or slides; these are of 1, and frames of one slide "
            "count as one), from",
        ),
        ({"as_proposed": 1}, "2 to judge (1 accepted as proposed), from"),
        ({"as_proposed": 2}, "2 to judge (all accepted as proposed), from"),
        ({"own": True}, "(CMUNeXt-XXS), retrained, about"),
        ({"seconds": 20.0}, "about 1 minute."),
        ({"measured": False}, "perhaps 3 minutes (no round was timed here yet)."),
        ({"seconds": None}, "for how long is not known before a first round."),
        ({"epochs": 12}, "about 3 minutes (the limit of 5 min: 12 of 30 epochs)."),
    ],
)
def test_what_will_happen_is_said_before(changes, text):
    assert text in forecast_text(replace(AHEAD, **changes), epochs=30, minutes=5.0)


def test_starting_is_a_word():
    assert progress_text({"epoch": 0, "epochs": 30}) == "Starting"
    assert progress_text({"epoch": 3, "epochs": 12}) == "Epoch 3 of 12"


def test_a_time_limit_is_told_as_it_cuts_and_afterwards():
    event = {"event": "epoch", "epoch": 3, "epochs": 12, "seconds_left": 65}
    assert event_text(event, SPEC) == "Epoch 3 of 12 (30 do not fit into 5 min), about 1:05 left."
    assert event_text({**event, "epochs": 30}, SPEC) == "Epoch 3 of 30, about 1:05 left."
    verdict = Verdict(adopt=False, checks=(Check(passed=False, text="Worse."),))
    cut = Review(rows=[], verdict=verdict, suspects=[], epochs=12)
    assert verdict_text(cut, SPEC) == (
        "The old network stays.",
        " Stopped after 12 of 30 epochs: no more fit into 5 min.",
    )
    asks = Verdict(adopt=False, checks=(Check(passed=None, text="Nobody can say."),))
    assert verdict_text(replace(cut, verdict=asks, epochs=None), SPEC) == ("Your choice.", "")
    assert event_text({"event": "start", "device": "cpu"}, SPEC) == (
        "Learning from 1 image of yours and 1 of the network's first ones, 1 to judge, on the CPU."
    )


def test_frames_are_counted_as_a_person_does_not_in_pieces():
    pairs = tuple(Pair(name=f"s ({n})", image=f"{n}", mask=f"{n}", group="g") for n in range(52))
    told = Provenance(trained_on=("nuclei set", "4 corrections of this project"))
    spec = replace(SPEC, data=Data(train=pairs), provenance=told)
    assert event_text({"event": "start", "device": "cpu"}, spec) == (
        "Learning from 4 accepted masks of yours (in 52 pieces), 0 to judge, on the CPU."
    )


def test_without_test_images_nothing_is_compared_on_them():
    spec = replace(SPEC, data=replace(SPEC.data, val=()))
    assert "test images" in state_text("reviewing", SPEC)
    assert state_text("reviewing", spec).startswith("No image is kept for testing: looking whether")
    # what a round set aside stays so, whatever became of it
    assert state_text("cancelled", SPEC).endswith("Images marked 'for testing' stay so: no round learns from them.")
    assert state_text("cancelled", spec) == "Cancelled. The network in use is as it was."
    assert state_text("judged", SPEC) == ""


@pytest.mark.parametrize(
    ("weights", "first", "name"),
    [
        ("weights/run-0002.safetensors", False, "Round 2"),
        ("C:\\p\\weights\\run-0013.safetensors", False, "Round 13"),
        ("cmunext-xxs/breast-ultrasound@1", True, "Original network: Breast ultrasound"),
        ("/home/me/mine.safetensors", True, "Original network: mine"),
        (shipped("lgms-net/generalist"), False, "Network: Several kinds of images"),
    ],
)
def test_networks_have_names_for_people(weights, first, name):
    assert version_name(weights, first=first) == name


def test_a_score_of_own_images_is_no_score_of_strangers():
    own = replace(
        BREAST,
        version=2,
        metrics={"dice": 0.97, "n": 2, "split": "val"},
        trained_on=("busi", "5 corrections of this project"),
    )
    titles = [weights_title(entry, "breast-ultrasound") for entry in (BREAST, own)]
    assert titles == ["CMUNeXt-XXS v1, Dice 0.76 (n = 130)", "CMUNeXt-XXS v2, yours 0.97 (n = 2)"]
    assert "on 2 images of yours" in weights_facts(own, "breast-ultrasound")[1]
    assert "on 130 images it had not seen" in weights_facts(BREAST, "breast-ultrasound")[1]
    # nobody corrected a judge: there is no score
    assert weights_title(replace(own, metrics={}), "breast-ultrasound") == "CMUNeXt-XXS v2"


def test_every_network_says_what_it_is_for():
    words = {name: purpose(name) for name in list_networks()}
    assert words["cmunext-xxs"] == "Fast" and words["sgd-net-s"] == "Edges" and words["dcsnet-s"] == "Boxes"
    assert words["lgms-net-3d"] == "Volumes" and words["dymas-net"] == "Larger"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (0.2, "much better"),
        (0.05, "better"),
        (0.01, "slightly better"),
        (0.004, "as well as before"),
        (-0.02, "slightly less"),
    ],
)
def test_a_change_in_words(change, word):
    assert how(change) == word


def test_no_code_words():
    said = " ".join([*STATE_TEXT.values(), forecast_text(AHEAD, epochs=30, minutes=5.0)])
    assert not re.search(r"\(s\)|run-|weights|correction", said)
