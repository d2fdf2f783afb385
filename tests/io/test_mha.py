"""MetaImage in and out, judged by SimpleITK."""

import json
import zlib

import numpy as np
import pytest
import SimpleITK

from napari_medseg.errors import ImageReadError
from napari_medseg.io import Grid, files_of, is_volume, list_images, read_grid, read_image, read_mask, write_mask
from napari_medseg.io.orientation import letters_of

VOLUME = np.random.default_rng(0).integers(-900, 900, (4, 7, 9)).astype(np.int16)
FLAT = np.random.default_rng(0).integers(0, 255, (7, 9), np.uint8)


def write(path, data=VOLUME, *, spacing=None, packed=True, vector=False):
    image = SimpleITK.GetImageFromArray(data, isVector=vector)
    if spacing is not None:
        image.SetSpacing(spacing)
    SimpleITK.WriteImage(image, str(path), useCompression=packed)
    return path


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
def test_what_simpleitk_writes_is_read(tmp_path, dtype, packed, suffix):
    path = write(tmp_path / f"ä 1{suffix}", VOLUME.astype(dtype), packed=packed, spacing=(0.5, 0.7, 2.5))
    image = read_image(path)
    # rows and columns of ITK run to the back and the left
    np.testing.assert_array_equal(image.data, VOLUME.astype(dtype)[:, ::-1, ::-1])
    assert image.data.dtype == dtype and image.volume and is_volume(path)
    np.testing.assert_allclose(image.spacing, (2.5, 0.7, 0.5))
    assert letters_of(image.grid) == ("S", "A", "R")
    assert len(files_of(path)) == (1 if suffix == ".mha" else 2)
    assert list_images(tmp_path) == [path]


