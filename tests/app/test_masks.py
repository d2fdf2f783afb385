"""Masks that come in are accepted, also where an earlier try was ended in between; what a person drew stays."""

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_medseg.app.classes import classes_to_learn
from napari_medseg.app.export import export_project
from napari_medseg.app.images import add_images
from napari_medseg.app.masks import add_with_masks
from napari_medseg.app.measure_files import measure_files
from napari_medseg.errors import InputError
from napari_medseg.io import FORMATS, PLAIN, names_of, parse_rule, write_mask
from napari_medseg.io.mask import OBJECTS_KEY
from napari_medseg.io.png import FORMAT as PNG
from napari_medseg.project import Project

MASK = np.zeros((12, 16), np.uint8)
MASK[3:8, 4:10] = 1


@pytest.mark.parametrize("tools", [(), ("import",), ("brush",), ("import", "brush")])
def test_a_mask_that_was_stored_and_not_accepted_is_accepted_by_the_next_try(tmp_path, tools):
    images, masks = tmp_path / "i", tmp_path / "m"
    for folder, data in ((images, MASK * 90), (masks, MASK)):
        folder.mkdir()
        Image.fromarray(data).save(folder / "a.png")
    with Project.create(tmp_path / "p") as project:
        case = add_images(project, [images])[0][0]
        drawn = MASK.copy()
        for tool in tools:
            drawn[0, 0] = tool == "brush"
            project.commit_stroke(case.id, drawn, tool=tool)
        added = add_with_masks(project, [images], masks)
        begun = "brush" in tools
        assert (added.used, len(added.refused)) == ((0, 1) if begun else (1, 0))
        assert project.case(case.id).state == ("in progress" if begun else "accepted")
        if not begun:
            np.testing.assert_array_equal(project.revision_labels(project.revisions(case.id)[-1].id), MASK)


WRITTEN = [one for one in FORMATS if one.write_mask is not None and 2 in one.takes.axes and one.name != "dicom-seg"]
TWO = np.zeros((12, 16), np.uint8)
TWO[2:5, 2:7], TWO[7:10, 2:7] = 1, 2


def named_mask(tmp_path, format, classes, labels=TWO, **more):
    """An image and its mask, which a project that calls its classes so would write."""
    images, masks = tmp_path / "i", tmp_path / "m"
    images.mkdir(exist_ok=True), masks.mkdir(exist_ok=True)
    Image.fromarray(TWO * 90).save(images / "a.png")
    path = write_mask(masks / f"a_mask{format.suffix}", labels, provenance={"classes": classes, **more}, numbers=True)
    return images, masks, path


@pytest.mark.parametrize("format", WRITTEN, ids=lambda one: one.name)
def test_a_number_that_bears_the_name_of_another_class_is_refused_in_all_formats(tmp_path, format):
    images, masks, path = named_mask(tmp_path, format, {1: "a", 2: "b"})
    assert names_of(path) == {1: "a", 2: "b"}
    for number, names in enumerate(({1: "b", 2: "a"}, {1: "B", 2: "c"}, {1: "c", 2: "A"})):
        with Project.create(tmp_path / f"p{number}") as project:
            with pytest.raises(InputError, match=r"a_mask\..* calls its number \d '.'; expected class \d\. Say which"):
                add_with_masks(project, [images], masks, names=names)
            assert not project.cases() and not project.classes()
    for number, names in enumerate((None, {1: "a", 2: "b"}, {1: "x", 2: "b"})):
        with Project.create(tmp_path / f"q{number}") as project:
            added = add_with_masks(project, [images], masks, names=names)
            assert (added.used, added.refused) == (1, [])
            # what a person calls them goes before what the file does
            assert {one.label: one.name for one in project.classes()} == (names or {1: "a", 2: "b"})
            np.testing.assert_array_equal(project.labels(project.cases()[0].id), TWO)
    with Project.create(tmp_path / "r") as project:
        # the person says which is which
        swap = parse_rule("1=2,2=1")
        add_with_masks(project, [images], masks, names={1: "b", 2: "a"}, rule=swap)
        np.testing.assert_array_equal(project.labels(project.cases()[0].id), np.where(TWO, 3 - TWO, 0))
    measure_files([], masks, tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["class"], row["class name"]) for row in rows if row["lesion"]] == [("1", "a"), ("2", "b")]
    with pytest.raises(InputError, match="calls its number 1 'a'; expected class 2"):
        measure_files([], masks, tmp_path / "u.csv", classes={1: "b", 2: "a"})
    with pytest.raises(InputError, match="calls its number 1 'a'; expected class 2"):
        classes_to_learn([path], PLAIN, {1: "b", 2: "a"})


def test_what_a_mask_s_file_calls_ignore_does_not_count(tmp_path):
    images, masks, _ = named_mask(tmp_path, WRITTEN[0], {1: "a", 2: "ignore"})
    with Project.create(tmp_path / "p") as project:
        add_with_masks(project, [images], masks)
        assert {one.label: one.name for one in project.classes()} == {1: "a", 2: "ignore"}
        np.testing.assert_array_equal(project.labels(project.cases()[0].id), TWO)
    with Project.create(tmp_path / "q") as project:
        project.set_class(1, "ignore", "#808080")
        with pytest.raises(InputError, match="calls its number 2 'ignore'; expected class 1"):
            add_with_masks(project, [images], masks, names={2: "b"})


