"""From corrections to the plan of a run."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_medseg.app.anchors import anchors_of
from napari_medseg.app.plan_round import RetrainOptions, accepted, plan_retrain
from napari_medseg.app.samples import samples_of
from napari_medseg.app.versions import adopt_run
from napari_medseg.errors import InputError
from napari_medseg.io import LabelRule, read_image, read_mask, read_numbers
from napari_medseg.networks import create_network
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import SPEC_FILE, WEIGHTS_FILE
from napari_medseg.weights import WeightsEntry, resolve_weights, save_weights
from napari_medseg.weights.load import save_state
from tests.app.helpers import OPTIONS, TRUTH, accept
from tests.shipped import shipped


@pytest.fixture
def project(sampled):
    return sampled


def test_held_out_cases_are_never_trained_on(project):
    accept(project, 6)
    spec, folder = plan_retrain(project, OPTIONS)
    corrections = [pair for pair in spec.data.train if not pair.name.startswith("anchor ")]
    names = {pair.name for pair in corrections}, {pair.name for pair in spec.data.val}
    assert names[0] & names[1] == set()
    assert len(names[0]) == 4
    assert len(names[1]) == 2
    assert {case.name for case in accepted(project, "heldout")} == names[1]
    assert RunSpec.from_json((folder / SPEC_FILE).read_text()) == spec
    for pair in (*corrections, *spec.data.val):
        np.testing.assert_array_equal(read_mask(folder / pair.mask), TRUTH[pair.name])
    # and again: the same cases stay held out
    assert {pair.name for pair in plan_retrain(project, OPTIONS)[0].data.val} == names[1]


def test_a_round_is_of_what_is_on_the_images_not_of_all_that_its_start_knows(project):
    accept(project, 3)
    options = replace(OPTIONS, network="sgd-net-s", weights=resolve_weights("sgd-net-s", "generalist")[0].id)
    assert plan_retrain(project, options)[0].task == "generalist"
    assert plan_retrain(project, replace(options, task="nuclei"))[0].task == "nuclei"
    with pytest.raises(InputError, match="Choose what is on your images"):
        plan_retrain(project, replace(options, weights=""))


def test_what_a_run_was_trained_on_is_never_held_out_later(project):
    accept(project, 3)
    spec, folder = plan_retrain(project, OPTIONS)
    project.add_run(spec.to_json(), folder.relative_to(project.path))
    trained = {pair.group for pair in spec.data.train if pair.group}
    accept(project, 6)
    spec, _ = plan_retrain(project, OPTIONS)
    held_out = {pair.group for pair in spec.data.val}
    assert len(held_out) == 1
    assert not held_out & trained
    assert held_out <= {case.group for case in project.cases()[3:6]}


def test_labels_that_were_drawn_become_classes_and_keep_their_numbers(project):
    accept(project, 2)
    assert plan_retrain(project, OPTIONS)[0].data.named == {1: "nucleus"}
    one = project.cases()[0]
    # one label is the foreground, whichever it is
    for case in project.cases()[:2]:
        project.commit_stroke(case.id, np.where(TRUTH[case.name] > 0, 3, 0).astype(np.uint8))
        project.accept(case.id)
    assert plan_retrain(project, OPTIONS)[0].data.named == {3: "nucleus"}
    project.commit_stroke(one.id, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
    project.accept(one.id)
    assert plan_retrain(project, OPTIONS)[0].data.named == {1: "label 1", 3: "label 3"}
    # where classes have names, what has none is no class
    project.set_class(1, "dead", "#ff0000")
    with pytest.raises(InputError, match=rf"label 3 in masks, first in the mask of '{one.name}'.* are 1 'dead'"):
        plan_retrain(project, OPTIONS)
    project.set_class(3, "alive", "#00ff00")
    project.set_class(2, "never drawn", "#0000ff")
    spec, folder = plan_retrain(project, OPTIONS)
    assert spec.data.named == {1: "dead", 3: "alive"}
    for pair in spec.data.train:
        assert set(np.unique(read_numbers(folder / pair.mask))) <= {0, 1, 3}
    # anchors have one class: what the network knew is kept by its weights
    assert spec.start.keep_from == spec.start.start_from
    assert all(pair.group for pair in spec.data.train)
    with pytest.raises(InputError, match="the classes are 1 'dead', 3 'alive', and dcsnet-s tells one class"):
        plan_retrain(project, replace(OPTIONS, network="dcsnet-s", weights="generalist"))


def test_a_round_may_map_labels_and_leave_some_out(project):
    accept(project, 3)
    for number, case in enumerate(project.cases()[:3]):
        marks = np.zeros((9, 9), np.uint8)
        marks[:3], marks[3:6] = (200, 255) if number else (200, 0)
        project.commit_stroke(case.id, marks, box=(0, 0, 9, 9))
        project.accept(case.id)
    rule = LabelRule(mapping=((200, 200, 1),), ignore=255)
    spec, folder = plan_retrain(project, replace(OPTIONS, rule=rule))
    assert (spec.data.named, spec.data.ignore, spec.data.mapping) == ({1: "nucleus"}, 255, ())
    corner = read_numbers(folder / spec.data.train[1].mask)[:9, 0].tolist()
    assert corner == [1] * 3 + [255] * 3 + [0] * 3
    # the anchors' white is no 255 that is ignored
    assert all(pair.white for pair in spec.data.train if not pair.group)
    with pytest.raises(InputError, match="255 is to be ignored, and dcsnet-s looks for boxes"):
        plan_retrain(project, replace(OPTIONS, rule=rule, network="dcsnet-s", weights="generalist"))
    # the project may say it too, once and for all
    project.set_class(1, "nucleus", "#ff0000")
    project.set_class(200, "odd", "#00ff00")
    project.set_class(255, "Ignore", "#808080")
    spec = plan_retrain(project, OPTIONS)[0]
    assert (spec.data.named, spec.data.ignore) == ({1: "nucleus", 200: "odd"}, 255)
    with pytest.raises(InputError, match="--ignore is 200; in this project, what is to be ignored is no label"):
        plan_retrain(project, replace(OPTIONS, rule=LabelRule(ignore=200)))


def test_classes_of_weights_stay_beside_those_that_were_drawn(project, tmp_path):
    accept(project, 2)
    torch.manual_seed(0)
    entry = WeightsEntry(
        id="cmunext-xxs/two@1", network="cmunext-xxs", task="two", classes=("disc", "cup"), labels=(2, 4)
    )
    path = tmp_path / "two.safetensors"
    save_weights(path, create_network("cmunext-xxs", classes=3), entry)
    two = replace(OPTIONS, weights=str(path))
    assert plan_retrain(project, two)[0].data.named == {1: "label 1", 2: "disc", 4: "cup"}
    project.set_class(1, "vessel", "#ff0000")
    project.set_class(2, "papilla", "#00ff00")
    # the person's names come first
    assert plan_retrain(project, two)[0].data.named == {1: "vessel", 2: "papilla", 4: "cup"}


def test_an_image_that_was_changed_since_is_not_trained_on(project):
    accept(project, 3)
    image = project.cases()[1].image
    image.write_bytes(project.cases()[4].image.read_bytes())
    with pytest.raises(InputError, match=rf"{image.name}: the image was changed since it was added"):
        plan_retrain(project, OPTIONS)


def test_two_corrections_are_needed(project):
    accept(project, 1)
    with pytest.raises(InputError, match=r"Accept at least 2 images first \(1 so far\)"):
        plan_retrain(project, OPTIONS)


def test_few_corrections_are_all_trained_on(project):
    accept(project, 3)
    spec, _ = plan_retrain(project, OPTIONS)
    assert (len([pair for pair in spec.data.train if pair.group]), len(spec.data.val)) == (3, 0)


def test_new_corrections_rims_and_anchors(project):
    accept(project, 6)
    spec, folder = plan_retrain(project, OPTIONS)
    corrections = [pair for pair in spec.data.train if pair.group]
    anchors = [pair for pair in spec.data.train if not pair.group]
    # of four corrections, 32 are drawn an epoch, and a quarter of all that is drawn are anchors
    assert len(anchors) == 64
    share = sum(pair.weight for pair in anchors) / sum(pair.weight for pair in spec.data.train)
    assert share == pytest.approx(11 / 43)
    assert spec.schedule.epoch_images == 32 + 11
    # those who judge the round have not chosen it
    assert not spec.schedule.choose_best
    assert {pair.weight for pair in corrections} == {2.0}
    for pair in corrections:
        rim, mask = read_mask(folder / pair.focus) > 0, read_mask(folder / pair.mask) > 0
        # all was drawn by hand: the rim all around, and nothing else
        assert rim[find_boundaries(mask)].all()
        assert not rim[ndimage.binary_erosion(mask, iterations=6)].any()
    # once adopted, they are known; one that was corrected again is new
    run = project.add_run(spec.to_json(), folder.relative_to(project.path))
    project.set_run(run, "adopted")
    again = next(case for case in project.cases() if case.name == corrections[0].name)
    project.set_proposal(again.id, np.zeros_like(TRUTH[again.name]), {})
    project.commit_stroke(again.id, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
    project.accept(again.id)
    second, _ = plan_retrain(project, OPTIONS)
    weights = {pair.name: pair.weight for pair in second.data.train if pair.group}
    assert [name for name, weight in weights.items() if weight == 2.0] == [again.name]
    assert sorted(weights.values()) == [1.0, 1.0, 1.0, 2.0]


def test_anchors_are_images_of_the_training_split_with_masks():
    for name in ("dsb2018_nuclei", "isic2017"):
        found = anchors_of([name, "busi"])
        assert len(found) >= 16
        for _, image, mask in found:
            assert read_image(image).shape == read_mask(mask).shape
            assert set(np.unique(read_mask(mask))) == {0, 1}
    assert anchors_of(["kvasir_seg", "5 corrections of this project"]) == []
    # a network that knows several kinds of images has the anchors of each
    assert len(anchors_of(["isic2017", "dsb2018_nuclei"])) == 112
    # no anchor is a sample, which the demo holds out
    names = {name for name, _, _ in anchors_of(["dsb2018_nuclei"])}
    assert not names & {sample.source for sample in samples_of("nuclei")}


@pytest.mark.parametrize(
    ("network", "weights", "anchors", "kept"),
    [
        ("cmunext-xxs", "nuclei", 64, None),
        ("cmunext-xxs", "dermoscopy", 48, None),
        ("cmunext-xxs", "polyp", 0, "cmunext-xxs/polyp@1"),
        # two of its nine sets have anchors
        ("lgms-net", "generalist", 112, shipped("lgms-net/generalist")),
    ],
)
def test_where_anchors_stand_for_less_than_half_of_the_sets_old_weights_are_kept_in_part(
    project, tmp_path, network, weights, anchors, kept
):
    accept(project, 3)
    spec, folder = plan_retrain(project, RetrainOptions(network=network, weights=weights, epochs=1, device="cpu"))
    assert (sum(not pair.group for pair in spec.data.train), spec.start.keep_from) == (anchors, kept)
    # and so in every later round: the same weights, not those of the round before
    run = project.add_run(spec.to_json(), folder.relative_to(project.path))
    made = folder / WEIGHTS_FILE
    start, path = resolve_weights(network, weights)
    save_state(made, load_file(path), replace(start, trained_on=spec.provenance.trained_on, version=2))
    again = RetrainOptions(network=network, weights=str(adopt_run(project, run, made)), epochs=1, device="cpu")
    later = plan_retrain(project, again)[0]
    assert (later.start.start_from, later.start.keep_from) == (again.weights, kept)
    # a file of another project has a chain of its own, whatever it is called
    other = tmp_path / "other" / "weights" / Path(again.weights).name
    other.parent.mkdir(parents=True)
    shutil.copy(again.weights, other)
    foreign = plan_retrain(project, replace(again, weights=str(other)))[0]
    assert foreign.start.keep_from == (kept and str(other))
