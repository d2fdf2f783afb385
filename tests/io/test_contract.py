"""What every format of the table has to do: a new one is held to it by being listed."""

import gzip
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PillowImage

import napari_medseg.io
from napari_medseg.errors import ImageReadError, InputError, OutputError, ShapeError
from napari_medseg.io import (
    FORMATS,
    READ_SUFFIXES,
    WRITE_SUFFIXES,
    Grid,
    Kept,
    fit_mask,
    format_of,
    formats_for,
    is_volume,
    read_grid,
    read_image,
    read_mask,
    read_numbers,
    stem_of,
    suffix_of,
    walk_images,
    write_image,
    write_mask,
    write_probabilities,
)
from napari_medseg.io.image import Image
from napari_medseg.io.table import NAMES
from tests.io import dicom_files

SHAPES = {2: (7, 9), 3: (4, 7, 9)}
# oblique, uneven, away from the origin
AFFINE = np.array([[0.9, 0.1, 0, 10], [-0.1, 0.8, 0.2, -20], [0, -0.15, 2.5, 30], [0, 0, 0, 1]])
ids = lambda value: getattr(value, "name", None)  # noqa: E731


def at_hand(formats):
    """Those whose libraries are there: Zarr's has left Python 3.10."""
    return [one for one in formats if one.extra != "zarr" or find_spec("zarr") is not None]


each = pytest.mark.parametrize("format", at_hand(FORMATS), ids=ids)
each_read = pytest.mark.parametrize("format", [one for one in at_hand(FORMATS) if one.read is not None], ids=ids)
each_mask = pytest.mark.parametrize("format", at_hand(formats_for("mask")), ids=ids)
each_mask_axes = pytest.mark.parametrize(
    ("format", "axes"), [(one, n) for one in at_hand(formats_for("mask")) for n in one.takes.axes], ids=ids
)
each_map_axes = pytest.mark.parametrize(
    ("format", "axes"), [(one, n) for one in at_hand(formats_for("map")) for n in one.takes.axes], ids=ids
)
each_image_axes = pytest.mark.parametrize(
    ("format", "axes"), [(one, n) for n in (2, 3) for one in at_hand(formats_for("image", n))], ids=ids
)


def grid_of(axes, path=""):
    """Where the pixels of an image or a volume lie, as an image that is segmented says."""
    format = format_of(path)
    if format is not None and format.takes.of_format:
        return read_grid(source_of(axes))
    if axes == 3:
        return Grid.of_affine(SHAPES[3], AFFINE, stored="RAS")
    return Grid(SHAPES[2], spacing=(0.5, 0.25), unit="mm")


# images that masks refer to, of formats that do
SOURCES = {}


@pytest.fixture(scope="module", autouse=True)
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    # rows run to the right and columns to the front: the files' axes are those of the array
    affine = np.diag((-1.0, -1, 1, 1)) @ [[0.9, 0, 0.2, 10], [0, 0.8, 0.3, -20], [0, 0, 2.5, 30], [0, 0, 0, 1]]
    SOURCES[3] = dicom_files.write_series(folder / "volume", np.zeros(SHAPES[3], np.int16), affine)
    SOURCES[2] = dicom_files.write(folder / "image.dcm", np.zeros(SHAPES[2], np.uint8), PixelSpacing=[0.5, 0.25])
    yield
    SOURCES.clear()


def source_of(axes):
    return SOURCES[axes]


def write(path, labels, **how):
    """Write a mask; where it refers to its image, it has one."""
    if format_of(path).takes.of_format and labels.ndim in format_of(path).takes.axes:
        how = {"grid": grid_of(labels.ndim, path), "source": source_of(labels.ndim), **how}
    return write_mask(path, labels, **how)


def labels_of(axes, highest=3):
    return np.random.default_rng(0).integers(0, highest + 1, SHAPES[axes]).astype(np.uint16)


