"""A small file that claims to hold something huge is refused in a sentence, before anything is allocated for it."""

import gzip
import io
import os
import struct
import tracemalloc
import zlib
from contextlib import suppress

import imagecodecs
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_medseg.errors import ImageReadError
from napari_medseg.io import read_image, read_mask
from napari_medseg.io.formats import read_grid
from napari_medseg.io.inner import picture_size
from napari_medseg.io.limits import check_claim, in_words


def png(path, width, height, *, bits=8, colour=0, data=b""):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def bmp(path, width, height, *, packed=0):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, packed, 4, 0, 0, 0, 0) + bytes(1024)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 1082, 0, 0, 1078) + head + b"\0\0\0\1")


def jpg(path, side):
    stream = io.BytesIO()
    Image.new("L", (16, 16)).save(stream, "JPEG")
    blob = bytearray(stream.getvalue())
    at = blob.index(b"\xff\xc0")
    blob[at + 5 : at + 9] = struct.pack(">HH", side, side)
    path.write_bytes(blob)


def tif(path, tags, **options):
    """A TIFF whose tags say something else than was written."""
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), **options)
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        places = {name: (page.tags[name].valueoffset, "HI"[page.tags[name].dtype == 4]) for name in tags}
    blob = bytearray(path.read_bytes())
    for name, value in tags.items():
        struct.pack_into("<" + places[name][1], blob, places[name][0], value)
    path.write_bytes(blob)


def tile(path, picture, compression):
    """A TIFF of 64 x 64 px whose one strip is a picture of its own size."""
    entries = {256: 64, 257: 64, 258: 8, 259: compression, 262: 1, 273: 122, 277: 1, 278: 64, 279: len(picture)}
    rows = b"".join(struct.pack("<HHII", tag, 4 if tag > 270 else 3, 1, value) for tag, value in entries.items())
    path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", 9) + rows + bytes(4) + picture)


def nii(path, shape, *, dtype=np.uint8, data=b"", begins=352, slope=0.0):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(dtype)
    header["dim"][: len(shape) + 1] = (len(shape), *shape)
    header["magic"], header["vox_offset"], header["scl_slope"] = b"n+1", begins, slope
    header["sform_code"], header["srow_x"], header["srow_y"], header["srow_z"] = 1, *np.eye(4)[:3]
    blob = header.binaryblock + bytes(4) + data
    path.write_bytes(gzip.compress(blob) if path.suffix == ".gz" else blob)


def note(path, length):
    """A volume before which a note of that many bytes is said to stand."""
    nii(path, (4, 4, 4), begins=2000)
    blob = bytearray(gzip.decompress(path.read_bytes()))
    blob[348:352] = b"\1\0\0\0"
    path.write_bytes(gzip.compress(bytes(blob) + struct.pack("<ii", length, 6) + bytes(60_000_000)))


def picture(kind, side):
    data, stream = np.zeros((side, side), np.uint8), io.BytesIO()
    if kind == 34712:
        return imagecodecs.jpeg2k_encode(data, level=0)
    Image.fromarray(data).save(stream, "JPEG" if kind == 7 else "PNG")
    return stream.getvalue()


