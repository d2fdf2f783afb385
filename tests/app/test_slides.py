"""Images larger than memory through a real network: the same however it is cut, and on from where it was."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.samples import samples_of
from napari_medseg.app.slide_plan import plan_slide, units_of
from napari_medseg.app.slides import SlideRun, facts_of, partial_of, predict_slide
from napari_medseg.errors import Cancelled, InputError, OutputError
from napari_medseg.io import read_image
from napari_medseg.io.label_blocks import LabelBlocks, count_done
from napari_medseg.io.large_open import open_large

pytest.importorskip("zarr")
REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=64)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in ("napari_medseg.io.label_blocks.BLOCK", "napari_medseg.app.slide_plan.BLOCK"):
        monkeypatch.setattr(name, (128, 128))
    monkeypatch.setattr("napari_medseg.io.label_blocks.SMALLEST", 64)


def cells(rows, columns):
    """Of a sample image, again and again."""
    data = read_image(samples_of("nuclei")[0].image).data
    grey = data if data.ndim == 2 else data[..., 0]
    return np.tile(grey, (2, 2))[:rows, :columns]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Cells on black, and nothing on two thirds of it, with a level of half the size."""
    data = np.zeros((300, 420), np.uint8)
    data[20:280, 10:160] = cells(260, 150)
    path = tmp_path_factory.mktemp("slides") / "slide.tif"
    rate = 1e4 / 0.5
    with tifffile.TiffWriter(path) as out:
        for step in (1, 2):
            shown = {"resolution": (rate / step, rate / step), "resolutionunit": "CENTIMETER"}
            out.write(data[::step, ::step], tile=(64, 64), subfiletype=int(step > 1), compression="zlib", **shown)
    return path


@pytest.fixture
def slide(file):
    with open_large(file) as found:
        yield found


def store_of(plan, path, slide):
    return LabelBlocks.create(path, slide.grid, facts_of(plan))


def labels(store):
    return store.read((0, 0, *store.shape))


def test_any_order_and_any_restart_give_the_same(slide, tmp_path):
    plan = plan_slide(slide, REQUEST)
    assert (plan.level, plan.grid.side, plan.pixel_um) == (0, 64, pytest.approx(0.5))
    assert 0 < plan.count < plan.grid.count
    assert plan.describe().startswith(f"{plan.count} tissue tiles at 0.5 um/px, about ")
    one = store_of(plan, tmp_path / "one.ome.zarr", slide)
    seen = []
    predict_slide(slide, plan, one, progress=lambda share, text: seen.append((share, text)))
    assert [share for share, _ in seen] == sorted(share for share, _ in seen)
    assert seen[-1][0] == pytest.approx(1)
    assert seen[-1][1] == f"{plan.count} of {plan.count} tiles"
    whole = labels(one)
    assert whole[:, :170].any() and not whole[:, 230:].any()
    # block by block, each by a run of its own, from the end
    other = store_of(plan, tmp_path / "other.ome.zarr", slide)
    for index in reversed(other.blocks()):
        SlideRun(slide, plan, other).work((index,))
    np.testing.assert_array_equal(labels(other), whole)
    # and any part at once
    np.testing.assert_array_equal(SlideRun(slide, plan, other).see((13, 40, 150, 201)), whole[13:150, 40:201])


def test_it_goes_on_without_doing_anything_again(slide, tmp_path):
    plan = plan_slide(slide, REQUEST)
    store = store_of(plan, tmp_path / "a.ome.zarr", slide)
    done = []

    def stop():
        return len(done) == 2

    with pytest.raises(Cancelled, match="go on whenever"):
        predict_slide(slide, plan, store, cancelled=stop, done=done.append)
    assert count_done(store) == sum(map(len, done))
    before = {index: store.path.joinpath("0/c", *map(str, index)).stat().st_mtime_ns for unit in done for index in unit}
    again, shares = store_of(plan, store.path, slide), []
    predict_slide(slide, plan, again, progress=lambda share, text: shares.append(share))
    assert shares[0] > 0.2
    after = {index: store.path.joinpath("0/c", *map(str, index)).stat().st_mtime_ns for index in before}
    assert before == after
    run = SlideRun(slide, plan, again)
    assert run.units() == []


