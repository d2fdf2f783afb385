"""NRRD: numbers and places as another program has them, in every packing, and what is refused."""

import bz2
import gzip
import itertools
import tracemalloc

import nrrd
import numpy as np
import pytest
import SimpleITK

from napari_medseg.errors import ImageReadError
from napari_medseg.io import fit_mask, is_volume, read_grid, read_image, read_mask, stem_of, write_image, write_mask
from napari_medseg.io.image import Grid
from napari_medseg.io.orientation import letters_of

DATA = np.random.default_rng(0).integers(-900, 2000, (4, 5, 6)).astype(np.int16)
SPACES = {"left-posterior-superior": (-1, -1, 1), "right-anterior-superior": (1, 1, 1), "LAS": (-1, 1, 1)}
OBLIQUE = np.array([[0.4, -0.36, 0, 3], [0.24, 0.384, 1.5, -7], [-0.18, -0.288, 2.0, 11], [0, 0, 0, 1.0]])


def header(affine, space="left-posterior-superior", **more):
    return {
        "space": space,
        "space directions": affine[:3, :3].T,
        "space origin": affine[:3, 3],
        "kinds": ["domain"] * 3,
        **more,
    }


def write(path, data, head=None, **more):
    nrrd.write(str(path), data, {**(head or {}), **more}, index_order="C")
    return path


def each_place(path):
    """Places in mm (x to the left, y to the back) and numbers of all voxels, by ITK."""
    other = SimpleITK.ReadImage(str(path))
    for index in itertools.product(*(range(n) for n in other.GetSize())):
        yield other.TransformIndexToPhysicalPoint(index), other.GetPixel(index)


def value_at(image, lps):
    index = np.linalg.solve(image.grid.affine, [-lps[0], -lps[1], lps[2], 1])[:3]
    np.testing.assert_allclose(index, np.round(index), atol=1e-3)
    return image.data[tuple(np.round(index).astype(int)[::-1])]


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_voxels_lie_where_another_program_has_them(tmp_path, space, encoding):
    path = write(tmp_path / "a.nrrd", DATA, header(OBLIQUE, space, encoding=encoding))
    image = read_image(path)
    assert image.volume and is_volume(path) and image.data.dtype == DATA.dtype
    assert (np.diag(image.grid.affine)[:3] > 0).all()
    # and where its own header says
    for z, y, x in ((0, 0, 0), (3, 4, 5), (1, 2, 4)):
        ras = (OBLIQUE @ (x, y, z, 1))[:3] * SPACES[space]
        assert value_at(image, ras * (-1, -1, 1)) == DATA[z, y, x]
    # ITK's own reader knows no bzip2
    for place, value in each_place(path) if encoding != "bzip2" else ():
        assert value_at(image, place) == value


@pytest.mark.parametrize("turn", list(itertools.permutations(range(3))))
def test_a_mask_has_the_header_of_its_image(tmp_path, turn):
    axes = np.eye(4)
    axes[:3, :3] = np.diag([0.5, -0.7, 2.0])[:, turn]
    for space, flip in itertools.product(SPACES, ([1, 1, 1, 1], [-1, 1, -1, 1])):
        path = write(tmp_path / "a.nrrd", DATA, header(axes @ np.diag(flip), space))
        image = read_image(path)
        mask = write_mask(tmp_path / "a_mask.nrrd", (image.data > 500).astype(np.uint8), grid=image.grid)
        one, other = nrrd.read_header(str(path)), nrrd.read_header(str(mask))
        for name in ("space", "space directions", "space origin", "sizes"):
            np.testing.assert_array_equal(one[name], other[name])
        np.testing.assert_array_equal(nrrd.read(str(mask), index_order="C")[0], DATA > 500)
        fitted, told = fit_mask(image, read_mask(mask), image_path=path, mask_path=mask)
        assert told is None
        np.testing.assert_array_equal(fitted, image.data > 500)


def test_a_mask_of_another_format_s_volume_lies_on_it_in_another_program(tmp_path):
    grid = Grid.of_affine(DATA.shape, np.diag([-1, -1, 1, 1]) @ OBLIQUE)
    for name in ("a.nrrd", "a.nii.gz"):
        write_mask(tmp_path / name, (DATA > 500).astype(np.uint8), grid=grid)
    one, other = (list(each_place(tmp_path / name)) for name in ("a.nrrd", "a.nii.gz"))
    np.testing.assert_allclose([p for p, _ in one], [p for p, _ in other], atol=1e-4)
    assert [v for _, v in one] == [v for _, v in other]


def test_a_volume_of_sizes_alone_lies_as_another_program_has_it(tmp_path):
    image = read_image(write(tmp_path / "a.nrrd", DATA, spacings=[0.5, 0.6, 2.0]))
    assert (image.spacing, image.unit) == ((2.0, 0.6, 0.5), "mm")
    for place, value in each_place(tmp_path / "a.nrrd"):
        assert value_at(image, place) == value
    assert read_image(write(tmp_path / "b.nrrd", DATA)).unit == "px"


@pytest.mark.parametrize(
    ("units", "spacing", "unit"),
    [
        (["mm"] * 2, (0.6, 0.5), "mm"),
        (["um"] * 2, (0.6, 0.5), "um"),
        (["cm"] * 2, (6, 5), "mm"),
        (None, (0.6, 0.5), "mm"),
    ],
)
def test_pictures_have_the_size_that_is_said(tmp_path, units, spacing, unit):
    more = {} if units is None else {"units": units}
    image = read_image(write(tmp_path / "a.nrrd", DATA[0], spacings=[0.5, 0.6], **more))
    np.testing.assert_array_equal(image.data, DATA[0])
    assert (image.spacing, image.unit) == (pytest.approx(spacing), unit)


