"""DICOM images: what their numbers mean, and how large their pixels are."""

import struct

import numpy as np
import pytest
import SimpleITK
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from napari_medseg.errors import OperationError
from napari_medseg.io import format_of, is_volume, read_grid, read_image, stem_of
from napari_medseg.io.orientation import letters_of
from tests.io.dicom_files import CT, US, dataset, of, pack, write, write_enhanced

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (40, 50), np.uint8)
DEEP = RNG.integers(-900, 2000, (40, 50)).astype(np.int16)
COLOUR = RNG.integers(0, 255, (40, 50, 3), np.uint8)


def by_itk(path):
    """Numbers as SimpleITK reads them: (Y, X) or (Y, X, 3)."""
    found = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    return found[0] if len(found) == 1 else found


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("data", [GREY, DEEP, COLOUR], ids=["grey", "deep", "colour"])
def test_numbers_are_those_of_another_program(tmp_path, data, syntax):
    found = dataset(data)
    if syntax is not None:
        pack(found, syntax)
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    image = read_image(tmp_path / "a.dcm")
    assert image.data.dtype == data.dtype
    np.testing.assert_array_equal(image.data, by_itk(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(image.data, data)


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [(1, 0, np.int16), (1, -1024, np.int16), (2, -1, np.int16), (100, 0, np.int32), (0.5, 0, np.float32)],
)
def test_the_scale_gives_the_modality_s_values(tmp_path, slope, intercept, dtype):
    path = write(tmp_path / "a.dcm", DEEP, kind=CT, RescaleSlope=slope, RescaleIntercept=intercept)
    data = read_image(path).data
    assert data.dtype == dtype
    np.testing.assert_allclose(data, DEEP * np.float64(slope) + intercept)
    np.testing.assert_allclose(data, by_itk(path))


def test_a_table_gives_the_modality_s_values(tmp_path):
    table = of(LUTDescriptor=[256, 0, 16], ModalityLUTType="US", LUTData=struct.pack("<256H", *range(0, 2560, 10)))
    path = write(tmp_path / "a.dcm", GREY, ModalityLUTSequence=Sequence([table]))
    np.testing.assert_array_equal(read_image(path).data, GREY.astype(int) * 10)


@pytest.mark.parametrize("data", [GREY, DEEP], ids=["grey", "deep"])
def test_where_the_least_is_white_it_is_shown_so(tmp_path, data):
    path = write(tmp_path / "a.dcm", data, photometric="MONOCHROME1", WindowCenter=100.5, WindowWidth=101)
    image = read_image(path)
    assert image.data.dtype == data.dtype
    np.testing.assert_array_equal(image.data, (255 if data is GREY else -1) - data.astype(int))
    # what was black at the window's upper end is at its lower
    assert image.window == ((105, 205) if data is GREY else (-151, -51))


def test_pixels_that_are_none_are_as_dark_as_the_darkest(tmp_path):
    data = DEEP.copy()
    data[:5], data[5] = -2000, -1999
    path = write(tmp_path / "a.dcm", data, kind=CT, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1999)
    found = read_image(path).data
    assert (found[:6] == data[6:].min()).all()
    np.testing.assert_array_equal(found[6:], data[6:])
    white = write(tmp_path / "b.dcm", data, photometric="MONOCHROME1", PixelPaddingValue=-2000)
    assert (read_image(white).data[:5] == -1 - data[6:].max()).all()


def test_a_palette_is_read_as_its_colours(tmp_path):
    tables = {}
    for name in ("Red", "Green", "Blue"):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        values = RNG.permutation(256).astype(np.uint16) * 257
        tables[f"{name}PaletteColorLookupTableData"] = values.tobytes()
    path = write(tmp_path / "a.dcm", GREY, photometric="PALETTE COLOR", **tables)
    image = read_image(path)
    assert (image.data.shape, image.data.dtype) == ((40, 50, 3), np.uint8)
    red = np.frombuffer(tables["RedPaletteColorLookupTableData"], np.uint16) >> 8
    np.testing.assert_array_equal(image.data[..., 0], red[GREY])


def test_colours_stored_otherwise_are_read_as_red_green_and_blue(tmp_path):
    from pydicom.pixels import convert_color_space

    smooth = np.full((40, 50, 3), (200, 100, 50), np.uint8)
    found = dataset(convert_color_space(smooth, "RGB", "YBR_FULL"), photometric="YBR_FULL")
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert np.abs(read_image(tmp_path / "a.dcm").data.astype(int) - smooth).max() <= 2
    planes = dataset(COLOUR, PlanarConfiguration=1)
    planes.PixelData = np.ascontiguousarray(COLOUR.transpose(2, 0, 1)).tobytes()
    planes.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_image(tmp_path / "b.dcm").data, COLOUR)


