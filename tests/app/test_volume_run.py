"""Volumes larger than memory: what a small one gives at once, they give in parts."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_medseg.app.large_files import predict_large
from napari_medseg.app.large_run import go_on
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.volume_run import VolumeRun, plan_volume, volume_facts
from napari_medseg.errors import InputError
from napari_medseg.io import read_image, read_mask
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.large_open import open_large
from tests.app.volumes import balls

pytest.importorskip("zarr")
DATA = Path(os.environ.get("MEDSEG_DATA", Path(__file__).parents[3] / "shared" / "data"))
SLICES = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=64)
WINDOWS = PredictRequest(network="lgms-net-3d", weights="hippocampus", device="cpu")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("napari_medseg.app.volume_run.FLAT", 24)
    monkeypatch.setattr("napari_medseg.app.volume_run.DEEP", (16, 24, 24))
    monkeypatch.setattr("napari_medseg.io.label_blocks.SMALLEST", 16)
    monkeypatch.setattr("napari_medseg.io.large.MOST_VOXELS", 10_000)


@pytest.fixture
def volume(tmp_path):
    """Bright balls in the dark, on an oblique grid, in a file that can be read in parts."""
    path = tmp_path / "deep.nii"
    balls(path, (30, 40, 36), (15, 20, 18), 30)
    return path


def test_slices_are_those_of_the_whole(volume, tmp_path):
    with open_large(volume) as large:
        plan = plan_volume(large, SLICES)
        assert (plan.axis, plan.count) == (0, 30)
        assert plan.describe().startswith("30 slices across z, about ")
        store = LabelBlocks.create(tmp_path / "a.ome.zarr", large.grid, volume_facts(plan), block=plan.block)
        run = VolumeRun(large, plan, store)
        assert {len(unit) for unit in run.units()} == {4}
        # from what one looks at
        assert run.units(first=(12, 0, 0, 13, 9, 9))[0][0][0] == 12
        run.work(run.units()[7])
        said = []
        go_on(VolumeRun(large, plan, LabelBlocks(store.path)), progress=lambda share, text: said.append(text))
        assert said[0] == "1 of 30 tiles"
        found = store.read((0, 0, 0, *large.shape))
    image = read_image(volume)
    whole = predict_array(image.data, SLICES, spacing=image.grid.spacing_mm, volume=True).labels
    # black and white are taken from some slices only
    assert whole.any()
    assert np.mean(found != whole) < 0.002


def test_slices_of_eight_bits_are_those_of_the_whole_and_no_brighter(volume, tmp_path):
    path = tmp_path / "dim.nii"
    data = np.asarray(nibabel.load(volume).dataobj)
    nibabel.save(nibabel.Nifti1Image((data.clip(0) // 3).astype(np.uint8), nibabel.load(volume).affine), path)
    target = predict_large(path, SLICES, tmp_path / "dim_mask.ome.zarr")
    image = read_image(path)
    whole = predict_array(image.data, SLICES, spacing=image.grid.spacing_mm, volume=True).labels
    np.testing.assert_array_equal(read_mask(target), whole)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_is_the_one_of_the_longest_voxels(tmp_path, axis):
    spacing = [1.0, 1.0, 1.0]
    spacing[2 - axis] = 3.0
    path = tmp_path / "a.nii"
    data = np.random.default_rng(0).integers(0, 99, (20, 21, 22)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(data, np.diag((*spacing, 1.0))), path)
    target = predict_large(path, SLICES, tmp_path / "a_mask.ome.zarr")
    image = read_image(path)
    mask = read_mask(target)
    assert mask.shape == image.data.shape
    whole = predict_array(image.data, SLICES, spacing=image.grid.spacing_mm, volume=True)
    assert f"across {'zyx'[axis]}" in whole.origin["plan"]
    assert np.mean(mask != whole.labels) < 0.01


def test_windows_are_those_of_the_whole_but_for_far_off_voxels(tmp_path):
    """A real hippocampus, in blocks that each see what is around them."""
    found = sorted((DATA / "msd_hippocampus_3d" / "images").glob("*.nii*"))
    if not found:
        pytest.skip("real volumes lie beside the checkout")
    source = found[0]
    path = tmp_path / "brain.nii"
    nibabel.save(nibabel.load(source), path)
    out = tmp_path / "out"
    (target,) = predict_files([path], WINDOWS, out)
    mask, image = read_mask(target), read_image(path)
    whole = predict_array(image.data, WINDOWS, spacing=image.grid.spacing_mm, volume=True).labels
    for label in (1, 2):
        both = mask == label, whole == label
        assert both[1].sum() > 500
        assert 2 * (both[0] & both[1]).sum() / (both[0].sum() + both[1].sum()) > 0.97


def test_slices_that_do_not_fit_are_refused(volume, monkeypatch):
    monkeypatch.setattr("napari_medseg.app.volume_run.MOST_SLICE", 1000)
    with open_large(volume) as large, pytest.raises(InputError, match="slices of 1440 px; expected at most 1000"):
        plan_volume(large, SLICES)
