"""TIFFs that hold volumes: pages, stacks of ImageJ, OME, pyramids; judged by tifffile and SimpleITK."""

import struct

import numpy as np
import pytest
import SimpleITK
import tifffile

from napari_medseg.errors import ImageReadError
from napari_medseg.io import fit_mask, is_volume, read_grid, read_image, read_mask, write_mask
from napari_medseg.io.orientation import letters_of
from napari_medseg.io.tiff_layout import COLOURS_TOLD, PAGES_TOLD, PALETTE_TOLD
from napari_medseg.io.tiff_size import ONE, UNSAID

VOLUME = np.random.default_rng(0).integers(0, 60000, (5, 20, 30)).astype(np.uint16)
LABELS = (VOLUME // 20000).astype(np.uint8)
UM = {"axes": "ZYX", "unit": "um", "spacing": 2.5}
OME = {"axes": "ZYX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 2500, "PhysicalSizeZUnit": "nm"}


def pages(path, data, **options):
    with tifffile.TiffWriter(path) as file:
        for page in data:
            file.write(page, metadata=None, contiguous=False, **options)


WAYS = {
    "pages": lambda path, data: pages(path, data),
    "packed": lambda path, data: pages(path, data, compression="zlib", predictor=True),
    "contiguous": lambda path, data: tifffile.imwrite(path, data, metadata=None),
    "tifffile": lambda path, data: tifffile.imwrite(path, data, compression="zlib"),
    "big": lambda path, data: tifffile.imwrite(path, data, compression="lzw", bigtiff=True, metadata=None),
    "imagej": lambda path, data: tifffile.imwrite(path, data, imagej=True, metadata={"axes": "ZYX"}),
    "ome": lambda path, data: tifffile.imwrite(path, data, ome=True, metadata={"axes": "ZYX"}, bigtiff=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_slices_come_in_as_a_volume(tmp_path, way):
    path = tmp_path / "Größe 1.tif"
    WAYS[way](path, VOLUME)
    image = read_image(path)
    np.testing.assert_array_equal(image.data, tifffile.imread(path))
    np.testing.assert_array_equal(image.data, SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))))
    assert image.data.dtype == VOLUME.dtype
    assert image.volume and is_volume(path)
    assert read_grid(path).to_json() == image.grid.to_json()
    # nobody knows how it lies in a patient
    assert letters_of(image.grid) is None
    said = PAGES_TOLD.format(5) in image.told
    assert said == (way in ("pages", "packed", "contiguous", "big"))
    WAYS[way](path, LABELS)
    np.testing.assert_array_equal(read_mask(path), LABELS)


SIZES = {
    "imagej": ({"imagej": True, "resolution": (5, 2.5), "metadata": UM}, (2.5e-3, 0.4e-3, 0.2e-3), ()),
    "imagej in mm": ({"imagej": True, "resolution": (5, 2.5), "metadata": {**UM, "unit": "mm"}}, (2.5, 0.4, 0.2), ()),
    "imagej leaves out 1": (
        {"imagej": True, "resolution": (5, 2.5), "metadata": {"axes": "ZYX", "unit": "micron"}},
        (1e-3, 0.4e-3, 0.2e-3),
        (ONE,),
    ),
    "ome": ({"ome": True, "metadata": OME}, (2.5e-3, 0.4e-3, 0.2e-3), ()),
    "ome without depth": (
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.4}},
        None,
        (UNSAID,),
    ),
    "resolution": ({"resolution": (30000, 30000), "resolutionunit": "CENTIMETER"}, None, (UNSAID,)),
    "nothing": ({}, None, ()),
}


@pytest.mark.parametrize("case", SIZES)
def test_sizes_of_voxels(tmp_path, case):
    options, wanted, told = SIZES[case]
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, **options)
    image = read_image(tmp_path / "a.tif")
    assert image.told == told
    if wanted is None:
        assert image.grid.unit == "px" and image.grid.spacing_mm is None
        return
    assert image.unit == "mm"
    np.testing.assert_allclose(image.spacing, wanted, rtol=1e-5)
    np.testing.assert_allclose(np.diag(image.grid.affine), [*wanted[::-1], 1], rtol=1e-5)


