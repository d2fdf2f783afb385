"""Every picture of the docs is made by the script that drives the window, and is shown; none is large."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("make_pictures", ROOT / "docs" / "make_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown():
    """Pictures by their paths, as the pages name them."""
    for page in PAGES:
        for name in re.findall(r"!\[[^\]]*\]\(([^)\s]+)", page.read_text(encoding="utf-8")):
            yield (page.parent / name).resolve()


def test_what_the_pages_show_is_what_the_script_makes(script):
    folder = ROOT / "docs" / "pictures"
    assert {path.parent for path in shown()} == {folder}
    assert {path.name for path in shown()} == script.NAMES == {path.name for path in folder.iterdir()}


def test_no_scene_makes_what_another_makes(script):
    made = [*script.CHARTS, *(name for names in script.SCENES.values() for name in names)]
    assert len(made) == len(set(made))


def test_a_picture_is_kept_small_or_refused(script, tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 4), np.uint8)
    script.save_small(pixels, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.mode == "P" and picture.size == (80, 60)
    # fewer colours, then fewer pixels
    monkeypatch.setattr(script, "LIMIT", 3000)
    script.save_small(pixels, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size <= 3000
    monkeypatch.setattr(script, "LIMIT", 300)
    with pytest.raises(ValueError, match=r"p\.png has \d+ bytes, expected at most 300"):
        script.save_small(pixels, tmp_path / "p.png")
