"""Numbers of a mask are never guessed; what is no mask is told by what it looks like."""

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from napari_medseg.app.samples import sample_images
from napari_medseg.errors import ImageReadError
from napari_medseg.io import read_image, read_mask, write_mask

LABELS = np.zeros((24, 36), np.uint8)
LABELS[2:9, 3:11] = 1
LABELS[12:20, 20:33] = 2
MASK = (LABELS > 0).astype(np.uint8)
VOC = [(0, 0, 0), (128, 0, 0), (0, 128, 0)]


def with_palette(path, numbers, colours, **options):
    colours = [*colours, *[(0, 0, 0)] * (256 - len(colours))]
    if path.suffix == ".tif":
        table = np.array(colours, np.uint16).T * 257
        tifffile.imwrite(path, numbers, photometric="palette", colormap=table)
        return path
    picture = Image.fromarray(numbers).convert("P")
    picture.putpalette([value for colour in colours for value in colour])
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize(
    "colours",
    [
        VOC,
        [(0, 0, 0), (128, 128, 128), (255, 255, 255)],
        [(0, 0, 0), (255, 255, 255), (100, 100, 100)],
        [(n, n, n) for n in range(256)],
        [(0, 0, 0)],
        [(40, 40, 90), (250, 50, 83), (51, 221, 255)],
    ],
    ids=["voc", "greys", "greys not in order", "its own greys", "all black", "no black"],
)
def test_the_numbers_of_a_palette_are_the_labels(tmp_path, suffix, colours):
    path = with_palette(tmp_path / f"m{suffix}", LABELS, colours)
    np.testing.assert_array_equal(read_mask(path), LABELS)


def test_a_transparent_background_changes_no_number(tmp_path):
    path = with_palette(tmp_path / "m.png", LABELS, VOC, transparency=0)
    np.testing.assert_array_equal(read_mask(path), LABELS)


def test_a_void_of_a_palette_is_a_number(tmp_path):
    colours = [*VOC, *[(9, 9, 9)] * 252, (224, 224, 192)]
    np.testing.assert_array_equal(read_mask(with_palette(tmp_path / "m.png", MASK * 255, colours)), MASK * 255)
    # where the palette shows it as white, and black as black, it is white on black
    greys = [(n, n, n) for n in range(256)]
    np.testing.assert_array_equal(read_mask(with_palette(tmp_path / "w.png", MASK * 255, greys)), MASK)


def test_a_street_of_many_colours_keeps_its_numbers(tmp_path):
    """Sets of other fields have a class 0 in colour, and show what is void as black."""
    colours = [(128, 64, 128), (244, 35, 232), (70, 70, 70), *[(0, 0, 0)] * 253]
    numbers = np.where(LABELS == 1, 255, LABELS)
    np.testing.assert_array_equal(read_mask(with_palette(tmp_path / "m.png", numbers, colours)), numbers)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize(
    ("colours", "words"),
    [
        ([(255, 255, 255), (0, 0, 0), (128, 128, 128)], "shows its number 0, the background, as colour"),
        ([(200, 0, 0), (0, 0, 0), (0, 200, 0)], "shows its number 0, the background, as colour"),
        ([(0, 0, 0), (1, 1, 1), (3, 3, 3)], "has the numbers 0, 1, 2 in a palette of the greys 0, 1, 3"),
    ],
    ids=["white first", "sorted by a program", "packed by a program"],
)
def test_a_palette_that_could_mean_two_things_is_refused(tmp_path, suffix, colours, words):
    with pytest.raises(ImageReadError, match=words):
        read_mask(with_palette(tmp_path / f"m{suffix}", LABELS, colours))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize(
    ("grey", "opacity", "wanted"),
    [
        (MASK * 255, np.full_like(MASK, 255), MASK),
        (MASK * 255, np.full_like(MASK, 128), MASK),
        (MASK * 255, MASK * 255, MASK),
        (LABELS, np.full_like(MASK, 255), LABELS),
        (np.full_like(MASK, 255), MASK * 255, None),
        (np.zeros_like(MASK), MASK * 255, None),
        (MASK * 255, np.zeros_like(MASK), None),
        (MASK * 255, MASK * 255 + LABELS, None),
    ],
    ids=["opaque", "half", "the same", "labels", "white", "black", "hidden", "graded"],
)
def test_a_shape_in_the_opacity_is_neither_empty_nor_full(tmp_path, suffix, bands, grey, opacity, wanted):
    data, path = np.dstack([*[grey] * bands, opacity]), tmp_path / f"m{suffix}"
    if suffix == ".tif":
        kind = "rgb" if bands == 3 else "minisblack"
        tifffile.imwrite(path, data, photometric=kind, planarconfig="contig", extrasamples=["unassalpha"])
    else:
        Image.fromarray(data).save(path)
    if wanted is not None:
        np.testing.assert_array_equal(read_mask(path), wanted)
        return
    with pytest.raises(ImageReadError, match="a shape in its opacity"):
        read_mask(path)