def test_the_mask_of_a_volume_lies_on_it(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, imagej=True, resolution=(5, 2.5), metadata=UM)
    image = read_image(tmp_path / "a.tif")

    for name in ("m.nii.gz", "m.nrrd"):
        path = write_mask(tmp_path / name, LABELS, grid=image.grid)
        mask, _ = fit_mask(image, read_mask(path), image_path=tmp_path / "a.tif", mask_path=path)
        np.testing.assert_array_equal(mask, LABELS)
    # a stack of labels from elsewhere says no size
    tifffile.imwrite(tmp_path / "m.tif", LABELS, imagej=True, resolution=(5, 2.5), metadata=UM)
    mask, told = fit_mask(image, read_mask(tmp_path / "m.tif"), image_path=tmp_path / "a", mask_path=tmp_path / "m.tif")
    np.testing.assert_array_equal(mask, LABELS)
    assert told is None


@pytest.mark.parametrize(
    ("shape", "axes", "text"),
    [
        ((5, 20, 30), "TYX", r"5 times of 20 x 30 px.*Save the time you need.*where they are slices, say so"),
        ((5, 2, 20, 30), "ZCYX", r"5 slices x 2 channels of 20 x 30 px.*Save the channel you need as a file"),
        ((3, 5, 20, 30), "TZYX", r"3 times x 5 slices of 20 x 30 px.*Save the time you need"),
        ((3, 5, 2, 20, 30), "TZCYX", r"3 times x 5 slices x 2 channels.*the channel and the time you need"),
    ],
)
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_several_times_or_channels_are_refused(tmp_path, shape, axes, text, kind):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8), metadata={"axes": axes}, **{kind: True})
    for read in (read_image, read_mask):
        with pytest.raises(ImageReadError, match=rf"a\.tif holds {text}.*\.$"):
            read(tmp_path / "a.tif")
    assert read_grid(tmp_path / "a.tif") is None


def test_a_stack_of_one_channel_and_time_is_a_volume(tmp_path):
    data = VOLUME[None, :, None]
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, VOLUME)


def test_pages_of_several_sizes_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for side in (64, 30, 64):
            file.write(np.zeros((side, side), np.uint8), metadata=None)
    words = "2 images, saved one by one, the first of 2 x 64 x 64 px in grey of 8 bits, another of 30 x 30 px in grey"
    with pytest.raises(ImageReadError, match=words):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("other", ["alike", "grey", "deep", "smaller"])
def test_pages_that_were_saved_as_images_are_told_as_what_they_are(tmp_path, colour, other):
    page = np.zeros((20, 30, 3) if colour else (20, 30), np.uint8)
    pages = {
        "alike": page,
        "grey": page[..., 0] if colour else page,
        "deep": page.astype(np.uint16),
        "smaller": page[:9],
    }
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for one in (page, pages[other]):
            file.write(one, photometric="rgb" if one.ndim == 3 else "minisblack")
    with pytest.raises(ImageReadError, match="holds 2 images, saved one by one") as told:
        read_image(tmp_path / "a.tif")
    mine = f"20 x 30 px in {'colour' if colour else 'grey'} of 8 bits"
    if pages[other].shape == page.shape and other != "deep":
        assert f"each of {mine};" in str(told.value) and "make a volume of that by 'medseg stack'" in str(told.value)
    else:
        assert f"the first of {mine}, another of " in str(told.value) and "stack'" not in str(told.value)


def test_a_volume_of_one_slice_is_an_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", VOLUME[:1], metadata={"axes": "ZYX"})
    assert read_image(tmp_path / "a.ome.tif").shape == (20, 30)


@pytest.mark.parametrize("kind", ["imagej", "pages"])
def test_a_volume_in_colour_is_shown_in_grey(tmp_path, kind):
    data = np.random.default_rng(0).integers(0, 255, (5, 20, 30, 3), np.uint8)
    options = {"imagej": {"imagej": True, "metadata": {"axes": "ZYXS"}}, "pages": {"metadata": None}}[kind]
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", **options)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_allclose(image.data, data @ [0.299, 0.587, 0.114], atol=0.51)
    assert COLOURS_TOLD in image.told
    with pytest.raises(ImageReadError, match=r"a\.tif is a volume in colours; expected a mask with one channel"):
        read_mask(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.stack([LABELS] * 3, axis=-1), photometric="rgb", **options)
    np.testing.assert_array_equal(read_mask(tmp_path / "a.tif"), LABELS)