def on_image(path, axes, read=read_mask):
    """A mask as it lies on its image."""
    grid = grid_of(axes, path)
    image = Image(np.zeros(SHAPES[axes], np.uint8), source=path, grid=grid, spacing=grid.spacing, unit=grid.unit)
    return fit_mask(image, read(path), image_path=Path("image"), mask_path=path)


def sample(format, path):
    """A file of a format: what it holds is no matter."""
    axes = format.gives.axes[0]
    if format.write_image is not None:
        return write_image(path, labels_of(axes).astype(np.uint8), volume=axes == 3)
    if format.write_mask is not None:
        return write(path, labels_of(axes))
    if format.name == "dicom":
        return dicom_files.write(path, labels_of(2).astype(np.uint8))
    if format.name == "slide":
        tifffile.imwrite(path, np.zeros((40, 40, 3), np.uint8), tile=(16, 16), photometric="rgb", compression="zlib")
        return path
    # of what is only read, a library's own
    PillowImage.fromarray(labels_of(2).astype(np.uint8)).save(path)
    return path


def content(path):
    """All bytes of a file or a folder, unpacked."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    raw = (file.read_bytes() for file in files if file.is_file())
    return b"".join(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data for data in raw)


def test_every_format_is_listed_and_no_two_are_one():
    folder = Path(napari_medseg.io.__file__).parent
    found = {path.stem for path in folder.glob("*.py") if re.search(r"^FORMAT = ", path.read_text(), re.MULTILINE)}
    assert found == set(NAMES)
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert len({one.name for one in FORMATS}) == len({one.title for one in FORMATS}) == len(FORMATS)
    assert set(READ_SUFFIXES) | set(WRITE_SUFFIXES) == set(suffixes)


@each
def test_what_is_said_of_a_format_holds_together(format):
    assert all(re.fullmatch(r"(\.[a-z0-9]+){1,2}", suffix) for suffix in (*format.suffixes, *format.inner))
    # the temporary file ends like the one that is written
    assert max(map(len, format.suffixes)) <= 12
    assert (format.read is None) == (format.grid is None)
    assert format.read is not None or format.write_mask is not None
    assert format.gives.axes and set(format.gives.axes) <= {2, 3} and set(format.takes.axes) <= {2, 3}
    assert 1 <= format.takes.highest <= 65535
    assert format.write_mask is not None or format.write_map is None
    assert format.judged
    for suffix in format.suffixes:
        for name in (
            f"a{suffix}",
            f"A{suffix.upper()}",
            f"b.c{suffix}",
            *(f"a{inner}{suffix}" for inner in format.inner),
        ):
            assert format_of(name) == format
            # what may stand before a suffix may be one of its own with it
            assert suffix_of(name) == suffix or suffix_of(name) in format.suffixes
            assert stem_of(name) in ("a", "A", "b.c")


@each_mask_axes
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_labels_come_back(tmp_path, format, axes, data):
    # greys between 0 and 255 are a blurred rim: the other kinds are below
    kinds = st.sampled_from([np.uint8, np.uint16, np.int64, bool])
    dtype = data.draw(kinds)
    highest = min(254, format.takes.highest)
    values = st.booleans() if dtype is bool else st.integers(0, highest)
    labels = data.draw(hnp.arrays(dtype, SHAPES[axes], elements=values))
    numbers = data.draw(st.booleans())
    path = write(tmp_path / f"m{format.suffix}", labels, grid=grid_of(axes, f"m{format.suffix}"), numbers=numbers)
    if format.read is not None:
        np.testing.assert_array_equal(on_image(path, axes)[0], labels)


@each_mask_axes
@pytest.mark.parametrize("label", [1, 2, 254, 255, 256, 65534, 65535])
@pytest.mark.parametrize("numbers", [False, True])
def test_a_label_alone_keeps_its_number(tmp_path, format, axes, label, numbers):
    if label > format.takes.highest:
        pytest.skip("told by the next")
    labels = (labels_of(axes) == 1) * np.uint16(label)
    path = write(tmp_path / f"m{format.suffix}", labels, grid=grid_of(axes, f"m{format.suffix}"), numbers=numbers)
    if format.read is not None:
        np.testing.assert_array_equal(on_image(path, axes)[0], labels)
        # of labels of which the file says that they are numbers, nothing is white
        if label > 1 or numbers:
            np.testing.assert_array_equal(on_image(path, axes, read_numbers)[0], labels)


@each_mask
def test_labels_that_a_format_does_not_hold_are_refused(tmp_path, format):
    axes = format.takes.axes[0]
    for wrong in (format.takes.highest + 1, -1):
        labels = np.full(SHAPES[axes], wrong, np.int64)
        with pytest.raises(ShapeError, match=rf"labels go from {wrong} .* expected 0 to {format.takes.highest}\."):
            write(tmp_path / f"m{format.suffix}", labels)
    for other in {2, 3} - set(format.takes.axes):
        with pytest.raises(InputError, match=rf"m{re.escape(format.suffix)} has suffix .* is written as "):
            write(tmp_path / f"m{format.suffix}", np.ones(SHAPES[other], int))
    assert list(tmp_path.iterdir()) == []


@each_mask
def test_a_mask_is_written_whole_or_not_at_all(tmp_path, format):
    axes = format.takes.axes[0]
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "none" / f"m{format.suffix}", labels_of(axes))
    path = write(tmp_path / f"m{format.suffix}", labels_of(axes))
    write(path, labels_of(axes, 1))
    assert list(tmp_path.iterdir()) == [path]


@each
def test_what_a_format_does_not_write_is_refused(tmp_path, format):
    data = np.zeros(SHAPES[format.takes.axes[0]], np.float32)
    path = tmp_path / f"m{format.suffix}"
    if format.write_mask is None:
        with pytest.raises(InputError, match=r"masks are written as \.tif, "):
            write(path, data.astype(int))
    if format.write_map is None:
        with pytest.raises(InputError, match=r"maps are written as \.tif, "):
            write_probabilities(path, data)
    if format.write_image is None:
        with pytest.raises(InputError, match=r"images are written as \.tif, "):
            write_image(path, data)
    assert list(tmp_path.iterdir()) == []


@each_mask_axes
def test_a_mask_lies_where_its_image_does(tmp_path, format, axes):
    grid = grid_of(axes, f"m{format.suffix}")
    path = write(tmp_path / f"m{format.suffix}", labels_of(axes), grid=grid)
    if format.read is None:
        return
    found = read_grid(path)
    if format.keeps.spacing is Kept.NOT:
        assert found.spacing is None
    else:
        np.testing.assert_allclose(found.spacing_mm[-axes:], grid.spacing_mm, rtol=1e-5)
    if axes == 3 and format.keeps.position is not Kept.NOT:
        np.testing.assert_allclose(found.affine, grid.affine, atol=1e-5)
    mask, told = on_image(path, axes)
    np.testing.assert_array_equal(mask, labels_of(axes))
    assert told is None


@each_mask
def test_micrometres_and_unknown_sizes_are_what_they_were(tmp_path, format):
    if format.read is None or 2 not in format.takes.axes or format.takes.of_format:
        pytest.skip("of no matter here: what a mask refers to says its own sizes")
    for spacing, unit in (((0.65, 0.325), "um"), (None, "px")):
        grid = Grid(SHAPES[2], spacing=spacing, unit=unit)
        found = read_grid(write(tmp_path / f"m{format.suffix}", labels_of(2), grid=grid))
        if spacing is not None and format.keeps.spacing is not Kept.NOT:
            np.testing.assert_allclose(found.spacing_mm[-2:], grid.spacing_mm, rtol=1e-4)
        elif found.affine is None:
            assert found.spacing is None


@each_mask
def test_names_and_history_are_kept_where_it_is_said(tmp_path, format):
    facts = {"classes": {1: "CLASSNAME"}, "proposal": "HISTORY"}
    path = write(tmp_path / f"m{format.suffix}", labels_of(format.takes.axes[0]), provenance=facts)
    found = content(path)
    for kept, word in ((format.keeps.classes, b"CLASSNAME"), (format.keeps.provenance, b"HISTORY")):
        assert (word in found) == (kept is not Kept.NOT)


@each_map_axes
def test_maps_come_back(tmp_path, format, axes):
    data = np.random.default_rng(0).random(SHAPES[axes], np.float32)
    data.flat[:2] = 0, 1
    path = write_probabilities(tmp_path / f"p{format.suffix}", data, grid=grid_of(axes))
    found, steps = read_image(path).data, format.keeps.steps
    found = found.reshape(data.shape).astype(np.float32) / (1 if steps is None else steps - 1)
    np.testing.assert_allclose(found, data, atol=0 if steps is None else 0.51 / (steps - 1))


@each_image_axes
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.float32])
def test_images_come_back(tmp_path, format, axes, dtype):
    shapes = [SHAPES[axes], *([(*SHAPES[2], 3), (*SHAPES[2], 4)] if format.takes.colour and axes == 2 else [])]
    for shape in shapes:
        data = (np.random.default_rng(0).normal(0, 100, shape)).astype(dtype)
        path = write_image(tmp_path / f"i{format.suffix}", data, grid=grid_of(axes), volume=axes == 3)
        image = read_image(path)
        np.testing.assert_array_equal(image.data, data)
        assert image.volume == is_volume(path) == (axes == 3)
        assert dtype is bool or image.data.dtype == dtype


@each_read
def test_the_header_says_what_is_read(tmp_path, format):
    for suffix in format.suffixes:
        path = sample(format, tmp_path / f"s{suffix}")
        image, grid = read_image(path) if format.gives.images else None, read_grid(path)
        assert grid.shape == (read_mask(path).shape if image is None else image.shape)
        assert image is None or (image.grid.spacing, image.grid.unit) == (grid.spacing, grid.unit)
        assert len(grid.shape) in format.gives.axes and is_volume(path) == (len(grid.shape) == 3)


@each_read
def test_what_is_no_whole_file_is_refused_in_a_sentence(tmp_path, format):
    path = sample(format, tmp_path / f"whole{format.suffix}")
    bad = {"none": None, "empty": b"", "text": b"this is no image of any kind\n" * 20}
    if not path.is_dir():
        whole = path.read_bytes()
        bad |= {"half": whole[: len(whole) // 2], "start": whole[:20]}
    for name, data in bad.items():
        file = tmp_path / f"{name}{format.suffix}"
        if data is not None:
            file.write_bytes(data)
        for read in (read_image, read_mask):
            with pytest.raises(ImageReadError) as caught:
                read(file)
            text = str(caught.value)
            assert f"{name}{format.suffix}" in text and text.endswith(".") and "\n" not in text
    folder = tmp_path / f"folder{format.suffix}"
    folder.mkdir()
    with pytest.raises(ImageReadError, match="folder"):
        read_image(folder)


@each_read
def test_results_beside_their_images_are_no_images(tmp_path, format):
    """``predict FOLDER`` never reads what it wrote, whatever the images are and the results."""
    # beside masks of a format that holds no images
    its = format if format.gives.images else FORMATS[0]
    image = sample(its, tmp_path / f"a{its.suffix}")
    for other in at_hand(formats_for("mask")):
        axes = 3 if 3 in its.gives.axes and 3 in other.takes.axes else other.takes.axes[0]
        for name in ("mask", "objects"):
            write(tmp_path / f"a_{name}{other.suffix}", labels_of(axes))
        for name in ("prob", "edges", "disagreement"):
            if other.write_map is not None:
                write_probabilities(tmp_path / f"a_{name}{other.suffix}", labels_of(axes) / 3)
    images, left_out = walk_images([tmp_path])
    assert images == [image]
    readable = [path for path in tmp_path.iterdir() if suffix_of(path) in READ_SUFFIXES and path != image]
    assert set(left_out) == {path for path in readable if format_of(path).gives.images}
