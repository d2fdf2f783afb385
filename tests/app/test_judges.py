"""Who judges a round."""

from itertools import combinations

import numpy as np
import pytest

from napari_medseg.app.judges import accepted, as_proposed, to_set_aside
from napari_medseg.app.plan_round import plan_retrain
from napari_medseg.io import read_mask
from napari_medseg.project import Project
from tests.app.helpers import OPTIONS, TRUTH, accept


def propose(project, count=None):
    """Accepted as a network proposed them."""
    for case in project.cases()[:count]:
        project.set_proposal(case.id, TRUTH[case.name].astype(np.uint8), {"network": "n"})
        project.accept(case.id)


def correct(project, *numbers):
    for number in numbers:
        case = project.cases()[number]
        project.commit_stroke(case.id, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
        project.accept(case.id)


def aside(project):
    chosen = to_set_aside(project)
    return [number for number, case in enumerate(project.cases()) if case.group in chosen]


@pytest.mark.parametrize("corrected", [*combinations(range(6), 4), tuple(range(6))])
def test_corrected_images_are_held_out_first(sampled, corrected):
    propose(sampled)
    correct(sampled, *corrected)
    chosen = aside(sampled)
    assert len(chosen) == 2
    assert set(chosen) <= set(corrected)
    # nothing was changed, and the same comes out again
    assert aside(sampled) == chosen
    assert accepted(sampled, "heldout") == []


@pytest.mark.parametrize(("corrected", "judging"), [((), 0), ((3,), 0), ((1, 4), 1), ((1, 3, 4), 1)])
def test_half_of_what_was_corrected_stays_to_be_learned(sampled, corrected, judging):
    propose(sampled)
    correct(sampled, *corrected)
    chosen = aside(sampled)
    assert len(chosen) == 2
    assert len(set(chosen) & set(corrected)) == judging


def test_corrected_ones_come_later_where_two_judges_were_never_corrected(sampled):
    propose(sampled)
    for case in sampled.cases()[:2]:
        sampled.hold_out(case.group)
    assert aside(sampled) == []
    correct(sampled, 3)
    assert aside(sampled) == []
    correct(sampled, 2, 4, 5)
    # a quarter of what there is to learn from
    (first,) = aside(sampled)
    correct(sampled, 0)
    assert aside(sampled) == [first]
    assert first in (2, 3, 4, 5)
    # what was trained on is never taken
    spec, folder = plan_retrain(sampled, OPTIONS)
    sampled.add_run(spec.to_json(), folder.relative_to(sampled.path))
    assert {pair.name for pair in spec.data.val if not pair.as_proposed} == {
        sampled.cases()[number].name for number in (0, first)
    }
    assert aside(sampled) == []


def test_a_run_says_which_masks_are_as_proposed(sampled):
    propose(sampled)
    correct(sampled, 0, 1)
    spec, folder = plan_retrain(sampled, OPTIONS)
    pairs = [pair for pair in (*spec.data.train, *spec.data.val) if pair.group]
    assert {pair.name: pair.as_proposed for pair in pairs} == {
        case.name: number > 1 for number, case in enumerate(sampled.cases())
    }
    assert read_mask(folder / pairs[0].mask).any()


def test_a_mask_of_ones_own_is_no_proposal(sampled):
    accept(sampled, 2)
    assert not any(as_proposed(sampled, case) for case in sampled.cases()[:2])


def test_corrected_is_what_differs_from_the_newest_proposal(tmp_path):
    square = np.ones((3, 3), np.uint8)
    with Project.create(tmp_path / "p") as project:
        (tmp_path / "a.png").write_bytes(b"a")
        case = project.add_case(tmp_path / "a.png", shape=(20, 20)).id

        def corrected():
            return project.corrected(project.accept(case).id)

        def propose(value):
            project.set_proposal(case, np.full((20, 20), value, np.uint8), {})

        assert corrected()  # a person says that there is nothing
        propose(1)
        assert not corrected()
        project.commit_stroke(case, 2 * square, box=(0, 0, 3, 3))
        assert corrected()
        project.undo(case)
        assert not corrected()
        project.commit_stroke(case, 2 * square, box=(0, 0, 3, 3))
        project.commit_stroke(case, square, box=(0, 0, 3, 3))
        assert not corrected()  # drawn and taken back
        project.commit_stroke(case, 2 * square, box=(0, 0, 3, 3))
        propose(3)
        assert corrected()  # kept through the proposal
        project.unlock(case)
        propose(3)
        assert not corrected()
