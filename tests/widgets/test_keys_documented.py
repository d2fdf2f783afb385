"""The page of keys has every key."""

from pathlib import Path

from napari_medseg.widgets.keys import KEYS


def test_every_key_is_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "panel.md").read_text(encoding="utf-8")
    for key in KEYS:
        assert f"`{key.key.replace('-', '+')}`" in page, key
