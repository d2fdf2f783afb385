"""Masks come back as they were written; what is no image is told in one sentence."""

import json

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_medseg.errors import ImageReadError, InputError, OutputError, ShapeError
from napari_medseg.io import atomic_path, find_pairs, read_image, read_mask, write_mask, write_probabilities

labels_arrays = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16, np.int64]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
    elements=st.integers(0, 254),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=labels_arrays, suffix=st.sampled_from([".tif", ".tiff", ".png"]))
def test_labels_come_back(tmp_path, labels, suffix):
    path = write_mask(tmp_path / f"m{suffix}", labels)
    np.testing.assert_array_equal(read_mask(path), labels)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize(("spacing", "unit"), [((0.5, 0.25), "mm"), ((0.65, 0.65), "um")])
def test_pixel_size_and_provenance_come_back(tmp_path, suffix, spacing, unit):
    path = write_mask(
        tmp_path / f"m{suffix}", np.eye(5, dtype=bool), spacing=spacing, unit=unit, provenance={"who": "Ä"}
    )
    image = read_image(path)
    factor = 1000 if unit == "um" and image.unit == "mm" else 1
    np.testing.assert_allclose(np.array(image.spacing) * factor, spacing, rtol=1e-4)
    if suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            assert json.loads(file.pages.first.description)["medseg"]["who"] == "Ä"
    else:
        with Image.open(path) as picture:
            assert json.loads(picture.info["medseg"])["provenance"]["who"] == "Ä"


def test_a_mask_of_one_class_is_white_on_black_in_png(tmp_path):
    write_mask(tmp_path / "m.png", np.eye(4, dtype=np.uint8))
    assert set(np.unique(np.asarray(Image.open(tmp_path / "m.png")))) == {0, 255}
    write_mask(tmp_path / "k.png", np.eye(4, dtype=np.uint8) * 2)
    assert set(np.unique(np.asarray(Image.open(tmp_path / "k.png")))) == {0, 2}


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [("L", (7, 9), np.uint8), ("RGB", (7, 9, 3), np.uint8), ("RGBA", (7, 9, 4), np.uint8), ("I;16", (7, 9), np.uint16)],
)
def test_kinds_of_png(tmp_path, mode, shape, dtype):
    Image.new(mode, (9, 7)).save(tmp_path / "i.png")
    data = read_image(tmp_path / "i.png").data
    assert (data.shape, data.dtype) == (shape, dtype)


@pytest.mark.parametrize("mode", ["1", "P", "LA"])
def test_odd_kinds_of_png_are_read(tmp_path, mode):
    Image.new(mode, (9, 7)).save(tmp_path / "i.png")
    assert read_image(tmp_path / "i.png").data.shape[:2] == (7, 9)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3), (7, 9, 4)])
def test_kinds_of_tiff(tmp_path, dtype, shape):
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    tifffile.imwrite(tmp_path / "i.tif", data, photometric="rgb" if len(shape) == 3 else "minisblack")
    read = read_image(tmp_path / "i.tif").data
    np.testing.assert_array_equal(read, data)
    assert read.dtype == dtype


