"""How large the pixels of a TIFF are, whichever program wrote it."""

import numpy as np
import pytest
import tifffile

from napari_medseg.io import read_grid, read_image, write_mask, write_probabilities

ZEROS = np.zeros((30, 40), np.uint16)
UNITS = [
    *[(name, 325e-6) for name in ("um", "micron", "\\u00B5m", "micrometer", "Micron", "microns")],
    ("nm", 325e-9),
    ("mm", 0.325),
    ("cm", 3.25),
    ("m", 325),
    ("inch", 0.325 * 25.4),
]


def save(path, **options):
    tifffile.imwrite(path, ZEROS, **options)
    image, grid = read_image(path), read_grid(path)
    assert (grid.spacing, grid.unit, grid.shape) == (image.spacing, image.unit, image.shape)
    return image.grid.spacing_mm


@pytest.mark.parametrize(("unit", "mm"), UNITS)
def test_imagej_writes_pixels_a_unit_and_names_the_unit(tmp_path, unit, mm):
    found = save(tmp_path / "a.tif", imagej=True, resolution=(1 / 0.65, 1 / 0.325), metadata={"unit": unit})
    np.testing.assert_allclose(found, (mm, 2 * mm), rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "mm"), [(None, 325e-6), ("\u00b5m", 325e-6), ("nm", 325e-9), ("mm", 0.325), ("\u00c5", 325e-10)]
)
def test_ome_says_it_in_its_xml(tmp_path, unit, mm):
    named = {} if unit is None else {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    found = save(tmp_path / "a.ome.tif", ome=True, metadata={"PhysicalSizeX": 0.65, "PhysicalSizeY": 0.325, **named})
    np.testing.assert_allclose(found, (mm, 2 * mm), rtol=1e-6)


@pytest.mark.parametrize("unit", ["pixel", "pixels", "", "furlong"])
def test_a_unit_of_no_length_says_nothing(tmp_path, unit):
    assert save(tmp_path / "a.tif", imagej=True, resolution=(2, 2), metadata={"unit": unit}) is None


@pytest.mark.parametrize("size", [0, -1, "NaN", "INF", "a", 1e300, 1e-320])
def test_a_size_that_no_pixel_has_says_nothing(tmp_path, size):
    sizes = {"PhysicalSizeX": size, "PhysicalSizeY": 1}
    assert save(tmp_path / "a.ome.tif", ome=True, metadata=sizes) is None


@pytest.mark.parametrize(
    "text", ["<OME><Pixels/></OME>", "<OME", '<OME xmlns="x"><Image/></OME>', '<?xml version="1.0"?><OME xmlns="x"/>']
)
def test_unsound_xml_says_nothing(tmp_path, text):
    assert save(tmp_path / "a.tif", description=text, metadata=None) is None


@pytest.mark.parametrize(
    ("resolution", "unit", "mm"),
    [
        ((20, 40), "CENTIMETER", (0.25, 0.5)),
        ((254, 508), "INCH", (0.05, 0.1)),
        ((72, 72), "INCH", None),
        ((96, 96), "INCH", None),
        ((20, 20), "NONE", None),
        ((0, 20), "CENTIMETER", None),
    ],
)
def test_other_programs_write_pixels_an_inch_or_a_centimetre(tmp_path, resolution, unit, mm):
    found = save(tmp_path / "a.tif", resolution=resolution, resolutionunit=unit, metadata=None)
    assert found is None if mm is None else found == pytest.approx(mm)


@pytest.mark.parametrize("unit", ["mm", "um"])
@pytest.mark.parametrize("size", [1e-5, 0.000325, 0.05, 1, 7.3, 12345])
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_what_is_written_is_read(tmp_path, size, unit, suffix):
    grid = read_grid(write_mask(tmp_path / f"m{suffix}", ZEROS, spacing=(size, 2 * size), unit=unit))
    factor = {"mm": 1, "um": 1e-3}[unit]
    np.testing.assert_allclose(grid.spacing_mm, (size * factor, 2 * size * factor), rtol=1e-6)
    again = read_grid(write_probabilities(tmp_path / f"p{suffix}", ZEROS.astype(float), grid=grid))
    np.testing.assert_allclose(again.spacing_mm, grid.spacing_mm, rtol=1e-6)


def test_a_picture_on_its_side_has_its_sizes_turned(tmp_path):
    options = {"resolution": (20, 40), "resolutionunit": "CENTIMETER", "metadata": None}
    for tag in (1, 6):
        tifffile.imwrite(tmp_path / "a.tif", ZEROS, extratags=[(274, "H", 1, tag, True)], **options)
        image, grid = read_image(tmp_path / "a.tif"), read_grid(tmp_path / "a.tif")
        assert grid.shape == image.shape == ((30, 40) if tag == 1 else (40, 30))
        assert grid.spacing == image.spacing == pytest.approx((0.25, 0.5) if tag == 1 else (0.5, 0.25))