@pytest.mark.parametrize("classes", [{1: "label 1", 2: ""}, {1: "x", 2: "x"}, {}, {1: "foreground"}])
def test_what_is_no_name_names_nothing(tmp_path, classes):
    images, masks, _ = named_mask(tmp_path, WRITTEN[0], classes)
    with Project.create(tmp_path / "p") as project:
        add_with_masks(project, [images], masks)
        assert {one.label: one.name for one in project.classes()} == {1: "label 1", 2: "label 2"}


def test_the_numbers_of_objects_are_no_classes(tmp_path):
    _, _, path = named_mask(tmp_path, WRITTEN[0], {1: "a", 2: "b"}, **{OBJECTS_KEY: True})
    assert names_of(path) == {}


def test_a_mask_of_another_image_of_the_project_is_not_taken_for_one_of_its_name(tmp_path):
    for folder, shade in (("A", 90), ("B", 60)):
        (tmp_path / folder).mkdir()
        Image.fromarray(TWO * shade).save(tmp_path / folder / "img.png")
    own, other = tmp_path / "A" / "img.png", tmp_path / "B" / "img.png"
    with Project.create(tmp_path / "p") as project:
        add_images(project, [own])
        add_images(project, [other])
        project.commit_stroke(1, MASK)
        project.accept(1)
        export_project(project, tmp_path / "m")
    with Project.create(tmp_path / "q") as project:
        add_images(project, [own])
        add_images(project, [other])
        with pytest.raises(
            InputError, match=r"was made on .*A.img\.png, which is in the project as 'img'; it is given wi"
        ):
            add_with_masks(project, [other], tmp_path / "m")
        assert add_with_masks(project, [own], tmp_path / "m").used == 1
    # nothing but the name is known here
    with Project.create(tmp_path / "r") as project:
        (told,) = add_with_masks(project, [other], tmp_path / "m").told
        assert "was made on another file of the name 'img.png'" in told


def test_another_mask_of_an_image_is_a_correction_where_it_is_asked_for(tmp_path):
    images, masks, path = named_mask(tmp_path, PNG, {1: "a"}, MASK)
    with Project.create(tmp_path / "p") as project:
        (case,) = add_with_masks(project, [images], masks).cases
        corrected = MASK.copy()
        corrected[0, 0] = 1
        write_mask(path, corrected, provenance={"classes": {1: "a"}}, numbers=True)
        added = add_with_masks(project, [images], masks)
        assert (added.used, added.cases, added.updated) == (0, [], [])
        assert "in the project already as 'a'" in added.refused[0] and "add --update" in added.refused[0]
        assert len(project.revisions(case.id)) == 1
        added = add_with_masks(project, [images], masks, update=True)
        assert ([one.id for one in added.updated], added.cases, added.refused) == ([case.id], [], [])
        first, second = project.revisions(case.id)
        np.testing.assert_array_equal(project.revision_labels(first.id), MASK)
        np.testing.assert_array_equal(project.revision_labels(second.id), corrected)
        assert project.case(case.id).state == "accepted" and project.verify() == []
        # the same once more is no new revision
        added = add_with_masks(project, [images], masks, update=True)
        assert (added.used, added.updated) == (1, []) and "as it was accepted" in added.told[0]
        assert len(project.revisions(case.id)) == 2
        # what a person drew since stays in the history
        drawn = corrected.copy()
        drawn[5, 12] = 1
        project.commit_stroke(case.id, drawn)
        added = add_with_masks(project, [images], masks, update=True)
        assert "had strokes that nobody accepted" in added.told[0]
        np.testing.assert_array_equal(project.labels(case.id), corrected)
        project.undo(case.id)
        np.testing.assert_array_equal(project.labels(case.id), drawn)


def test_a_mask_of_an_image_larger_than_memory_is_refused_before_either_is_added(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_medseg.io.large.MOST_WHOLE", 10_000)
    images, masks, _ = named_mask(tmp_path, PNG, {1: "a"}, MASK)
    slide = np.zeros((120, 130), np.uint8)
    tifffile.imwrite(images / "slide.tif", slide, tile=(64, 64))
    write_mask(masks / "slide_mask.ome.zarr", slide)
    with Project.create(tmp_path / "p") as project:
        added = add_with_masks(project, [images], masks)
        assert [case.name for case in added.cases] == ["a"] == [case.name for case in project.cases()]
        assert "is larger than memory" in added.refused[0] and "Add it without --masks" in added.refused[0]
        with pytest.raises(InputError, match="larger than memory"):
            add_with_masks(project, [images / "slide.tif"], masks)
        # without its mask it comes in, and then too no mask does
        assert len(add_images(project, [images / "slide.tif"])[0]) == 1
        with pytest.raises(InputError, match="larger than memory"):
            add_with_masks(project, [images / "slide.tif"], masks, update=True)
        assert project.case(2).strokes == 0
