"""Where image and mask say different things of their pixels it is told; what nobody measured contradicts nothing."""

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from napari_medseg.errors import ShapeError
from napari_medseg.io import Grid, check_sizes, fit_mask, read_grid, read_image, read_mask, write_mask
from napari_medseg.io.tiff_size import PRINT

LABELS = np.arange(48, dtype=np.uint8).reshape(6, 8) % 3
MEASURED = {"ome": True, "metadata": {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}}


def both(image_path, mask_path):
    """What is told of a pair: by the pixels, and by the headers alone."""
    mask, told = fit_mask(read_image(image_path), read_mask(mask_path), image_path=image_path, mask_path=mask_path)
    assert check_sizes([(image_path, mask_path)]) == ([] if told is None else [told])
    return mask, told


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    dots=st.one_of(st.sampled_from(PRINT), st.floats(73, 4800)),
    measured=st.booleans(),
    swapped=st.booleans(),
)
def test_pixels_an_inch_contradict_no_size(tmp_path, dots, measured, swapped):
    tifffile.imwrite(tmp_path / "one.ome.tif", LABELS, **(MEASURED if measured else {"resolution": (5, 5)}))
    tifffile.imwrite(tmp_path / "other.tif", LABELS, resolution=(dots, dots), resolutionunit="INCH", metadata=None)
    pair = (tmp_path / "one.ome.tif", tmp_path / "other.tif")
    mask, told = both(*(pair[::-1] if swapped else pair))
    np.testing.assert_array_equal(mask, LABELS)
    assert told is None


@pytest.mark.parametrize("dots", [150, 300, 600, 1200])
@pytest.mark.parametrize("digits", [0, 2, 6])
def test_a_print_resolution_in_centimetres_is_one_too(tmp_path, dots, digits):
    rate = round(dots / 2.54, digits)
    tifffile.imwrite(tmp_path / "a.ome.tif", LABELS, **MEASURED)
    tifffile.imwrite(tmp_path / "m.tif", LABELS, resolution=(rate, rate), resolutionunit="CENTIMETER", metadata=None)
    both(tmp_path / "a.ome.tif", tmp_path / "m.tif")
    # it is read all the same: a scan of a film has no other
    assert read_grid(tmp_path / "m.tif").spacing == pytest.approx((10 / rate, 10 / rate))


@pytest.mark.parametrize(
    ("rate", "unit"), [(50_800 / 2, "INCH"), (10_000, "CENTIMETER"), (40, "CENTIMETER"), (254 / 2.54 * 2, "CENTIMETER")]
)
def test_a_size_that_was_measured_is_held_against_the_other(tmp_path, rate, unit):
    tifffile.imwrite(tmp_path / "a.ome.tif", LABELS, **MEASURED)
    tifffile.imwrite(tmp_path / "m.tif", LABELS, resolution=(rate, rate), resolutionunit=unit, metadata=None)
    with pytest.raises(ShapeError, match=r"m\.tif is 6 x 8 px of .* expected the geometry of its image"):
        both(tmp_path / "a.ome.tif", tmp_path / "m.tif")


def test_sizes_that_are_written_here_are_no_print_resolutions(tmp_path):
    for size in (0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 1, 2):
        path = write_mask(tmp_path / "m.tif", LABELS, spacing=(size, size), unit="mm")
        assert not read_grid(path).printed


def save(path, orientation, side=(6, 8)):
    data = np.resize(LABELS, side)
    if path.suffix == ".tif":
        tags = [] if orientation == 0 else [(274, 3, 1, orientation, True)]
        tifffile.imwrite(path, data, extratags=tags)
        return
    facts = PillowImage.Exif()
    if orientation:
        facts[274] = orientation
    PillowImage.fromarray(data).save(path, exif=facts)


@pytest.mark.parametrize("kinds", [("png", "tif"), ("tif", "png"), ("png", "png"), ("tif", "tif")])
@pytest.mark.parametrize("tagged", ["image", "mask"])
@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize("square", [True, False])
def test_an_orientation_that_only_one_of_the_two_has_is_told(tmp_path, kinds, tagged, orientation, square):
    image_path, mask_path = tmp_path / f"image.{kinds[0]}", tmp_path / f"mask.{kinds[1]}"
    side, sideways = (8, 8) if square else (6, 8), orientation > 4
    save(image_path, orientation if tagged == "image" else 0, side)
    save(mask_path, orientation if tagged == "mask" else 0, side)
    if sideways and not square:
        with pytest.raises(ShapeError, match="Give a mask of the image's size"):
            both(image_path, mask_path)
        # drawn on the upright picture, it fits in one way only
        untagged = mask_path if tagged == "image" else image_path
        save(untagged, 0, side[::-1])
        assert both(image_path, mask_path)[1] is None
        return
    _, told = both(image_path, mask_path)
    if orientation < 2:
        assert told is None
        return
    one, other = (image_path, mask_path) if tagged == "image" else (mask_path, image_path)
    assert told.startswith(f"{one} is looked at turned (orientation {orientation}), and {other} has no orientation: ")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".nii.gz"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_of_ours_and_one_that_says_it_too_are_no_news(tmp_path, suffix, orientation):
    save(tmp_path / "a.png", orientation, (8, 8))
    image = read_image(tmp_path / "a.png")
    mask = write_mask(tmp_path / f"m{suffix}", image.data, grid=image.grid, provenance={})
    assert both(tmp_path / "a.png", mask)[1] is None
    for said in (1, orientation):
        save(tmp_path / "m.tif", said, (8, 8))
        assert both(tmp_path / "a.png", tmp_path / "m.tif")[1] is None


def test_a_grid_is_kept_with_what_it_says_of_itself():
    grid = Grid((6, 8), spacing=(0.1, 0.1), unit="mm", printed=True, orientation=3)
    kept = Grid.from_json(grid.to_json())
    assert (kept.printed, kept.orientation, kept.shape) == (True, 3, (6, 8))
