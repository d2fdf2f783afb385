"""Masks of other programs: one COCO file for many images, and QuPath's GeoJSON, which knows no sizes and no numbers."""

import json

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app.images import add_images
from napari_medseg.app.mask_files import mask_files, numbers_for
from napari_medseg.app.masks import add_masks, add_with_masks
from napari_medseg.errors import InputError
from napari_medseg.io import read_mask
from napari_medseg.io.coco import apart
from napari_medseg.project import Project

SIDES = (20, 30)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, name in enumerate("abc"):
        Image.fromarray(np.full(SIDES, 90 + number, np.uint8)).save(folder / f"{name}.png")
    return folder


def square(x, y, side=4):
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def coco(path, *, names=("train/a.png", "train\\b.png", "c.png"), **changes):
    """As other programs write it: numbers of their own, polygons, a folder before the names; nothing on the last."""
    document = {
        "images": [{"id": 7 + n, "file_name": name, "height": 20, "width": 30} for n, name in enumerate(names)],
        "categories": [{"id": 3, "name": "polyp"}, {"id": 5, "name": "lesion"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "segmentation": [square(2, 3)]},
            {"id": 2, "image_id": 8, "category_id": 5, "segmentation": [square(20, 10)]},
            {"id": 3, "image_id": 7, "category_id": 5, "segmentation": [square(12, 9)]},
        ],
        **changes,
    }
    path.write_text(json.dumps(document))
    return path


def wanted(*placed):
    labels = np.zeros(SIDES, np.uint8)
    for x, y, label in placed:
        labels[y : y + 4, x : x + 4] = label
    return labels


def masks_in(project):
    return {case.name: project.revision_labels(project.revisions(case.id)[-1].id) for case in project.cases()}


def test_a_coco_file_of_many_images_is_taken_image_by_image(tmp_path, images):
    with Project.create(tmp_path / "p") as project:
        added = add_with_masks(project, [images / "a.png", images / "b.png"], coco(tmp_path / "all.coco.json"))
        found = masks_in(project)
        assert {one.label: one.name for one in project.classes()} == {3: "polyp", 5: "lesion"}
    np.testing.assert_array_equal(found["a"], wanted((2, 3, 3), (12, 9, 5)))
    np.testing.assert_array_equal(found["b"], wanted((20, 10, 5)))
    assert (added.used, added.masks) == (2, 3)
    # no object is no word on what is there
    assert added.told == ["1 image of 'all.coco.json' has no object there, and so no mask: c.png."]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"names": ("x/a.png", "y/A.png")}, "an image called 'A.png', as 'a.png'"),
        ({"names": ("a.png", "b.png", "")}, "an image called '', nothing"),
        ({"annotations": [{"image_id": 1}]}, "an annotation of no image"),
        ({"annotations": 3}, "no list of annotations"),
        ({"annotations": []}, "holds no object"),
    ],
)
def test_what_is_wrong_with_it_is_told_and_nothing_is_added(tmp_path, images, changes, told):
    with Project.create(tmp_path / "p") as project:
        with pytest.raises(InputError, match=told):
            add_with_masks(project, [images], coco(tmp_path / "all.coco.json", **changes))
        assert project.cases() == []


def test_of_one_image_it_is_left_as_it_is(tmp_path):
    path = coco(tmp_path / "one.coco.json", names=("a.png",), annotations=[])
    assert apart(path, tmp_path / "nowhere") is None and not (tmp_path / "nowhere").exists()


