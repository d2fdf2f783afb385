"""Numbers of masks are never guessed, clamped or renumbered."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_medseg.errors import InputError
from napari_medseg.io import (
    LabelRule,
    all_numbers,
    check_numbers,
    parse_rule,
    read_mask,
    read_numbers,
    survey,
    write_mask,
)

BOTH = {1: "a", 2: "b"}


def picture(path, *numbers):
    """A mask by another program: a row of background, then one of each number."""
    Image.fromarray(np.repeat(np.array([[0, *numbers]], np.uint8).T, 6, axis=1)).save(path)
    return path


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.lists(st.sampled_from([0, 1, 2, 7, 254, 255, 256, 65535]), min_size=1, max_size=4),
    suffix=st.sampled_from([".png", ".tif", ".nii.gz"]),
    as_numbers=st.booleans(),
    wide=st.booleans(),
)
def test_what_we_write_comes_back_whoever_reads_it(tmp_path, numbers, suffix, as_numbers, wide):
    labels = np.repeat(np.array([numbers], np.int64).T, 3, axis=1)
    if suffix == ".nii.gz":
        labels = labels[None]
    provenance = {"who": "me"} if wide else None
    path = write_mask(tmp_path / f"m{suffix}", labels, provenance=provenance, numbers=as_numbers)
    np.testing.assert_array_equal(read_mask(path), labels)
    np.testing.assert_array_equal(read_numbers(path), labels)
    found = LabelRule().find(read_numbers(path))
    assert (set(found.numbers), found.white) == (set(numbers) - {0}, False)


def test_black_and_white_of_others_is_told_from_numbers(tmp_path):
    path = picture(tmp_path / "m.png", 255)
    assert read_numbers(path).dtype == bool
    assert set(np.unique(read_mask(path))) == {0, 1}
    assert LabelRule().find(read_numbers(path)).white
    for rule in (LabelRule(ignore=255), LabelRule(mapping=((255, 255, 2),)), LabelRule(mapping=((1, 65535, 2),))):
        assert not rule.find(read_numbers(path)).white
        assert 1 not in np.unique(rule.drawn(rule.apply(read_numbers(path))))
    # what is drawn in a project has numbers
    assert LabelRule().find(np.full((2, 2), 255, np.uint8)).numbers == {255}
    # one bit a pixel holds no 255 that could be ignored
    Image.fromarray(np.eye(5, dtype=bool)).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_numbers(tmp_path / "bit.png"), np.eye(5, dtype=np.uint8))
    assert read_numbers(tmp_path / "bit.png").dtype == np.uint8


@pytest.mark.parametrize(("number", "classes"), [(1, None), (1, {1: "a"}), (9, {9: "a"}), (255, {255: "a"})])
def test_white_is_the_one_class(tmp_path, number, classes):
    path = picture(tmp_path / "m.png", 255)
    found = LabelRule().apply(read_numbers(path), classes=classes, path=path)
    assert set(np.unique(found.numbers)) == {0, number}


def test_numbers_are_mapped_at_once_and_what_is_ignored_is_apart(tmp_path):
    path = picture(tmp_path / "m.png", 1, 2, 100, 255, 3)
    rule = parse_rule("1=2, 2=1,100-120=3", 255)
    found = rule.apply(read_numbers(path), classes={1: "a", 2: "b", 3: "c"}, path=path)
    assert found.numbers[:, 0].tolist() == [0, 2, 1, 3, 0, 3]
    assert found.ignored[:, 0].tolist() == [False] * 4 + [True, False]
    assert rule.drawn(found)[:, 0].tolist() == [0, 2, 1, 3, 255, 3]
    assert rule.find(read_numbers(path)).numbers == {1, 2, 3}
    # more than one number may be ignored
    assert parse_rule("3=255", 255).apply(read_numbers(path)).ignored[:, 0].tolist() == [False] * 4 + [True, True]


@pytest.mark.parametrize(
    ("sets", "classes", "says"),
    [
        ([(1, 2), (3,)], BOTH, r"label 3 in masks, first in .*1\.png; the classes are 1 'a', 2 'b'"),
        ([(100, 200)], BOTH, "labels 100, 200 in masks, first in .* --map 100=1"),
        ([(1, 2), (255,)], BOTH, r"1\.png is black and white only, and others of the set have labels 1, 2"),
        ([(1,), (255,)], None, r"1\.png is black and white only, and others of the set have label 1;"),
        ([(1,), (255,)], None, r"0\.png has numbers, as masks of 1 bit a pixel have too"),
        ([(255,)], BOTH, "black and white only, and the classes are 1 'a', 2 'b'"),
    ],
)
def test_a_set_that_does_not_fit_its_classes_is_refused_by_number_and_file(tmp_path, sets, classes, says):
    paths = [picture(tmp_path / f"{number}.png", *numbers) for number, numbers in enumerate(sets)]
    with pytest.raises(InputError, match=says):
        check_numbers(survey(paths), classes)


@pytest.mark.parametrize(
    ("sets", "classes", "rule"),
    [
        ([(1, 2), (), (2,)], BOTH, LabelRule()),
        ([(1, 2), (255,)], BOTH, LabelRule(ignore=255)),
        ([(1,), (255,)], {1: "a"}, LabelRule(mapping=((255, 255, 1),))),
        ([(255,), (255,), ()], None, LabelRule()),
        ([(1, 255), (7, 9)], None, LabelRule()),
    ],
)
def test_a_set_that_fits_is_taken(tmp_path, sets, classes, rule):
    paths = [picture(tmp_path / f"{number}.png", *numbers) for number, numbers in enumerate(sets)]
    found = survey(paths, rule)
    check_numbers(found, classes)
    for path in paths:
        rule.apply(read_numbers(path), classes=classes, path=path)
    assert all_numbers(found) <= {1, 2, 7, 9, 255}


@pytest.mark.parametrize(
    ("mapping", "ignore", "says"),
    [
        ("100", None, "--map is '100'; expected NUMBER=CLASS"),
        ("", None, "--map is ''; expected NUMBER=CLASS"),
        ("a=1", None, "--map is 'a=1'"),
        ("1=-1", None, "--map is '1=-1'"),
        ("1=256", None, "1=256; expected numbers from 0 to 65535 and classes from 0 to 255"),
        ("65536=1", None, "65536=1; expected"),
        ("9-1=1", None, "9-1=1; expected"),
        ("1=1,1=2", None, "names the number 1 twice"),
        ("1-9=1,5=2", None, "names the number 5 twice"),
        ("255=2", 255, "255 is ignored and stands for class 2"),
        (None, 0, "--ignore is 0; expected 1 to 255"),
        (None, 256, "--ignore is 256; expected 1 to 255"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_told(mapping, ignore, says):
    with pytest.raises(InputError, match=says):
        parse_rule(mapping, ignore)


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("number", [2, 9, 255])
def test_a_background_that_stands_for_no_class_is_refused(tmp_path, white, number):
    # a mask drawn the other way round; number would be no channel, and train as background without a word
    path = picture(tmp_path / "a.png", white)
    rule = parse_rule(f"0={number},{white}=0")
    assert rule.find(read_numbers(path)).numbers == {number}
    with pytest.raises(InputError, match=f"label {number} in masks"):
        rule.apply(read_numbers(path), classes={1: "a"}, path=path)
    np.testing.assert_array_equal(rule.apply(read_numbers(path), classes={number: "a"}).numbers[:, 0], [number, 0])


def test_who_says_what_black_is_says_what_white_is(tmp_path):
    path = picture(tmp_path / "a.png", 255)
    with pytest.raises(InputError, match="label 255 in masks"):
        parse_rule("0=1").apply(read_numbers(path), classes={1: "a"}, path=path)
    told = parse_rule("0=7,255=1", 7).apply(read_numbers(path), classes={1: "a"})
    np.testing.assert_array_equal(told.numbers[:, 0], [0, 1])
    np.testing.assert_array_equal(told.ignored[:, 0], [True, False])
