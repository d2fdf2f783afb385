"""What others wrote is parsed, or refused in a few words; nothing in it is computed with before it was looked at."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_medseg import fields


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[" * 100_000, "brackets within brackets without end"),
        ('{"a":' * 100_000, "brackets within brackets without end"),
        ("1" * 5001, "a number of thousands of digits"),
        (b'{"a": "\xff"}', "byte 7 is no UTF-8"),
        (b"\xff\xfe{\x00}\x00", "byte 0 is no UTF-8"),
    ],
)
def test_what_is_no_json_is_told_in_a_few_words(text, says):
    with pytest.raises(ValueError, match=says) as told:
        fields.parse_json(text)
    assert len(str(told.value)) < 120


@given(st.one_of(st.text(), st.binary()))
def test_anything_is_json_or_a_value_error(text):
    try:
        fields.parse_json(text)
    except ValueError:
        return
    json.loads(text)


def test_a_name_that_stands_twice_is_refused_where_it_matters():
    assert fields.parse_json('{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(ValueError, match="'a' stands there twice"):
        fields.parse_json('{"b": {"a": 1, "a": 2}}', unique=True)


CHECKS = [fields.TEXT, fields.TEXTS, fields.NAMES, fields.FLAG, fields.SIDES, fields.SPACING, fields.WINDOW]
CHECKS += [fields.OBJECT, fields.whole(), fields.number(), fields.optional(fields.number(0, 1))]
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(), st.floats(), st.integers(-(10**500), 10**500)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
)


@pytest.mark.parametrize("check", CHECKS)
@given(value=plain)
def test_a_check_answers_whatever_it_is_asked(check, value):
    assert check[0](value) in (True, False)
    told = fields.wrong_field({"a": value}, {"a": check}, "here")
    assert told is None or (told.startswith("'a' in here is ") and len(told) < 250)


@pytest.mark.parametrize("value", [True, 1.0, 10**400, -1, float("nan"), float("inf"), "1", None])
def test_what_is_no_whole_number(value):
    assert not fields.whole()[0](value)


@pytest.mark.parametrize("value", [True, 10**400, float("nan"), float("inf"), -float("inf"), "1", None])
def test_what_is_no_number(value):
    assert not fields.number()[0](value)


@pytest.mark.parametrize("value", [[1e-320] * 3, [0, 1, 1], [-1, 1, 1], [1, 1], [10**400, 1, 1], [float("nan")] * 3])
def test_what_is_no_spacing(value):
    assert not fields.spacing(value)
