"""A folder of pictures as one volume, when asked for."""

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io import list_images, write_mask
from napari_medseg.io.slices import COLOURS_TOLD, UNSIZED_TOLD, read_slices

VOLUME = np.random.default_rng(0).integers(0, 255, (12, 20, 30), np.uint8)


def write(folder, numbers, *, name="Schnitt ü {}.png", data=VOLUME):
    folder.mkdir(exist_ok=True)
    for number, one in zip(numbers, data, strict=False):
        PillowImage.fromarray(one).save(folder / name.format(number))
    return folder


def test_slices_lie_in_the_order_of_their_numbers(tmp_path):
    # 10 stands before 2 in a list of names
    image = read_slices(write(tmp_path / "a", range(1, 13)), spacing=(2.5, 0.5, 0.25))
    np.testing.assert_array_equal(image.data, VOLUME)
    assert image.volume and image.told == ()
    assert (image.spacing, image.unit) == ((2.5, 0.5, 0.25), "mm")
    # otherwise they stay pictures
    assert len(list_images(tmp_path / "a")) == 12


@pytest.mark.parametrize("numbers", [[f"{n:03}" for n in range(12)], range(0, 120, 10), range(12, 24)])
@pytest.mark.parametrize("name", ["{}.png", "p7_z{}_c1.png", "2024-{}.png"])
def test_names(tmp_path, numbers, name):
    image = read_slices(write(tmp_path / "a", numbers, name=name))
    np.testing.assert_array_equal(image.data, VOLUME)
    assert image.told == (UNSIZED_TOLD,) and image.grid.spacing_mm is None


def test_gaps_are_told(tmp_path):
    image = read_slices(write(tmp_path / "a", [1, 2, 3, 6, 7, 9]), spacing=(1, 1, 1))
    assert image.shape == (6, 20, 30)
    assert image.told[0].startswith("slices are missing between the numbers 3 and 6, 7 and 9: ")


def test_what_counts_no_slices_is_refused(tmp_path):
    cases = {
        "one": (["1"], "called alike but for one number"),
        "two kinds": (["1", "2", "x"], "called alike but for one number"),
        "two numbers": (["1_1", "1_2", "2_1", "2_2"], "differ in more than one number"),
        "twice": (["1", "01", "2"], "two slices of the number 1"),
    }
    for name, (numbers, text) in cases.items():
        with pytest.raises(InputError, match=rf"{text}.*\.$"):
            read_slices(write(tmp_path / name, numbers))
    with pytest.raises(InputError, match="holds no image"):
        (tmp_path / "empty").mkdir()
        read_slices(tmp_path / "empty")
    with pytest.raises(InputError, match=r"--spacing is 0 1 1; expected three sizes"):
        read_slices(write(tmp_path / "s", [1, 2]), spacing=(0, 1, 1))


def test_slices_are_of_one_size_and_kind(tmp_path):
    folder = write(tmp_path / "a", [1, 2])
    write(folder, [3], data=VOLUME[:, :9])
    with pytest.raises(InputError, match=r"3\.png is 9 x 30 px of uint8; expected 20 x 30 px of uint8, as Schnitt ü 1"):
        read_slices(folder)
    write(folder, [3], data=VOLUME.astype(np.uint16))
    with pytest.raises(InputError, match="of uint16; expected 20 x 30 px of uint8"):
        read_slices(folder)
    (folder / "Schnitt ü 3.png").write_bytes(b"no picture")
    with pytest.raises(ImageReadError, match="Schnitt ü 3"):
        read_slices(folder)


@pytest.mark.parametrize("mask", [False, True])
def test_sizes_that_slices_have_are_never_dropped_in_silence(tmp_path, mask):
    def save(folder, sizes):
        folder.mkdir()
        for number, size in enumerate(sizes):
            how = {} if size is None else {"spacing": (size, 0.25), "unit": "mm"}
            write_mask(folder / f"{number}_mask.tif", VOLUME[number] > 9, **how)
        return folder

    folder = save(tmp_path / "alike", [0.5, 0.5, None])
    image = read_slices(folder, mask=mask)
    assert image.grid.spacing_mm is None and "pixels of 0.5 x 0.25 mm" in image.told[0]
    assert "--spacing Z 0.5 0.25." in image.told[0]
    told = read_slices(folder, mask=mask, spacing=(2, 0.5, 0.25)).told
    # masks that are taken for images are dark
    assert not any("pixels of" in words for words in told) and len(told) == (not mask)
    told, *_ = read_slices(folder, mask=mask, spacing=(2, 1, 1)).told
    assert told == "0_mask.tif has pixels of 0.5 x 0.25 mm, and --spacing says 1 x 1 mm: that counts."
    folder = save(tmp_path / "mixed", [0.5, 0.5, 0.6])
    with pytest.raises(InputError, match=r"2_mask\.tif has pixels of 0\.6 x 0\.25 mm; expected 0\.5 x 0\.25 mm, as 0_"):
        read_slices(folder, mask=mask)
    told, *_ = read_slices(folder, mask=mask, spacing=(2, 0.5, 0.25)).told
    assert told.startswith("2_mask.tif has pixels of 0.6 x 0.25 mm")


def test_colours_become_grey(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (4, 20, 30, 3), np.uint8)
    image = read_slices(write(tmp_path / "a", range(4), data=colours), spacing=(1, 1, 1))
    np.testing.assert_allclose(image.data, colours @ [0.299, 0.587, 0.114], atol=0.51)
    assert image.told == (COLOURS_TOLD,)


def test_masks(tmp_path):
    labels = (VOLUME > 100).astype(np.uint8)
    labels[0] = 0
    np.testing.assert_array_equal(
        read_slices(write(tmp_path / "a", range(12), data=labels * 255), mask=True).data, labels
    )
    np.testing.assert_array_equal(
        read_slices(write(tmp_path / "b", range(12), data=labels * 3), mask=True).data, labels * 3
    )
    labels[3] *= 255
    labels[4] *= 2
    with pytest.raises(InputError, match="black and white only, and others of the set have"):
        read_slices(write(tmp_path / "c", range(12), data=labels), mask=True)


def test_a_slice_may_hold_nothing_and_a_volume_may_not(tmp_path):
    empty = np.full((20, 30), np.nan, np.float32)
    for number, data in enumerate((empty, np.random.default_rng(0).random((20, 30), np.float32), empty)):
        tifffile.imwrite(tmp_path / f"slice_{number}.tif", data)
    assert any("1200 of its 1800 voxels are NaN" in words for words in read_slices(tmp_path).told)
    tifffile.imwrite(tmp_path / "slice_1.tif", empty)
    with pytest.raises(ImageReadError, match="holds no numbers"):
        read_slices(tmp_path)
