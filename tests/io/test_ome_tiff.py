"""Masks as OME-TIFF, judged by tifffile and SimpleITK; where a volume lies stands beside it."""

import numpy as np
import pytest
import SimpleITK
import tifffile

from napari_medseg.errors import ImageReadError, ShapeError
from napari_medseg.io import Grid, format_of, read_grid, read_mask, write_mask
from napari_medseg.io.sidecar import beside

LABELS = np.random.default_rng(0).integers(0, 3, (3, 5, 7)).astype(np.uint8)
OBLIQUE = np.array([[0.6, -0.8, 0, 5], [0.8, 0.6, 0, -7], [0, 0, 2.5, 9], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("labels", [LABELS, LABELS[0], LABELS.astype(np.uint16) * 500])
def test_other_programs_read_the_same_labels_and_sizes(tmp_path, labels):
    spacing = (2.5, 0.5, 0.25)[-labels.ndim :]
    path = write_mask(tmp_path / "m.ome.tif", labels, spacing=spacing, unit="mm")
    assert format_of(path).name == "ome-tiff"
    with tifffile.TiffFile(path) as file:
        assert file.is_ome and file.series[0].axes == "ZYX"[-labels.ndim :]
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    told = {axis: (pixels[f"PhysicalSize{axis}"], pixels[f"PhysicalSize{axis}Unit"]) for axis in "ZYX"[-labels.ndim :]}
    assert told == {axis: (size, "mm") for axis, size in zip("ZYX"[-labels.ndim :], spacing, strict=True)}
    read = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    np.testing.assert_array_equal(read.squeeze(), labels)
    np.testing.assert_array_equal(read_mask(path), labels)
    assert read_grid(path).spacing_mm == pytest.approx(spacing)


def test_where_a_volume_lies_comes_back_by_what_stands_beside_it(tmp_path):
    grid = Grid.of_affine(LABELS.shape, OBLIQUE)
    path = write_mask(tmp_path / "m.ome.tif", LABELS, grid=grid, provenance={"classes": {1: "a"}})
    np.testing.assert_allclose(read_grid(path).affine, OBLIQUE)
    # and not by what stands beside another
    other = write_mask(tmp_path / "o.ome.tif", np.roll(LABELS, 1), grid=grid)
    path.replace(other)
    np.testing.assert_allclose(read_grid(other).affine, np.diag((1.0, 1.0, 2.5, 1.0)))
    assert beside(other).exists()


def test_a_volume_of_one_slice_is_refused(tmp_path):
    with pytest.raises(ShapeError, match="volume of one slice"):
        write_mask(tmp_path / "m.ome.tif", LABELS[:1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lost", [1, 300])
def test_a_file_that_lost_what_it_says_of_itself_is_truncated(tmp_path, lost):
    """OME's text stands at the end: the pixels are all there still, and their size would be gone without a word."""
    path = write_mask(tmp_path / "m.ome.tif", LABELS, spacing=(2.5, 0.5, 0.25), unit="mm")
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(ImageReadError, match="is truncated: what it says of itself ends at byte"):
        read_mask(path)
