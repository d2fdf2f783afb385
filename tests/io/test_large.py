"""Any part of a large image, at any level, is the same part of the whole."""

import imageio.v3 as imageio
import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_medseg.errors import ImageReadError, ShapeError
from napari_medseg.io import large, large_open, read_image
from napari_medseg.io.ome_zarr_write import write

TILED = {"tile": (64, 48), "photometric": "rgb"}


def picture(shape, dtype=np.uint8, seed=0):
    y, x = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(seed).integers(0, 40, shape)
    base = (y[..., None] if len(shape) == 3 else y) + (2 * x[..., None] if len(shape) == 3 else 2 * x)
    return ((base + noise) % 250).astype(dtype)


def pyramid(path, data, *, tile=(64, 48), levels=2, **more):
    """As OME and scanners store one: smaller copies in sub-images."""
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(data, tile=tile, subifds=levels, **more)
        for level in range(1, levels + 1):
            file.write(data[:: 2**level, :: 2**level], tile=tile, subfiletype=1, **more)


def kinds(folder):
    """A file of each kind, and what it holds whole."""
    rgb, grey, deep = picture((301, 423, 3)), picture((200, 150), np.uint16), picture((40, 33, 27), np.int16)
    pyramid(folder / "levels.tif", rgb, photometric="rgb", compression="zlib")
    tifffile.imwrite(folder / "strips.tif", rgb, photometric="rgb", rowsperstrip=7)
    tifffile.imwrite(folder / "grey.tif", grey, tile=(32, 32), compression="zlib", predictor=True)
    tifffile.imwrite(folder / "slices.ome.tif", deep.astype(np.uint16), metadata={"axes": "ZYX"}, ome=True)
    turned = np.diag((-2.0, 1.0, 3.0, 1.0))
    nibabel.save(nibabel.Nifti1Image(deep.transpose(), turned), folder / "deep.nii")
    scaled = nibabel.Nifti1Image(deep.transpose(1, 0, 2), np.eye(4)[[1, 0, 2, 3]])
    scaled.header.set_slope_inter(0.5, 3)
    nibabel.save(scaled, folder / "scaled.nii")
    write(folder / "flat.ome.zarr", grey, grid=large.Grid(grey.shape, (0.5, 0.5), "um"))
    volume = large.Grid.of_affine(deep.shape, np.diag((1.0, 2.0, 3.0, 1.0)))
    write(folder / "volume.ome.zarr", deep, grid=volume)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("large")
    kinds(found)
    return found


NAMES = (
    *("levels.tif", "strips.tif", "grey.tif", "slices.ome.tif", "deep.nii", "scaled.nii"),
    *("flat.ome.zarr", "volume.ome.zarr"),
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_part_is_what_the_whole_has_there(folder, name, data):
    whole = read_image(folder / name)
    with large_open.open_large(folder / name) as image:
        assert image.shape == whole.shape
        assert image.grid.to_json() == whole.grid.to_json()
        assert image.channels == (whole.data.shape[-1] if whole.data.ndim > len(whole.shape) else 0)
        lows = [data.draw(st.integers(0, n - 1)) for n in image.shape]
        highs = [data.draw(st.integers(low + 1, n)) for low, n in zip(lows, image.shape, strict=True)]
        part = image.read((*lows, *highs))
    at = tuple(slice(low, high) for low, high in zip(lows, highs, strict=True))
    assert part.dtype == whole.data.dtype
    np.testing.assert_array_equal(part, whole.data[at])


def test_levels_are_read_as_they_are_stored(folder):
    with large_open.open_large(folder / "levels.tif") as image, tifffile.TiffFile(folder / "levels.tif") as file:
        assert [one.down[1] for one in image.levels] == pytest.approx([1, 2, 4], rel=0.02)
        for level, stored in enumerate(file.series[0].levels):
            whole = stored.asarray()
            assert image.levels[level].shape == whole.shape[:2]
            np.testing.assert_array_equal(image.read((5, 9, 60, 71), level), whole[5:60, 9:71])


def test_the_level_for_a_pixel_size_is_never_coarser(tmp_path):
    path = tmp_path / "a.tif"
    pyramid(path, picture((256, 256, 3)), photometric="rgb", resolution=(40_000, 40_000), resolutionunit="CENTIMETER")
    with large_open.open_large(path) as image:
        assert image.pixel_um == pytest.approx(0.25)
        wanted = {0.1: 0, 0.25: 0, 0.4: 0, 0.5: 1, 0.9: 1, 1.0: 2, 8.0: 2, None: 0}
        assert {um: image.level_for(um) for um in wanted} == wanted


def test_aperio_says_the_size_in_words(tmp_path):
    path = tmp_path / "a.svs"
    text = "Aperio Image Library v12\n100x100 |AppMag = 40|MPP = 0.2520"
    tifffile.imwrite(path, picture((100, 100, 3)), tile=(32, 32), photometric="rgb", description=text, metadata=None)
    with large_open.open_large(path) as image:
        assert image.pixel_um == pytest.approx(0.252)
    assert read_image(path).spacing == (0.252, 0.252)


def test_a_slide_is_what_openslide_reads(tmp_path):
    openslide = pytest.importorskip("openslide")
    from napari_medseg.io.large_openslide import open_openslide

    path = tmp_path / "a.tif"
    data = picture((300, 260, 3))
    with tifffile.TiffWriter(path) as file:
        for step in (1, 2):
            sized = data[::step, ::step]
            file.write(sized, tile=(64, 64), photometric="rgb", compression="jpeg", subfiletype=int(step > 1))
    with open_openslide(path) as image, large_open.open_large(path) as ours:
        assert image.shape == ours.shape == (300, 260)
        assert len(image.levels) == len(ours.levels) == 2
        for level in (0, 1):
            found = [one.read((10, 20, 110, 120), level).astype(int) for one in (image, ours)]
            # two decoders of JPEG
            assert np.abs(found[0] - found[1]).max() <= 4
    assert openslide.OpenSlide.detect_format(str(path)) == "generic-tiff"


def test_large_is_what_has_many_pixels(tmp_path, monkeypatch, folder):
    assert not large_open.is_large(folder / "levels.tif")
    monkeypatch.setattr(large, "MOST_WHOLE", 10_000)
    assert large_open.is_large(folder / "levels.tif")
    # a volume has a limit of its own
    assert not large_open.is_large(folder / "deep.nii")
    monkeypatch.setattr(large, "MOST_VOXELS", 10_000)
    assert large_open.is_large(folder / "deep.nii")
    assert not large_open.is_large(tmp_path / "none.tif")


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (-1, 0, 5, 5), (0, 0, 302, 5), (0, 0, 5), (5, 5, 2, 9)])
def test_what_is_no_part_is_refused(folder, box):
    with large_open.open_large(folder / "levels.tif") as image, pytest.raises(ShapeError, match="301 x 423"):
        image.read(box)


