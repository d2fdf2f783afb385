"""Images into a project: named, checked, and found again where they were moved."""

import shutil

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app.export import export_project
from napari_medseg.app.images import add_images
from napari_medseg.errors import InputError, ShapeError
from napari_medseg.project import Project
from tests.project.test_audit import change


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("s.2024.01", "s.2024.02"):
        Image.fromarray(rng.integers(0, 255, (40, 50), np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p") as project:
        yield project


def test_dots_in_a_name_stay(project, images):
    add_images(project, [images])
    assert [case.name for case in project.cases()] == ["s.2024.01", "s.2024.02"]


def test_moved_images_are_found_again_by_their_bytes(project, images, tmp_path):
    add_images(project, [images])
    project.commit_stroke(1, np.ones((40, 50), np.uint8))
    project.accept(1)
    project.hold_out(project.case(1).group)
    was = project.case(1)
    shutil.move(images, tmp_path / "elsewhere")
    assert [case.missing for case in project.cases()] == [True, True]
    assert all("is gone" in problem for problem in project.verify())
    added, refused = add_images(project, [tmp_path / "elsewhere"])
    assert ([case.id for case in added], refused) == ([1, 2], [])
    now = project.case(1)
    assert now.image == tmp_path / "elsewhere" / "s.2024.01.png"
    assert (now.state, now.split, now.group, now.sha256) == ("accepted", "heldout", was.group, was.sha256)
    assert project.verify() == []
    assert [row.kind for row in project.history(1)] == ["add", "brush", "accept", "move"]
    assert str(was.image) in project.history(1)[-1].detail
    # once more, while it is in its place
    assert "in the project already" in add_images(project, [now.image])[1][0]
    # into the project, and with it
    (project.path / "images").mkdir()
    shutil.move(now.image, project.path / "images" / "a.png")
    add_images(project, [project.path / "images"])
    project.close()
    project.path.rename(tmp_path / "moved")
    with Project.open(tmp_path / "moved") as moved:
        assert moved.case(1).image == tmp_path / "moved" / "images" / "a.png"
        assert moved.verify() == []
        assert moved.sealed()[0] == len(moved.history())


def test_another_place_behind_the_history_s_back_is_still_found(project, images, tmp_path):
    add_images(project, [images])
    shutil.move(images, tmp_path / "elsewhere")
    add_images(project, [tmp_path / "elsewhere"])
    shutil.copytree(tmp_path / "elsewhere", images)
    change(project.path, f"UPDATE cases SET image = '{images / 's.2024.01.png'}' WHERE id = 1")
    assert project.verify() == ["Row 1 of cases was changed or removed."]


@pytest.mark.parametrize("shape", [(0, 0), (40,), (1, 2, 3, 4), (40.0, 50), (40, -50)])
def test_a_shape_of_no_image_is_refused(project, images, shape):
    with pytest.raises(ShapeError, match=r"shape is .*; expected \(Y, X\) or \(Z, Y, X\)"):
        project.add_case(images / "s.2024.01.png", shape=shape)
    assert project.cases() == []


@pytest.mark.parametrize(
    ("values", "says"),
    [({"split": "val"}, "split is 'val'; expected 'train' or 'heldout'"), ({"spacing": (1.0,)}, "spacing is")],
)
def test_a_split_or_spacing_that_is_none_is_refused(project, images, values, says):
    with pytest.raises(InputError, match=says):
        project.add_case(images / "s.2024.01.png", shape=(40, 50), **values)
    assert project.verify() == []


@pytest.mark.parametrize("name", ["../../evil", "/evil", "..", "C:evil", "a\\..\\evil", "a\nb"])
def test_a_name_never_leads_out_of_a_folder(project, images, tmp_path, name):
    project.add_case(images / "s.2024.01.png", shape=(40, 50), name=name)
    project.add_case(images / "s.2024.02.png", shape=(40, 50))
    # as an older version stored it
    changed = name.replace("'", "''")
    change(project.path, f"UPDATE cases SET name = '{changed}' WHERE id = 2")
    out = tmp_path / "a" / "b" / "out"
    for number in (1, 2):
        project.commit_stroke(number, np.ones((40, 50), np.uint8))
        project.accept(number)
    written = export_project(project, out)
    assert sorted(out.iterdir()) == sorted(written)
    assert len(written) == 2


def test_of_a_list_that_is_read_again_only_what_changed_is_another_object(project, images):
    add_images(project, [images])
    first = project.cases()
    assert all(one is other for one, other in zip(first, project.cases(), strict=True))
    project.commit_stroke(1, np.ones((40, 50), np.uint8))
    second = project.cases()
    assert second[0] is not first[0] and second[0].strokes == 1 and second[0] == project.case(1)
    assert second[1] is first[1]
    there = images / "s.2024.02.png"
    away = there.rename(images / "away.png")
    assert [case.missing for case in project.cases()] == [False, True]
    away.rename(there)
    assert project.cases() == second