HUGE = {
    "png.png": lambda path: png(path, 60_000, 60_000, bits=2),
    "sides.png": lambda path: png(path, 2**31 - 1, 2**31 - 1),
    "deep.png": lambda path: png(path, 20_000, 20_000, bits=16, colour=2),
    "thread.png": lambda path: png(path, 3_000_000, 1, data=bytes(3_000_001)),
    "bmp.bmp": lambda path: bmp(path, 60_000, 60_000),
    "packed.bmp": lambda path: bmp(path, 60_000, 60_000, packed=1),
    "jpg.jpg": lambda path: jpg(path, 65_500),
    "plain.tif": lambda path: tif(path, {"ImageWidth": 60_000, "ImageLength": 60_000, "RowsPerStrip": 60_000}),
    "deflate.tif": lambda path: tif(
        path, {"ImageWidth": 60_000, "ImageLength": 60_000, "RowsPerStrip": 60_000}, compression="zlib"
    ),
    "missing.tif": lambda path: tif(path, {"ImageWidth": 5000, "ImageLength": 5000}, tile=(32, 32), compression="zlib"),
    "tile.tif": lambda path: tif(path, {"TileWidth": 65_520, "TileLength": 65_520}, tile=(32, 32), compression="zlib"),
    "samples.tif": lambda path: tif(path, {"SamplesPerPixel": 65_535}),
    "inner.tif": lambda path: tile(path, picture(7, 3000), 7),
    "inner2000.tif": lambda path: tile(path, picture(34712, 3000), 34712),
    "innerpng.tif": lambda path: tile(path, picture(34933, 3000), 34933),
    "none.nii": lambda path: nii(path, (-5, 0, 10)),
    "less.nii": lambda path: nii(path, (4, -1, 4), data=bytes(64)),
    "short.nii": lambda path: nii(path, (2000, 24, 32_767), dtype=np.int16, data=bytes(14_000)),
    "wide.nii.gz": lambda path: nii(path, (32_767, 32_767, 32_767)),
    "seven.nii.gz": lambda path: nii(path, (32_767,) * 7),
    "scaled.nii.gz": lambda path: nii(path, (400, 400, 400), slope=0.5, data=bytes(400**3)),
    "begins.nii.gz": lambda path: nii(path, (4, 4, 4), begins=4e9),
    "note.nii.gz": lambda path: note(path, 0),
    "long.nii.gz": lambda path: note(path, 2**31 - 16),
    "begins.nii": lambda path: nii(path, (4, 4, 4), begins=float("inf")),
    "tail.nii.gz": lambda path: nii(path, (4, 4, 4), data=bytes(30_000_000)),
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("read", [read_image, read_mask])
def test_a_small_file_makes_no_huge_array(tmp_path, name, read):
    path = tmp_path / name
    HUGE[name](path)
    tracemalloc.start()
    try:
        with pytest.raises(ImageReadError, match=r"(expected|damaged).*\.$") as told:
            read(path)
        # nor does whoever asks for the header alone
        with suppress(ImageReadError):
            read_grid(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert name in str(told.value)
    assert "\n" not in str(told.value)


def test_a_jpeg_of_a_thousand_scans_is_not_waited_for(tmp_path):
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(stream, "JPEG", progressive=True)
    blob = stream.getvalue()
    last = blob[blob.rindex(b"\xff\xda") : -2]
    (tmp_path / "a.jpg").write_bytes(blob[:-2] + last * 1000 + blob[-2:])
    with pytest.raises(ImageReadError, match=r"a\.jpg is built up in 10\d\d scans; expected at most 64"):
        read_image(tmp_path / "a.jpg")


def test_pages_in_a_circle_have_an_end(tmp_path):
    # two empty pages that name each other
    page = struct.pack("<HHHII", 1, 256, 3, 1, 8)
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0" + page + struct.pack("<I", 26) + page + struct.pack("<I", 8))
    with pytest.raises(ImageReadError, match=r"a\.tif is damaged: after 2 page\(s\) it begins again"):
        read_image(tmp_path / "a.tif")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no holes in files")
def test_what_does_not_go_into_memory_is_told(tmp_path):
    nii(tmp_path / "a.nii", (30_000, 30_000, 1000))
    os.truncate(tmp_path / "a.nii", 352 + 30_000 * 30_000 * 1000)
    with pytest.raises(ImageReadError, match=r"900 GB\); expected at most .* of memory are free"):
        read_image(tmp_path / "a.nii")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageReadError, match=r"a\.png is a pipe or a device; expected a file"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("path", ["mask.png", "mask.tif", "mask.nii.gz"], ids=["png", "tif", "nii"])
def test_a_large_mask_with_little_in_it_is_read(tmp_path, path):
    mask = np.zeros((6000, 6000), np.uint8)
    mask[100:120, 200:300] = 1
    if path.endswith(".png"):
        Image.fromarray(mask).save(tmp_path / path)
    elif path.endswith(".tif"):
        tifffile.imwrite(tmp_path / path, mask, compression="zlib")
    else:
        nibabel.Nifti1Image(mask.reshape(600, 600, 100), np.eye(4)).to_filename(tmp_path / path)
    assert (tmp_path / path).stat().st_size < 200_000
    assert read_mask(tmp_path / path).sum() == 2000


@pytest.mark.parametrize("kind", [7, 34712, 34933])
def test_sizes_of_pictures_in_tiles(kind):
    blob = picture(kind, 48)
    assert picture_size(blob) == (48, 48)
    for length in range(0, len(blob), 3):
        assert picture_size(blob[:length]) in (None, (48, 48))
    assert picture_size(b"something else") is None


def test_bytes_in_words():
    assert [in_words(n) for n in (0, 999, 1000, 16_659, 3_600_000_000, 10**16)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "16.7 kB",
        "3.6 GB",
        "10000 TB",
    ]


def test_a_large_image_of_nothing_is_refused(tmp_path):
    png(tmp_path / "blank.png", 16_000, 16_000, data=bytes(16_001 * 16_000))
    with pytest.raises(ImageReadError, match=r"256 MB.*empty all over"):
        read_image(tmp_path / "blank.png")


@pytest.mark.parametrize("kind", ["nii.gz", "png"])
def test_a_mask_that_is_all_but_empty_is_weighed_as_sound(tmp_path, kind):
    # a small lesion in a large volume; compressors make 1030 times of zeros
    shape, path = (512, 512, 900), tmp_path / f"a.{kind}"
    packed = zlib.compressobj(9)
    blob = sum(len(packed.compress(bytes(512 * 512))) for _ in range(900)) + len(packed.flush())
    path.write_bytes(bytes(blob))
    check_claim(path, shape, 1, mask=True)


def test_a_picture_of_a_few_cells_on_black_is_read(tmp_path):
    image = np.zeros((4500, 4500, 3), np.uint8)
    image[200:230, 300:330] = np.random.default_rng(0).integers(0, 255, (30, 30, 3))
    Image.fromarray(image).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size * 200 < image.nbytes
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, image)
