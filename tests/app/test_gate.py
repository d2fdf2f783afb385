"""The gate lets better weights in and keeps worse ones out, and says why."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.app.gate import GateLimits, Suspect, judge, lower_bound, verdict_json


@dataclass
class Row:
    name: str
    dice_before: float
    dice_after: float
    hd95_before: float = 10.0
    hd95_after: float = 10.0


def rows(*changes, before=0.8):
    return [Row(f"case {n}", before, before + change) for n, change in enumerate(changes)]


def test_better_everywhere_is_let_in():
    verdict = judge(rows(0.02, 0.03, 0.01, 0.05, 0.02))
    assert verdict.adopt
    assert all(check.passed for check in verdict.checks)
    assert "+0.026 on 5 held-out" in verdict.reason


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (rows(0.02, -0.03, 0.01, -0.04, 0.0), "at least -0.0"),  # not sure enough
        (rows(*[0.05] * 9, -0.12), "'case 9' falls by 0.120"),
        ([Row("a", 0.8, 0.85, 10, 14), Row("b", 0.8, 0.85, 10, 12)], "HD95 +3.0 px, at least +2.0"),
        ([], "No image is held out"),
    ],
)
def test_what_is_not_surely_as_good_stays_out(made, why):
    verdict = judge(made)
    assert not verdict.adopt
    assert why in verdict.reason


def test_one_stray_pixel_does_not_keep_better_weights_out():
    assert judge([*(Row(f"{n}", 0.7, 0.8, 10, 9) for n in range(5)), Row("stray", 0.7, 0.8, 10, 30)]).adopt


def test_weights_that_do_just_what_the_old_ones_did_are_not_adopted():
    verdict = judge(rows(0.0, 0.0, 0.0))
    assert not verdict.adopt
    assert "nothing better" in verdict.reason


def test_a_suspect_among_the_masks_keeps_the_weights_out():
    verdict = judge(rows(0.1, 0.1), [Suspect(name="scan 7", what="looks inverted")])
    assert not verdict.adopt
    assert "'scan 7' looks inverted" in verdict.reason
    assert "accept them once more" in verdict.reason


def test_the_limits_are_the_users():
    made = rows(-0.02, -0.02)
    assert not judge(made).adopt
    assert judge(made, limits=GateLimits(dice=0.03)).adopt


def test_few_cases_are_said_to_be_few():
    assert "a weak test" in judge(rows(0.1)).reason
    assert "a weak test" not in judge(rows(*[0.1] * 5)).reason


def test_the_record_holds_figures_and_reasons():
    made = rows(0.1, 0.2)
    record = json.loads(verdict_json(made, judge(made)))
    assert record["adopt"] is True
    assert [case["name"] for case in record["cases"]] == ["case 0", "case 1"]
    assert record["checks"][0]["passed"] is True


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_the_bound_lies_between_the_worst_and_the_mean(changes):
    bound = lower_bound(changes)
    assert min(changes) - 1e-9 <= bound <= np.mean(changes) + 1e-9
    assert bound == lower_bound(changes)  # no chance in it
