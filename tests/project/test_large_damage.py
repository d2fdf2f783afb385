"""What a large case refuses, and what is left of it where files are gone or damaged."""

import json
import shutil
import sqlite3

import numpy as np
import pytest

from napari_medseg.errors import InputError, OutputError, ProjectError, ShapeError
from napari_medseg.io.image import Grid
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.project import Project
from tests.project.large_cases import AROUND, BOX, SHAPE, blocks, fill, full, make


@pytest.fixture
def project(tmp_path):
    with make(tmp_path) as project:
        yield project


def test_a_store_must_be_of_the_project_and_of_the_image(project, tmp_path):
    outside = LabelBlocks.create(tmp_path / "o.zarr", Grid(SHAPE), {})
    with pytest.raises(InputError, match="is not in"):
        project.set_base(1, outside.path, {})
    other = blocks(project, "other", (50_000, 40_000))
    with pytest.raises(ShapeError, match=r"has shape \(50000, 40000\)"):
        project.set_base(1, other.path, {})
    with pytest.raises(InputError, match="holds no labels of a large image"):
        project.set_base(1, project.path / "slides", {})
    assert project.case(1).state == "new"


def test_an_ordinary_case_has_no_store_and_no_box(project, tmp_path):
    from PIL import Image

    Image.new("L", (9, 9)).save(tmp_path / "s.png")
    small = project.add_case(tmp_path / "s.png", shape=(9, 9))
    with pytest.raises(InputError, match="expected a large one"):
        project.set_base(small.id, blocks(project).path, {})
    with pytest.raises(InputError, match="expected none"):
        project.accept(small.id, (0, 0, 3, 3))
    assert project.base_problem(small.id) is None


def gone(folder):
    shutil.rmtree(folder)


def other(folder):
    shutil.rmtree(folder)
    LabelBlocks.create(folder, Grid(SHAPE), {"made": "by others"})


def no_json(folder):
    (folder / "zarr.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "told"), [(gone, "moved or deleted"), (other, "other labels than those"), (no_json, "a.zarr")]
)
def test_a_store_that_is_gone_or_others_is_told_and_strokes_stay(project, damage, told):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    drawn = (2000, 4050, 2100, 4150)
    project.commit_stroke(1, full(3, drawn), box=drawn)
    project.accept(1, BOX)
    damage(project.path / "slides/1/a.zarr")
    project.close()
    with Project.open(project.path) as again:
        labels = again.labels(1, BOX)
        assert (labels == 3).sum() == 100 * 100
        assert set(np.unique(labels)) == {0, 3}
        assert told in again.base_problem(1)
        assert sum(told in text for text in again.verify()) >= 1
        with pytest.raises(ProjectError, match="slides"):
            again.accept(1, BOX)
        with pytest.raises(ProjectError, match="slides"):
            again.revision_labels(1)
        # and more can be drawn
        again.commit_stroke(1, full(2), box=BOX)
        assert (again.labels(1, BOX) == 2).all()


def test_a_damaged_block_is_told_and_the_others_are_shown(project):
    store = blocks(project)
    fill(store, 1, *AROUND)
    project.set_base(1, store.path, {})
    chunk = store.path / "0" / "c" / "0" / "2"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 255
    chunk.write_bytes(bytes(data))
    labels = project.labels(1, BOX)
    x = store.box((0, 2))[1] - BOX[1]
    assert not labels[:148, x:].any()
    assert (labels[148:] == 1).all()
    assert (labels[:, :x] == 1).all()
    assert any("are damaged" in text for text in project.verify())
    with pytest.raises(ProjectError, match="are damaged"):
        project.accept(1, BOX)
    # where it is sound, it is as good as ever
    project.accept(1, (2048, 4000, 2100, 4300))


def test_a_changed_origin_or_box_is_found(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    project.accept(1, BOX)
    project.close()
    for statement in (
        "UPDATE revisions SET box = '[1900, 4000, 2300, 4301]'",
        "UPDATE revisions SET box = NULL",
        "UPDATE strokes SET origin = NULL",
    ):
        copy = project.path.parent / "copy"
        shutil.copytree(project.path, copy)
        db = sqlite3.connect(copy / "project.sqlite")
        db.execute(statement.replace("box = NULL", "box = 'x'"))
        db.commit()
        db.close()
        with Project.open(copy) as again:
            try:
                found = again.verify()
            except ProjectError as error:
                found = [str(error)]
        assert found
        shutil.rmtree(copy)


def test_a_folder_outside_the_project_is_never_followed(project):
    fill(blocks(project), 1, *AROUND)
    project.set_base(1, project.path / "slides/1/a.zarr", {})
    project.close()
    db = sqlite3.connect(project.path / "project.sqlite")
    (origin,) = db.execute("SELECT origin FROM strokes").fetchone()
    db.execute("UPDATE strokes SET origin = ?", (json.dumps({**json.loads(origin), "store": "../../etc"}),))
    db.commit()
    db.close()
    with Project.open(project.path) as again, pytest.raises(ProjectError, match="is no folder of the project"):
        again.labels(1, BOX)


def test_nothing_is_stored_where_nothing_can_be(project, monkeypatch):
    project.commit_stroke(1, full(1), box=BOX)
    (project.path / "project.sqlite").rename(project.path / "gone.sqlite")
    with pytest.raises(OutputError, match="is gone"):
        project.commit_stroke(1, full(2), box=BOX)
    (project.path / "gone.sqlite").rename(project.path / "project.sqlite")
    assert (project.labels(1, BOX) == 1).all()
    project.commit_stroke(1, full(2), box=BOX)
    assert (project.labels(1, BOX) == 2).all()
