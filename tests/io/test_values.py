"""An image that holds no number is refused; what is worth little is told, in every format."""

import numpy as np
import pytest
import SimpleITK
import tifffile
from PIL import Image

from napari_medseg.errors import ImageReadError
from napari_medseg.io import read_image, read_mask
from napari_medseg.io.large_open import open_large
from napari_medseg.io.large_values import check_large
from napari_medseg.io.values import check_values

GREY = np.random.default_rng(0).random((20, 30)).astype(np.float32)
HALF = np.where(np.arange(20)[:, None] < 10, np.float32(np.nan), GREY)


def endless(value, count):
    data = GREY.copy()
    data.flat[:count] = value
    return data


TABLE = {
    "sound": (GREY, ()),
    "some not numbers": (HALF, ("300 of its 600 pixels are NaN or infinite",)),
    "infinite": (endless(np.inf, 3), ("3 of its 600 pixels are NaN",)),
    "in one channel": (np.stack([GREY, GREY, endless(-np.inf, 7)], axis=-1), ("7 of its 600 pixels are NaN",)),
    "black": (np.zeros((20, 30), np.uint8), ("all its pixels are 0: there is nothing on it",)),
    "one grey": (np.full((20, 30), 1234, np.uint16), ("all its pixels are 1234:",)),
    "one colour": (np.broadcast_to(np.uint8([255, 0, 7]), (20, 30, 3)), ("all its pixels are (255, 0, 7):",)),
    "one grey beside holes": (np.where(np.isnan(HALF), HALF, 3), ("300 of its 600", "all its pixels are 3:")),
    "almost one": (np.eye(20, dtype=np.uint8) * 255, ()),
    "zeros and ones of eight bits": (np.eye(20, dtype=np.uint8), ("its values are 0 to 1, and 255 is white",)),
    "dark": (np.eye(20, dtype=np.uint8) * 8, ()),
    "zeros and ones": (np.eye(20, dtype=np.uint16), ()),
    "booleans": (np.eye(20, dtype=bool), ()),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_worth_little_is_told(tmp_path, name):
    data, wanted = TABLE[name]
    told = check_values(data, tmp_path, volume=False)
    assert len(told) == len(wanted)
    assert all(words.startswith(start) for words, start in zip(told, wanted, strict=True)), told


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (4, 20, 30)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_at_all_is_refused(tmp_path, shape, value):
    count, what = (600, "pixels") if len(shape) == 2 or shape[-1] == 3 else (2400, "voxels")
    with pytest.raises(ImageReadError, match=f"{tmp_path.name} holds no numbers: all its {count} {what} are NaN"):
        check_values(np.full(shape, value, np.float64), tmp_path, volume=what == "voxels")


def test_pieces_make_no_difference(tmp_path, monkeypatch):
    wanted = {name: check_values(data, tmp_path, volume=False) for name, (data, _) in TABLE.items()}
    monkeypatch.setattr("napari_medseg.io.values._AT_ONCE", 7)
    assert {name: check_values(data, tmp_path, volume=False) for name, (data, _) in TABLE.items()} == wanted


@pytest.mark.parametrize("suffix", [".tif", ".nii.gz", ".nrrd", ".mha"])
def test_every_format_is_looked_at(tmp_path, suffix):
    volume = np.stack([HALF] * 3)
    for name, data in (("a", volume), ("b", volume * np.nan)):
        if suffix == ".tif":
            tifffile.imwrite(tmp_path / f"{name}.tif", data, photometric="minisblack")
        else:
            SimpleITK.WriteImage(SimpleITK.GetImageFromArray(data), tmp_path / f"{name}{suffix}")
    assert any("900 of its 1800 voxels are NaN" in words for words in read_image(tmp_path / f"a{suffix}").told)
    with pytest.raises(ImageReadError, match="holds no numbers"):
        read_image(tmp_path / f"b{suffix}")


def test_a_mask_is_no_image(tmp_path):
    Image.fromarray(np.eye(20, dtype=np.uint8)).save(tmp_path / "a.png")
    assert "255 is white" in read_image(tmp_path / "a.png").told[0]
    assert read_mask(tmp_path / "a.png").max() == 1


def large(path, data, *, levels=0):
    """A tiled TIFF, with smaller levels."""
    options = {"tile": (16, 16), "photometric": "minisblack"}
    with tifffile.TiffWriter(path) as file:
        file.write(data, subifds=levels, **options)
        for level in range(levels):
            file.write(data[:: 2 ** (level + 1), :: 2 ** (level + 1)], subfiletype=1, **options)
    return path


@pytest.mark.parametrize(("levels", "of"), [(0, ""), (1, "in its smallest level, ")])
def test_a_large_image_is_looked_at_by_its_smallest_level(tmp_path, levels, of):
    data = np.tile(GREY, (4, 4))
    data[:, :60] = np.nan
    with open_large(large(tmp_path / "a.tif", data, levels=levels)) as image:
        count = data.size // 4**levels
        assert check_large(image)[0].startswith(f"{of}{count // 2} of its {count} pixels are NaN")
    with (
        open_large(large(tmp_path / "b.tif", data * np.nan, levels=levels)) as image,
        pytest.raises(ImageReadError, match=f"holds no numbers: {of}all"),
    ):
        check_large(image)


def test_of_a_larger_level_parts_are_looked_at_and_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_medseg.io.large_values._WHOLE", 100)
    monkeypatch.setattr("napari_medseg.io.large_values._SIDE", 10)
    data = np.tile(GREY, (4, 4))
    with open_large(large(tmp_path / "a.tif", data)) as image:
        assert check_large(image) == ()
    with open_large(large(tmp_path / "b.tif", data * np.nan)) as image:
        assert check_large(image)[0].startswith("in the parts that were looked at, nothing is a number")
    with open_large(large(tmp_path / "c.tif", np.zeros((80, 120), np.uint8))) as image:
        assert check_large(image)[0].startswith("in the parts that were looked at, all its pixels are 0")
