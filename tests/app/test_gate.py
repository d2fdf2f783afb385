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
    as_proposed: bool = False


def rows(*changes, before=0.8):
    return [Row(f"case {n}", before, before + change) for n, change in enumerate(changes)]


def accepted_as_proposed(*falls):
    """The old network is held against its own mask: Dice 1, edge error 0."""
    return [Row(f"own {n}", 1.0, 1.0 - fall, 0.0, 40 * fall, True) for n, fall in enumerate(falls)]


def test_better_everywhere_is_let_in():
    verdict = judge(rows(0.02, 0.03, 0.01, 0.05, 0.02))
    assert verdict.adopt
    assert all(check.passed for check in verdict.checks)
    assert verdict.reason == "On 5 test images the new network agrees slightly better with you (0.80 to 0.83)."
    assert not verdict.asks


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (rows(0.02, -0.03, 0.01, -0.04, 0.0), "On others it may agree less, by 0.0"),  # not sure enough
        (rows(-0.01, -0.03, before=0.99), "agrees slightly less with you (0.99 to 0.97)"),
        (rows(*[0.05] * 9, -0.12), "'case 9' gets much worse (0.80 to 0.68)"),
        (
            [Row("a", 0.8, 0.85, 57, 61), Row("b", 0.8, 0.85, 57, 59)],
            "Largest edge error 57 px before, 60 after. Surely larger, by 2.0 px or more",
        ),
        (rows(0.1, 0.1) + accepted_as_proposed(0.0, 0.3), "'own 1', which you accepted as proposed, is now drawn"),
        (accepted_as_proposed(0.0, 0.3), "look which of the two is right"),
    ],
)
def test_what_is_not_surely_as_good_stays_out(made, why):
    verdict = judge(made)
    assert not verdict.adopt
    assert not verdict.asks
    assert why in verdict.reason


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([], "No image was kept for testing, so nobody can say"),
        (accepted_as_proposed(0.03, 0.0), "2 test images accepted as proposed and none corrected: nobody can say"),
        (accepted_as_proposed(0.0), "1 test image accepted as proposed"),
    ],
)
def test_where_nobody_corrected_a_judge_a_person_is_asked(made, why):
    verdict = judge(made)
    assert (verdict.adopt, verdict.asks) == (False, True)
    assert why in verdict.reason
    # masks that do not fit are a reason of their own
    assert not judge(made, [Suspect(name="scan 7", what="looks inverted")]).asks


changes = st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=8)


@given(changes, st.lists(st.floats(0, 0.1), max_size=8))
def test_small_losses_on_what_was_accepted_as_proposed_change_nothing(of_corrected, of_others):
    made, others = rows(*of_corrected, before=0.6), accepted_as_proposed(*of_others)
    alone, together = judge(made), judge(made + others)
    assert (together.adopt, together.asks) == (alone.adopt, False)
    assert [check.passed for check in together.checks] == [check.passed for check in alone.checks]
    # and they are counted as what they are
    assert (f"{len(others)} more, accepted as proposed" in " ".join(c.text for c in together.checks)) == bool(others)
    assert f"On {len(made)} test image" in " ".join(check.text for check in together.checks)


@given(changes, st.floats(0.11, 1))
def test_a_great_fall_on_any_judge_keeps_it_out(of_corrected, fall):
    made = rows(*of_corrected, before=0.6)
    assert not judge(made + accepted_as_proposed(fall)).adopt
    assert not judge([*made, Row("fallen", 1.0, 1.0 - fall)]).adopt


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_what_was_accepted_as_proposed_never_lets_anything_in(of_others):
    assert not judge([Row(f"{n}", 0.5, 0.5 + one / 2, 9, 9, True) for n, one in enumerate(of_others)]).adopt


@given(st.integers(1, 8), st.floats(0.15, 0.9), st.floats(1, 50))
def test_edges_of_what_was_hardly_found_do_not_outweigh_that_it_is_found(count, gain, growth):
    made = [Row(f"{n}", 0.05, 0.05 + gain, 17, 17 + growth) for n in range(count)]
    verdict = judge(made)
    assert verdict.adopt
    assert "outweighs" in verdict.checks[1].text
    # a gain that is not as sure does not
    assert not judge([Row("lost", 0.3, 0.25, 17, 17 + growth), *made[:1]]).adopt
    assert not judge([Row(row.name, 0.8, 0.85, 17, 17 + growth) for row in made]).adopt


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
    assert "accept once more what is right" in verdict.reason


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
    assert [case["as_proposed"] for case in record["cases"]] == [False, False]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_the_bound_lies_between_the_worst_and_the_mean(changes):
    bound = lower_bound(changes)
    assert min(changes) - 1e-9 <= bound <= np.mean(changes) + 1e-9
    assert bound == lower_bound(changes)  # no chance in it


def test_without_a_judge_nobody_is_sent_to_look_at_what_is_not_there():
    reason = judge([]).reason
    assert "Look at both" not in reason and "propose on an image that it did not learn from" in reason
