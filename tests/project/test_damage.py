"""Damage is contained: one bad value is told, and bars nothing else."""

import os
import shutil
import sqlite3
import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app.images import add_images
from napari_medseg.app.versions import versions
from napari_medseg.errors import ProjectError
from napari_medseg.project import Project
from napari_medseg.project.history import when


@pytest.fixture
def folder(tmp_path):
    with Project.create(tmp_path / "p") as project:
        Image.new("L", (8, 8)).save(tmp_path / "p" / "1.png")
        project.add_case(tmp_path / "p" / "1.png", shape=(8, 8))
        project.commit_stroke(1, np.ones((8, 8), np.uint8))
        project.accept(1)
        project.adopt("a/b@1")
    return tmp_path / "p"


def change(folder, statement):
    db = sqlite3.connect(folder / "project.sqlite")
    try:
        db.execute("PRAGMA ignore_check_constraints=ON")
        db.execute(statement)
        db.commit()
    finally:
        db.close()


TIMES = ["1e300", "-1e300", "9e999", "'soon'", "x'00ff'", "9223372036854775807", "1e12", "-1"]


@pytest.mark.parametrize("table", ["history", "strokes", "revisions", "runs", "project"])
@pytest.mark.parametrize("value", TIMES)
@pytest.mark.parametrize("clean", [0, 1])
def test_a_damaged_time_is_told_and_bars_nothing(folder, table, value, clean):
    with Project.open(folder) as project:
        run = project.add_run("{}", "runs/0001")
        project.set_run(run, "failed")
    change(folder, f"UPDATE {table} SET created = {value}")
    change(folder, f"UPDATE project SET clean = {clean}")
    with Project.open(folder) as project:
        assert project.verify()
        assert np.array_equal(project.labels(1), np.ones((8, 8)))
        project.summary()
        versions(project)
        project.commit_stroke(1, np.zeros((8, 8), np.uint8))


@pytest.mark.parametrize("version", [-1, -(2**31), 0, 99])
def test_a_version_that_no_project_has_is_told(folder, version):
    change(folder, f"PRAGMA user_version={version}")
    with pytest.raises(ProjectError, match=r"is no project of medseg|Update napari-medseg"):
        Project.open(folder)


@pytest.mark.parametrize("statement", ["UPDATE cases SET height = 'x'", "UPDATE runs SET folder = 7"])
def test_a_damaged_row_does_not_keep_the_audit_out(folder, statement):
    with Project.open(folder) as project:
        project.add_run("{}", "runs/0001")
    change(folder, statement)
    with Project.open(folder) as project:
        assert project.verify()


def test_weights_in_use_that_are_no_text_are_told(folder):
    change(folder, "UPDATE project SET adopted = x'00ff'")
    with Project.open(folder) as project:
        assert any("weights in use" in problem for problem in project.verify())
        with pytest.raises(ProjectError, match="which weights are in use, is damaged"):
            project.adopted()
        with pytest.raises(ProjectError, match="which weights are in use, is damaged"):
            project.summary()


@pytest.mark.parametrize("parent", [2, 3, 99, "'x'", "x'ff'"])
def test_a_path_of_strokes_that_leads_round_has_an_end(folder, parent):
    with Project.open(folder) as project:
        for value in (2, 3):
            project.commit_stroke(1, np.full((8, 8), value, np.uint8))
    change(folder, f"UPDATE strokes SET parent = {parent} WHERE id = 2")
    with Project.open(folder) as project:
        assert any("strokes" in problem for problem in project.verify())
        assert project.labels(1).max() == 3
        assert project.touched(1).all()


NO_DETAIL = "[" * 100_000


