"""A class is a number with a name."""

import pytest

from napari_medseg.classes import class_labels, listed, named, parse_classes
from napari_medseg.errors import InputError


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (["a", "b"], {1: "a", 2: "b"}),
        (["200=b", "100= a  c "], {100: "a c", 200: "b"}),
        (["1=a=b"], {1: "a=b"}),
        ([], {}),
    ],
)
def test_classes_are_named_in_order_or_by_number(texts, classes):
    found = parse_classes(texts)
    assert list(found.items()) == list(classes.items())


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["1=a", "b"], "'b' beside others with a number"),
        (["0=a"], "'0=a'; expected a number from 1 to 255"),
        (["256=a"], "'256=a'; expected a number from 1 to 255"),
        ([" "], "a name"),
        (["1=a", "1=b"], "each number and each name once"),
        (["tumour=2", "kidney=1"], "'tumour=2'; expected NUMBER=NAME, the number first"),
        (["=a"], "the number first"),
        (["-1=a"], "the number first"),
        (["1.5=a"], "the number first"),
        (["a", "a"], "each number and each name once"),
    ],
)
def test_what_cannot_be_a_class_is_told(texts, says):
    with pytest.raises(InputError, match=says):
        parse_classes(texts)


def test_numbers_of_classes_count_from_one_unless_they_are_given():
    assert class_labels(("a", "b"), ()) == (1, 2)
    assert class_labels(("a", "b"), [7, 200]) == (7, 200)


@pytest.mark.parametrize("labels", [(1,), (1, 1), (2, 1), (0, 1), (1, 256), (1, 2, 3)])
def test_other_numbers_than_one_for_each_class_are_refused(labels):
    with pytest.raises(ValueError, match=r"2 class\(es\) have the numbers"):
        class_labels(("a", "b"), labels)


def test_long_lists_are_cut_in_messages():
    assert listed([3]) == "label 3"
    assert listed({2, 1}) == "labels 1, 2"
    assert listed(range(1, 100)) == "labels 1, 2, 3, 4, 5, 6, 7, 8 and 91 more"
    assert named({n: f"c{n}" for n in range(1, 11)}).endswith("8 'c8' and 2 more")


@pytest.mark.parametrize("texts", [["1=a", "2=Ignore"], ["a", "ignore"]])
def test_what_does_not_count_is_no_class(texts):
    with pytest.raises(InputError, match=r"no class\. Say --ignore 2 instead"):
        parse_classes(texts)


@pytest.mark.parametrize(
    "text", ["1=kidney,2=tumour", "1=kidney;2=tumour", "kidney,tumour", "1: kidney", "{1: 'kidney'}"]
)
def test_several_classes_in_one_text_are_no_name(text):
    with pytest.raises(InputError, match="once for each class"):
        parse_classes([text])
