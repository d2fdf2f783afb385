"""What a TIFF says of its colours counts."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_medseg.errors import ImageReadError
from napari_medseg.io import read_image, read_mask

GREY = np.arange(63, dtype=np.uint8).reshape(7, 9) * 4
MASK = (GREY > 100).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_is_turned(tmp_path, dtype):
    data = GREY.astype(dtype)
    tifffile.imwrite(tmp_path / "i.tif", np.iinfo(dtype).max - data, photometric="miniswhite")
    read = read_image(tmp_path / "i.tif").data
    np.testing.assert_array_equal(read, data)
    assert read.dtype == dtype


def test_a_mask_where_white_is_zero_is_turned(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", 255 - MASK * 255, photometric="miniswhite")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), MASK)
    # ImageJ's own way to show 255, its foreground, as black
    tifffile.imwrite(tmp_path / "j.tif", MASK * 255, photometric="miniswhite", imagej=True)
    with tifffile.TiffFile(tmp_path / "j.tif") as file:
        assert file.is_imagej
        assert file.pages.first.photometric == 0
    np.testing.assert_array_equal(read_mask(tmp_path / "j.tif"), MASK)


def palette_tiff(path):
    picture = Image.fromarray(MASK * 2)
    picture.putpalette([10, 20, 30, 0, 0, 0, 200, 100, 0] + [0] * 759)
    picture.save(path)
    return path


def test_the_colours_of_a_palette_are_looked_up(tmp_path):
    data = read_image(palette_tiff(tmp_path / "p.tif")).data
    assert (data.shape, data.dtype) == ((7, 9, 3), np.uint8)
    assert data[0, 0].tolist() == [10, 20, 30]
    assert data[-1, -1].tolist() == [200, 100, 0]


def test_the_numbers_of_a_palette_are_labels_in_a_mask(tmp_path):
    np.testing.assert_array_equal(read_mask(palette_tiff(tmp_path / "p.tif")), MASK * 2)


def test_cmyk_is_refused(tmp_path):
    Image.new("CMYK", (9, 7)).save(tmp_path / "c.tif")
    with pytest.raises(ImageReadError, match=r"c\.tif has colours in SEPARATED; expected grey or RGB"):
        read_image(tmp_path / "c.tif")


def test_several_images_are_told_and_a_preview_is_none(tmp_path):
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        file.write(GREY)
        file.write(GREY[:5, :4])
    with pytest.raises(ImageReadError, match=r"s\.tif holds 2 images.* 7 x 9 px.* 5 x 4 px"):
        read_image(tmp_path / "s.tif")
    with tifffile.TiffWriter(tmp_path / "r.tif") as file:
        file.write(GREY)
        file.write(GREY[:5, :4], subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "r.tif").data, GREY)


def test_grey_stays_when_it_has_an_opacity(tmp_path):
    Image.merge("LA", (Image.fromarray(GREY), Image.new("L", (9, 7), 200))).save(tmp_path / "la.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "la.tif").data, GREY)


def channels(path, count, **options):
    data = np.dstack([GREY, *[MASK * 200] * (count - 1)])
    tifffile.imwrite(path, data, planarconfig="contig", **{"photometric": "minisblack", **options})
    return path


@pytest.mark.parametrize("count", [2, 4, 5])
@pytest.mark.parametrize("planes", [False, True])
def test_channels_that_are_no_opacity_are_told(tmp_path, count, planes):
    path = tmp_path / "c.tif"
    if planes:
        data = np.stack([GREY, *[MASK * 200] * (count - 1)])
        tifffile.imwrite(path, data, imagej=True, metadata={"axes": "CYX"})
    else:
        channels(path, count, extrasamples=["unspecified"] * (count - 1))
    with pytest.raises(ImageReadError, match=rf"c\.tif holds {count} channels"):
        read_image(path)
    with pytest.raises(ImageReadError, match=rf"c\.tif holds {count} channels"):
        read_mask(path)


def test_a_fourth_channel_that_says_nothing_goes(tmp_path):
    rgb = np.dstack([GREY, GREY // 2, MASK, np.full_like(GREY, 255)])
    tifffile.imwrite(tmp_path / "c.tif", rgb, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_image(tmp_path / "c.tif").data, rgb[..., :3])


LABELS = MASK * 2
LABELS[0, :3] = 1


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (LABELS, LABELS),
        (255 - LABELS, LABELS),
        (255 - MASK * 255, MASK),
        (np.zeros_like(MASK), None),
        (np.ones_like(MASK), None),
        (np.where(MASK > 0, 255, LABELS), None),
    ],
    ids=["as stored", "inverted", "white on black", "empty or full", "all one", "both ends"],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_labels_where_white_is_zero_are_told_by_their_background(tmp_path, stored, wanted, dtype):
    high = np.iinfo(dtype).max
    data = np.where(stored > 200, high - (255 - stored.astype(int)), stored).astype(dtype)
    tifffile.imwrite(tmp_path / "m.tif", data, photometric="miniswhite")
    if wanted is not None:
        np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), wanted)
        return
    with pytest.raises(ImageReadError, match="says that its zero is white"):
        read_mask(tmp_path / "m.tif")


@pytest.mark.parametrize("mask", [MASK > 0, MASK > 9, MASK == MASK, MASK == 0], ids=["some", "none", "all", "more"])
@pytest.mark.parametrize("photometric", [None, "minisblack", "miniswhite"])
def test_a_bool_mask_is_what_tifffile_reads_or_is_refused(tmp_path, mask, photometric):
    # by itself tifffile says of such a file that its zero is white
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, mask, photometric=photometric)
    np.testing.assert_array_equal(tifffile.imread(path), mask)
    np.testing.assert_array_equal(read_mask(path), mask)
    tifffile.imwrite(path, mask, photometric=photometric, software="scanner", metadata=None)
    if photometric == "minisblack":
        np.testing.assert_array_equal(read_mask(path), mask)
        return
    with pytest.raises(ImageReadError, match="one bit a pixel and says that its zero is white"):
        read_mask(path)
    # an image is shown as it says
    np.testing.assert_array_equal(read_image(path).data, ~mask)


def test_a_palette_of_one_bit_has_numbers_too(tmp_path):
    bits, colours = np.array([[1, 0, 1, 1, 0, 0, 0, 1]] * 4, np.uint8), struct.pack("<6H", 0, 65535, 0, 0, 0, 0)
    entries = {256: 8, 257: 4, 258: 1, 259: 1, 262: 3, 273: 134, 277: 1, 278: 4, 279: 4, 320: 138}
    rows = b"".join(
        struct.pack("<HHII", tag, 3, 6 if tag == 320 else 1, value) for tag, value in sorted(entries.items())
    )
    blob = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + bytes(4)
    assert len(blob) == 134
    (tmp_path / "p.tif").write_bytes(blob + np.packbits(bits).tobytes() + colours)
    np.testing.assert_array_equal(read_mask(tmp_path / "p.tif"), bits)
    np.testing.assert_array_equal(read_image(tmp_path / "p.tif").data[..., 0], bits * 255)


@pytest.mark.parametrize("compression", ["jpeg", "lzw", "zlib", "packbits"])
@pytest.mark.parametrize("options", [{"rowsperstrip": 64}, {"tile": (64, 64)}, {}])
def test_what_is_cut_off_is_not_made_up(tmp_path, compression, options):
    # libjpeg fills the rest with grey
    path = tmp_path / "a.tif"
    image = np.random.default_rng(0).integers(0, 255, (200, 160), dtype=np.uint8)
    tifffile.imwrite(path, image, compression=compression, metadata=None, **options)
    assert read_image(path).data.shape == image.shape
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        end, length = page.dataoffsets[-1] + page.databytecounts[-1], page.databytecounts[-1]
    path.write_bytes(path.read_bytes()[: end - length // 3])
    with pytest.raises(ImageReadError, match="truncated or damaged"):
        read_image(path)


@pytest.mark.parametrize("model", [tifffile.PHOTOMETRIC.CFA, tifffile.PHOTOMETRIC.LOGL])
def test_what_is_neither_grey_nor_rgb_is_refused(tmp_path, model):
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric=model)
    with pytest.raises(ImageReadError, match=f"has colours in {model.name}; expected grey or RGB"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_white_is_zero_of_numbers_without_an_inverse_is_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(dtype), photometric="miniswhite")
    with pytest.raises(ImageReadError, match="its zero is white, and holds"):
        read_image(tmp_path / "a.tif")


def holes(path, *, compression):
    """A TIFF of four strips, of which the last was never written."""
    tifffile.imwrite(path, np.full((40, 60), 100, np.uint8), rowsperstrip=10, metadata=None, compression=compression)
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags["StripByteCounts"]
    size = 2 if int(tag.dtype) == 3 else 4
    blob = bytearray(path.read_bytes())
    blob[tag.valueoffset + 3 * size : tag.valueoffset + 4 * size] = bytes(size)
    path.write_bytes(blob)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_a_strip_that_was_never_written_is_no_black_one(tmp_path, compression):
    holes(tmp_path / "a.tif", compression=compression)
    with pytest.raises(ImageReadError, match="a strip or tile of 0 bytes"):
        read_image(tmp_path / "a.tif")


OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">'
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="60" SizeY="40" SizeZ="1" '
    'SizeC="2" SizeT="1"><Channel ID="C:0" SamplesPerPixel="1"/><Channel ID="C:1" SamplesPerPixel="1"/>'
    '<TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="c0.ome.tif">urn:uuid:{a}</UUID></TiffData>'
    '<TiffData FirstC="1" IFD="0" PlaneCount="1"><UUID FileName="c1.ome.tif">urn:uuid:{b}</UUID></TiffData>'
    "</Pixels></Image></OME>"
)


@pytest.mark.parametrize("neighbours", [(), (1,), (0, 1)])
def test_a_file_gives_its_own_pixels_whatever_its_text_says_of_neighbours(tmp_path, neighbours):
    a, b = ("a" * 8 + "-0000-0000-0000-000000000000", "b" * 8 + "-0000-0000-0000-000000000000")
    for number in neighbours:
        text = OME.format(own=(a, b)[number], a=a, b=b)
        data = np.full((40, 60), 10 * (number + 1), np.uint8)
        tifffile.imwrite(tmp_path / f"c{number}.ome.tif", data, description=text, metadata=None)
    own = np.full((40, 60), 7, np.uint8)
    # an edited copy keeps the text, and with it the name of the other
    tifffile.imwrite(tmp_path / "edited.ome.tif", own, description=OME.format(own=b, a=a, b=b), metadata=None)
    found = read_image(tmp_path / "edited.ome.tif").data
    np.testing.assert_array_equal(found, own)
