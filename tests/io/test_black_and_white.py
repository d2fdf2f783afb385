"""A picture in black and white is the same pixels as image and as mask, whoever wrote it and however it is packed."""

from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.pixels import pack_bits

from napari_medseg.errors import ImageReadError
from napari_medseg.io import fit_mask, read_image, read_mask
from napari_medseg.io.tiff_colours import BITS_TOLD

from .dicom_files import dataset

SHAPE = np.zeros((32, 40), bool)
SHAPE[8:20, 10:33] = True
GREYS = {1: SHAPE, 8: SHAPE.astype(np.uint8) * 255, 16: SHAPE.astype(np.uint16) * 65535}


def by_tifffile(path, bits, said, packed):
    # as its authors have it, an array of booleans is written as it is, whatever is said of its zero
    data = GREYS[bits]
    data = np.iinfo(data.dtype).max - data if said == "miniswhite" and bits > 1 else data
    tifffile.imwrite(path, data, photometric=said, compression=packed)


def by_another(path, bits, said, packed):
    """What says that its zero is white, and means it."""
    data = GREYS[bits] if said == "minisblack" else np.invert(GREYS[bits])
    tifffile.imwrite(path, data, photometric=said, compression=packed, software="scanner", metadata=None)


def by_pillow(path, bits, said, packed):
    names = {None: None, "zlib": "tiff_adobe_deflate", "lzw": "tiff_lzw", "packbits": "packbits"}
    # where zero is to be white, Pillow turns the numbers that it writes
    Image.fromarray(GREYS[bits]).save(
        path, compression=names[packed], tiffinfo={262: 0} if said == "miniswhite" else {}
    )


WRITTEN = [
    (by, said, bits)
    for by, said, bits in product((by_tifffile, by_another, by_pillow), (None, "minisblack", "miniswhite"), (1, 8, 16))
    # Pillow writes none
    if (by, said, bits) != (by_pillow, "miniswhite", 16)
]


@pytest.mark.parametrize("packed", [None, "zlib", "lzw", "packbits"])
@pytest.mark.parametrize(("by", "said", "bits"), WRITTEN)
def test_image_and_mask_of_a_tiff_are_the_same_pixels(tmp_path, by, said, bits, packed):
    path = tmp_path / "a.tif"
    # left to itself, tifffile says of booleans that their zero is white
    said = said or ("miniswhite" if bits == 1 and by is not by_pillow else "minisblack")
    by(path, bits, said, packed)
    image = read_image(path)
    assert np.array_equal(image.data > 0, SHAPE)
    doubtful = by is by_tifffile and bits == 1 and said == "miniswhite"
    assert (BITS_TOLD in image.told) == doubtful
    if bits == 1 and said == "miniswhite" and not doubtful:
        with pytest.raises(ImageReadError, match="either number could be the background"):
            read_mask(path)
        return
    mask = read_mask(path)
    assert np.array_equal(mask > 0, SHAPE)
    words = fit_mask(image, mask, image_path=path, mask_path=path)[1]
    assert words == (f"{path}: {BITS_TOLD}" if doubtful else None)


@pytest.mark.parametrize("packed", ["tiff_ccitt", "group3", "group4"])
def test_so_are_those_of_a_fax(tmp_path, packed):
    path = tmp_path / "a.tif"
    Image.fromarray(SHAPE).save(path, compression=packed)
    assert np.array_equal(read_image(path).data > 0, SHAPE)
    assert np.array_equal(read_mask(path) > 0, SHAPE)
    Image.fromarray(SHAPE).save(path, compression=packed, tiffinfo={262: 0})
    assert np.array_equal(read_image(path).data > 0, np.asarray(Image.open(path)))
    with pytest.raises(ImageReadError, match="either number could be the background"):
        read_mask(path)


def test_slices_of_one_bit_are_what_one_is(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([SHAPE] * 3))
    image = read_image(path)
    assert image.volume
    assert np.array_equal(image.data, [SHAPE] * 3)
    assert BITS_TOLD in image.told
    assert np.array_equal(read_mask(path), [SHAPE] * 3)


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
@pytest.mark.parametrize("bits", [1, 8])
def test_image_and_mask_of_a_picture_are_the_same_pixels(tmp_path, suffix, bits):
    Image.fromarray(GREYS[bits]).save(tmp_path / f"a{suffix}")
    assert np.array_equal(read_image(tmp_path / f"a{suffix}").data > 0, SHAPE)
    assert np.array_equal(read_mask(tmp_path / f"a{suffix}") > 0, SHAPE)


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_dicom_says_which_is_white_and_is_followed(tmp_path, kind, bits):
    shown = GREYS[bits] if kind == "MONOCHROME2" else np.invert(GREYS[bits])
    found = dataset(shown, photometric=kind)
    if bits == 1:
        found.BitsAllocated = found.BitsStored = 1
        found.HighBit = 0
        found.PixelData = pack_bits(shown)
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    image = read_image(tmp_path / "a.dcm")
    assert np.array_equal(image.data > 0, SHAPE)