def test_colours_and_single_slices_are_read(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (5, 6, 3), np.uint8)
    path = write(tmp_path / "a.nrrd", colour, kinds=["RGB-color", "domain", "domain"])
    np.testing.assert_array_equal(read_image(path).data, colour)
    assert read_grid(path).shape == (5, 6)
    path = write(tmp_path / "b.nrrd", DATA[:1], header(OBLIQUE))
    assert read_image(path).shape == read_grid(path).shape
    path = write(tmp_path / "c.nrrd", DATA[None])
    assert read_image(path).shape == DATA.shape


def test_segmentations_of_slicer_pair_with_their_image(tmp_path):
    path = write(tmp_path / "a.seg.nrrd", (DATA > 500).astype(np.uint8), header(OBLIQUE, Segment0_Name="lesion"))
    assert stem_of(path) == "a"
    assert read_mask(path).sum() == (DATA > 500).sum()


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (header(OBLIQUE, "scanner-xyz"), "space 'scanner-xyz'"),
        (header(np.zeros((4, 4))), "puts its voxels nowhere"),
        (header(np.diag([1.0, 1, 0, 1])), "puts its voxels nowhere"),
        (header(OBLIQUE, **{"space units": ["mm", "s", "mm"]}), "units that are none of length"),
    ],
)
def test_a_header_that_cannot_be_followed_is_refused(tmp_path, head, word):
    path = write(tmp_path / "a.nrrd", DATA, head)
    for read in (read_image, read_grid):
        with pytest.raises(ImageReadError, match=word):
            read(path)


def raw(path, lines, data=b""):
    path.write_bytes("\n".join(["NRRD0004", *lines, "", ""]).encode() + data)
    return path


PLAIN = ["type: uchar", "dimension: 3", "sizes: 4 5 6", "encoding: raw"]


@pytest.mark.parametrize(
    ("lines", "data", "word"),
    [
        ([*PLAIN, "data file: /etc/passwd"], b"", "has its pixels in another file"),
        ([*PLAIN, "datafile: LIST"], b"", "has its pixels in another file"),
        ([*PLAIN, "line skip: 100000000000"], bytes(120), "passes over"),
        ([*PLAIN, "byte skip: -1"], bytes(120), "passes over"),
        (PLAIN, bytes(119), "truncated or damaged"),
        ([*PLAIN[:2], "sizes: 4 5", "encoding: raw"], bytes(120), "damaged or no NRRD"),
        ([*PLAIN[:2], "sizes: 4 5 -6", "encoding: raw"], bytes(120), "damaged or no NRRD"),
        ([*PLAIN[:2], "sizes: 30000 30000 30000", "encoding: gzip"], bytes(120), "says that it holds"),
        ([*PLAIN[:3], "encoding: hex"], b"00" * 120, "packed in another way"),
        ([*PLAIN[:3], "encoding: gzip"], gzip.compress(bytes(120), mtime=0)[:-9], "damaged or no NRRD"),
        ([*PLAIN[:3], "encoding: gzip"], gzip.compress(bytes(120), 1, mtime=0)[:-8] + bytes(8), "damaged or no NRRD"),
        ([*PLAIN[:3], "encoding: bzip2"], bz2.compress(bytes(120))[:-9], "damaged or no NRRD"),
        ([*PLAIN[:3], "encoding: bzip2"], bz2.compress(bytes(60_000_000)), "goes on after its pixels"),
        ([*PLAIN[:3], "encoding: gzip"], gzip.compress(bytes(60_000_000), mtime=0), "goes on after its pixels"),
        (["type: block", *PLAIN[1:]], bytes(480), "damaged or no NRRD"),
        (["type: uchar", "dimension: 4", "sizes: 2 3 4 5", "encoding: raw"], bytes(120), "expected one image, or one"),
    ],
)
def test_what_is_damaged_or_huge_is_refused(tmp_path, lines, data, word):
    path = raw(tmp_path / "a.nrrd", lines, data)
    read_image(raw(tmp_path / "ok.nrrd", PLAIN, bytes(120)))
    tracemalloc.start()
    try:
        with pytest.raises(ImageReadError, match=word) as caught:
            read_image(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_detached_headers_are_no_format(tmp_path):
    (tmp_path / "a.nhdr").write_text("NRRD0004\n")
    with pytest.raises(ImageReadError, match=r"has suffix '\.nhdr'"):
        read_image(tmp_path / "a.nhdr")


def test_a_volume_that_is_not_measured_is_written_so(tmp_path):
    grid = Grid.of_affine(DATA.shape, np.eye(4), unit="px")
    path = write_image(tmp_path / "a.nrrd", DATA, grid=grid, volume=True)
    # nor is it said how it lies in the patient
    assert letters_of(read_grid(path)) is None
    assert letters_of(read_grid(write(tmp_path / "b.nrrd", DATA, header(OBLIQUE)))) == ("S", "A", "R")
    assert read_image(path).unit == "px"
    np.testing.assert_array_equal(read_image(path).data, DATA)


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("field", ["spacings: {0} 1 1", "space directions: ({0},0,0) (0,1,0) (0,0,1)"])
def test_sizes_that_are_no_numbers_are_told_without_a_warning(tmp_path, bad, field):
    """Of NumPy, which writes to the terminal; here a warning is an error."""
    space = "space dimension: 3\n" if field.startswith("space ") else ""
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 3 3 3\nencoding: raw\n{space}{field.format(bad)}\n\n"
    (tmp_path / "a.nrrd").write_bytes(head.encode() + bytes(27))
    try:
        assert read_grid(tmp_path / "a.nrrd").unit == "px"
    except ImageReadError as error:
        assert "puts its voxels nowhere" in str(error)
