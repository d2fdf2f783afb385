"""COCO files, judged by pycocotools."""

import json
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as cocomask
from pycocotools.coco import COCO

from napari_medseg.errors import ImageReadError
from napari_medseg.io import Grid, read_grid, read_mask, write_mask
from napari_medseg.io.coco import join

# of pycocotools itself
pytestmark = pytest.mark.filterwarnings("ignore:.*__array__ implementation:DeprecationWarning")
masks = hnp.arrays(
    np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 0, 1, 2, 900])
)
tmp = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = {1: 'Krebs "größer" 🔬', 2: "a, b; c\\d"}


def opened(path):
    with redirect_stdout(StringIO()):
        return COCO(str(path))


@tmp
@given(labels=masks)
def test_pycocotools_finds_the_same_pixels_boxes_and_areas(tmp_path, labels):
    found = opened(write_mask(tmp_path / "a_mask.coco.json", labels))
    (image,) = found.loadImgs(found.getImgIds())
    assert (image["height"], image["width"]) == labels.shape
    back, times = np.zeros_like(labels), np.zeros(labels.shape, int)
    for one in found.loadAnns(found.getAnnIds()):
        pixels = found.annToMask(one) > 0
        back[pixels] = one["category_id"]
        times += pixels
        rle = found.annToRLE(one)
        assert one["area"] == cocomask.area(rle) == pixels.sum()
        assert one["bbox"] == cocomask.toBbox(rle).tolist()
        assert one["iscrowd"] == 0
    np.testing.assert_array_equal(back, labels)
    assert times.max(initial=0) <= 1


@tmp
@given(labels=masks, data=st.data())
def test_pycocotools_short_form_is_read_too(tmp_path, labels, data):
    path = write_mask(tmp_path / "a_mask.coco.json", labels)
    document = json.loads(path.read_text())
    for one in document["annotations"]:
        rle = cocomask.frPyObjects(one["segmentation"], *labels.shape)
        one["segmentation"] = {"size": rle["size"], "counts": rle["counts"].decode()}
    path.write_text(json.dumps(document))
    np.testing.assert_array_equal(read_mask(path), labels)


def test_polygons_are_filled_where_they_hold_the_centres_of_pixels(tmp_path):
    path = write_mask(tmp_path / "a.coco.json", np.eye(6, 8, dtype=int))
    document = json.loads(path.read_text())
    document["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[1, 1, 4, 1, 4, 3, 1, 3], [3, 2, 6, 2, 6, 5, 3, 5]]}
    ]
    document["categories"].append({"id": 3, "name": "c"})
    path.write_text(json.dumps(document))
    wanted = np.zeros((6, 8), int)
    wanted[1:3, 1:4], wanted[2:5, 3:6] = 3, 3
    np.testing.assert_array_equal(read_mask(path), wanted)


def test_names_colours_sizes_and_history_are_in_it(tmp_path):
    facts = {
        "classes": NAMES,
        "colours": {1: "#102030", 2: "not one"},
        "version": "9",
        "dice": float("nan"),
        "odd": [float("inf"), np.float32(0.5), np.int64(3), {"path": tmp_path}],
    }
    grid = Grid((3, 4), (0.5, 0.25), "um")
    path = write_mask(tmp_path / "größe 🔬_mask.coco.json", np.eye(3, 4, dtype=int), grid=grid, provenance=facts)
    found = json.loads(path.read_text(), parse_constant=pytest.fail)
    categories = {one["id"]: (one["name"], one["color"]) for one in found["categories"]}
    assert categories == {1: (NAMES[1], [16, 32, 48]), 2: (NAMES[2], [0x2E, 0xC4, 0xFF])}
    (image,) = found["images"]
    assert image["file_name"] == "größe 🔬"
    assert image["medseg"]["spacing"] == [0.5, 0.25]
    assert image["medseg"]["provenance"]["dice"] is None
    assert image["medseg"]["provenance"]["odd"] == [None, 0.5, 3, {"path": str(tmp_path)}]
    assert (read_grid(path).spacing, read_grid(path).unit) == ((0.5, 0.25), "um")
    assert opened(path).cats[1]["name"] == NAMES[1]
    named = write_mask(tmp_path / "b.coco.json", np.eye(3, dtype=int), provenance={"image": "b.png"})
    assert json.loads(named.read_text())["images"][0]["file_name"] == "b.png"


def test_objects_that_touch_are_as_they_were_numbered(tmp_path):
    labels = np.array([[1, 1, 2, 2], [1, 1, 2, 2]])
    parts = np.array([[4, 5, 6, 6], [4, 5, 6, 6]])
    path = write_mask(tmp_path / "a_objects.coco.json", labels, parts=parts)
    found = json.loads(path.read_text())["annotations"]
    assert [(one["category_id"], one["area"], one["bbox"]) for one in found] == [
        (1, 2, [0, 0, 1, 2]),
        (1, 2, [1, 0, 1, 2]),
        (2, 4, [2, 0, 2, 2]),
    ]
    np.testing.assert_array_equal(read_mask(path), labels)


