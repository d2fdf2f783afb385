"""What is dropped or lies in a folder: images and nothing else, each patient's together, in one project."""

import numpy as np
import pytest

from napari_medseg.app import intake
from napari_medseg.app.images import add_images
from napari_medseg.app.intake import find_images, images_beside, make_project, without
from napari_medseg.errors import InputError
from napari_medseg.io import Grid, write_image, write_mask
from napari_medseg.project import Project

rng = np.random.default_rng(0)


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_image(path, rng.integers(0, 255, (20, 30), np.uint8))


def test_a_folder_gives_the_images_in_it_and_below_and_no_masks(tmp_path):
    study = tmp_path / "study"
    wanted = [image(study / "a.tif"), image(study / "p1" / "b.tif"), image(study / "p2" / "deep" / "c.tif")]
    image(study / ".hidden" / "d.tif")
    write_mask(study / "a_mask.tif", np.ones((20, 30), int))
    # results of one folder's images in another, and what was drawn on them
    (study / "out").mkdir()
    write_mask(study / "out" / "b_mask.png", np.ones((20, 30), int))
    image(study / "Ground Truth" / "b.tif")
    (study / "notes.txt").write_text("none")
    Project.create(study / "old").close()
    image(study / "old" / "images" / "e.tif")
    found = find_images([study])
    assert sorted(found.images) == sorted(wanted)
    assert (found.folders, found.by, found.left_out, found.project) == (3, "folder", ("Ground Truth",), None)
    # the notes; what is hidden and what are masks by their names are not told
    assert found.others == 1


@pytest.mark.parametrize(
    ("places", "by"),
    [
        (["a.tif", "b.tif"], None),
        (["p1/a.tif", "p1/b.tif"], None),
        (["p1/a.tif", "p2/a.tif"], "folder"),
        # of one name, they would be one patient
        (["p1/us/a.tif", "p2/us/a.tif"], None),
    ],
)
def test_folders_are_proposed_as_patients_where_there_are_several(tmp_path, places, by):
    for place in places:
        image(tmp_path / "s" / place)
    assert find_images([tmp_path / "s"]).by == by


def test_a_file_that_is_named_is_taken_whatever_it_is(tmp_path):
    """Adding it says what is wrong with it."""
    paths = [image(tmp_path / "a_mask.tif"), tmp_path / "b.pdf", tmp_path / "gone.png"]
    assert find_images(paths).images == tuple(paths)


def test_a_project_is_told_from_a_folder_of_images(tmp_path):
    Project.create(tmp_path / "p").close()
    for path in (tmp_path / "p", next((tmp_path / "p").glob("*.sqlite*"), tmp_path / "p")):
        found = find_images([path])
        assert (found.project, found.images) == (tmp_path / "p", ())


def test_a_whole_disk_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "MOST_FOLDERS", 3)
    for number in range(4):
        (tmp_path / f"{number}").mkdir()
    with pytest.raises(InputError, match=r"holds more than 3 folders; expected a folder of images\. Choose one inside"):
        find_images([tmp_path])


def test_what_a_project_holds_already_is_not_offered_again(tmp_path):
    paths = [image(tmp_path / "p" / name) for name in ("a.tif", "b.tif", "images/c.tif", "runs/1/d.tif")]
    with Project.create(tmp_path / "p") as project:
        assert set(images_beside(project).images) == set(paths[:3])
        add_images(project, paths[:1])
        assert set(images_beside(project).images) == set(paths[1:3])
        assert without(find_images(paths[:2]), project).images == (paths[1],)


def test_a_folder_gets_its_own_project_and_finds_it_again(tmp_path):
    one, other = tmp_path / "x" / "study", tmp_path / "y" / "study"
    for folder in (one, other):
        image(folder / "a.tif")
    places = []
    for folder in (one, other, one):
        found = find_images([folder])
        with make_project([folder], found) as project:
            fresh = without(found, project)
            add_images(project, fresh.images)
            assert len(project.cases()) == 1
            places.append(project.path)
        # nothing is written beside the images
        assert [path.name for path in folder.iterdir()] == ["a.tif"]
    assert places[0] == places[2] != places[1]
    assert [place.name for place in places] == ["study", "study-2", "study"]


def test_loose_files_go_to_my_images(tmp_path):
    path = image(tmp_path / "a.tif")
    with make_project([path], find_images([path])) as project:
        assert project.path.name == "my-images"


def test_a_project_that_another_window_holds_is_passed_over(tmp_path):
    image(tmp_path / "study" / "a.tif")
    found = find_images([tmp_path / "study"])
    with make_project([tmp_path / "study"], found) as first, make_project([tmp_path / "study"], found) as second:
        assert (first.path.name, second.path.name) == ("study", "study-2")


def test_a_folder_that_is_dropped_is_taken_without_a_look_inside(tmp_path, monkeypatch):
    # thousands of slices take seconds, and the GUI thread asks
    monkeypatch.setattr(intake, "format_of", lambda path: pytest.fail(f"{path} was looked into"))
    assert intake.can_take(tmp_path)


def test_a_folder_of_zarr_is_an_image_as_a_file_is(tmp_path):
    pytest.importorskip("zarr")
    path = write_image(tmp_path / "ä 1.ome.zarr", np.ones((4, 20, 30), np.uint8), volume=True)
    for dropped in (path, tmp_path):
        found = find_images([dropped])
        assert found.images == (path,) and found.others == 0
    with make_project([path], find_images([path])) as project:
        assert project.path.name == "my-images"
        added, refused = add_images(project, [path])
        assert [case.name for case in added] == ["ä 1"] and refused == []


def test_what_the_program_wrote_is_never_offered_whichever_way_it_comes(tmp_path):
    """A proposal for a slide in the project's folder, and masks that were exported there, of an image elsewhere."""
    pytest.importorskip("zarr")
    from napari_medseg.io.label_blocks import LabelBlocks

    slide = image(tmp_path / "elsewhere" / "s.tif")
    with Project.create(tmp_path / "p") as project:
        add_images(project, [slide])
        wanted = image(project.path / "b.tif")
        own = project.path / "slides" / "1" / "proposal-1.ome.zarr"
        own.parent.mkdir(parents=True)
        LabelBlocks.create(own, Grid((300, 400)), {"made": "a"})
        write_mask(project.path / "s_mask.tif", np.ones((20, 30), int))
        image(project.path / "s_prob.tif")
        # its own word alone tells what it is: nobody knows that image
        write_mask(project.path / "t_mask.tif", np.ones((20, 30), int), provenance={"image": "t"})
        assert images_beside(project).images == (wanted,)
        for dropped in (own.parent, own.parent.parent):
            assert find_images([dropped]).images == ()
        # a folder of exported masks that is dropped, or named in a terminal
        out = tmp_path / "out"
        out.mkdir()
        for name in ("s_mask", "t_mask"):
            (project.path / f"{name}.tif").rename(out / f"{name}.tif")
        other = image(out / "c.tif")
        assert find_images([out], project=project).images == (other,)
        added, refused = add_images(project, [out, own.parent])
        assert [case.name for case in added] == ["c"]
        assert len(refused) == 1 and "was written by MedSeg itself" in refused[0]
