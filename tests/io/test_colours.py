"""Masks that viewers show in colour: the numbers in the file are the labels, whoever reads it."""

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_medseg.classes import colour_of
from napari_medseg.io import FORMATS, formats_for, read_image, read_mask, write_mask
from napari_medseg.io.colours import names_of, palette_of

LABELS = np.array([[0, 1, 2], [2, 1, 7]], np.uint8)
COLOURED = [one for one in FORMATS if one.write_coloured is not None]
each = pytest.mark.parametrize("format", COLOURED, ids=lambda one: one.name)


def rgb(colour):
    return tuple(bytes.fromhex(colour[1:]))


def test_formats_that_would_look_black_have_colours():
    assert {one.name for one in COLOURED} >= {"png", "tiff"}
    assert set(COLOURED) <= set(formats_for("mask"))


@each
def test_each_number_has_the_colour_of_its_class_and_others_their_usual_one(tmp_path, format):
    # what is no colour is passed over
    colours = {1: "#102030", 2: "#ffffff", 7: "blue"}
    path = write_mask(tmp_path / f"m{format.suffix}", LABELS, provenance={"colours": colours}, numbers=True)
    with Image.open(path) as picture:
        shown = np.asarray(picture.convert("RGB"))
    assert {int(n): tuple(shown[n == LABELS][0]) for n in np.unique(LABELS)} == {
        0: (0, 0, 0),
        1: (16, 32, 48),
        2: (255, 255, 255),
        7: rgb(colour_of(7)),
    }


@each
def test_who_reads_the_file_gets_the_numbers(tmp_path, format):
    path = write_mask(tmp_path / f"m{format.suffix}", LABELS, numbers=True)
    with Image.open(path) as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), LABELS)
    if format.name == "tiff":
        np.testing.assert_array_equal(tifffile.imread(path), LABELS)
    np.testing.assert_array_equal(read_mask(path), LABELS)
    # opened as an image, too: who wrote it knows that its numbers count
    np.testing.assert_array_equal(read_image(path).data, LABELS)


@each
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    colours=st.dictionaries(st.integers(1, 255), st.from_regex(r"#(00|20|ff)(00|20|ff)(00|20|ff)", fullmatch=True)),
    used=st.lists(st.integers(0, 255), min_size=1, max_size=12),
)
def test_no_colour_changes_a_number(tmp_path, format, colours, used):
    """Greys, near black, black as the background, one for all: by the colours, other labels could be meant."""
    labels = np.array([used, used[::-1]], np.uint8)
    path = write_mask(tmp_path / f"m{format.suffix}", labels, provenance={"colours": colours}, numbers=True)
    np.testing.assert_array_equal(read_mask(path), labels)


@each
def test_more_labels_than_a_palette_has_stay_numbers(tmp_path, format):
    labels = LABELS.astype(np.uint16) * 100
    path = write_mask(tmp_path / f"m{format.suffix}", labels)
    np.testing.assert_array_equal(read_mask(path), labels)
    with Image.open(path) as picture:
        assert picture.mode != "P"


def test_one_class_in_black_and_white_stays_so(tmp_path):
    with Image.open(write_mask(tmp_path / "m.png", LABELS == 1)) as picture:
        assert picture.mode == "L" and set(np.unique(np.asarray(picture))) == {0, 255}


def test_every_label_has_a_colour_that_is_not_the_background():
    palette = palette_of()
    assert palette.shape == (256, 3) and palette.dtype == np.uint8
    assert not palette[0].any() and palette[1:].any(axis=1).all()
    assert tuple(palette[9]) == tuple(palette[1])


def test_names_are_those_of_labels_whatever_else_a_file_says():
    told = {1: "größer", "2": 3, "x": "a", "-1": "b", 0: "c", None: "d", "999999": "e", 1.5: "f"}
    assert names_of({"classes": told}) == {1: "größer", 2: "3"}
    assert names_of({"classes": ["a"]}) == names_of({}) == names_of(None) == {}
