"""A run's file of any origin: a spec, or a sentence that names the field."""

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.project import runs
from napari_medseg.project.runs import Pair, RunSpec, read_events
from napari_medseg.weights import WeightsEntry, entry

SPEC = RunSpec(network="cmunext-xxs", task="nuclei", train=(Pair(name="a", image="a.png", mask="m.png"),))


def changed(**values):
    return json.dumps({**json.loads(SPEC.to_json()), **values})


PAIR = {"name": "a", "image": "a.png", "mask": "m.png"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("batch_size", value) for value in ("\u202e", 0, -1, 1.5, True, None, 10**400, [])],
        *[("accumulate", value) for value in ("1", 0)],
        *[("stages", value) for value in ([], [{}], [{"size": 0, "epochs": 1}], [{"size": 64, "epochs": 0}], 7, [[]])],
        *[("stages", [{"size": size, "epochs": 1}]) for size in ("a", 10**6, [64], [64, 64, -1], True, None)],
        *[("train", value) for value in ([7], [{"name": "a"}], [{**PAIR, "weight": "x"}], [{**PAIR, "odd": 1}], "abc")],
        ("train", [{**PAIR, "weight": -1}]),
        ("train", [{**PAIR, "image": "a\x00b"}]),
        *[("spacing", value) for value in ([1, 1], [0, 1, 1], [1, 1, 10**400], "abc")],
        *[("classes", value) for value in ([], [1], "abc", ["a"] * 300)],
        *[("seed", value) for value in (-1, "x", 2**70)],
        *[("device", value) for value in (7, None)],
        *[("keep_share", value) for value in (2, -0.1, float("nan"))],
        *[("epoch_images", value) for value in (0, "x")],
        *[("options", value) for value in ([], "x", 7)],
        *[("augment", value) for value in (1, "yes")],
        ("nice", 99),
        ("learning_rate", float("inf")),
        ("window", [2, 1]),
    ],
)
def test_a_field_that_cannot_be_what_it_is_is_named(field, value):
    with pytest.raises(InputError, match=f"'{field}' in here is .*; expected .*Write it again with medseg"):
        RunSpec.from_json(changed(**{field: value}), where="here")


def test_the_file_as_a_whole(tmp_path):
    path = tmp_path / "spec.json"
    for blob, says in (
        (b"\xff", "byte 0 is no UTF-8"),
        (b"[]", "is list; expected an object"),
        (b"[" * 100_000, "without end"),
        (changed(odd=1).encode(), "unknown field 'odd'"),
        (changed(train=[]).encode(), "has no training pairs"),
        (b"{}", "'network' in .* is None; expected text"),
    ):
        path.write_bytes(blob)
        with pytest.raises(InputError, match=says):
            RunSpec.read(path)
    with pytest.raises(ImageReadError, match="cannot be read"):
        RunSpec.read(tmp_path / "gone.json")
    path.write_text(SPEC.to_json())
    assert RunSpec.read(path) == SPEC


@settings(max_examples=300)
@given(st.data())
def test_any_flipped_bit_is_a_spec_or_a_sentence(data):
    blob = bytearray(SPEC.to_json().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        RunSpec.from_json(bytes(blob)).to_json()
    except InputError as error:
        assert len(str(error)) < 500


def test_damaged_events_are_passed_over(tmp_path):
    lines = [b'{"event": "epoch", "epoch": 1, "epochs": 2}', b'{"event": "epoch", "epoch": "x"}', b"[" * 9999, b"\xff"]
    lines += [b'{"event": 7}', b"{}", b'{"event": "done"}']
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    events, _ = read_events(tmp_path / "events.jsonl")
    assert [event["event"] for event in events] == ["epoch", "done"]


def test_no_field_goes_in_unlooked_at():
    """A new field needs a check: what is computed with, allocated or waited for."""
    assert set(runs._FIELDS) == {one.name for one in fields(RunSpec)}
    assert set(runs._PAIR) == {one.name for one in fields(Pair)}
    assert set(entry._FIELDS) == {one.name for one in fields(WeightsEntry)}
