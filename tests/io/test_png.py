"""What a picture says besides its pixels is followed: how it is held, how deep it is, what its palette means."""

import struct
import tracemalloc
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

from napari_medseg.errors import ImageReadError
from napari_medseg.io import check_sizes, pictures, read_image, read_mask
from napari_medseg.io.formats import header_size

RGB = np.zeros((24, 36, 3), np.uint8)
RGB[:8, :12] = 200
RGB[16:, :4] = 90
LABELS = np.zeros((24, 36), np.uint8)
LABELS[2:9, 3:11] = 1
LABELS[12:20, 20:33] = 2


def exif(orientation):
    facts = Image.Exif()
    facts[274] = orientation
    return facts


def behind(path, orientation):
    """A PNG whose EXIF stands after the picture, where the format allows it too."""
    Image.fromarray(LABELS).save(path)
    data = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHHI", 274, 3, 1, orientation, 0, 0)
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    blob = path.read_bytes()
    path.write_bytes(blob[:-12] + chunk + blob[-12:])
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_read_as_it_is_held(tmp_path, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, RGB, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    else:
        Image.fromarray(RGB).save(path, exif=exif(orientation))
    # of a TIFF, Pillow has turned it by itself
    with Image.open(path) as picture:
        wanted = np.asarray(ImageOps.exif_transpose(picture))
    found = read_image(path).data
    np.testing.assert_array_equal(found, wanted)
    assert found.flags.c_contiguous
    assert header_size(path) == wanted.shape[:2]


@pytest.mark.parametrize("orientation", [0, 1, 3, 6, 9, 300])
@pytest.mark.parametrize("kind", ["first", "last", "deep", "tif"])
def test_a_mask_is_held_like_its_image(tmp_path, kind, orientation):
    path = tmp_path / ("m.tif" if kind == "tif" else "m.png")
    if kind == "first":
        Image.fromarray(LABELS).save(path, exif=exif(orientation))
    elif kind == "last":
        behind(path, orientation)
    elif kind == "deep":
        Image.fromarray(LABELS.astype(np.uint16) * 1000).save(path, exif=exif(orientation))
    else:
        tifffile.imwrite(path, LABELS, extratags=[(274, 3, 1, orientation, True)])
    turns = {3: 2, 6: -1}.get(orientation, 0)
    np.testing.assert_array_equal(
        read_mask(path), np.rot90(LABELS, turns).astype(int) * (1000 if kind == "deep" else 1)
    )
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif(orientation))
    check_sizes([(tmp_path / "a.jpg", path)])


