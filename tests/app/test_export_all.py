"""Which masks of a project are written: accepted ones, or all as they are now."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_medseg.app.export import ALL, export_project, to_export
from napari_medseg.errors import InputError
from napari_medseg.io import read_mask, write_image
from napari_medseg.project import Project
from napari_medseg.weights import list_weights


@pytest.fixture
def project(tmp_path):
    """Accepted; accepted and drawn on since; proposed; new."""
    with Project.create(tmp_path / "p") as made:
        for number, name in enumerate(["done", "again", "proposed", "new"]):
            image = np.full((20, 30), number, np.uint8)
            made.add_case(write_image(tmp_path / f"{name}.tif", image), shape=image.shape, group=name)
        mask = np.zeros((20, 30), np.uint8)
        mask[2:5, 2:5] = 1
        for case_id in (1, 2):
            made.commit_stroke(case_id, mask)
            made.accept(case_id)
        made.commit_stroke(2, mask * 0 + 1)
        made.set_proposal(3, mask, {"network": "n", "weights": "n/t@1", "sha256": "0" * 64})
        yield made


def sums(paths):
    return {path.name.removesuffix("_mask.tif"): int(read_mask(path).sum()) for path in paths}


def test_accepted_ones_are_written_as_they_were_accepted(project, tmp_path):
    assert sums(export_project(project, tmp_path / "out")) == {"done": 9, "again": 9}


def test_all_are_written_as_they_are_now_and_say_whether_they_were_accepted(project, tmp_path):
    written = export_project(project, tmp_path / "out", state=ALL)
    assert sums(written) == {"done": 9, "again": 600, "proposed": 9}
    revisions = {}
    for path in written:
        with tifffile.TiffFile(path) as file:
            revisions[path.name.partition("_")[0]] = json.loads(file.pages.first.description)["medseg"]["revision"]
    assert revisions == {"done": 1, "again": None, "proposed": None}


def test_a_state_that_there_is_not_is_refused(project, tmp_path):
    with pytest.raises(InputError, match="masks to export are 'some'; expected accepted or all"):
        to_export(project, "some")
    with pytest.raises(InputError, match="new: no mask yet; expected a proposal or a drawing"):
        export_project(project, tmp_path / "out", state=ALL, case_ids=[4])
    assert not (tmp_path / "out").exists()


def named(paths):
    found = {}
    for path in paths:
        with tifffile.TiffFile(path) as file:
            found[path.name.partition("_")[0]] = json.loads(file.pages.first.description)["medseg"]["classes"]
    return found


def test_classes_are_called_as_the_window_calls_them_and_nothing_is_noted(project, tmp_path):
    (small,) = [one.id for one in list_weights(network="cmunext-xxs") if one.task == "nuclei"]
    origin = {"network": "cmunext-xxs", "weights": small, "sha256": "0" * 64}
    project.set_proposal(3, project.labels(3), origin)
    proposed = named(export_project(project, tmp_path / "proposed", state=ALL, case_ids=[3]))
    assert proposed == {"proposed": {"1": "nucleus"}}
    # one word for all kinds: what is marked in the images of the task, told or chosen in the project
    (wide,) = [one.id for one in list_weights(network="sgd-net-s") if one.task == "generalist"]
    project.set_proposal(3, project.labels(3), {"network": "sgd-net-s", "weights": wide, "sha256": "0" * 64})
    assert named(export_project(project, tmp_path / "a", state=ALL, case_ids=[3], task="polyp")) == {
        "proposed": {"1": "polyp"}
    }
    project.choose("breast-ultrasound", wide)
    assert named(export_project(project, tmp_path / "b", state=ALL, case_ids=[3])) == {"proposed": {"1": "lesion"}}
    # a mask that was drawn: after what is chosen
    assert named(export_project(project, tmp_path / "c", case_ids=[1], chosen=("cmunext-xxs", small))) == {
        "done": {"1": "nucleus"}
    }
    assert project.classes() == []


def test_a_second_class_in_a_mask_that_nobody_accepted_counts_too(project, tmp_path):
    """Else 1 would be white in one file and a number in the next."""
    project.commit_stroke(3, np.full((20, 30), 2, np.uint8))
    for path in export_project(project, tmp_path / "out", state=ALL, format="png"):
        with Image.open(path) as picture:
            assert picture.mode == "P" and np.asarray(picture).max() <= 2


def test_masks_have_the_colours_that_the_project_gave_its_classes(project, tmp_path):
    project.set_class(1, "lesion", "#336699")
    project.set_class(2, "cyst", "#ffffff")
    for format in ("png", "tiff"):
        for path in export_project(project, tmp_path / format, format=format, objects=True):
            with Image.open(path) as picture:
                shown = np.asarray(picture.convert("RGB"))[3, 3]
            # an object is none of the classes
            assert (tuple(shown) == (0x33, 0x66, 0x99)) == ("objects" not in path.name)
