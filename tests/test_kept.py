"""What is kept in memory is bounded, wherever it is kept."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_medseg
from napari_medseg.kept import Kept


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40))), st.integers(1, 5), st.integers(1, 100))
def test_no_more_than_so_many_and_so_much_and_the_newest_always(put, most, most_bytes):
    kept = Kept(most, most_bytes=most_bytes, size_of=lambda value: value)
    for key, value in put:
        kept[key] = value
        assert kept[key] == value
        assert len(kept) <= most
        assert kept.bytes <= max(most_bytes, value)


def test_what_was_not_asked_for_longest_goes_first():
    kept = Kept(2)
    kept["a"], kept["b"] = 1, 2
    assert kept["a"] == 1
    kept["c"] = 3
    assert set(kept) == {"a", "c"} and kept.get("b") is None and kept.pop("a") == 1 and list(kept) == ["c"]
    with pytest.raises(KeyError):
        kept["b"]


def _bound(decorator):
    """What an ``lru_cache`` says it holds at most; None where that is nothing or no limit."""
    if not isinstance(decorator, ast.Call):
        return None
    said = [*decorator.args[:1], *(k.value for k in decorator.keywords if k.arg == "maxsize")]
    return said[0].value if said and isinstance(said[0], ast.Constant) else None


def _kept_without_limit(tree):
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = getattr(called, "attr", getattr(called, "id", ""))
            if name in ("cache", "cached_property") or (name == "lru_cache" and not isinstance(_bound(decorator), int)):
                yield node.name
    for node in tree.body:
        # what begins empty in a module can only be there to be filled
        value = getattr(node, "value", None)
        empty = isinstance(value, ast.Dict | ast.List) and not ast.unparse(value).strip("{}[]")
        called = isinstance(value, ast.Call) and getattr(value.func, "id", "") in ("dict", "list", "set", "OrderedDict")
        if isinstance(node, ast.Assign | ast.AnnAssign) and (empty or (called and not value.args)):
            yield ast.unparse(node)


def test_nothing_grows_without_an_end():
    found = [
        f"{file.name}: {what}"
        for file in sorted(Path(napari_medseg.__file__).parent.rglob("*.py"))
        for what in _kept_without_limit(ast.parse(file.read_text(encoding="utf-8")))
    ]
    # the log's one handler; seconds by the few questions of waits.py
    known = {"log.py: _handlers: list[logging.Handler] = []", "waits.py: _HERE: dict[str, float] = {}"}
    assert set(found) == known, "say how much is kept: Kept, lru_cache(maxsize=N)"


@pytest.mark.parametrize("code", ["a = {}", "a: dict = dict()", "@cache\ndef f(x): ...", "@lru_cache\ndef f(x): ..."])
def test_what_would_grow_is_found(code):
    assert list(_kept_without_limit(ast.parse(code)))
    assert not list(_kept_without_limit(ast.parse("a = {1: 2}\n@lru_cache(4)\ndef f(x): ...")))


def test_networks_and_proposals_know_what_they_take():
    from napari_medseg.inference import Prediction, Predictor

    predictor = Predictor.from_weights("cmunext-xxs", "nuclei", device="cpu")
    assert 40_000 * 4 <= predictor.bytes < 50_000 * 4
    prediction = predictor.predict(np.zeros((40, 30), np.uint8))
    assert prediction.bytes == 40 * 30 * (1 + 4)
    assert Prediction(labels=np.zeros((2, 2), np.uint8), probabilities=np.zeros((3, 2, 2), np.float32)).bytes == 52
