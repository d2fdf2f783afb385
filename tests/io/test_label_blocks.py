"""Labels of large images: block by block, each whole or not at all."""

import json
import multiprocessing
import shutil

import numpy as np
import pytest

from napari_medseg.errors import ImageReadError, OutputError, ShapeError
from napari_medseg.io import read_mask
from napari_medseg.io.image import Grid
from napari_medseg.io.label_blocks import LabelBlocks, count_done

pytest.importorskip("zarr")
FACTS = {"network": "n", "sha256": "ab", "threshold": 0.5}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("napari_medseg.io.label_blocks.BLOCK", (64, 64))
    monkeypatch.setattr("napari_medseg.io.label_blocks.DEEP", (8, 16, 16))
    monkeypatch.setattr("napari_medseg.io.label_blocks.SMALLEST", 16)


def truth(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 4, shape).astype(np.uint8)


def part(labels, box):
    half = labels.ndim
    return labels[tuple(slice(low, high) for low, high in zip(box[:half], box[half:], strict=True))]


@pytest.mark.parametrize("shape", [(150, 201), (64, 64), (50, 300), (19, 40, 33)])
def test_what_is_written_block_by_block_is_the_whole(tmp_path, shape):
    labels = truth(shape)
    grid = Grid(shape, (0.5, 0.5), "um") if len(shape) == 2 else Grid.of_affine(shape, np.diag((1.0, 2.0, 3.0, 1.0)))
    store = LabelBlocks.create(tmp_path / "a.ome.zarr", grid, FACTS)
    blocks = store.blocks()
    for number, index in enumerate(reversed(blocks)):
        assert not store.done(index)
        assert count_done(store) == number
        store.write(index, np.ascontiguousarray(part(labels, store.box(index))))
    assert count_done(store) == len(blocks)
    np.testing.assert_array_equal(store.read((*(0,) * len(shape), *shape)), labels)
    # the smaller levels are the same labels, seen from farther
    for level, sides in enumerate(store.levels):
        step = tuple(1 if axis < len(shape) - 2 else 2**level for axis in range(len(shape)))
        wanted = labels[tuple(slice(None, None, n) for n in step)]
        np.testing.assert_array_equal(store.read((*(0,) * len(shape), *sides), level), wanted)
    # and any program reads it
    np.testing.assert_array_equal(read_mask(tmp_path / "a.ome.zarr"), labels)
    models = pytest.importorskip("ome_zarr_models.v05")
    import zarr

    models.ImageLabel.from_zarr(zarr.open_group(tmp_path / "a.ome.zarr", mode="r"))


def test_it_goes_on_with_what_is_its_own_only(tmp_path):
    grid = Grid((150, 150))
    store = LabelBlocks.create(tmp_path / "a.zarr", grid, FACTS)
    store.write((0, 1), np.full((64, 64), 2, np.uint8))
    again = LabelBlocks.create(tmp_path / "a.zarr", grid, FACTS)
    assert again.done((0, 1))
    assert again.digest == store.digest
    assert again.read((0, 100, 2, 140)).tolist() == [[2] * 28 + [0] * 12] * 2
    for other in ({**FACTS, "threshold": 0.6}, {}):
        with pytest.raises(OutputError, match="holds something else"):
            LabelBlocks.create(tmp_path / "a.zarr", grid, other)
    with pytest.raises(OutputError, match="holds something else"):
        LabelBlocks.create(tmp_path / "a.zarr", Grid((151, 150)), FACTS)
    with pytest.raises(ImageReadError, match="holds no labels"):
        LabelBlocks(tmp_path / "b.zarr")


def test_an_empty_block_is_done_too(tmp_path):
    store = LabelBlocks.create(tmp_path / "a.zarr", Grid((100, 100)), FACTS)
    store.write((1, 0), np.zeros((36, 64), np.uint8))
    assert store.done((1, 0))
    assert count_done(LabelBlocks(store.path)) == 1


def test_a_block_has_one_shape(tmp_path):
    store = LabelBlocks.create(tmp_path / "a.zarr", Grid((100, 100)), FACTS)
    with pytest.raises(ShapeError, match=r"expected uint8 of \(64, 36\)"):
        store.write((0, 1), np.zeros((64, 64), np.uint8))
    assert not store.done((0, 1))


