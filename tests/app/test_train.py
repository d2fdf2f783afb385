"""From corrections to a run and back."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import ndimage
from skimage.segmentation import find_boundaries

from napari_medseg.app.anchors import anchors_of
from napari_medseg.app.demo import sample_project
from napari_medseg.app.process import RunProcess, run_to_end
from napari_medseg.app.review import find_suspects, review_run
from napari_medseg.app.samples import samples_of
from napari_medseg.app.train import RetrainOptions, accepted, adopt_run, plan_retrain, project_weights
from napari_medseg.app.versions import use_version, versions
from napari_medseg.errors import InputError, TrainingError, WeightsError
from napari_medseg.io import LabelRule, read_image, read_mask, read_numbers
from napari_medseg.networks import create_network
from napari_medseg.project import Project
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, SPEC_FILE, WEIGHTS_FILE, read_events
from napari_medseg.weights import WeightsEntry, read_entry, resolve_weights, save_weights
from napari_medseg.weights.load import save_state

OPTIONS = RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=1, device="cpu")
TRUTH = {sample.name: read_mask(sample.mask) for sample in samples_of("nuclei")}


@pytest.fixture
def project(tmp_path):
    with sample_project(tmp_path / "p") as made:
        yield made


def accept(project, n):
    for case in project.cases()[:n]:
        project.commit_stroke(case.id, TRUTH[case.name].astype(np.uint8))
        project.accept(case.id)


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


def test_new_weights_are_held_against_those_in_use_where_they_are_better(project):
    accept(project, 6)
    # begun from a network for skin, though the project uses one for nuclei
    project.adopt("cmunext-xxs/nuclei@1")
    spec, folder = plan_retrain(project, replace(OPTIONS, weights="dermoscopy"))
    source = resolve_weights("cmunext-xxs", "nuclei")[1]
    shutil.copy(source, folder / WEIGHTS_FILE)
    run = project.add_run(spec.to_json(), folder.relative_to(project.path))
    review = review_run(project, run, spec, folder, device="cpu")
    assert [row.dice_before for row in review.rows] == [row.dice_after for row in review.rows]
    assert "nothing better" in review.verdict.reason
    # and what is in use is not held against them where it is worse
    project.adopt("cmunext-xxs/dermoscopy@1")
    spec = replace(spec, start=replace(spec.start, start_from="cmunext-xxs/nuclei@1"))
    review = review_run(project, run, spec, folder, device="cpu")
    assert [row.dice_before for row in review.rows] == [row.dice_after for row in review.rows]
    # weights that are gone, or of volumes, cannot be asked
    project.adopt("lgms-net-3d/hippocampus@1")
    assert review_run(project, run, spec, folder, device="cpu").rows
    project.adopt(str(project.path / "weights" / "gone.safetensors"))
    assert review_run(project, run, spec, folder, device="cpu").rows


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
    with pytest.raises(InputError, match=r"1 accepted correction.*at least 2"):
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
        ("lgms-net", "generalist", 112, "lgms-net/generalist@1"),
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


@pytest.mark.slow
def test_a_run_is_compared_and_adopted_and_the_project_may_move(project, tmp_path):
    accept(project, 6)
    spec, folder = plan_retrain(project, OPTIONS)
    run = project.add_run(spec.to_json(), folder.relative_to(project.path))
    events = []
    run_to_end(folder, on_event=events.append)
    assert events[0]["event"] == "start"
    assert events[-1]["event"] == "done"
    review = review_run(project, run, spec, folder, device="cpu")
    assert {row.name for row in review.rows} == {pair.name for pair in spec.data.val}
    assert all(row.dice_before > 0.8 for row in review.rows)
    assert json.loads(project.runs()[0].result)["adopt"] == review.verdict.adopt
    # the makers' own masks fit
    assert review.verdict.checks[-1].passed
    start = spec.start.start_from
    path = adopt_run(project, run, folder / WEIGHTS_FILE)
    assert project.adopted() == str(path)
    assert project_weights(project) == [path]
    assert read_entry(path).version == 2
    first, second = versions(project)
    assert (first.weights, first.in_use, second.in_use) == (start, False, True)
    use_version(project, first)
    assert project.adopted() == start
    use_version(project, second)
    assert project.adopted() == str(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"x")
    with pytest.raises(WeightsError, match="was changed since it was adopted"):
        use_version(project, second)
    path.write_bytes(whole)
    assert project.verify() == []
    project.close()
    project.path.rename(tmp_path / "moved")
    with Project.open(tmp_path / "moved") as moved:
        assert Path(moved.adopted()).is_file()
        assert moved.runs()[0].state == "adopted"


def test_masks_that_do_not_fit_their_image_are_named(project):
    accept(project, 6)
    # one turned inside out, one moved
    wrong = (lambda mask: 1 - mask, lambda mask: np.roll(mask, (24, 20), (0, 1)))
    for case, change in zip(project.cases(), wrong, strict=False):
        project.commit_stroke(case.id, change((project.labels(case.id) > 0).astype(np.uint8)))
        project.accept(case.id)
    project.hold_out(project.cases()[4].group)
    project.hold_out(project.cases()[5].group)
    spec, folder = plan_retrain(project, OPTIONS)
    _, source = resolve_weights("cmunext-xxs", "nuclei")
    (folder / WEIGHTS_FILE).write_bytes(source.read_bytes())
    found = {suspect.name: suspect.what for suspect in find_suspects(spec, folder, device="cpu")}
    assert set(found) == {project.cases()[0].name, project.cases()[1].name}
    assert found[project.cases()[0].name] == "looks inverted"
    assert "looks moved by" in found[project.cases()[1].name]
    # accepted once more as it is: whoever looked twice is right
    run = project.add_run(spec.to_json(), folder.relative_to(project.path))
    assert "2 accepted mask(s)" in review_run(project, run, spec, folder, device="cpu").verdict.checks[-1].text
    project.accept(project.cases()[0].id)
    spec, folder = plan_retrain(project, OPTIONS)
    (folder / WEIGHTS_FILE).write_bytes(source.read_bytes())
    run = project.add_run(spec.to_json(), folder.relative_to(project.path))
    text = review_run(project, run, spec, folder, device="cpu").verdict.checks[-1].text
    assert f"1 accepted mask(s) do not fit their image: '{project.cases()[1].name}'" in text


def test_a_run_that_cannot_start_says_why_in_one_sentence(project):
    accept(project, 3)
    _, folder = plan_retrain(project, OPTIONS)
    values = json.loads((folder / SPEC_FILE).read_text())
    (folder / SPEC_FILE).write_text(json.dumps({**values, "start_from": "cmunext-xxs/teeth@1"}))
    with pytest.raises(TrainingError, match=r"cmunext-xxs/teeth@1"):
        run_to_end(folder)


@pytest.mark.usefixtures("short_epochs")
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_trainer_is_told_and_goes_on_from_its_checkpoint(project):
    accept(project, 3)
    _, folder = plan_retrain(project, RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=300, device="cpu"))
    process = RunProcess(folder)
    end = time.monotonic() + 120
    while not (folder / CHECKPOINT_FILE).exists():
        assert time.monotonic() < end
        assert process.running, process.failure()
        time.sleep(0.1)
    process._process.kill()
    assert process.wait(10) == -9
    assert "ended by signal SIGKILL" in process.failure()
    again = RunProcess(folder)
    try:
        started = []
        while not started:
            assert time.monotonic() < end
            started = [e for e in again.poll() if e["event"] == "start"]
            time.sleep(0.1)
        assert started[0]["resumed_epoch"] >= 1
        clock = time.monotonic()
    finally:
        again.cancel()
    assert not again.running
    assert time.monotonic() - clock < 10


STARTER = """
import sys, time
from pathlib import Path
from napari_medseg.app.process import RunProcess
process = RunProcess(Path(sys.argv[1]))
print(process._process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.usefixtures("short_epochs")
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_trainer_ends_with_the_window_that_started_it(project):
    accept(project, 3)
    _, folder = plan_retrain(project, RetrainOptions(network="cmunext-xxs", weights="nuclei", epochs=300, device="cpu"))
    with subprocess.Popen([sys.executable, "-c", STARTER, folder], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        end = time.monotonic() + 120
        while not any(e["event"] == "epoch" for e in read_events(folder / EVENTS_FILE)[0]):
            assert time.monotonic() < end
            time.sleep(0.1)
        parent.kill()
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert read_events(folder / EVENTS_FILE)[0][-1]["event"] == "cancelled"


def test_a_run_that_was_cut_off_is_marked(project):
    accept(project, 3)
    spec, folder = plan_retrain(project, OPTIONS)
    project.add_run(spec.to_json(), folder.relative_to(project.path))
    project.close()
    with Project.open(project.path) as again:
        assert [run.state for run in again.runs()] == ["interrupted"]
