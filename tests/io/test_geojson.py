"""GeoJSON files, judged by shapely."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_medseg.errors import ImageReadError
from napari_medseg.io import Grid, read_grid, read_mask, write_mask

masks = hnp.arrays(
    np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 0, 1, 2, 900])
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=masks)
def test_shapely_finds_the_same_pixels(tmp_path, labels):
    path = write_mask(tmp_path / "a_mask.geojson", labels)
    y, x = np.indices(labels.shape)
    centres = shapely.points(x + 0.5, y + 0.5)
    back = np.zeros_like(labels)
    for feature in json.loads(path.read_text())["features"]:
        shape = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shape.is_valid
        assert feature["geometry"]["type"] == ("MultiPolygon" if len(shapely.get_parts(shape)) > 1 else "Polygon")
        inside = shapely.contains(shape, centres)
        assert not back[inside].any()
        back[inside] = int(feature["properties"]["metadata"]["label"])
    np.testing.assert_array_equal(back, labels)
    np.testing.assert_array_equal(read_mask(path), labels)


def test_it_is_what_qupath_reads(tmp_path):
    facts = {"classes": {1: 'Krebs "größer" 🔬'}, "colours": {1: "#102030"}, "dice": float("nan")}
    labels = np.zeros((5, 7), int)
    labels[1:3, 2:6] = 1
    grid = Grid((5, 7), (0.5, 0.25), "um")
    path = write_mask(tmp_path / "größe.geojson", labels, grid=grid, provenance=facts)
    found = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert found["type"] == "FeatureCollection"
    assert found["features"] == [
        {
            "type": "Feature",
            # x and y from the upper left corner of the image, in pixels
            "geometry": {"type": "Polygon", "coordinates": [[[2, 1], [6, 1], [6, 3], [2, 3], [2, 1]]]},
            "properties": {
                "objectType": "annotation",
                "classification": {"name": 'Krebs "größer" 🔬', "color": [16, 32, 48]},
                "metadata": {"label": "1"},
            },
        }
    ]
    assert found["medseg"]["shape"] == [5, 7]
    assert (read_grid(path).spacing, read_grid(path).unit) == ((0.5, 0.25), "um")


def test_objects_that_touch_are_as_they_were_numbered(tmp_path):
    labels, parts = np.array([[1, 1, 1, 1]]), np.array([[4, 4, 5, 5]])
    path = write_mask(tmp_path / "a_objects.geojson", labels, parts=parts)
    assert len(json.loads(path.read_text())["features"]) == 2
    np.testing.assert_array_equal(read_mask(path), labels)


def test_a_shape_that_was_moved_in_qupath_is_read_by_the_centres_of_pixels(tmp_path):
    path = write_mask(tmp_path / "a.geojson", np.ones((4, 4), int))
    found = json.loads(path.read_text())
    found["features"][0]["geometry"]["coordinates"] = [[[0.6, -3.2], [2.5, -3.2], [2.5, 2.4], [0.6, 2.4], [0.6, -3.2]]]
    path.write_text(json.dumps(found))
    wanted = np.zeros((4, 4), int)
    wanted[:2, 1:2] = 1
    np.testing.assert_array_equal(read_mask(path), wanted)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.pop("medseg"), "how large its image is"),
        (lambda d: d["medseg"].update(shape=[3, -1]), "how large its image is"),
        (lambda d: d.pop("features"), "no list of features"),
        (lambda d: d["features"].append(3), "without the number of its class"),
        (lambda d: d["features"][0]["properties"].pop("metadata"), "without the number of its class"),
        (lambda d: d["features"][0]["properties"]["metadata"].update(label="70000"), "an object of class 70000"),
        (lambda d: d["features"][0].update(geometry=None), "an object without a shape"),
        (lambda d: d["features"][0]["geometry"].update(type="LineString"), "an object that is a LineString"),
        (lambda d: d["features"][0]["geometry"].update(coordinates=[]), "a polygon that is none|holds"),
        (lambda d: d["features"][0]["geometry"].update(coordinates=[[[1, 2]]]), "a polygon that is none"),
        (lambda d: d["features"][0]["geometry"].update(coordinates=[[[1, 2], [3], [4, 5]]]), "a polygon that is none"),
        (
            lambda d: d["features"][0]["geometry"].update(coordinates=[[[1, 2], [1e999, 3], [4, 5]]]),
            "truncated, damaged or no JSON|a polygon that is none",
        ),
        (
            lambda d: d["features"][0]["geometry"].update(coordinates=[[[0, 3], [4, 3], [4, 9], [0, 3]]]),
            "expected it on its image of 3 x 4 px",
        ),
        (
            lambda d: d["features"][0]["properties"]["classification"].update(name="b"),
            "an object of number 1 and of class 'b'; expected 'a'",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path, change, told):
    path = write_mask(tmp_path / "a.geojson", np.ones((3, 4), int), provenance={"classes": {1: "a", 2: "b"}})
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(ImageReadError, match=told):
        read_mask(path)
    read_grid(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', "[1]", "{", "\x00", '{"a": ' + "9" * 9999 + "}"])
def test_text_that_is_no_json_object_is_told(tmp_path, text):
    for name in ("a.geojson", "a.coco.json"):
        (tmp_path / name).write_text(text)
        with pytest.raises(ImageReadError, match=r"no JSON|damaged"):
            read_mask(tmp_path / name)


def test_objects_of_one_number_are_of_one_class(tmp_path):
    labels = np.zeros((5, 5), int)
    labels[0, 0] = labels[4, 4] = 1
    path = write_mask(tmp_path / "a.geojson", labels)
    found = json.loads(path.read_text())
    # in a file that names no classes, all may be called anew, and who has no class keeps the number
    for name in ("Tumor", None):
        for feature in found["features"]:
            feature["properties"]["classification"] = None if name is None else {"name": name}
        path.write_text(json.dumps(found))
        np.testing.assert_array_equal(read_mask(path), labels)
    found["features"][0]["properties"]["classification"] = {"name": "Stroma"}
    found["features"][1]["properties"]["classification"] = {"name": "Tumor"}
    path.write_text(json.dumps(found))
    with pytest.raises(ImageReadError, match="of number 1 and of class 'Tumor'; expected 'Stroma'"):
        read_mask(path)
