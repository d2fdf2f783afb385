"""What a format does not hold stands in a file beside the mask, and nothing else does."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_medseg.errors import OutputError
from napari_medseg.io import (
    Grid,
    Kept,
    check_sizes,
    fit_mask,
    formats_for,
    read_grid,
    read_image,
    read_mask,
    table,
    write_mask,
)
from napari_medseg.io.format import Format, Gives, Keeps
from napari_medseg.io.image import Image
from napari_medseg.io.mask import NUMBERS, VALUES
from napari_medseg.io.sidecar import beside, facts_beside, known_of, may_write, told_beside, written
from tests.io.test_contract import at_hand

GRID = Grid((3, 4), (0.5, 0.25), "mm")
LABELS = np.eye(3, 4, dtype=np.uint8)
AFFINE = np.array([[0.9, 0.1, 0, 10], [-0.1, 0.8, 0.2, -20], [0, -0.15, 2.5, 30], [0, 0, 0, 1]])
FACTS = {"classes": {1: "größer", 2: 'a "b"'}, "colours": {1: "#102030"}, "proposal": {"dice": float("nan")}}
each_mask = pytest.mark.parametrize("format", at_hand(formats_for("mask")), ids=lambda one: one.name)


@each_mask
@pytest.mark.parametrize("axes", [2, 3])
def test_there_is_one_where_something_would_be_lost_and_only_there(tmp_path, format, axes):
    if axes not in format.takes.axes or format.takes.of_format:
        pytest.skip("not written, or of DICOM images alone")
    grid = GRID if axes == 2 else Grid.of_affine((2, 3, 4), AFFINE, stored="RAS")
    path = write_mask(tmp_path / f"a_mask{format.suffix}", np.ones(grid.shape, int), grid=grid, provenance=FACTS)
    lost = facts_beside(format, known_of(grid, FACTS))
    assert sorted(tmp_path.iterdir()) == sorted(written(path)) == sorted([path, *([beside(path)] if lost else [])])
    assert set(written(path)) <= set(may_write(path))
    if lost:
        found = json.loads(beside(path).read_text(), parse_constant=pytest.fail)
        assert found["mask"] == path.name and found["shape"] == list(grid.shape)
        assert found["spacing"] == pytest.approx(grid.spacing) and found["unit"] == "mm"
        assert found["classes"][0] == {"label": 1, "name": "größer", "color": "#102030"}
        assert found["provenance"]["proposal"] == {"dice": None}
    # what is not known cannot be lost
    write_mask(path, np.ones(grid.shape, int))
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def poor(monkeypatch):
    """PNG, as if it held nothing but numbers."""
    png = next(one for one in table.FORMATS if one.name == "png")

    def bare(path, labels, *, grid, provenance=None):
        png.write_mask(path, labels, grid=Grid(grid.shape))

    made = replace(png, write_mask=bare, write_coloured=None, keeps=Keeps())
    monkeypatch.setattr(table, "FORMATS", (made, *(one for one in table.FORMATS if one is not png)))
    return made


def test_what_the_file_does_not_say_is_read_beside_it(tmp_path, poor):
    assert facts_beside(poor, known_of(GRID, FACTS)) == ("spacing", "classes", "provenance")
    path = write_mask(tmp_path / "a_mask.png", LABELS, grid=GRID, provenance=FACTS)
    assert read_grid(path).spacing == read_image(path).spacing == (0.5, 0.25)
    assert read_grid(path).unit == read_image(path).unit == "mm"
    np.testing.assert_array_equal(read_mask(path), LABELS)
    # a number that would be taken for white
    path = write_mask(tmp_path / "b_mask.png", LABELS * 255, grid=GRID, provenance=FACTS, numbers=True)
    assert json.loads(beside(path).read_text())["provenance"][VALUES] == NUMBERS
    np.testing.assert_array_equal(read_mask(path), LABELS * 255)
    assert told_beside(path) is None


def test_one_of_another_mask_is_not_used_and_that_is_told(tmp_path, poor):
    image = Image(np.zeros((3, 4), np.uint8), (0.5, 0.25), "mm")
    path = write_mask(tmp_path / "a_mask.png", LABELS, grid=GRID, provenance=FACTS)
    assert fit_mask(image, LABELS, image_path=Path("i"), mask_path=path)[1] is None
    other = write_mask(tmp_path / "other.png", LABELS * 2, grid=GRID)
    other.replace(path)
    assert read_grid(path).spacing is None
    told = f"{path}.json was written with another a_mask.png than is there now: what it says of the mask is not used."
    assert told_beside(path) == fit_mask(image, LABELS, image_path=Path("i"), mask_path=path)[1] == told
    assert told in check_sizes([(path, path)])


@pytest.mark.parametrize(
    "change",
    [
        {"spacing": [0.5]},
        {"spacing": ["a", "b"]},
        {"spacing": [0, 0]},
        {"unit": 3},
        {"unit": ["mm"]},
        {"shape": [4, 3]},
        {"kind": "another"},
    ],
)
def test_what_is_no_size_is_not_used(tmp_path, poor, change):
    path = write_mask(tmp_path / "a_mask.png", LABELS, grid=GRID)
    beside(path).write_text(json.dumps({**json.loads(beside(path).read_text()), **change}))
    assert read_grid(path).spacing is None
    beside(path).write_bytes(b"\xff\x00")
    assert read_grid(path).spacing is None


def test_a_second_export_replaces_both(tmp_path):
    path = write_mask(tmp_path / "a_mask.png", LABELS, grid=GRID)
    first = beside(path).read_text()
    write_mask(path, LABELS * 2, grid=replace(GRID, spacing=(1.0, 1.0)))
    assert beside(path).read_text() != first
    assert told_beside(path) is None and read_grid(path).spacing == (1, 1)


def test_somebody_else_s_file_stays_and_nothing_is_written(tmp_path):
    path = tmp_path / "a_mask.png"
    beside(path).write_text('{"mine": 1}')
    with pytest.raises(OutputError, match=r"a_mask\.png\.json is there and no file of this program"):
        write_mask(path, LABELS, grid=GRID)
    # where nothing is lost, it is in nobody's way
    write_mask(path, LABELS)
    assert beside(path).read_text() == '{"mine": 1}' and written(path) == [path]


@pytest.mark.parametrize("where", ["mask", "beside"])
def test_neither_is_replaced_where_one_cannot_be_written(tmp_path, monkeypatch, where):
    path = write_mask(tmp_path / "a_mask.png", LABELS, grid=GRID)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "full")

    if where == "mask":
        monkeypatch.setattr("PIL.Image.Image.save", full)
    else:
        monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match=r"a_mask\.png(\.json)? cannot be written: the disk is full") as caught:
        write_mask(path, LABELS * 2, grid=GRID)
    assert ".tmp." not in str(caught.value)
    # by which an export of many knows that it is no use to go on
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_what_may_be_replaced_is_what_a_format_ever_needs():
    found = {one.name: len(may_write(Path(f"a{one.suffix}"))) for one in formats_for("mask")}
    assert found.items() >= {"tiff": 1, "png": 2, "nifti": 1, "coco": 1, "geojson": 1}.items()


def test_kept_as_text_in_a_file_of_text_needs_none():
    for one in formats_for("mask"):
        apart = facts_beside(one, dict.fromkeys(("spacing", "position", "classes", "provenance"), True))
        assert not (one.plain and apart) or Kept.NOT in [getattr(one.keeps, fact) for fact in apart]


def test_a_mask_that_is_a_folder_has_one_too(tmp_path, monkeypatch):
    def write(path, labels, *, grid, provenance=None):
        path.mkdir(exist_ok=True)
        (path / "numbers").write_bytes(labels.tobytes())

    heap = Format(name="heap", title="Heap", suffixes=(".heap",), write_mask=write, gives=Gives(folder=True))
    monkeypatch.setattr(table, "FORMATS", (*table.FORMATS, heap))
    path = write_mask(tmp_path / "a_mask.heap", LABELS, grid=GRID)
    assert written(path) == [path, beside(path)] and told_beside(path) is None
    (path / "numbers").write_bytes(b"other")
    assert "is not used" in told_beside(path)
