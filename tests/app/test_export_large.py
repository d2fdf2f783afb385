"""Masks of large cases go out block by block: whole or not there, in bounded memory, at full resolution."""

import json
import sys
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
import zarr
from PIL import Image

from napari_medseg.app import queue
from napari_medseg.app.export import ALL, export_losses, export_project
from napari_medseg.app.formats import suffix_for
from napari_medseg.app.measure_files import measure_project
from napari_medseg.cli import main
from napari_medseg.errors import Cancelled, FilesThereError, InputError, PartlyDoneError, ProjectError
from napari_medseg.io import outlines
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.mask import MADE_KEY
from tests.project.large_cases import blocks, fill, full, make

SHAPE = (8300, 8200)
# over four blocks
DRAWN = (2000, 2000, 2100, 2110)


def squares(box):
    """A square of 20 px each 500 px, of class 1: some of them over the rims of blocks."""
    y, x = np.ogrid[box[0] : box[2], box[1] : box[3]]
    return (((y + 10) % 500 < 20) & ((x + 10) % 500 < 20)).astype(np.uint8)


@pytest.fixture
def project(tmp_path):
    with make(tmp_path, SHAPE) as project:
        store = blocks(project, shape=SHAPE)
        fill(store, squares, *store.blocks())
        project.set_base(1, store.path, {"network": "n", "weights": "w", "sha256": "s"})
        project.commit_stroke(1, full(2, DRAWN), box=DRAWN)
        project.accept(1, (1900, 1900, 2600, 2600))
        project.set_class(1, "nucleus", "#ff0000")
        project.set_class(2, "tumour", "#00ff00")
        yield project


def expected():
    labels = squares((0, 0, *SHAPE))
    labels[DRAWN[0] : DRAWN[2], DRAWN[1] : DRAWN[3]] = 2
    return labels


def accepted_only(labels):
    inside = np.zeros(SHAPE, bool)
    inside[1900:2600, 1900:2600] = True
    return np.where(inside, labels, 0)


@pytest.mark.parametrize(("state", "those"), [(ALL, lambda one: one), ("accepted", accepted_only)])
def test_labels_of_a_slide_are_written_with_names_and_levels(project, tmp_path, state, those):
    (path,) = export_project(project, tmp_path / "out", format="ome-zarr", state=state)
    store = LabelBlocks(path)
    assert np.array_equal(store.read((0, 0, *SHAPE)), those(expected()))
    assert len(store.levels) > 1
    assert all(store.done(index) for index in store.blocks())
    assert store.grid.spacing == (0.5, 0.5)
    found = zarr.open_group(path, mode="r").attrs.asdict()
    assert [one["name"] for one in found["ome"]["image-label"]["properties"]] == ["nucleus", "tumour"]
    assert found["ome"]["image-label"]["colors"][0] == {"label-value": 1, "rgba": [255, 0, 0, 255]}
    told = found["medseg"]["provenance"]
    assert (told["strokes"], told["proposal"]["network"], told["case"]) == (1, "n", "i")
    if state == ALL:
        assert told["blocks"] == [25, 25]
    else:
        assert [one["box"] for one in told["accepted"]] == [[1900, 1900, 2600, 2600]]
        assert told[MADE_KEY] == {"1": "semiautomatic", "2": "manual"}
    # only the mask lies there
    assert [one.name for one in (tmp_path / "out").iterdir()] == [path.name]


def test_objects_of_a_slide_are_whole_at_full_resolution(project, tmp_path):
    (path,) = export_project(project, tmp_path / "out", format="geojson", state=ALL)
    document = json.loads(path.read_text())
    labels = expected()
    painted = np.zeros(SHAPE, np.uint8)
    for feature in document["features"]:
        assert feature["geometry"]["type"] == "Polygon"
        rings = [np.array(ring, float) for ring in feature["geometry"]["coordinates"]]
        (left, top), (right, bottom) = rings[0].min(axis=0).astype(int), rings[0].max(axis=0).astype(int)
        y, x = outlines.fill([ring - (left, top) for ring in rings], (bottom - top, right - left))
        painted[y + top, x + left] = int(feature["properties"]["metadata"]["label"])
    assert np.array_equal(painted, labels)
    assert {one["properties"]["classification"]["name"] for one in document["features"]} == {"nucleus", "tumour"}
    # a square over the rim of a block is one
    assert len(document["features"]) == 17 * 17 + 1
    assert document["medseg"]["shape"] == list(SHAPE)


def test_the_command_line_reaches_it_and_says_what_is_left_out(project, tmp_path, capsys, monkeypatch):
    project.close()
    out = tmp_path / "out"
    command = ["medseg", "project", "export", str(project.path), "--out", str(out), "--format", "geojson"]
    monkeypatch.setattr(sys, "argv", command)
    with suppress(SystemExit):
        main()
    assert "only what lies in 1 accepted box is written" in " ".join(capsys.readouterr().err.split())
    assert (out / "i_mask.geojson").is_file()