def test_files_of_many_images_become_one(tmp_path):
    files = []
    for number in range(3):
        labels = np.zeros((4 + number, 5), int)
        labels[:2, :number] = number
        facts = {"classes": {1: "lesion", 2: "cyst" if number else "polyp"}}
        files.append(write_mask(tmp_path / f"i{number}_mask.coco.json", labels, provenance=facts))
    join(tmp_path / "masks.coco.json", files)
    found = opened(tmp_path / "masks.coco.json")
    assert [found.imgs[n]["file_name"] for n in found.getImgIds()] == ["i0", "i1", "i2"]
    assert [found.imgs[n]["height"] for n in found.getImgIds()] == [4, 5, 6]
    assert sorted(found.getAnnIds()) == [1, 2]
    for number, one in enumerate(found.loadAnns(found.getAnnIds()), start=1):
        assert (one["image_id"], one["category_id"], one["area"]) == (number + 1, number, 2 * number)
    assert [one["name"] for one in found.loadCats(found.getCatIds())] == ["lesion", "polyp / cyst"]
    with pytest.raises(ImageReadError, match="holds the masks of 3 images; expected those of one"):
        read_mask(tmp_path / "masks.coco.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["images"][0].update(height=0), "how large its image is"),
        (lambda d: d["images"][0].update(height=10**9), "expected at most"),
        (lambda d: d["images"][0].update(width="4"), "how large its image is"),
        (lambda d: d.update(images=3), "no list of images"),
        (lambda d: d.pop("annotations"), "no list of annotations"),
        (lambda d: d["annotations"].append(3), "an annotation of no image"),
        (lambda d: d["annotations"][0].update(image_id=7), "an annotation of no image"),
        (lambda d: d["annotations"][0].update(category_id=0), "an object of class 0"),
        (lambda d: d["annotations"][0].update(category_id=True), "an object of class True"),
        (lambda d: d["annotations"][0].update(category_id="x"), "an object of class 'x'"),
        (lambda d: d["annotations"][0].update(segmentation=None), "an object without its pixels"),
        (lambda d: d["annotations"][0].update(segmentation=[[1, 2, 3]]), "a polygon that is none"),
        (lambda d: d["annotations"][0].update(segmentation=[["a"] * 6]), "a polygon that is none"),
        (lambda d: d["annotations"][0]["segmentation"].update(size=[2, 2]), r"of size \[2, 2\] on an image"),
        (lambda d: d["annotations"][0]["segmentation"].update(counts=[1, 2]), "runs of other than 12 pixels"),
        (lambda d: d["annotations"][0]["segmentation"].update(counts=[-1, 13]), "runs of other than 12 pixels"),
        (lambda d: d["annotations"][0]["segmentation"].update(counts="\x00"), "runs in an unknown form"),
        (lambda d: d["annotations"][0]["segmentation"].update(counts="P" * 40), "runs in an unknown form"),
        (lambda d: d["annotations"][0]["segmentation"].update(counts="P"), "runs that are cut off"),
        (lambda d: d["annotations"].append({**d["annotations"][0], "category_id": 2}), "on the same pixels"),
        (lambda d: d["annotations"][0].update(category_id=2), "category 2, which its list of categories does not have"),
        (lambda d: d.pop("categories"), "category 1, which its list of categories does not have"),
        (lambda d: d["categories"].append({"id": 1, "name": "b"}), "category 1 twice, as 'label 1' and 'b'"),
        (lambda d: d["categories"].append({"id": "1"}), "a category without a number"),
        (lambda d: d.update(categories=[3]), "no list of categories"),
        # in pixels of another size, or of another picture
        (lambda d: d["annotations"][0].update(segmentation=[[4, 0, 9, 0, 9, 3]]), "expected it on its image of 3 x 4"),
        (lambda d: d["annotations"][0].update(segmentation=[[-5, 0, 0, 0, 0, 3]]), "expected it on its image of 3 x 4"),
        (
            lambda d: d["annotations"][0].update(segmentation=[[0, 0, 2, 0, 2, 2], [0, 3, 2, 3, 2, 5]]),
            "from x 0, y 3 to x 2, y 5; expected it on its image of 3 x 4",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path, change, told):
    path = write_mask(tmp_path / "a.coco.json", np.eye(3, 4, dtype=int))
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ImageReadError, match=told):
        read_mask(path)
    read_grid(path)


def test_images_of_one_name_are_told_apart(tmp_path):
    told = [("img", "img.png"), ("img_2", "IMG.png"), ("other", "other.png")]
    files = [
        write_mask(tmp_path / f"{stem}_mask.coco.json", np.eye(3, dtype=int), provenance={"image": name})
        for stem, name in told
    ]
    join(tmp_path / "masks.coco.json", files)
    found = json.loads((tmp_path / "masks.coco.json").read_text())
    assert [one["file_name"] for one in found["images"]] == ["img.png", "img_2.png", "other.png"]
