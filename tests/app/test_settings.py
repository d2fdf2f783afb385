"""What a settings file holds is believed only where it can be."""

import json
import re
from pathlib import Path

import pytest

import napari_medseg
from napari_medseg.app import settings
from napari_medseg.app.settings import SETTINGS, load_settings, save_settings

ODD = [None, True, "many", "", [], {}, [[]], -1, 1e400, float("nan"), 10**400, "1\x002"]


def write(text):
    settings.settings_path().write_text(text)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "[" * 100_000, "1" * 10_000, '{"a": "\\ud800"}', "\x00"])
def test_a_damaged_file_is_none(text):
    write(text)
    assert isinstance(load_settings(), dict)
    save_settings(epochs=7)
    assert load_settings()["epochs"] == 7


@pytest.mark.parametrize("name", SETTINGS)
def test_a_value_that_cannot_be_what_it_is_is_passed_over(name):
    other = "task" if name == "format" else "format"
    for value in ODD:
        write(json.dumps({name: value, other: "png", "of a later version": [1]}))
        found = load_settings()
        assert found["of a later version"] == [1]
        assert found[other] == "png"
        assert name not in found or SETTINGS[name][0](value)


def test_every_setting_is_looked_at():
    sources = [path.read_text(encoding="utf-8") for path in Path(napari_medseg.__file__).parent.rglob("*.py")]
    stored = {name for text in sources for call in re.findall(r"save_settings\(([^*)]*)", text)
              for name in re.findall(r"(\w+)=", call)}  # fmt: skip
    assert len(stored) > 8
    assert stored <= set(SETTINGS)