def test_what_one_sees_comes_first(slide, tmp_path):
    plan = plan_slide(slide, REQUEST)
    store = store_of(plan, tmp_path / "a.ome.zarr", slide)
    run = SlideRun(slide, plan, store)
    assert run.units()[0] == ((0, 0),)
    assert run.units(first=(270, 130, 290, 250))[0] == ((2, 1),)
    assert sorted(run.units(first=(0, 0, 1, 1))) == sorted(run.units())


def test_tiles_are_the_untiled_but_for_what_lies_far_off(slide, tmp_path):
    """Of a part that fits: tiles of 256 px and the whole of it at once differ in a few pixels at borders of cells."""
    plan = plan_slide(slide, replace(REQUEST, size=160))
    store = store_of(plan, tmp_path / "a.ome.zarr", slide)
    predict_slide(slide, plan, store)
    part = slide.read((0, 0, 300, 160))
    untiled = predict_array(np.pad(part, ((0, 20), (0, 0))), replace(REQUEST, size=320)).labels[:300, :160]
    both = labels(store)[:, :160] > 0, untiled > 0
    assert 2 * (both[0] & both[1]).sum() / (both[0].sum() + both[1].sum()) > 0.9


def test_a_coarser_network_reads_a_coarser_level(slide, tmp_path):
    plan = plan_slide(slide, replace(REQUEST, pixel_um=1.3))
    # the level of 1 um, of which the network sees 83 px as 64
    assert (plan.level, plan.grid.side) == (1, 83)
    assert plan.pixel_um == pytest.approx(1.3, rel=0.01)
    store = store_of(plan, tmp_path / "a.ome.zarr", slide)
    assert len(units_of(plan, store.blocks())) == 4
    predict_slide(slide, plan, store)
    whole = labels(store)
    other = store_of(plan, tmp_path / "b.ome.zarr", slide)
    for index in other.blocks():
        SlideRun(slide, plan, other).work((index,))
    np.testing.assert_array_equal(labels(other), whole)


def test_other_settings_do_not_go_on_with_it(slide, tmp_path):
    plan = plan_slide(slide, REQUEST)
    store_of(plan, tmp_path / "a.ome.zarr", slide)
    other = plan_slide(slide, replace(REQUEST, threshold=0.6))
    with pytest.raises(OutputError, match="holds something else"):
        store_of(other, tmp_path / "a.ome.zarr", slide)


def test_a_slide_without_small_levels_is_looked_at_tile_by_tile(slide, tmp_path, monkeypatch):
    known = plan_slide(slide, REQUEST)
    monkeypatch.setattr("napari_medseg.app.greys.MOST_SEEN", 10)
    plan = plan_slide(slide, REQUEST)
    assert plan.tiles is None and plan.count == plan.grid.count
    assert " tiles at most at 0.5 um/px" in plan.describe()
    store = store_of(plan, tmp_path / "a.ome.zarr", slide)
    run = SlideRun(slide, plan, store)
    for unit in run.units():
        run.work(unit)
    # a small picture is looked at a pixel wider
    assert 0 < run.passes <= known.count
    assert labels(store).any()


def test_sixteen_bits_are_scaled_once_for_all(tmp_path):
    data = (cells(200, 260).astype(np.uint16) * 40) + 300
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, data, tile=(64, 64))
    with open_large(path) as slide:
        plan = plan_slide(slide, REQUEST)
        assert plan.own_um is None and plan.pixel_um is None
        assert "at full resolution" in plan.describe()
        low, high = plan.window
        assert data.min() <= low < high <= data.max()
        store = store_of(plan, tmp_path / "a.ome.zarr", slide)
        predict_slide(slide, plan, store)
        assert labels(store).any()
        with pytest.raises(InputError, match="does not say how large its pixels are"):
            plan_slide(slide, replace(REQUEST, pixel_um=0.5))


@pytest.mark.parametrize("um", [0, -1, 5000])
def test_pixel_sizes_that_are_none_are_refused(slide, um):
    with pytest.raises(InputError, match=f"{um} um; expected"):
        plan_slide(slide, replace(REQUEST, pixel_um=um))


def test_a_network_for_volumes_is_refused(slide):
    with pytest.raises(InputError, match="no network for slides"):
        plan_slide(slide, PredictRequest(network="lgms-net-3d", weights="hippocampus"))


def test_an_unfinished_mask_has_a_name_of_its_own(tmp_path):
    assert partial_of(tmp_path / "a_mask.ome.zarr").name == "a_mask.unfinished.ome.zarr"
    assert partial_of(tmp_path / "a_mask.zarr").name == "a_mask.unfinished.zarr"