def test_one_bit_is_black_or_white(tmp_path):
    data = GREY > 100
    found = dataset(data.astype(np.uint8), BitsAllocated=1, BitsStored=1, HighBit=0)
    found.PixelData = np.packbits(data.ravel(), bitorder="little").tobytes() + b"\0"
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm").data, data)


@pytest.mark.parametrize(
    ("tags", "window"),
    [
        ({}, None),
        ({"WindowCenter": 40, "WindowWidth": 400}, (-160, 239)),
        ({"WindowCenter": [40, 600], "WindowWidth": [400, 3000]}, (-160, 239)),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"}, (-160, 240)),
        ({"WindowCenter": 40, "WindowWidth": 0}, None),
        ({"WindowCenter": 40}, None),
    ],
)
def test_the_window_is_the_file_s(tmp_path, tags, window):
    assert read_image(write(tmp_path / "a.dcm", DEEP, kind=CT, **tags)).window == window


REGION = {"RegionSpatialFormat": 1, "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3}


@pytest.mark.parametrize(
    ("tags", "spacing", "estimated", "word"),
    [
        ({}, None, False, None),
        ({"PixelSpacing": [0.5, 0.25]}, (0.5, 0.25), False, None),
        ({"PixelSpacing": [0, 0]}, None, False, None),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1), True, "estimate"),
        # the same in both tags: nobody corrected it
        ({"ImagerPixelSpacing": [0.2, 0.1], "PixelSpacing": [0.2, 0.1]}, (0.2, 0.1), True, "estimate"),
        ({"ImagerPixelSpacing": [0.2, 0.1], "PixelSpacing": [0.15, 0.08]}, (0.15, 0.08), False, None),
        (
            {"ImagerPixelSpacing": [0.2, 0.1], "EstimatedRadiographicMagnificationFactor": 2},
            (0.1, 0.05),
            True,
            None,
        ),
        ({"SequenceOfUltrasoundRegions": [{"PhysicalDeltaX": 0.02, "PhysicalDeltaY": 0.03}]}, (0.3, 0.2), False, None),
        (
            {
                "SequenceOfUltrasoundRegions": [
                    {"PhysicalDeltaX": 0.02, "PhysicalDeltaY": 0.03},
                    {"PhysicalDeltaX": 0.05, "PhysicalDeltaY": 0.03},
                ]
            },
            None,
            False,
            "regions",
        ),
        # a curve over time has no millimetres
        (
            {
                "SequenceOfUltrasoundRegions": [
                    {"PhysicalDeltaX": 0.02, "PhysicalDeltaY": 0.03, "PhysicalUnitsXDirection": 4}
                ]
            },
            None,
            False,
            None,
        ),
    ],
)
def test_sizes_of_pixels_come_from_whichever_tag_has_them(tmp_path, tags, spacing, estimated, word):
    if regions := tags.get("SequenceOfUltrasoundRegions"):
        tags = {"SequenceOfUltrasoundRegions": Sequence([of(**{**REGION, **region}) for region in regions])}
    path = write(tmp_path / "a.dcm", GREY, kind=US, **tags)
    image = read_image(path)
    assert image.spacing == (None if spacing is None else pytest.approx(spacing))
    assert image.unit == ("px" if spacing is None else "mm")
    assert image.grid.printed == estimated
    assert [word in line for line in image.told] == ([] if word is None else [True])
    grid = read_grid(path)
    assert (grid.spacing, grid.unit, grid.printed) == (image.spacing, image.unit, image.grid.printed)


def test_text_in_the_picture_is_pointed_out(tmp_path):
    (said,) = read_image(write(tmp_path / "a.dcm", GREY, BurnedInAnnotation="YES")).told
    assert "burnt into its picture" in said


# several frames


def test_a_film_is_slices_that_lie_nowhere(tmp_path):
    frames = RNG.integers(0, 255, (4, 40, 50), np.uint8)
    path = write(tmp_path / "a.dcm", frames, kind=US, PixelSpacing=[0.5, 0.5])
    image = read_image(path)
    assert is_volume(path)
    assert (image.spacing, image.unit, image.grid.spacing_mm) == ((1, 1, 1), "px", None)
    assert ["film" in line for line in image.told] == [True]
    assert letters_of(image.grid) is None
    np.testing.assert_array_equal(image.data, frames)
    again = read_image(write_enhanced(tmp_path / "b.dcm", frames, np.diag([1, 1, 0, 1.0])))
    assert (again.unit, again.data.shape) == ("px", frames.shape)
    colour = np.repeat(frames[..., None], 3, -1)
    image = read_image(write(tmp_path / "c.dcm", colour, kind=US, NumberOfFrames=4))
    np.testing.assert_array_equal(image.data, frames)
    assert len(image.told) == 2