@pytest.mark.parametrize("detail", [f"'{NO_DETAIL}'", "'['", "'[]'", "'null'", "x'fffe'"], ids=lambda text: text[:8])
def test_a_history_that_is_no_json_does_not_bar_a_project_whose_image_is_gone(folder, detail):
    (folder / "1.png").unlink()
    change(folder, f"UPDATE history SET detail = {detail}")
    with Project.open(folder) as project:
        assert [case.missing for case in project.cases()] == [True]
        assert any("does not match its seal" in problem for problem in project.verify())


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
@pytest.mark.parametrize("what", ["image", "weights"])
def test_a_pipe_in_place_of_a_file_does_not_keep_the_audit_waiting(folder, what):
    pipe = folder / "1.png" if what == "image" else folder / "w.safetensors"
    if what == "image":
        pipe.unlink()
    else:
        pipe.write_bytes(b"w")
        with Project.open(folder) as project:
            project.adopt(pipe)
        pipe.unlink()
    os.mkfifo(pipe)
    with Project.open(folder) as project:
        assert any(pipe.name in problem and "a pipe or a device" in problem for problem in project.verify())


def beside(tmp_path, count=2):
    (tmp_path / "a" / "img").mkdir(parents=True)
    for number in range(count):
        Image.new("L", (8, 8), number).save(tmp_path / "a" / "img" / f"{number}.png")
    with Project.create(tmp_path / "a" / "p") as project:
        add_images(project, [tmp_path / "a" / "img"])


def test_images_beside_a_project_are_found_where_both_were_moved(tmp_path):
    beside(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    for _ in range(2):
        with Project.open(tmp_path / "b" / "p") as project:
            assert [case.image.parent for case in project.cases()] == [tmp_path / "b" / "img"] * 2
            assert not any(case.missing for case in project.cases())
            assert project.verify() == []
    (tmp_path / "b").rename(tmp_path / "c")
    with Project.open(tmp_path / "c" / "p") as project:
        assert not any(case.missing for case in project.cases())


def test_other_bytes_under_an_image_s_name_are_not_taken_for_it(tmp_path):
    beside(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    Image.new("L", (8, 8), 9).save(tmp_path / "b" / "img" / "0.png")
    with Project.open(tmp_path / "b" / "p") as project:
        assert [case.missing for case in project.cases()] == [True, False]


def test_a_project_moved_alone_still_has_its_images(tmp_path):
    beside(tmp_path)
    shutil.move(tmp_path / "a" / "p", tmp_path / "q")
    with Project.open(tmp_path / "q") as project:
        assert not any(case.missing for case in project.cases())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_name_that_is_no_text_is_added_with_the_others(tmp_path):
    (tmp_path / "img").mkdir()
    odd = os.fsdecode(os.fsencode(tmp_path / "img") + b"/M\xfcller.png")
    for number, name in enumerate((tmp_path / "img" / "a.png", odd, tmp_path / "img" / "z.png")):
        Image.new("L", (8, 8), number).save(name)
    with Project.create(tmp_path / "p") as project:
        added, refused = add_images(project, [tmp_path / "img"], patients="name")
        assert (len(added), refused) == (3, [])
    with Project.open(tmp_path / "p") as project:
        assert [case.name for case in project.cases()] == ["M_ller", "a", "z"] or len(project.cases()) == 3
        assert not any(case.missing for case in project.cases())
        assert project.verify() == []


def test_names_are_one_however_they_are_typed(tmp_path):
    name = unicodedata.normalize("NFD", "Müller") + ".png"
    Image.new("L", (8, 8)).save(tmp_path / name)
    with Project.create(tmp_path / "p") as project:
        case = project.add_case(tmp_path / name, shape=(8, 8))
        assert case.name == unicodedata.normalize("NFC", "Müller")


@pytest.mark.parametrize("created", [None, "2026", b"\x00", float("nan"), 1e300, -(10**30)])
def test_what_is_no_time_is_told_as_unknown_and_never_taken_for_now(created):
    assert when(created) == "an unknown time"


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TRIGGER t AFTER INSERT ON tiles BEGIN UPDATE tiles SET data = x'00'; END",
        "CREATE VIEW v AS SELECT 1",
    ],
)
def test_what_would_change_what_is_stored_is_refused(folder, made):
    change(folder, made)
    with pytest.raises(ProjectError, match=r"holds the (trigger 't'|view 'v'), .* expected tables alone"):
        Project.open(folder)