def test_the_size_of_a_pixel_is_turned_too(tmp_path):
    tag = [(274, 3, 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", LABELS, resolution=(20, 10), resolutionunit="CENTIMETER", extratags=tag)
    assert read_image(tmp_path / "a.tif").spacing == (0.5, 1.0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_stay_sixteen_bits(tmp_path, channels):
    data = np.random.default_rng(0).integers(0, 300, (12, 16, channels)).astype(np.uint16).squeeze()
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
    found = read_image(tmp_path / "a.png").data
    assert found.dtype == np.uint16
    # grey stays when it has an opacity
    np.testing.assert_array_equal(found, data[..., 0] if channels == 2 else data)


def test_a_film_is_told(tmp_path):
    frames = [Image.fromarray(LABELS * n) for n in (1, 2)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageReadError, match=r"a\.png is a film of 2 pictures; expected one"):
        read_image(tmp_path / "a.png")


def test_a_text_without_end_is_no_reason_to_refuse_a_picture(tmp_path):
    facts = PngImagePlugin.PngInfo()
    facts.add_text("medseg", "[" * 100_000)
    Image.fromarray(LABELS).save(tmp_path / "a.png", pnginfo=facts)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, LABELS)


def test_a_damaged_exif_is_passed_over(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\1\x12")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, LABELS)


@pytest.mark.parametrize("deep", [False, True])
def test_no_flipped_bit_of_a_png_is_read_as_other_pixels(tmp_path, deep):
    smooth = np.add.outer(np.arange(40), np.arange(50))
    data = np.dstack([smooth * 300] * 3).astype(np.uint16) if deep else smooth.astype(np.uint8)
    whole = imagecodecs.png_encode(data)
    (tmp_path / "a.png").write_bytes(whole)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, data)
    refused = 0
    for bit in range(8 * 8, len(whole) * 8, 29):
        blob = bytearray(whole)
        blob[bit // 8] ^= 1 << bit % 8
        (tmp_path / "b.png").write_bytes(blob)
        with pytest.raises(ImageReadError, match=r"b\.png (is|says) "):
            read_image(tmp_path / "b.png")
        refused += 1
    assert refused > 20


def test_what_hangs_behind_a_png_does_not_matter(tmp_path):
    Image.fromarray(LABELS).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("ab") as stream:
        stream.write(b"something else")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, LABELS)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_a_film_by_another_name_is_told(tmp_path, kind):
    path = tmp_path / "a.png"
    pages = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    pages[0].save(path, format=kind, save_all=True, append_images=pages[1:])
    with pytest.raises(ImageReadError, match=r"is a film of 2 pictures|is no picture of PNG, JPEG or BMP"):
        read_image(path)


def test_a_tiff_by_another_name_is_not_read_lying_on_its_side(tmp_path):
    path = tmp_path / "a.jpg"
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 6, 3), np.uint8), extratags=[(274, "H", 1, 6, True)])
    (tmp_path / "a.tif").rename(path)
    with pytest.raises(ImageReadError, match=r"although its name ends in '\.jpg'"):
        read_image(path)
    assert header_size(path) is None


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.png"), ("PNG", "a.jpg"), ("BMP", "a.png")])
def test_a_picture_by_the_name_of_another_kind_is_read(tmp_path, kind, name):
    Image.new("RGB", (8, 6), "red").save(tmp_path / name, format=kind)
    assert read_image(tmp_path / name).data.shape == (6, 8, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_a_large_picture_is_handed_over_in_strips(tmp_path, monkeypatch, mode):
    values = np.random.default_rng(0).integers(0, 255, (23, 17), np.uint8)
    picture = Image.fromarray(values)
    picture = Image.fromarray(values.astype(np.uint16) * 250) if mode == "I;16" else picture.convert(mode)
    picture.save(tmp_path / "a.png")
    whole = read_image(tmp_path / "a.png").data
    for rows in (1, 5, 22):
        monkeypatch.setattr(pictures, "_AT_ONCE", 17 * rows)
        found = read_image(tmp_path / "a.png").data
        np.testing.assert_array_equal(found, whole)
        assert found.dtype == whole.dtype


def test_a_large_picture_is_copied_once(tmp_path, monkeypatch):
    Image.new("L", (2000, 3000)).save(tmp_path / "a.jpg")
    monkeypatch.setattr(pictures, "_AT_ONCE", 100_000)
    read_image(tmp_path / "a.jpg")
    tracemalloc.start()
    try:
        size = read_image(tmp_path / "a.jpg").data.nbytes
        # beside the array itself, which Pillow does not count: strips
        assert tracemalloc.get_traced_memory()[1] < 1.3 * size
    finally:
        tracemalloc.stop()


PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def by_hand(path, parts, shape, *, depth, kind, interlaced):
    """A PNG of rows as they stand in it, each (rows, bytes)."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for part in parts for row in part)
    head = struct.pack(">IIBBBBB", shape[1], shape[0], depth, kind, 0, 0, int(interlaced))
    pieces = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(pieces))
    return len(rows)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("shape", [(24, 36), (1, 1), (3, 9), (9, 2)])
@pytest.mark.parametrize(
    ("depth", "kind", "samples"), [(1, 0, 1), (8, 0, 1), (16, 0, 1), (8, 2, 3), (16, 2, 3), (8, 6, 4)]
)
def test_a_png_without_its_last_rows_is_refused(tmp_path, interlaced, shape, depth, kind, samples):
    pixels = np.random.default_rng(1).integers(0, 2, (*shape, samples)).astype(np.uint8)
    stored = pixels[..., 0] if depth == 1 else np.repeat(pixels, depth // 8, axis=-1)
    steps = PASSES if interlaced else ((0, 0, 1, 1),)
    parts = [stored[y::down, x::right] for y, x, down, right in steps]
    parts = [part for part in parts if part.size]
    packed = [np.packbits(part, axis=1) if depth == 1 else part for part in parts]
    by_hand(tmp_path / "a.png", packed, shape, depth=depth, kind=kind, interlaced=interlaced)
    whole = read_image(tmp_path / "a.png").data
    assert whole.shape[:2] == shape
    assert np.array_equal(whole.reshape(*shape, -1)[..., 0] > 0, pixels[..., 0] > 0)
    by_hand(tmp_path / "b.png", [*packed[:-1], packed[-1][:-1]], shape, depth=depth, kind=kind, interlaced=interlaced)
    with pytest.raises(ImageReadError, match=r"b\.png is truncated"):
        read_image(tmp_path / "b.png")