@pytest.mark.parametrize("name", ["levels.tif", "strips.tif", "flat.ome.zarr"])
def test_a_damaged_piece_is_told_and_the_others_are_read(folder, tmp_path, name):
    import shutil

    path = tmp_path / name
    (shutil.copytree if (folder / name).is_dir() else shutil.copy)(folder / name, path)
    if path.is_dir():
        chunk = next((path / "0" / "c").rglob("0"))
        while chunk.is_dir():
            chunk = next(chunk.iterdir())
        chunk.write_bytes(chunk.read_bytes()[:-20])
        with large_open.open_large(path) as image, pytest.raises(ImageReadError, match=r"flat\.ome\.zarr is damaged"):
            image.read((0, 0, 10, 10))
        return
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[-1], file.pages[0].databytecounts[-1]
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xff" * count) if name == "levels.tif" else stream.truncate(offset + 3)
    with large_open.open_large(path) as image:
        image.read((0, 0, 50, 40))
        with pytest.raises(ImageReadError, match=r"damaged|truncated"):
            image.read((295, 420, 301, 423))


REFUSED = {
    "one piece": ({"rowsperstrip": 17_000}, (17_000, 16_000), np.uint8, "in one piece of 17000 x 16000"),
    "sixteen bits": ({"photometric": "rgb", "tile": (32, 32)}, (64, 64, 3), np.uint16, "3 channels of uint16"),
    "planes": (
        {"photometric": "rgb", "planarconfig": "separate", "tile": (32, 32)},
        (3, 64, 64),
        np.uint8,
        "expected grey, or RGB of 8 bits",
    ),
    "white": ({"photometric": "miniswhite", "tile": (32, 32)}, (64, 64), np.uint8, "in MINISWHITE; expected grey"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_in_parts_is_refused(tmp_path, name):
    options, shape, dtype, words = REFUSED[name]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros(shape, dtype), compression="zlib", **options)
    with pytest.raises(ImageReadError, match=words):
        large_open.open_large(path)


def test_other_formats_are_named(tmp_path):
    path = tmp_path / "a.png"
    imageio.imwrite(path, picture((20, 20, 3)))
    with pytest.raises(ImageReadError, match="is PNG, which is read whole only; expected TIFF, a slide"):
        large_open.open_large(path)
    packed = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), packed)
    with pytest.raises(ImageReadError, match="compressed as a whole"):
        large_open.open_large(packed)


def test_a_pyramid_without_a_level_is_read_with_the_others(tmp_path):
    import json
    import shutil

    zarr = pytest.importorskip("zarr")
    path = tmp_path / "a.ome.zarr"
    data = picture((128, 96), np.uint8)
    write(path, data, grid=large.Grid(data.shape))
    root = zarr.open_group(path, mode="r+")
    facts = json.loads(json.dumps(dict(root.attrs)))
    for level in (1, 2):
        root.create_array(str(level), data=data[:: 2**level, :: 2**level])
        step = {"type": "scale", "scale": [2.0**level] * 2}
        facts["ome"]["multiscales"][0]["datasets"].append({"path": str(level), "coordinateTransformations": [step]})
    root.attrs.update(facts)
    with large_open.open_large(path) as image:
        assert [one.shape for one in image.levels] == [(128, 96), (64, 48), (32, 24)]
        np.testing.assert_array_equal(image.read((0, 0, 32, 24), 2), data[::4, ::4])
    shutil.rmtree(path / "1")
    with large_open.open_large(path) as image:
        assert [one.shape for one in image.levels] == [(128, 96), (32, 24)]
        assert image.told == ("of its 3 levels 1 cannot be read: the others are used.",)
    shutil.rmtree(path / "0")
    with pytest.raises(ImageReadError, match="not there"):
        large_open.open_large(path)