def test_a_damaged_block_is_told_and_made_again(tmp_path):
    store = LabelBlocks.create(tmp_path / "a.zarr", Grid((100, 100)), FACTS)
    store.write((0, 0), np.ones((64, 64), np.uint8))
    file = tmp_path / "a.zarr" / "0" / "c" / "0" / "0"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ImageReadError, match=r"labels within \(0, 0, 5, 5\)"):
        store.read((0, 0, 5, 5))
    file.unlink()
    assert not store.done((0, 0))
    store.write((0, 0), np.ones((64, 64), np.uint8))
    assert store.read((0, 0, 5, 5)).all()


def test_a_full_disk_leaves_what_is_finished(tmp_path, monkeypatch):
    store = LabelBlocks.create(tmp_path / "a.zarr", Grid((100, 100)), FACTS)
    store.write((0, 0), np.ones((64, 64), np.uint8))
    shutil.rmtree(tmp_path / "a.zarr" / "0" / "c" / "0")
    store.write((0, 0), np.ones((64, 64), np.uint8))
    # a folder that cannot be written to says what a full disk says
    (tmp_path / "a.zarr" / "1" / "c").mkdir(exist_ok=True)
    (tmp_path / "a.zarr" / "1" / "c" / "1").write_text("in the way")
    with pytest.raises(OutputError, match="What is finished stays"):
        store.write((1, 0), np.ones((36, 64), np.uint8))
    assert not store.done((1, 0))
    assert store.done((0, 0))


def _writer(path, parity):
    store = LabelBlocks(path)
    for index in store.blocks():
        if sum(index) % 2 == parity:
            box = store.box(index)
            store.write(index, np.full((box[2] - box[0], box[3] - box[1]), 1 + parity, np.uint8))


def test_two_processes_write_beside_each_other(tmp_path):
    store = LabelBlocks.create(tmp_path / "a.zarr", Grid((300, 300)), FACTS)
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_writer, args=(tmp_path / "a.zarr", parity)) for parity in (0, 1)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    y, x = np.mgrid[:300, :300]
    wanted = 1 + (y // 64 + x // 64) % 2
    np.testing.assert_array_equal(store.read((0, 0, 300, 300)), wanted)
    np.testing.assert_array_equal(store.read((0, 0, 75, 75), 2), wanted[::4, ::4])


def test_its_facts_are_plain(tmp_path):
    LabelBlocks.create(tmp_path / "a.zarr", Grid((10, 10)), {"shape": (1, 2), "n": np.int64(3)})
    own = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["attributes"]["medseg"]
    assert own["facts"] == {"shape": [1, 2], "n": 3}


def test_figures_of_blocks_are_told_of_those_that_are_done(tmp_path):
    grid = Grid((150, 201))
    store = LabelBlocks.create(tmp_path / "a.ome.zarr", grid, FACTS, doubts=True)
    assert store.doubts() == {}
    store.note_doubt((0, 1), 0.25)
    # it may still be made anew
    assert store.doubts() == {}
    store.write((0, 1), np.zeros((64, 64), np.uint8))
    store.write((1, 1), np.zeros((64, 64), np.uint8))
    again = LabelBlocks.create(tmp_path / "a.ome.zarr", grid, FACTS, doubts=True)
    assert again.doubts() == again.doubts([(0, 1), (1, 1)]) == {(0, 1): 0.25}
    assert again.digest == LabelBlocks.create(tmp_path / "b.ome.zarr", grid, FACTS).digest
    # one that an earlier version made, or that nobody goes through, holds none
    other = LabelBlocks(tmp_path / "b.ome.zarr")
    other.note_doubt((0, 1), 0.25)
    other.write((0, 1), np.zeros((64, 64), np.uint8))
    assert other.doubts() == {}
    # a mask with such figures is a mask as any
    for index in again.blocks():
        y0, x0, y1, x1 = again.box(index)
        again.write(index, np.ones((y1 - y0, x1 - x0), np.uint8))
    assert read_mask(tmp_path / "a.ome.zarr").all()
