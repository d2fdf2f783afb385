"""The numbers of classes, from a folder of masks through a project to what is exported."""

import numpy as np
import pytest
import torch
from PIL import Image

from napari_medseg.app.classes import classes_of, classes_to_learn, only_label_1, rule_of
from napari_medseg.app.evaluate import evaluate
from napari_medseg.app.export import export_labels, export_project
from napari_medseg.app.masks import add_with_masks
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.review import _labels_of
from napari_medseg.errors import InputError
from napari_medseg.io import LabelRule, find_pairs, read_image, read_mask
from napari_medseg.networks import create_network
from napari_medseg.project import Project
from napari_medseg.project.run_spec import Data, Pair, RunSpec
from napari_medseg.weights import WeightsEntry, read_entry, save_weights


@pytest.fixture
def study(tmp_path):
    """Makes images with masks of these numbers, one tuple an image, and an empty project."""

    def make(*numbers, name="set"):
        images, masks = tmp_path / f"{name}-i", tmp_path / f"{name}-m"
        for folder in (images, masks):
            folder.mkdir()
        for i, labels in enumerate(numbers):
            mask = np.zeros((32, 40), np.uint8)
            for place, label in enumerate(labels):
                mask[4 + 8 * place : 10 + 8 * place, 5 + i : 25] = label
            noise = np.random.default_rng([i, len(name)]).integers(0, 60, mask.shape).astype(np.uint8)
            Image.fromarray(noise + (mask > 0) * np.uint8(90)).save(images / f"{name}{i}.png")
            Image.fromarray(mask).save(masks / f"{name}{i}.png")
        return images, masks

    return make


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p") as made:
        yield made


def drawn(project):
    return [np.unique(project.labels(case.id)).tolist() for case in project.cases()]


def fresh(path, classes, labels):
    torch.manual_seed(0)
    entry = WeightsEntry(
        id="cmunext-xxs/t@1", network="cmunext-xxs", task="t", classes=classes, labels=labels, input_size=(32, 32)
    )
    save_weights(path, create_network("cmunext-xxs", classes=entry.output_channels), entry)
    return PredictRequest(network="cmunext-xxs", weights=str(path), device="cpu")


def test_masks_come_in_with_their_numbers_which_become_classes(project, study):
    images, masks = study((1,), (1, 200), (255,), (0,))
    with pytest.raises(InputError, match=r"set2\.png is black and white only, and others .* labels 1, 200"):
        add_with_masks(project, [images], masks)
    assert project.cases() == []
    assert project.classes() == []
    added = add_with_masks(project, [images], masks, rule=LabelRule(ignore=255))
    assert added.named == {1: "label 1", 200: "label 200", 255: "ignore"}
    assert drawn(project) == [[0, 1], [0, 1, 200], [0, 255], [0]]
    assert classes_of(project) == {1: "label 1", 200: "label 200"}
    assert rule_of(project, LabelRule()).ignore == 255
    # from now on, other numbers are none
    images, masks = study((2,), name="more")
    with pytest.raises(InputError, match=r"label 2 in masks, .* are 1 'label 1', 200 'label 200'"):
        add_with_masks(project, [images], masks)
    add_with_masks(project, [images], masks, rule=LabelRule(mapping=((2, 2, 200),)))
    assert drawn(project)[-1] == [0, 200]
    images, masks = study((2, 255), name="last")
    added = add_with_masks(project, [images], masks, names={2: "cyst"})
    assert added.named == {2: "cyst"}
    assert drawn(project)[-1] == [0, 2, 255]
    assert project.verify() == []


def test_one_class_needs_no_table(project, study):
    images, masks = study((1,), (1,))
    assert add_with_masks(project, [images], masks).named == {}
    images, masks = study((255,), (255,), name="white")
    assert add_with_masks(project, [images], masks).named == {}
    assert drawn(project) == [[0, 1]] * 4
    assert project.classes() == []
    assert only_label_1(project)


def test_white_is_the_projects_one_class_whatever_its_number(project, study):
    project.set_class(2, "tumour", "#ff0000")
    images, masks = study((255,), (255,))
    add_with_masks(project, [images], masks)
    assert drawn(project) == [[0, 2]] * 2


def test_names_that_do_not_fit_the_project_are_refused(project, study):
    images, masks = study((1,))
    project.set_class(1, "kidney", "#ff0000")
    with pytest.raises(InputError, match="label 1 is called 'liver'; in this project it is 'kidney'"):
        add_with_masks(project, [images], masks, names={1: "liver"})
    with pytest.raises(InputError, match="--ignore is 1; in this project, what is to be ignored is no label"):
        add_with_masks(project, [images], masks, rule=LabelRule(ignore=1))
    assert project.cases() == []


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_a_class_has_one_number_in_all_files_of_an_export(project, study, tmp_path, format):
    images, masks = study((1,), (1, 2), (0,))
    add_with_masks(project, [images], masks)
    written = export_project(project, tmp_path / "out", format=format)
    found = [np.unique(read_image(path).data).tolist() for path in written]
    assert found == [[0, 1], [0, 1, 2], [0]]
    # and so in an export of one image, and where only a name says that there is another class
    one = export_project(project, tmp_path / "one", format=format, case_ids=[project.cases()[0].id])
    assert set(np.unique(read_image(one[0]).data)) == {0, 1}
    alone = export_labels(tmp_path / "a.png", np.eye(4, dtype=np.uint8), provenance={"classes": {1: "a", 2: "b"}})
    assert set(np.unique(read_image(alone).data)) == {0, 1}


