"""``--map``, ``--ignore`` and ``--classes`` wherever masks are read."""

import json

import numpy as np
import pytest
from PIL import Image

from napari_medseg.project import Project
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import SPEC_FILE
from napari_medseg.weights import read_entry
from tests.cli.helpers import NUCLEI, refused, save_fresh


@pytest.fixture
def numbered(folders):
    """The two images with masks of the numbers 100 and 200, and 255 at the rim."""
    for sample in NUCLEI[:2]:
        path = folders[1] / (sample.image.stem + sample.mask.suffix)
        mask = (np.asarray(Image.open(path)) > 0) * np.uint8(100)
        mask[: len(mask) // 2][mask[: len(mask) // 2] > 0] = 200
        mask[:5] = 255
        Image.fromarray(mask).save(path)
    return folders


@pytest.fixture
def train(medseg, numbered, tmp_path):
    def run(*options):
        arguments = ("--images", numbered[0], "--masks", numbered[1], "--out", tmp_path / "w.safetensors")
        return medseg("train", *arguments, "--size", "32", "--epochs", "1", "--device", "cpu", *options)

    return run


NAMES = ("--classes", "a", "--classes", "b")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "the masks hold labels 100, 200, 255; expected one"),
        (NAMES, "labels 100, 200, 255 in masks"),
        ((*NAMES, "--map", "100=1,200=2"), "label 255 in masks"),
        ((*NAMES, "--map", "100=1", "--ignore", "255"), "label 200 in masks"),
        (("--ignore", "255"), "the masks hold labels 100, 200;"),
        (("--from", "nuclei", "--ignore", "255"), "labels 100, 200 in masks"),
        ((*NAMES, "--map", "100"), "--map is '100'"),
        (("--classes", "1=a", "--classes", "b"), "--classes is 'b'"),
        ((*NAMES, "--map", "100=1,200=2", "--ignore", "255", "--network", "dcsnet-s"), "dcsnet-s tells one class"),
        (("--map", "1-254=1", "--ignore", "255", "--network", "dcsnet-s"), "dcsnet-s looks for boxes"),
    ],
)
def test_numbers_that_are_no_classes_are_refused_before_anything_is_written(train, tmp_path, options, says):
    refused(train(*options), says)
    assert not (tmp_path / "w.run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ((*NAMES, "--map", "100=1,200=2", "--ignore", "255"), (1, 2)),
        (("--classes", "100=a", "--classes", "200=b", "--ignore", "255"), (100, 200)),
    ],
)
def test_training_keeps_the_numbers_that_it_is_told(medseg, train, numbered, tmp_path, options, labels):
    code, _, err = train(*options)
    assert code == 0, err
    entry = read_entry(tmp_path / "w.safetensors")
    assert (entry.classes, entry.labels) == (("a", "b"), labels)
    images, masks = numbered
    evaluate = ("evaluate", "--images", images, "--masks", masks, "--weights", tmp_path / "w.safetensors")
    refused(medseg(*evaluate), "in masks, first in")
    told = ("--ignore", "255", *(() if labels == (100, 200) else ("--map", "100=1,200=2")))
    code, _, err = medseg(*evaluate, *told, "--json", tmp_path / "r.json")
    assert code == 0, err
    assert json.loads((tmp_path / "r.json").read_text())["n"] == 2


@pytest.mark.slow
def test_a_project_keeps_numbers_names_and_what_is_ignored(medseg, numbered, tmp_path):
    images, masks = numbered
    study = tmp_path / "study"
    medseg("project", "create", study)
    refused(medseg("project", "add", study, images, "--ignore", "255"), "expected --masks")
    add = ("project", "add", study, images, "--masks", masks)
    refused(medseg(*add, "--classes", "100=a"), "labels 200, 255 in masks")
    code, _, err = medseg(*add, "--classes", "200=b", "--map", "100=2", "--classes", "2=c", "--ignore", "255")
    assert code == 0, err
    assert "new classes: 2 'c', 200 'b', 255 'ignore'" in err
    with Project.open(study) as project:
        assert [np.unique(project.labels(case.id)).tolist() for case in project.cases()] == [[0, 2, 200, 255]] * 2
    weights = save_fresh(tmp_path / "w.safetensors", "cmunext-xxs", input_size=(32, 32))
    retrain = ("project", "retrain", study, "--weights", weights, "--epochs", "1", "--device", "cpu")
    refused(medseg(*retrain, "--ignore", "200"), "--ignore is 200")
    code, _, err = medseg(*retrain, "--map", "200=2")
    assert code == 0, err
    run = next((study / "runs").iterdir())
    spec = RunSpec.from_json((run / SPEC_FILE).read_text())
    assert (spec.data.named, spec.data.ignore) == ({2: "c"}, 255)
    assert read_entry(run / "weights.safetensors").labels == (2,)
