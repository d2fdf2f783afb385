"""The page of keys has every key."""

from pathlib import Path

from napari_medseg.widgets.keys import KEYS, OTHERS, rows


def test_every_key_is_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "panel.md").read_text(encoding="utf-8")
    for key in KEYS:
        assert f"`{key.key.replace('-', '+')}`" in page, key


def test_the_cheat_sheet_has_what_a_contour_listens_to_as_people_write_it():
    lines = [f"{key} - {text}" for key, text in rows()]
    assert len(lines) == len(KEYS) + len(OTHERS)
    for words in (("Escape", "give it up"), ("Backspace", "last click"), ("Enter or double-click", "close")):
        assert any(all(word in line for word in words) for line in lines), words
