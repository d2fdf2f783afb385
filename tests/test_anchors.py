"""Images that ship to be learned from again: free ones, of training parts as they are now."""

import json
from pathlib import Path

import pytest
from PIL import Image

from napari_medseg.app.anchors import folder
from napari_medseg.project.run_spec import Pair
from tests.weights.test_budget import FREE

FOLDERS = sorted(path.parent for path in folder().glob("*/anchors.json"))


@pytest.fixture
def make_anchors(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import make_anchors

    return make_anchors


@pytest.mark.parametrize("place", FOLDERS, ids=lambda place: place.name)
def test_what_ships_is_free_and_listed(place):
    told = json.loads((place / "anchors.json").read_text())
    assert (told["licence"], told["task"]) == ("CC0", place.name)
    assert told["set"] in FREE
    files = {f"{stem}{ending}" for stem in told["images"] for ending in (".jpg", "_mask.png")}
    assert {path.name for path in place.iterdir()} == {*files, "anchors.json"}


def pairs(*stems):
    return [Pair(name=f"set/{stem}", image=stem, mask=stem) for stem in stems]


def test_an_image_that_left_the_training_part_is_no_anchor_any_more(make_anchors, tmp_path):
    for stem in ("a", "b", "c"):
        for name in (f"{stem}.jpg", f"{stem}_mask.png"):
            Image.new("L", (4, 4)).save(tmp_path / name)
    # b turned out to be the twin of an image that judges; d, e and f were not chosen before
    chosen = make_anchors.choose(pairs("a", "c", "d", "e", "f"), tmp_path, 3)
    names = [pair.image for pair in chosen]
    assert len(names) == 3
    assert {"a", "c"} < set(names)
    assert not any(path.stem.startswith("b") for path in tmp_path.iterdir())
    assert (tmp_path / "a.jpg").exists()
    assert (tmp_path / "a_mask.png").exists()