def test_an_export_comes_back_into_another_project_as_it_was(project, study, tmp_path):
    images, masks = study((255,), (255,))
    add_with_masks(project, [images], masks, names={255: "bone"})
    assert drawn(project) == [[0, 255]] * 2
    out = tmp_path / "out"
    assert all(set(np.unique(read_mask(path))) == {0, 255} for path in export_project(project, out, format="png"))
    with Project.create(tmp_path / "again") as again:
        assert add_with_masks(again, [images], out).named == {255: "bone"}
        assert drawn(again) == [[0, 255]] * 2


def test_proposals_have_the_numbers_of_the_weights(study, tmp_path):
    images, _ = study((1,), (1,))
    for labels in ((7,), (7, 100)):
        request = fresh(tmp_path / "w.safetensors", ("a", "b")[: len(labels)], labels)
        assert read_entry(request.weights).labels == labels
        written = predict_files([images], request, tmp_path / f"out{len(labels)}", format="png")
        found = set(np.unique([read_image(path).data for path in written]))
        assert found <= {0, *labels}
        assert found & set(labels)


def test_scores_are_of_the_numbers_of_the_weights(study, tmp_path):
    request = fresh(tmp_path / "w.safetensors", ("a", "b"), (1, 2))
    pairs = find_pairs(*study((1, 2), (1, 3)))
    with pytest.raises(InputError, match=r"label 3 in masks, first in .*set1\.png; the classes are 1 'a', 2 'b'"):
        evaluate(pairs, request)
    assert evaluate(pairs, request, rule=LabelRule(mapping=((3, 3, 2),)))["n"] == 2
    with pytest.raises(InputError, match="the masks number objects, and cmunext-xxs/t@1 tells 2 classes apart"):
        evaluate(pairs, request, objects=True)
    one = fresh(tmp_path / "w1.safetensors", ("a",), (1,))
    numbered = find_pairs(*study((1, 2, 3), name="objects"))
    with pytest.raises(InputError, match="labels 2, 3 in masks"):
        evaluate(numbered, one)
    assert "pq" in evaluate(numbered, one, objects=True)["mean"]


def test_what_is_ignored_is_not_scored(study, tmp_path):
    request = fresh(tmp_path / "w.safetensors", ("a",), (1,))
    images, masks = study((1, 255))
    path = next(masks.iterdir())
    # all that is not void is as the network says
    labels = np.asarray(Image.open(predict_files([images], request, tmp_path / "out", format="png")[0])) > 0
    truth = np.where(np.arange(40) < 20, labels, 255).astype(np.uint8)
    Image.fromarray(truth).save(path)
    assert labels[:, 20:].any()
    assert evaluate(find_pairs(images, masks), request, rule=LabelRule(ignore=255))["mean"]["dice"] == 1


def test_classes_to_learn_are_those_that_are_known_or_the_one_that_is_there(study):
    def masks_of(*numbers, name):
        return sorted(study(*numbers, name=name)[1].iterdir())

    assert classes_to_learn(masks_of((255,), (0,), name="a"), LabelRule(), None) == {1: "foreground"}
    assert classes_to_learn(masks_of((3,), (0,), name="b"), LabelRule(), None) == {3: "foreground"}
    two = masks_of((1,), (1, 200), name="c")
    with pytest.raises(InputError, match=r"the masks hold labels 1, 200; expected one .* --classes 1=NAME"):
        classes_to_learn(two, LabelRule(), None)
    assert classes_to_learn(two, LabelRule(mapping=((1, 65535, 1),)), None) == {1: "foreground"}
    known = {1: "a", 7: "b", 200: "c"}
    assert classes_to_learn(two, LabelRule(), known) == known
    nothing = masks_of((0,), (0,), name="nothing")
    for classes in (None, known):
        with pytest.raises(InputError, match=r"the 2 mask\(s\) hold nothing; expected something drawn"):
            classes_to_learn(nothing, LabelRule(), classes)
    with pytest.raises(InputError, match="hold nothing but 3, which is ignored"):
        classes_to_learn(masks_of((3,), (0,), name="void"), LabelRule(ignore=3), None)
    with pytest.raises(InputError, match=f"{min(known)} is ignored and is the class"):
        classes_to_learn(two, LabelRule(ignore=min(known)), known)


@pytest.mark.parametrize(("classes", "labels", "expected"), [(("a",), (1,), {0, 7}), (("a", "b"), (1, 7), {0, 1, 7})])
def test_old_weights_of_one_class_are_compared_in_the_runs_number(study, tmp_path, classes, labels, expected):
    request = fresh(tmp_path / "w.safetensors", classes, labels)
    data = Data(train=(Pair(name="a", image="i", mask="m"),), classes=("x",), labels=(7,))
    spec = RunSpec(network="n", task="t", data=data)
    image = read_image(next(study((1,))[0].iterdir())).data
    found = set(np.unique(_labels_of(image, request, spec, None, lambda: False)))
    assert found <= expected
    assert found - {0}