def polygon(x, y, side=4):
    return [[[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]]


def feature(name, *places, kind="annotation", **more):
    shapes = [polygon(*place) for place in places]
    geometry = {"type": "MultiPolygon", "coordinates": shapes} if len(shapes) > 1 else None
    return {
        "type": "Feature",
        "id": "b5c1",
        "geometry": (geometry or {"type": "Polygon", "coordinates": shapes[0]}) | more,
        "properties": {
            "objectType": kind,
            **({} if name is None else {"classification": name if isinstance(name, dict) else {"name": name}}),
        },
    }


def qupath(path, *features, bare=False):
    document = list(features) if bare else {"type": "FeatureCollection", "features": list(features)}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def test_qupaths_export_gets_the_size_of_its_image_and_numbers_for_its_classes(tmp_path, images):
    masks = tmp_path / "masks"
    derived = {"names": ["Tumor", "Positive"], "color": [1, 2, 3]}
    qupath(masks / "a.geojson", feature("Stroma", (2, 3), (8, 3)), feature("tile", (20, 1), kind="tile"))
    qupath(masks / "b.geojson", feature(derived, (1, 1)), feature("Ignore*", (10, 10)), bare=True)
    with Project.create(tmp_path / "p") as project:
        project.set_class(4, "stroma", "#ff0000")
        added = add_with_masks(project, [images / "a.png", images / "b.png"], masks)
        found, called = masks_in(project), {one.label: one.name for one in project.classes()}
    # the project's own number for what it knows, in whatever case; the next for the rest
    assert called == {1: "Tumor: Positive", 2: "ignore", 4: "stroma"} and added.used == 2
    np.testing.assert_array_equal(found["a"], wanted((2, 3, 4), (8, 3, 4)))
    np.testing.assert_array_equal(found["b"] == 1, wanted((1, 1, 1)) == 1)


def test_without_classes_all_is_label_1(tmp_path, images):
    masks = tmp_path / "masks"
    qupath(masks / "a.geojson", feature(None, (2, 3)))
    with mask_files([images / "a.png"], masks, {}) as found:
        np.testing.assert_array_equal(read_mask(found.matched[images / "a.png"]), wanted((2, 3, 1)))
    # it lay in a folder that is gone
    assert not found.matched[images / "a.png"].exists()


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ([feature("A", (2, 3)), feature(None, (9, 9))], "some objects of the masks have no class"),
        ([feature("A", (2, 3)), feature("B", (4, 3))], "on the same pixels"),
        ([feature("A", (200, 300))], "expected it on its image of 20 x 30 px"),
        ([feature("A", (2, 3), plane={"z": 0}), feature("A", (9, 3), plane={"z": 1})], "several slices"),
        ([feature("A", (2, 3), type="LineString")], "an object that is a LineString"),
    ],
)
def test_what_is_wrong_with_qupaths_is_told(tmp_path, images, features, told):
    masks = tmp_path / "masks"
    qupath(masks / "a.geojson", *features)
    with Project.create(tmp_path / "p") as project, pytest.raises(InputError, match=told):
        add_with_masks(project, [images / "a.png"], masks)


def test_more_classes_than_there_are_numbers_are_refused():
    with pytest.raises(InputError, match="the masks have 300 classes"):
        numbers_for([str(n) for n in range(300)], {})


def test_into_a_project_masks_come_for_images_that_wait_for_one(tmp_path, images):
    open_now = []
    with Project.create(tmp_path / "p") as project:
        with pytest.raises(InputError, match="No image of this project waits for a mask"):
            add_masks(project, [coco(tmp_path / "all.coco.json")])
        cases = add_images(project, [images])[0]
        project.commit_stroke(cases[1].id, wanted((1, 1, 1)), tool="brush")
        open_now.append(cases[0].id)
        added = add_masks(project, [coco(tmp_path / "all.coco.json")], leave=lambda: open_now)
        assert (added.used, added.refused) == (0, []) and "'a' is open" in " ".join(added.told)
        open_now.clear()
        assert add_masks(project, [coco(tmp_path / "all.coco.json")]).used == 1
        np.testing.assert_array_equal(masks_in_one(project, cases[0].id), wanted((2, 3, 3), (12, 9, 5)))
        # a person's strokes stay
        np.testing.assert_array_equal(project.labels(cases[1].id), wanted((1, 1, 1)))
        with pytest.raises(InputError, match="is no file of masks"):
            add_masks(project, [tmp_path / "notes.txt"])


def masks_in_one(project, case_id):
    return project.revision_labels(project.revisions(case_id)[-1].id)
