"""An image that is taken off the list, and comes back with all that was drawn on it; what the program wrote is none."""

import shutil

import numpy as np
import pytest
from PIL import Image

from napari_medseg.errors import InputError
from napari_medseg.io import write_image
from napari_medseg.project import Project
from napari_medseg.project.own import written_by
from tests.project.test_audit import change

MASK = np.zeros((40, 50), np.uint8)
MASK[5:9, 5:9] = 1


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p") as project:
        for number in (1, 2):
            Image.new("L", (50, 40), number).save(tmp_path / f"{number}.png")
            project.add_case(tmp_path / f"{number}.png", shape=(40, 50))
        project.commit_stroke(1, MASK)
        project.accept(1)
        yield project


def test_a_removed_image_counts_nowhere_and_loses_nothing(project, tmp_path):
    project.remove(1)
    assert [case.id for case in project.cases()] == [2]
    assert project.find_image(tmp_path / "1.png") is None
    assert (project.summary()["cases"], project.summary()["strokes"]) == (1, 0)
    assert project.next_case(2) is None
    # what was learned from it is still spoken of
    assert project.case(1).state == "accepted"
    assert [row.kind for row in project.history(1)] == ["add", "brush", "accept", "remove"]
    assert project.verify() == []
    project.close()
    with Project.open(tmp_path / "p") as again:
        assert [case.id for case in again.cases()] == [2]


def test_adding_it_again_brings_all_of_it_back(project, tmp_path):
    project.remove(1)
    shutil.move(tmp_path / "1.png", tmp_path / "moved.png")
    case = project.add_case(tmp_path / "moved.png", shape=(40, 50))
    assert (case.id, case.state, case.strokes) == (1, "accepted", 1)
    np.testing.assert_array_equal(project.labels(1), MASK)
    assert [one.id for one in project.cases()] == [1, 2]
    assert project.verify() == []


@pytest.mark.parametrize(
    ("removed", "says"), [(True, "is there; the history says that it is removed"), (False, "is re")]
)
def test_nobody_removes_it_behind_the_history_s_back(project, tmp_path, removed, says):
    if removed:
        project.remove(1)
    project.close()
    change(tmp_path / "p", f"UPDATE cases SET removed = {int(not removed)} WHERE id = 1")
    with Project.open(tmp_path / "p") as again:
        assert any(f"Case 1 {says}" in problem for problem in again.verify())


OWN = ["runs/0001", "runs/0001/a.png", "weights/a.safetensors", "slides/7/proposal-2.ome.zarr"]
# a person may call folders so too
THEIRS = ["runs/monday/a.png", "weights/a.png", "slides/7/a.svs", "slides/proposal-1.ome.zarr", "images/a.png", "a.png"]


@pytest.mark.parametrize("name", OWN + THEIRS)
def test_only_what_the_program_writes_is_its_own(project, tmp_path, name):
    assert written_by(project.path / name) == (project.path if name in OWN else None)
    # below a folder that is no project's, nothing is
    assert written_by(tmp_path / "other" / name) is None


def test_what_the_program_wrote_is_refused_in_any_project(project, tmp_path):
    (project.path / "runs" / "1").mkdir(parents=True)
    path = write_image(project.path / "runs" / "1" / "a.tif", MASK)
    with Project.create(tmp_path / "q") as other:
        for one in (project, other):
            with pytest.raises(
                InputError, match=r"was written by MedSeg itself, for the project in .*p; expected an im"
            ):
                one.add_case(path, shape=(40, 50))