TURNED = np.array([[0, 0.6, -2.4, 10], [0.5, 0, 0, -20], [0, 0.8, 1.8, 30], [0, 0, 0, 1.0]])


def test_frames_lie_where_their_groups_say(tmp_path):
    data = RNG.integers(0, 500, (5, 40, 50)).astype(np.int16)
    scales = [(2, n) for n in range(5)]
    path = write_enhanced(tmp_path / "a.dcm", data, TURNED, order=[3, 0, 4, 1, 2], scales=scales)
    image, grid = read_image(path), read_grid(path)
    assert image.volume and image.window == (-0.5, 99.5)
    np.testing.assert_allclose(grid.affine, image.grid.affine)
    # each voxel, where ITK's own arithmetic has it
    found = {}
    for index in np.ndindex(image.data.shape):
        x, y, z = (image.grid.affine @ (*index[::-1], 1))[:3]
        found[-round(x, 3), -round(y, 3), round(z, 3)] = image.data[index]
    order = {z: number for number, z in enumerate([3, 0, 4, 1, 2])}
    for z, y, x in ((0, 0, 0), (4, 39, 49), (2, 7, 11), (1, 39, 0)):
        place = TURNED @ (x, y, z, 1)
        assert found[tuple(round(v, 3) for v in place[:3])] == 2 * data[z, y, x] + order[z]


def test_a_dose_lies_as_its_table_says(tmp_path):
    data = RNG.integers(0, 500, (4, 40, 50)).astype(np.uint16)
    facts = {"ImagePositionPatient": [10, 20, 30], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    path = write(
        tmp_path / "a.dcm",
        data,
        Modality="RTDOSE",
        GridFrameOffsetVector=[0, 3, 6, 9],
        DoseGridScaling=0.01,
        PixelSpacing=[2, 2],
        **facts,
    )
    image = read_image(path)
    assert image.spacing == (3, 2, 2)
    np.testing.assert_allclose(image.data[:, ::-1, ::-1], data * 0.01, rtol=1e-6)


# which files are DICOM


def test_files_are_known_by_what_they_hold(tmp_path):
    for name, stem in (("IM0001", "IM0001"), ("1.2.840.7", "1.2.840.7"), ("a.DCM", "a"), ("b.ima", "b")):
        path = write(tmp_path / name, GREY)
        assert format_of(path).name == "dicom"
        assert stem_of(path) == stem
        np.testing.assert_array_equal(read_image(path).data, GREY)
    (tmp_path / "report").write_bytes(b"no image of any kind" * 20)
    assert format_of(tmp_path / "report") is None


def test_files_of_before_there_was_a_beginning_are_read(tmp_path):
    whole = write(tmp_path / "a.dcm", GREY).read_bytes()
    at = whole.index(b"\x08\x00\x16\x00UI")
    (tmp_path / "b.dcm").write_bytes(whole[at:])
    np.testing.assert_array_equal(read_image(tmp_path / "b.dcm").data, GREY)


def test_a_library_that_is_missing_is_told_with_its_command(tmp_path, monkeypatch):
    import sys

    path = write(tmp_path / "a.dcm", GREY)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(OperationError, match=r'DICOM needs the library pydicom.*pip install "napari-medseg\[dicom\]"'):
        read_image(path)
    # a folder of such files is still one image
    write_again = tmp_path / "s"
    write_again.mkdir()
    for name in "ab":
        (write_again / name).write_bytes(path.read_bytes())
    with pytest.raises(OperationError, match="pip install"):
        read_image(write_again)


def test_a_photograph_packed_as_a_jpeg_is_read(tmp_path):
    import io

    from PIL import Image as PillowImage

    stream = io.BytesIO()
    smooth = np.tile(np.linspace(0, 255, 32).astype(np.uint8), (32, 1))
    PillowImage.fromarray(smooth).save(stream, "JPEG", quality=95)
    found = dataset(smooth)
    found.PixelData = encapsulate([stream.getvalue()])
    found["PixelData"].VR = "OB"
    found["PixelData"].is_undefined_length = True
    found.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    data = read_image(tmp_path / "a.dcm").data
    assert np.abs(data.astype(int) - smooth).max() < 6
    # decoders round differently
    np.testing.assert_allclose(data, by_itk(tmp_path / "a.dcm"), atol=1)