def test_images(tmp_path):
    image = read_image(write(tmp_path / "a.mha", FLAT, spacing=(0.5, 0.25)))
    np.testing.assert_array_equal(image.data, FLAT)
    assert (image.spacing, image.unit, image.volume) == ((0.25, 0.5), "mm", False)
    # so ITK writes what it does not know
    assert read_image(write(tmp_path / "b.mha", FLAT)).spacing is None
    colours = np.stack([FLAT, FLAT // 2, FLAT // 3], axis=-1)
    np.testing.assert_array_equal(read_image(write(tmp_path / "c.mha", colours, vector=True)).data, colours)


@pytest.mark.parametrize("order", ["True", "False"])
def test_numbers_that_begin_with_their_largest_byte(tmp_path, order):
    path = write(tmp_path / "a.mha", packed=False)
    blob = path.read_bytes()
    head, mark, data = blob.partition(b"LOCAL\n")
    turned = np.frombuffer(data, "<i2").astype(">i2" if order == "True" else "<i2").tobytes()
    path.write_bytes(head.replace(b"MSB = False", f"MSB = {order}".encode()) + mark + turned)
    other = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    np.testing.assert_array_equal(other, VOLUME)
    np.testing.assert_array_equal(read_image(path).data[:, ::-1, ::-1], VOLUME)


def test_a_mask_lies_in_its_file_as_the_image_in_its_own(tmp_path):
    image = read_image(write(tmp_path / "a.mha", spacing=(0.5, 0.7, 2.5)))
    labels = (image.data > 0).astype(np.uint8)
    facts = {"classes": {1: "t"}, "log": "x" * 100_000}
    path = write_mask(tmp_path / "m.mha", labels, grid=image.grid, provenance=facts)
    one, other = (SimpleITK.ReadImage(str(tmp_path / name)) for name in ("a.mha", "m.mha"))
    for what in ("GetSize", "GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(one, what)() == getattr(other, what)()
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(other), VOLUME > 0)
    # ITK reads no line that is longer
    assert json.loads(other.GetMetaData("MedSeg")) == {"classes": {"1": "t"}, "shortened": True}
    np.testing.assert_array_equal(read_mask(path), labels)


def test_what_is_not_known_stays_so(tmp_path):
    grid = Grid.of_affine(VOLUME.shape, np.eye(4), unit="px")
    found = read_grid(write_mask(tmp_path / "m.mha", np.ones(VOLUME.shape, int), grid=grid))
    assert found.unit == "px" and letters_of(found) is None


def change(path, **fields):
    head, _, data = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    lines = dict(line.split(" = ", 1) for line in head.decode().splitlines())
    lines = {**lines, **fields, "ElementDataFile": fields.get("ElementDataFile", "LOCAL")}
    text = "".join(f"{name} = {value}\n" for name, value in lines.items() if value is not None)
    path.write_bytes(text.encode() + data)
    return path


WRONG = {
    "huge": ({"DimSize": "60000 60000 60000"}, "says that it holds"),
    "more": ({"DimSize": "9 7 5"}, "unpacks to 504 bytes; expected 630 bytes"),
    "less": ({"DimSize": "9 7 3"}, "unpacks to more than"),
    "none": ({"DimSize": "9 0 4"}, "damaged or no MetaImage"),
    "sizes": ({"DimSize": "9 7"}, "damaged or no MetaImage"),
    "type": ({"ElementType": "MET_STRING"}, "numbers of the type MET_STRING"),
    "text": ({"BinaryData": "False"}, "numbers as text"),
    "channels": ({"ElementNumberOfChannels": "3"}, r"of 3 number\(s\)"),
    "nothing": ({"ElementSpacing": "0 1 1"}, "has the ElementSpacing 0 1 1; expected sizes above 0"),
    "flat": ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "puts its voxels nowhere"),
    "elsewhere": ({"ElementDataFile": "/etc/passwd"}, "has its pixels in '/etc/passwd'"),
    "list": ({"ElementDataFile": "LIST"}, "has its pixels in 'LIST'"),
    "begins": ({"Offset": "1 2"}, "damaged or no MetaImage"),
}


@pytest.mark.parametrize("case", WRONG)
def test_headers_that_cannot_be_followed_are_told(tmp_path, case):
    fields, text = WRONG[case]
    path = change(write(tmp_path / "a.mha"), **fields)
    for read in (read_image, read_mask):
        with pytest.raises(ImageReadError, match=rf"a\.mha .*{text}.*\.$"):
            read(path)


def test_pixels_beside_have_to_be_there_whole(tmp_path):
    path = write(tmp_path / "a.mhd", packed=False)
    (tmp_path / "a.raw").write_bytes((tmp_path / "a.raw").read_bytes()[:-1])
    with pytest.raises(ImageReadError, match=r"a\.raw is truncated or damaged"):
        read_image(path)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(ImageReadError, match=r"a\.mhd has its pixels in a\.raw, which cannot be read beside it"):
        read_image(path)


def test_a_header_without_an_end_is_not_waited_for(tmp_path):
    for blob in (b"a" * 3_000_000, b"a = b\n" * 400_000):
        (tmp_path / "a.mha").write_bytes(blob)
        with pytest.raises(ImageReadError, match=r"a\.mha is damaged or no MetaImage"):
            read_image(tmp_path / "a.mha")


def test_zeros_that_unfold_are_counted(tmp_path):
    path = write(tmp_path / "a.mha")
    head, mark, _ = path.read_bytes().partition(b"LOCAL\n")
    path.write_bytes(head + mark + zlib.compress(bytes(200_000_000)))
    with pytest.raises(ImageReadError, match="unpacks to more than 504 bytes"):
        read_image(path)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "-1", "0"])
def test_sizes_that_are_none_are_refused_without_a_warning(tmp_path, axes, bad):
    """Of NumPy, which writes to the terminal; here a warning is an error."""
    lines = [
        "ObjectType = Image",
        f"NDims = {axes}",
        f"DimSize = {'3 ' * axes}",
        f"ElementSpacing = {bad}{' 1' * axes}",
    ]
    lines += ["ElementType = MET_UCHAR", "ElementDataFile = LOCAL", ""]
    (tmp_path / "a.mha").write_bytes("\n".join(lines).encode() + bytes(3**axes))
    for look in (read_grid, read_image):
        with pytest.raises(ImageReadError, match=rf"has the ElementSpacing {bad} 1.*; expected sizes above 0\."):
            look(tmp_path / "a.mha")