def bad_files(folder):
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("this is no picture")
    (folder / "text.tif").write_text("this is no picture")
    (folder / "notes.docx").write_text("x")
    Image.effect_noise((64, 64), 50).save(folder / "whole.png")
    whole = (folder / "whole.png").read_bytes()
    (folder / "truncated.png").write_bytes(whole[: len(whole) // 2])
    Image.effect_noise((64, 64), 50).convert("RGB").save(folder / "whole.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:700])
    tifffile.imwrite(folder / "whole.tif", np.random.default_rng(0).random((64, 64)))
    (folder / "truncated.tif").write_bytes((folder / "whole.tif").read_bytes()[:900])
    return [
        "empty.png",
        "text.png",
        "text.tif",
        "notes.docx",
        "truncated.png",
        "truncated.jpg",
        "truncated.tif",
        "gone.png",
    ]


def test_each_bad_file_is_one_sentence_that_names_it(tmp_path):
    for name in bad_files(tmp_path):
        with pytest.raises(ImageReadError) as caught:
            read_image(tmp_path / name)
        text = str(caught.value)
        assert name in text
        assert text.endswith(".")
        assert "\n" not in text


def test_a_folder_is_no_image(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageReadError, match=r"folder\.png"):
        read_image(tmp_path / "folder.png")


def test_a_colour_picture_is_no_mask(tmp_path):
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "c.png")
    with pytest.raises(ImageReadError, match="colour picture"):
        read_mask(tmp_path / "c.png")
    Image.new("RGB", (4, 4), (255, 255, 255)).save(tmp_path / "w.png")
    assert read_mask(tmp_path / "w.png").tolist() == [[1] * 4] * 4


@pytest.mark.parametrize(
    "labels", [np.zeros((2, 2, 2, 2), int), np.full((2, 2), -1), np.full((2, 2), 70_000), np.ones((2, 2))]
)
def test_what_is_no_mask_is_not_written(tmp_path, labels):
    with pytest.raises(ShapeError):
        write_mask(tmp_path / "m.tif", labels)
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"m\.gif has suffix '\.gif'"):
        write_mask(tmp_path / "m.gif", np.zeros((2, 2), int))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "f.txt"
    path.write_text("old")
    with (
        pytest.raises(OutputError, match=r"f\.txt cannot be written: the disk is full"),
        atomic_path(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(28, "No space left on device")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_no_half_mask():
    try:
        stream = open("/dev/full", "wb")  # noqa: SIM115, PTH123
    except OSError:
        pytest.skip("this system has no /dev/full")
    stream.close()
    with pytest.raises(OutputError, match="the folder does not exist"):
        write_mask("/no/such/folder/m.png", np.zeros((2, 2), int))


def test_probability_maps(tmp_path):
    data = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(read_image(write_probabilities(tmp_path / "p.tif", data)).data, data)
    np.testing.assert_allclose(read_image(write_probabilities(tmp_path / "p.png", data)).data / 255, data, atol=0.003)


def test_pairs_go_by_stem(tmp_path):
    images, masks = tmp_path / "i", tmp_path / "m"
    for folder in (images, masks):
        folder.mkdir()
    for name in ("a.jpg", "b.png"):
        Image.new("L", (4, 4)).save(images / name)
    for name in ("b.png", "a_mask.png"):
        Image.new("L", (4, 4)).save(masks / name)
    assert find_pairs(images, masks) == [(images / "a.jpg", masks / "a_mask.png"), (images / "b.png", masks / "b.png")]
    (masks / "b.png").unlink()
    with pytest.raises(InputError, match=r"1 image\(s\) in .* have no mask in .*, first 'b\.png'"):
        find_pairs(images, masks)
    with pytest.raises(InputError, match="is no folder"):
        find_pairs(tmp_path / "none", masks)


def disc(side=64):
    y, x = np.mgrid[:side, :side]
    return ((y - side / 2) ** 2 + (x - side / 2) ** 2 < (side / 3) ** 2).astype(np.uint8) * 255


def test_a_blurred_mask_is_no_label_image(tmp_path):
    Image.fromarray(disc()).save(tmp_path / "m.jpg", quality=75)
    Image.fromarray(disc(40)).resize((111, 111), Image.BILINEAR).save(tmp_path / "m.png")
    wide = np.asarray(Image.open(tmp_path / "m.png")).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "m.tif", wide)
    for name in ("m.jpg", "m.png", "m.tif"):
        with pytest.raises(ImageReadError, match=rf"{name} looks like greys .* Threshold it at half"):
            read_mask(tmp_path / name)


def test_many_labels_are_no_blurred_mask(tmp_path):
    numbered = np.repeat(np.arange(256, dtype=np.uint8), 4).reshape(32, 32)
    classes = disc()
    classes[:4] = np.arange(64) % 6
    for name, labels in (("numbered", numbered), ("with a void", classes)):
        Image.fromarray(labels).save(tmp_path / f"{name}.png")
        np.testing.assert_array_equal(read_mask(tmp_path / f"{name}.png"), labels)


def test_white_of_16_bits_is_a_mask_too(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", (disc() > 0).astype(np.uint16) * 65535)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), disc() > 0)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.png", "nowhere.xyz", "folder/nowhere"])
@pytest.mark.parametrize("read", [read_image, read_mask])
def test_what_is_not_there_is_said_to_be_missing_whatever_its_suffix(tmp_path, name, read):
    with pytest.raises(InputError, match=rf"{name} cannot be read \(no such file or directory\)\. Check the path"):
        read(tmp_path / name)
