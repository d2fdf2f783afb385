"""What a run has come to."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.app.gate import verdict_json
from napari_medseg.app.plan_round import plan_retrain
from napari_medseg.app.review import find_suspects, note_review, review_run
from napari_medseg.errors import Cancelled
from napari_medseg.project.run_spec import Stage
from napari_medseg.project.runs import EVENTS_FILE, WEIGHTS_FILE
from napari_medseg.weights import resolve_weights
from tests.app.helpers import OPTIONS, accept
from tests.app.test_judges import correct, propose
from tests.shipped import shipped

STAGES = (Stage(size=256, epochs=30),)


def test_new_weights_are_held_against_those_in_use_where_they_are_better(sampled):
    accept(sampled, 6)
    # begun from a network for skin, though the sampled uses one for nuclei
    sampled.adopt(shipped("cmunext-xxs/nuclei"))
    spec, folder = plan_retrain(sampled, replace(OPTIONS, weights="dermoscopy"))
    source = resolve_weights("cmunext-xxs", "nuclei")[1]
    shutil.copy(source, folder / WEIGHTS_FILE)
    review = review_run(sampled, spec, folder, device="cpu")
    assert [row.dice_before for row in review.rows] == [row.dice_after for row in review.rows]
    assert "nothing better" in review.verdict.reason
    # and what is in use is not held against them where it is worse
    sampled.adopt("cmunext-xxs/dermoscopy@2")
    spec = replace(spec, start=replace(spec.start, start_from=shipped("cmunext-xxs/nuclei")))
    review = review_run(sampled, spec, folder, device="cpu")
    assert [row.dice_before for row in review.rows] == [row.dice_after for row in review.rows]
    # weights that are gone, or of volumes, cannot be asked
    sampled.adopt("lgms-net-3d/hippocampus@1")
    assert review_run(sampled, spec, folder, device="cpu").rows
    sampled.adopt(str(sampled.path / "weights" / "gone.safetensors"))
    assert review_run(sampled, spec, folder, device="cpu").rows


def test_masks_that_do_not_fit_their_image_are_named(sampled):
    accept(sampled, 6)
    # one turned inside out, one moved
    wrong = (lambda mask: 1 - mask, lambda mask: np.roll(mask, (24, 20), (0, 1)))
    for case, change in zip(sampled.cases(), wrong, strict=False):
        sampled.commit_stroke(case.id, change((sampled.labels(case.id) > 0).astype(np.uint8)))
        sampled.accept(case.id)
    sampled.hold_out(sampled.cases()[4].group)
    sampled.hold_out(sampled.cases()[5].group)
    spec, folder = plan_retrain(sampled, OPTIONS)
    _, source = resolve_weights("cmunext-xxs", "nuclei")
    (folder / WEIGHTS_FILE).write_bytes(source.read_bytes())
    found = {suspect.name: suspect.what for suspect in find_suspects(spec, folder, device="cpu")}
    assert set(found) == {sampled.cases()[0].name, sampled.cases()[1].name}
    assert found[sampled.cases()[0].name] == "looks inverted"
    assert "looks moved by" in found[sampled.cases()[1].name]
    # accepted once more as it is: whoever looked twice is right
    run = sampled.add_run(spec.to_json(), folder.relative_to(sampled.path))
    review = review_run(sampled, spec, folder, device="cpu")
    assert "2 accepted masks do not fit" in review.verdict.checks[-1].text
    note_review(sampled, run, folder, review)
    sampled.accept(sampled.cases()[0].id)
    spec, folder = plan_retrain(sampled, OPTIONS)
    (folder / WEIGHTS_FILE).write_bytes(source.read_bytes())
    text = review_run(sampled, spec, folder, device="cpu").verdict.checks[-1].text
    assert f"1 accepted mask does not fit its image: '{sampled.cases()[1].name}'" in text


@pytest.mark.parametrize("asked", [1, 3, 12])
def test_a_review_ends_where_it_is_not_wanted_any_more(sampled, asked):
    accept(sampled, 6)
    spec, folder = plan_retrain(sampled, OPTIONS)
    shutil.copy(resolve_weights("cmunext-xxs", "nuclei")[1], folder / WEIGHTS_FILE)
    left = iter(range(asked))
    with pytest.raises(Cancelled):
        review_run(sampled, spec, folder, device="cpu", cancelled=lambda: next(left, None) is None)


def test_old_weights_are_judged_by_what_a_person_corrected_first(sampled):
    propose(sampled)
    correct(sampled, 4, 5)
    for number in (0, 1, 4):
        sampled.hold_out(sampled.cases()[number].group)
    sampled.adopt("cmunext-xxs/dermoscopy@2")
    spec, folder = plan_retrain(sampled, OPTIONS)
    shutil.copy(resolve_weights("cmunext-xxs", "nuclei")[1], folder / WEIGHTS_FILE)
    review = review_run(sampled, spec, folder, device="cpu")
    assert {row.name: row.as_proposed for row in review.rows} == {
        sampled.cases()[number].name: number < 4 for number in (0, 1, 4)
    }
    assert json.loads(verdict_json(review.rows, review.verdict))["cases"][0]["as_proposed"] is True
    assert review.epochs is None
    # a time limit that left room for fewer epochs is told
    spec = replace(
        spec, budget=replace(spec.budget, time_budget_minutes=5), schedule=replace(spec.schedule, stages=STAGES)
    )
    for done, told in ((30, None), (12, 12)):
        (folder / EVENTS_FILE).write_text(json.dumps({"event": "done", "time": 0, "epochs": done}) + "\n")
        assert review_run(sampled, spec, folder, device="cpu").epochs == told