def test_labels_drawn_as_colours_and_photographs_are_told_apart(tmp_path):
    Image.fromarray(np.array(VOC, np.uint8)[LABELS]).save(tmp_path / "c.png")
    with pytest.raises(ImageReadError, match=r"3 colours; .* exported as their numbers, or with a palette"):
        read_mask(tmp_path / "c.png")
    photo = next(sample.image for sample in sample_images() if read_image(sample.image).data.ndim == 3)
    with pytest.raises(ImageReadError, match="looks like an image, not a mask"):
        read_mask(photo)


@pytest.mark.parametrize("deep", [False, True])
def test_a_grey_photograph_is_no_mask(tmp_path, deep):
    photo = next(sample.image for sample in sample_images())
    with Image.open(photo) as picture:
        grey = np.asarray(picture.convert("L"))
    tifffile.imwrite(tmp_path / "g.tif", grey.astype(np.uint16) * 7 if deep else grey)
    with pytest.raises(ImageReadError, match="looks like a photograph or a scan"):
        read_mask(tmp_path / "g.tif")


def test_many_objects_are_no_photograph(tmp_path):
    objects = np.kron(np.arange(400, dtype=np.uint16).reshape(20, 20), np.ones((5, 5), np.uint16))
    tifffile.imwrite(tmp_path / "m.tif", objects)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif"), objects)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 0.2, 1], "holds fractions from 0 to 1, as a map of probabilities does"),
        ([0, 1.5, 2], "holds fractions between labels"),
        ([0, np.nan, 1], "holds NaN or infinity"),
        ([0, 1, 2], None),
    ],
)
def test_fractions_are_told_by_what_they_look_like(tmp_path, values, words):
    tifffile.imwrite(tmp_path / "m.tif", np.resize(np.array(values, np.float32), (6, 7)))
    if words is None:
        assert read_mask(tmp_path / "m.tif").max() == 2
        return
    with pytest.raises(ImageReadError, match=words):
        read_mask(tmp_path / "m.tif")


@pytest.mark.parametrize("name", ["a.jpg", "jpeg.png", "jpeg.tif"])
def test_numbers_that_were_packed_as_a_jpeg_are_none(tmp_path, name):
    # whatever the file is called: 0, 1 and 2 come back as greys around them
    path = tmp_path / name
    if path.suffix == ".tif":
        tifffile.imwrite(path, LABELS * 2, compression="jpeg")
    else:
        Image.fromarray(LABELS * 2).save(path, format="JPEG")
    with pytest.raises(ImageReadError, match="greys between black and white"):
        read_mask(path)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_low_labels_that_a_jpeg_takes_for_nothing_are_no_empty_mask(tmp_path, label):
    mask = np.zeros((64, 64), np.uint8)
    mask[10:40, 10:40] = label
    for quality in (30, 75, 90):
        Image.fromarray(mask).save(tmp_path / "a.jpg", quality=quality)
        with pytest.raises(ImageReadError, match=r"JPEG .* Threshold|packed as a JPEG or its kin"):
            read_mask(tmp_path / "a.jpg")


@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl"])
def test_what_the_kin_of_jpeg_changed_is_no_mask(tmp_path, compression):
    labels = np.zeros((64, 64), np.uint8)
    labels[10:40, 10:40], labels[45:60, 45:60] = 100, 200
    lossy = {"level": 30} if compression == "jpeg2000" else {"distance": 3}
    tifffile.imwrite(tmp_path / "a.tif", labels, compression=compression, compressionargs=lossy)
    assert not np.array_equal(tifffile.imread(tmp_path / "a.tif"), labels)
    with pytest.raises(ImageReadError, match=r"looks like greys between|looks like a photograph"):
        read_mask(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_our_word_of_what_white_is_does_not_outlive_our_pixels(tmp_path, suffix):
    path = write_mask(tmp_path / f"a{suffix}", MASK)
    changed = np.where(LABELS == 2, 128, MASK * 255).astype(np.uint8)
    # programs that keep the texts of a file they change
    if suffix == ".png":
        text = PngImagePlugin.PngInfo()
        with Image.open(path) as picture:
            text.add_text("medseg", picture.info["medseg"])
        Image.fromarray(changed).save(path, pnginfo=text)
    else:
        told = '{"medseg": {"values": "label 1 is white"}}'
        tifffile.imwrite(path, changed, description=told, metadata=None)
    assert np.unique(read_mask(path)).tolist() == [0, 128, 255]
