"""DICOM files that are no images, damaged or too large: refused in one sentence."""

import re
import tracemalloc

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from napari_medseg.errors import ImageReadError
from napari_medseg.io import limits, read_image, read_mask
from tests.io.dicom_files import CT, MR, NAMES, dataset, write

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (40, 50), np.uint8)
DEEP = RNG.integers(-900, 2000, (40, 50)).astype(np.int16)
COLOUR = RNG.integers(0, 255, (40, 50, 3), np.uint8)


def refused(path):
    """The one sentence of a refusal: it names the file, and nobody."""
    with pytest.raises(ImageReadError) as caught:
        read_image(path)
    text = str(caught.value)
    assert path.name in text and text.endswith(".") and "\n" not in text
    assert not any(str(value) in text for value in NAMES.values())
    assert caught.value.__cause__ is None
    return text


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("1.2.840.10008.5.1.4.1.1.481.3", "'RT Structure Set', which holds no picture"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "'Comprehensive SR', which holds no picture"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "'Encapsulated PDF', which holds no picture"),
        ("1.2.3.4", "of an unknown kind, which holds no picture"),
    ],
)
def test_what_holds_no_picture_is_told_by_its_kind(tmp_path, kind, word):
    found = dataset(GREY, kind=kind)
    del found.Rows, found.Columns, found.PixelData
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert word in refused(tmp_path / "a.dcm")
    found = dataset(GREY, kind=kind)
    del found.PixelData
    found.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    assert "holds no picture" in refused(tmp_path / "b.dcm") or "truncated" in refused(tmp_path / "b.dcm")


def test_segmentations_and_slides_are_no_images(tmp_path):
    path = write(tmp_path / "a.dcm", GREY, Modality="SEG")
    assert "holds a segmentation" in refused(path)
    tiles = np.zeros((4, 40, 50), np.uint8)
    assert "a slide in 4 tiles" in refused(write(tmp_path / "b.dcm", tiles, TotalPixelMatrixColumns=60))
    with pytest.raises(ImageReadError, match="which holds images only; expected a mask"):
        read_mask(write(tmp_path / "c.dcm", GREY))


@pytest.mark.parametrize("syntax", [None, RLELossless, JPEG2000Lossless, DeflatedExplicitVRLittleEndian])
def test_what_is_cut_short_is_refused_wherever_it_ends(tmp_path, syntax):
    found = dataset(DEEP, kind=CT)
    if syntax == DeflatedExplicitVRLittleEndian:
        found.file_meta.TransferSyntaxUID = syntax
    elif syntax is not None:
        found.compress(syntax, generate_instance_uid=False)
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    whole = (tmp_path / "a.dcm").read_bytes()
    np.testing.assert_array_equal(read_image(tmp_path / "a.dcm").data, DEEP)
    for share in (0.2, 0.5, 0.8, 0.97):
        (tmp_path / "b.dcm").write_bytes(whole[: int(len(whole) * share)])
        refused(tmp_path / "b.dcm")


def test_a_packing_that_nobody_knows_is_named(tmp_path):
    for syntax, word in (
        ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile"),
        ("1.2.3.4.5", "'1.2.3.4.5'"),
    ):
        found = dataset(GREY)
        found.PixelData = encapsulate([b"\0\0\1\xb3" + bytes(100)])
        found["PixelData"].VR = "OB"
        found["PixelData"].is_undefined_length = True
        found.file_meta.TransferSyntaxUID = syntax
        found.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
        text = refused(tmp_path / "a.dcm")
        assert word in text and "nothing here can unpack" in text


@pytest.mark.parametrize(
    "tags",
    [
        {"Rows": 65000, "Columns": 65000},
        {"Rows": 65000, "Columns": 65000, "NumberOfFrames": 2_000_000_000},
        {"NumberOfFrames": 100_000},
        {"SamplesPerPixel": 60_000},
        {"BitsAllocated": 64_000},
        {"BitsAllocated": 0},
        {"NumberOfFrames": 0, "Rows": 0},
    ],
)
@pytest.mark.parametrize("syntax", [None, JPEG2000Lossless])
def test_a_small_file_that_claims_to_be_huge_is_refused_first(tmp_path, tags, syntax):
    found = dataset(GREY)
    if syntax is not None:
        found.compress(syntax, generate_instance_uid=False)
    for name, value in tags.items():
        setattr(found, name, value)
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    read_image(write(tmp_path / "ok.dcm", GREY))
    tracemalloc.start()
    try:
        refused(tmp_path / "a.dcm")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_picture_inside_is_no_larger_than_the_tags_say(tmp_path):
    found = dataset(np.zeros((3000, 3000), np.uint8))
    found.compress(JPEG2000Lossless, generate_instance_uid=False)
    found.Rows = found.Columns = 64
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "3000 x 3000 px; expected 64 x 64" in refused(tmp_path / "a.dcm")


def test_a_deflated_file_does_not_unfold_without_end(tmp_path, monkeypatch):
    monkeypatch.setitem(limits.FREE, "image", 1_000_000)
    found = dataset(GREY)
    found.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    found.PixelData = bytes(3_000_000)
    found.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert "unfolds to more than" in refused(tmp_path / "a.dcm")


def test_the_library_s_words_are_not_shown(tmp_path, recwarn, caplog, capfd):
    found = dataset(GREY, kind=MR)
    path = tmp_path / "a.dcm"
    found.save_as(path, enforce_file_format=True)
    raw = path.read_bytes()
    # a name where a number or a code belongs
    for tag, name in ((b"\x28\x00\x10\x00US\x02\x00", b"ZZ"), (b"\x08\x00\x60\x00CS\x02\x00", b"\xff\xfe")):
        at = raw.index(tag) + len(tag)
        path.write_bytes(raw[:at] + name + raw[at + 2 :])
        try:
            read_image(path)
        except ImageReadError as error:
            assert re.search("ZZ", str(error)) is None
    assert (recwarn.list, caplog.text, capfd.readouterr()) == ([], "", ("", ""))
    assert dcmread(path).PatientName == NAMES["PatientName"]