def test_what_is_not_done_is_told(tmp_path):
    with make(tmp_path, SHAPE) as project:
        store = blocks(project, shape=SHAPE)
        fill(store, 1, (0, 0))
        project.set_base(1, store.path, {})
        assert any("(1 of 25 blocks)" in text for text in export_losses(project, state=ALL, format="ome-zarr"))
        fill(store, 1, *store.blocks()[1:])
        assert not any("blocks" in text for text in export_losses(project, state=ALL, format="ome-zarr"))


@pytest.mark.parametrize("format", ["png", "tiff", "coco", "nifti"])
def test_another_format_is_refused_and_the_sentence_says_which_to_choose(project, tmp_path, format):
    with pytest.raises(InputError, match=r"'i' is larger than memory, and .* expected OME-Zarr .* GeoJSON"):
        export_project(project, tmp_path / "out", format=format, state=ALL)
    assert list((tmp_path / "out").iterdir()) == []


def test_other_images_of_the_project_are_written_all_the_same(project, tmp_path):
    Image.new("L", (9, 9), 5).save(tmp_path / "s.png")
    small = project.add_case(tmp_path / "s.png", shape=(9, 9))
    project.commit_stroke(small.id, np.ones((9, 9), np.uint8))
    project.accept(small.id)
    with pytest.raises(PartlyDoneError, match="'i' is larger than memory") as error:
        export_project(project, tmp_path / "out", format="png")
    assert [one.name for one in error.value.done] == [f"s_mask{suffix_for('png', volume=False)}"]


def test_objects_that_touch_are_told_apart_in_geojson(project, tmp_path):
    # two of them, drawn as one piece over the rim of a block
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    two = (((y - 2048) ** 2 + (x - 2600) ** 2 < 400) | ((y - 2048) ** 2 + (x - 2634) ** 2 < 400)).astype(np.uint8)
    box = (2020, 2570, 2080, 2670)
    project.commit_stroke(1, two[box[0] : box[2], box[1] : box[3]], box=box)
    project.accept(1, box)
    mask, objects = export_project(project, tmp_path / "out", format="geojson", objects=True)
    assert objects.name == "i_objects.geojson"
    pieces, parted = (json.loads(path.read_text())["features"] for path in (mask, objects))
    assert len(parted) == len(pieces) + 1
    assert {one["properties"]["classification"]["name"] for one in parted} == {"nucleus", "tumour"}


def test_numbered_objects_of_another_format_are_refused(project, tmp_path):
    with pytest.raises(InputError, match=r"its objects are numbered in GeoJSON only; the format is ome-zarr\. Choose"):
        export_project(project, tmp_path / "out", format="ome-zarr", objects=True)


@pytest.mark.parametrize("format", ["ome-zarr", "geojson"])
def test_cancelled_or_damaged_half_way_nothing_is_left(project, tmp_path, format):
    def cancel(share, name):
        if share > 0.4:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        export_project(project, tmp_path / "out", format=format, state=ALL, progress=cancel)
    assert list((tmp_path / "out").iterdir()) == []
    chunk = project.path / "slides/1/a.zarr/0/c/3/3"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    with pytest.raises(ProjectError, match="are damaged"):
        export_project(project, tmp_path / "out", format=format, state=ALL)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_there_is_replaced_only_where_that_was_asked_for(project, tmp_path):
    export_project(project, tmp_path / "out", format="ome-zarr")
    with pytest.raises(FilesThereError):
        export_project(project, tmp_path / "out", format="ome-zarr")
    export_project(project, tmp_path / "out", format="ome-zarr", overwrite=True)


@pytest.mark.parametrize("format", ["ome-zarr", "geojson"])
def test_memory_is_that_of_a_block(project, tmp_path, format):
    tracemalloc.start()
    try:
        export_project(project, tmp_path / "out", format=format, state=ALL)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # of a block of 4e6 px: its tiles, numbers of its objects in int64, and what is remembered of tiles and blocks
    assert peak < 350_000_000


def test_a_large_volume_is_written_as_zarr_alone(tmp_path):
    shape = (300, 2000, 2100)
    with make(tmp_path, shape) as project, pytest.raises(InputError, match="expected OME-Zarr"):
        project.commit_stroke(1, np.ones((3, 3), np.uint8), box=(5, 5, 8, 8))
        export_project(project, tmp_path / "out", format="geojson", state=ALL)


def test_lesions_of_a_slide_are_not_measured_and_another_file_is_named(project, tmp_path):
    with pytest.raises(InputError, match=r"what lies on it is not measured.*GeoJSON"):
        measure_project(project, tmp_path / "m.csv")
    assert not (tmp_path / "m.csv").exists()


def test_a_slide_is_not_read_to_find_out_which_image_comes_next(project, monkeypatch):
    monkeypatch.setattr(queue, "read_image", lambda path: pytest.fail("it was read as a whole"))
    assert queue._read(project.case(1)) is None