def test_of_a_palette_the_numbers_are_read(tmp_path):
    colours = np.random.default_rng(0).integers(0, 65535, (3, 256), np.uint16)
    pages(tmp_path / "a.tif", LABELS, photometric="palette", colormap=colours)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, LABELS)
    assert PALETTE_TOLD in image.told


def pyramid(path, data, *, sub=True, flag=True, **options):
    axes = "YX" if data.ndim == 2 else "YXS" if data.shape[-1] == 3 else "ZYX"
    small = data[::2, ::2] if axes == "YXS" else data[..., ::2, ::2]
    with tifffile.TiffWriter(path, **options) as file:
        file.write(data, subifds=1 if sub else 0, tile=(16, 16), metadata={"axes": axes})
        file.write(small, subfiletype=int(flag), tile=(16, 16))


@pytest.mark.parametrize("shape", [(64, 80), (5, 64, 80), (64, 80, 3)])
def test_of_a_pyramid_the_full_level_is_read(tmp_path, shape):
    data = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    pyramid(tmp_path / "a.ome.tif", data, ome=True)
    pyramid(tmp_path / "b.tif", data, bigtiff=True)
    for name in ("a.ome.tif", "b.tif"):
        image = read_image(tmp_path / name)
        np.testing.assert_array_equal(image.data, data)
        assert image.volume == (len(shape) == 3 and shape[-1] != 3)


@pytest.mark.parametrize("flag", [True, False])
def test_levels_that_follow_their_image_are_no_pages(tmp_path, flag):
    data = np.random.default_rng(0).integers(0, 255, (65, 83), np.uint8)
    pyramid(tmp_path / "a.tif", data, sub=False, flag=flag)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, data)


def test_what_a_scanner_keeps_beside_a_slide_is_no_page(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)
    text = "Aperio Image Library v1\n80x64 [0,0 80x64] (16x16)|AppMag = 20|MPP = 0.5"
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(data, tile=(16, 16), description=text, metadata=None)
        file.write(data[::4, ::4], description="Aperio Image Library v1\n80x64 -> 20x16", metadata=None)
        file.write(data[::2, ::2], tile=(16, 16), description=text, metadata=None)
        file.write(data[:9], subfiletype=1, description="label 80x9", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_svs
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, data)


def test_damage_to_a_late_page_is_told(tmp_path):
    pages(tmp_path / "a.tif", VOLUME, compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        start, length = file.pages[4].dataoffsets[0], file.pages[4].databytecounts[0]
    blob = bytearray((tmp_path / "a.tif").read_bytes())
    blob[start : start + length] = bytes(length)
    (tmp_path / "a.tif").write_bytes(blob)
    with pytest.raises(ImageReadError, match=r"a\.tif is damaged or no TIFF"):
        read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", VOLUME, imagej=True, metadata={"axes": "ZYX"})
    (tmp_path / "b.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:4000])
    with pytest.raises(ImageReadError, match=r"b\.tif is truncated or damaged"):
        read_image(tmp_path / "b.tif")


def test_a_stack_with_one_page_for_all_slices(tmp_path):
    """ImageJ's own way to write what is larger than 4 GB: the others lie behind the first."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VOLUME, imagej=True, metadata={"axes": "ZYX"})
    blob = bytearray(path.read_bytes())
    order = ">" if blob[:2] == b"MM" else "<"
    (first,) = struct.unpack_from(order + "I", blob, 4)
    (tags,) = struct.unpack_from(order + "H", blob, first)
    struct.pack_into(order + "I", blob, first + 2 + 12 * tags, 0)
    path.write_bytes(blob)
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 1
    np.testing.assert_array_equal(read_image(path).data, VOLUME)
    path.write_bytes(blob[:4000])
    with pytest.raises(ImageReadError, match=r"a\.tif says that it holds 5 slices, and 1 of them are there"):
        read_image(path)
    path.write_bytes(blob.replace(b"images=5\nslices=5", b"images=9\nslices=9"))
    with pytest.raises(ImageReadError, match=r"a\.tif .*(truncated|damaged)"):
        read_image(path)


def test_an_image_of_the_greatest_width_is_read(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (2, 3, 65535), np.uint8)
    pages(tmp_path / "a.tif", data)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, data)
