"""How long a question took is known the next time, on an image about as large."""

from dataclasses import replace

import pytest

from napari_medseg.app import waits
from napari_medseg.app.predict import PredictRequest, is_careful
from napari_medseg.app.settings import load_settings, save_settings
from tests.shipped import shipped

REQUEST = PredictRequest(network="sgd-net-s", weights=shipped("sgd-net-s/generalist"))
SHAPE = (256, 320, 3)


@pytest.fixture(autouse=True)
def from_a_second(monkeypatch):
    monkeypatch.setattr(waits, "SLOW", 1.0)


def test_what_is_slow_is_known_in_the_next_session_and_what_is_quick_is_not_written(monkeypatch):
    assert waits.known_wait(REQUEST, SHAPE) is None and not waits.is_slow(REQUEST, SHAPE)
    waits.note_wait(REQUEST, SHAPE, 0.3)
    assert waits.known_wait(REQUEST, SHAPE) == 0.3 and "waits" not in load_settings()
    waits.note_wait(REQUEST, SHAPE, 3.0)
    monkeypatch.setattr(waits, "_HERE", {})
    assert waits.known_wait(REQUEST, SHAPE) == 3.0 and waits.is_slow(REQUEST, SHAPE)
    assert waits.known_wait(REQUEST, SHAPE, here=True) is None
    # a graphics card came, or an engine
    waits.note_wait(REQUEST, SHAPE, 0.1)
    assert not waits.is_slow(REQUEST, SHAPE) and load_settings()["waits"] == {}


@pytest.mark.parametrize(
    ("changes", "shape", "same"),
    [
        ({}, (250, 300), True),
        ({}, (4000, 6000), False),
        ({"mirrored": not is_careful(REQUEST)}, SHAPE, False),
        ({"mirrored": is_careful(REQUEST)}, SHAPE, True),
        ({"also": (("lgms-net", shipped("lgms-net/generalist")),)}, SHAPE, False),
        ({"device": "cpu"}, SHAPE, False),
        ({"size": 512}, SHAPE, False),
        ({"threshold": 0.3}, SHAPE, True),
        ({"weights": "sgd-net-s/brain-mri@1"}, SHAPE, False),
    ],
)
def test_another_question_is_another_wait(changes, shape, same):
    waits.note_wait(REQUEST, SHAPE, 3.0)
    assert waits.is_slow(replace(REQUEST, **changes), shape) == same


def test_the_weights_of_each_round_are_as_fast_as_the_last_ones_and_no_path_is_written():
    waits.note_wait(replace(REQUEST, weights="/home/jane doe/p/weights/round-1.safetensors"), SHAPE, 3.0)
    assert waits.is_slow(replace(REQUEST, weights="/elsewhere/round-2.safetensors"), SHAPE)
    assert "jane" not in str(load_settings()["waits"])


def test_what_is_written_stays_little_and_damage_is_passed_over():
    for number in range(200):
        waits.note_wait(replace(REQUEST, size=16 * (number + 1)), SHAPE, 3.0)
    assert len(load_settings()["waits"]) <= waits._MOST + 1
    save_settings(waits={"x": "long"})
    assert waits.known_wait(PredictRequest(network="dcsnet", weights="b"), SHAPE) is None
