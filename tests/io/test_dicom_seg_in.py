"""DICOM-SEG that other programs wrote comes in as a mask, or is refused."""

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from napari_medseg.errors import ImageReadError, InputError
from napari_medseg.io import fit_mask, format_of, list_images, names_of, read_image, read_mask, stem_of
from napari_medseg.io.dicom_series import list_series
from tests.io import dicom_files
from tests.io.seg_files import LIES, SAMPLES, SHAPE, back, by_dcmqi, on_grid, series, voxels_of


def made_elsewhere(tmp_path, kind="BINARY", array=None, **how):
    """By highdicom alone, as other programs write it."""
    source = series(tmp_path / "i", LIES["oblique"], SliceThickness="2.5", FrameOfReferenceUID=generate_uid())
    headers = [pydicom.dcmread(file) for file in sorted(source.iterdir())]
    array = np.zeros((5, *SHAPE[1:]), np.uint8) if array is None else array
    array[2, 2:4, 3:9] = 1
    texts = ["Liver", "Spleen"]
    described = [
        highdicom.seg.SegmentDescription(n, name, codes.SCT.Organ, codes.SCT.Organ, "MANUAL")
        for n, name in enumerate(texts, start=1)
    ]
    found = highdicom.seg.Segmentation(
        headers, array, kind, described, generate_uid(), 1, generate_uid(), 1, "other", "other", "1", "1", **how
    )
    found.save_as(tmp_path / "other.dcm")
    return source, tmp_path / "other.dcm", headers, array


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_masks_of_other_programs_come_in_whatever_they_are_called(tmp_path, kind):
    array = np.zeros((5, *SHAPE[1:]), np.uint8)
    array[0, 7, 3:5] = 2
    source, path, headers, array = made_elsewhere(tmp_path, kind, array)
    assert format_of(path).name == "dicom-seg" and stem_of(path) == "other"
    image = read_image(source)
    stored = np.zeros(SHAPE, np.uint8)
    for header, plane in zip(headers, array, strict=True):
        stored[int(header.InstanceNumber) - 1] = plane
    np.testing.assert_array_equal(back(path, image, source), on_grid(stored, image, LIES["oblique"]))
    assert names_of(path) == {1: "Liver", 2: "Spleen"}


def test_shares_of_pixels_and_segments_that_share_pixels_are_refused(tmp_path):
    array = np.zeros((5, *SHAPE[1:], 2), np.float32)
    array[1, 3, 4, 0] = 0.4
    _, path, _, _ = made_elsewhere(tmp_path, "FRACTIONAL", array)
    with pytest.raises(ImageReadError, match=r"other\.dcm holds shares of pixels .* Threshold it"):
        read_mask(path)
    array = np.zeros((5, *SHAPE[1:], 2), np.uint8)
    array[1, 3, 4:6] = 1
    _, path, _, _ = made_elsewhere(tmp_path, "BINARY", array)
    with pytest.raises(ImageReadError, match=r"other\.dcm has segments that share pixels \(labels 1 and 2, "):
        read_mask(path)


def test_a_segmentation_is_no_image_and_no_picture_of_its_series(tmp_path):
    source, path, _, _ = made_elsewhere(tmp_path)
    with pytest.raises(ImageReadError, match=r"other\.dcm is DICOM-SEG, which holds masks only; .* add IMAGE --masks"):
        read_image(path)
    # beside the slices it was drawn on
    path.rename(source / "mask.dcm")
    (one,) = list_series(source)
    assert one.slices == SHAPE[0] and read_image(source).told == ()
    assert list_images(source, masks=False) == [source]


def test_a_mask_of_another_place_is_refused(tmp_path):
    _, path, _, _ = made_elsewhere(tmp_path)
    other = read_image(series(tmp_path / "j", LIES["axial"]))
    with pytest.raises(InputError, match="expected the geometry of its image"):
        fit_mask(other, read_mask(path), image_path=tmp_path / "j", mask_path=path)


def test_dicom_that_is_no_segmentation_is_no_mask_whatever_it_is_called(tmp_path):
    path = dicom_files.write(tmp_path / "a.seg.dcm", np.ones((4, 5), np.uint8))
    with pytest.raises(ImageReadError, match=r"a\.seg\.dcm is DICOM, but no segmentation; expected DICOM-SEG\."):
        read_mask(path)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the real files are not here")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dcmqi/liver.dcm", {1}),
        ("pydicom/liver_1frame.dcm", {1}),
        ("highdicom/seg_image_ct_binary.dcm", {1}),
        ("highdicom/seg_image_ct_true_fractional.dcm", None),
    ],
)
def test_real_segmentations_are_read_or_refused(name, found):
    if found is None:
        with pytest.raises(ImageReadError, match="holds shares of pixels"):
            read_mask(SAMPLES / name)
    else:
        assert set(np.unique(read_mask(SAMPLES / name))) - {0} == found


@pytest.mark.skipif(not SAMPLES.exists(), reason="the real files are not here")
def test_the_liver_of_dcmqi_lies_on_its_ct(tmp_path):
    (tmp_path / "ct").mkdir()
    for file in (SAMPLES / "dcmqi").glob("ct-3slice*"):
        (tmp_path / "ct" / file.name).write_bytes(file.read_bytes())
    image = read_image(tmp_path / "ct")
    mask = back(SAMPLES / "dcmqi" / "liver.dcm", image, tmp_path / "ct")
    (itk,) = by_dcmqi(SAMPLES / "dcmqi" / "liver.dcm", tmp_path / "itk")
    assert mask.sum() == (SimpleITK.GetArrayFromImage(itk) > 0).sum() > 0
    lps = np.diag((-1, -1, 1, 1)) @ image.grid.affine
    assert voxels_of(itk, lps) == {tuple(one) for one in np.argwhere(mask).tolist()}
