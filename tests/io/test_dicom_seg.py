"""DICOM-SEG comes back where it was drawn, names nobody unasked, and is what other programs take for one."""

import logging

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK
from PIL import Image
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from napari_medseg.errors import InputError
from napari_medseg.io import names_of, read_grid, read_image, write_mask
from tests.io import dicom_files
from tests.io.seg_files import (
    LIES,
    SAMPLES,
    SHAPE,
    back,
    by_dcmqi,
    enhanced,
    judged,
    labels_of,
    on_grid,
    series,
    voxels_of,
    written,
)
from tests.io.test_geometry_contract import OBLIQUE, TURNS, affine_of


@pytest.mark.parametrize("kind", [series, enhanced])
@pytest.mark.parametrize("lie", LIES)
def test_a_mask_comes_back_where_it_was_drawn_whoever_reads_it(tmp_path, kind, lie):
    source, stored = kind(tmp_path / "i", LIES[lie]), labels_of(SHAPE)
    labels = on_grid(stored, read_image(source), LIES[lie])
    path, _, image = written(tmp_path, source, labels)
    np.testing.assert_array_equal(back(path, image, source), labels)
    assert judged(path) == []
    # highdicom, frame by frame, in the order of the image's own files
    found = highdicom.seg.segread(path)
    uids = [uid for _, _, uid in found.get_source_image_uids()]
    if kind is series:
        frames = found.get_pixels_by_source_instance(uids, combine_segments=True, relabel=True)
        where = {str(pydicom.dcmread(file).SOPInstanceUID): pydicom.dcmread(file) for file in source.iterdir()}
        for uid, frame in zip(uids, frames, strict=True):
            number = int(where[uid].InstanceNumber) - 1
            np.testing.assert_array_equal(frame > 0, stored[number] > 0)
    else:
        frames = found.get_pixels_by_source_frame(uids[0], range(1, 6), combine_segments=True)
        for frame, number in zip(frames, (2, 0, 4, 1, 3), strict=True):
            np.testing.assert_array_equal(frame > 0, stored[number] > 0)
    # dcmqi, in the patient's space: its images cannot shear, so that it straightens a tilted gantry, or gives up
    if lie == "tilted back":
        return
    for number, itk in zip((1, 3), by_dcmqi(path, tmp_path / "itk"), strict=True):
        if lie == "tilted":
            found = [plane > 0 for plane in SimpleITK.GetArrayFromImage(itk) if plane.any()]
            np.testing.assert_array_equal(found, [plane > 0 for plane in stored == number if plane.any()])
        else:
            assert voxels_of(itk, LIES[lie]) == {tuple(one) for one in np.argwhere(stored == number).tolist()}


@pytest.mark.parametrize(("order", "signs"), TURNS[::5])
@pytest.mark.parametrize("empty", [(), (0,), (0, 1, 2), (0, 2, 4), (0, 1, 3, 4)])
def test_slices_without_a_mark_may_be_missing_in_any_order_of_axes(tmp_path, order, signs, empty):
    affine = affine_of(order, signs, OBLIQUE)
    source = series(tmp_path / "i", affine)
    stored = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    stored[list(empty)] = 0
    path, labels, image = written(tmp_path, source, on_grid(stored, read_image(source), affine))
    np.testing.assert_array_equal(back(path, image, source), labels)


@pytest.mark.parametrize(
    "sample",
    [
        *("dcmqi/23x38x3_multiframe_mf.dcm", "pydicom/CT_small.dcm", "totalsegmentator_ct_series"),
        *("highdicom/dx_image.dcm", "pydicom/examples_rgb_color.dcm", "pydicom/examples_palette.dcm"),
        # a picture with a size, and without a place
        "pydicom/SC_rgb_rle.dcm",
    ],
)
@pytest.mark.skipif(not SAMPLES.exists(), reason="the real files are not here")
def test_masks_of_real_files_come_back_and_are_without_fault(tmp_path, sample):
    path, labels, image = written(tmp_path, SAMPLES / sample)
    np.testing.assert_array_equal(back(path, image, SAMPLES / sample), labels)
    assert judged(path) == []
    assert highdicom.seg.segread(path).number_of_segments == len(np.unique(labels)) - 1


def test_highdicom_opens_the_mask_of_a_flat_picture_with_a_size(tmp_path):
    source = dicom_files.write(tmp_path / "a.dcm", np.eye(8, 9, dtype=np.uint8), PixelSpacing=[0.5, 0.25])
    path, labels, image = written(tmp_path, source, np.eye(8, 9, dtype=np.uint8))
    found = highdicom.seg.segread(path)
    (measures,) = found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    assert (list(measures.PixelSpacing), measures.SliceThickness) == ([0.5, 0.25], 1)
    assert "SpacingBetweenSlices" not in measures
    np.testing.assert_array_equal(back(path, image, source), labels)
    assert read_grid(path).spacing == (0.5, 0.25)
    assert judged(path) == []


def test_a_dose_is_named_and_told_to_have_no_places_for_pictures(tmp_path):
    affine = LIES["axial"]
    _, shared = dicom_files.slices(np.zeros(SHAPE), affine)
    tags = {**shared, "ImagePositionPatient": [0, 0, 0], "GridFrameOffsetVector": [3.0 * n for n in range(SHAPE[0])]}
    data = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
    source = dicom_files.write(tmp_path / "a.dcm", data, kind="1.2.840.10008.5.1.4.1.1.481.2", **tags)
    image = read_image(source)
    assert image.told[0].startswith("it is DICOM of the kind 'RT Dose': its values are figures")
    with pytest.raises(InputError, match=r"a\.dcm is DICOM of the kind 'RT Dose', whose pictures lie as a table"):
        write_mask(tmp_path / "m.seg.dcm", np.zeros(image.shape, np.uint8), grid=image.grid, source=source)


def test_each_segment_says_what_it_is_who_made_it_and_in_which_colour(tmp_path):
    source = series(tmp_path / "i", LIES["axial"], PatientName="Müller^Jürgen", SpecificCharacterSet="ISO_IR 100")
    path, _, _ = written(tmp_path, source)
    found = pydicom.dcmread(path)
    one, three = found.SegmentSequence
    assert [s.SegmentLabel for s in found.SegmentSequence] == ["Leber", "Größe"]
    assert (one.SegmentNumber, three.SegmentNumber) == (1, 2)
    assert (one.SegmentAlgorithmType, three.SegmentAlgorithmType) == ("AUTOMATIC", "SEMIAUTOMATIC")
    algorithm = one.SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "cmunext-xxs" and algorithm.AlgorithmVersion == "0.1.0, w.safetensors"
    assert "sha256=" + "a" * 64 in algorithm.AlgorithmParameters
    assert one.SegmentedPropertyTypeCodeSequence[0].CodeValue == codes.SCT.Liver.value
    assert one.SegmentedPropertyCategoryCodeSequence[0].CodeValue == codes.SCT.AnatomicalStructure.value
    assert three.AnatomicRegionSequence[0].CodeValue == codes.SCT.Brain.value
    colour = highdicom.color.CIELabColor.from_dicom_value(one.RecommendedDisplayCIELabValue).to_rgb()
    np.testing.assert_allclose(colour, (255, 0, 0), atol=2)
    # two pictures with label 1, two with label 3: those without are left out
    assert (found.SegmentationType, found.NumberOfFrames) == ("BINARY", 4)
    references = [
        item.ReferencedSOPInstanceUID for item in found.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    ]
    assert set(references) == {str(pydicom.dcmread(file).SOPInstanceUID) for file in source.iterdir()}
    assert names_of(path) == {1: "Leber", 3: "Größe"}


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({}, "MANUAL"),
        ({"made": {1: "automatic"}}, "MANUAL"),
        ({"proposal": {"network": "n"}}, "SEMIAUTOMATIC"),
        ({"network": "n", "made": {1: "automatic"}}, "AUTOMATIC"),
        ({"proposal": {"network": "n"}, "made": {1: "manual"}}, "MANUAL"),
        ({"proposal": {"network": "n"}, "made": {1: "automatic", 2: "manual"}, "objects": True}, "SEMIAUTOMATIC"),
    ],
)
def test_what_no_history_tells_is_not_called_automatic(tmp_path, facts, kind):
    source = series(tmp_path / "i", LIES["axial"])
    path, _, _ = written(tmp_path, source, (labels_of(SHAPE) > 0).astype(np.uint8), facts=facts)
    found = pydicom.dcmread(path).SegmentSequence[0]
    assert found.SegmentAlgorithmType == kind
    assert ("whether it was corrected is not known" in found.SegmentDescription) == (
        kind == "SEMIAUTOMATIC" and "made" not in facts
    )
    assert judged(path) == []


def test_a_mask_in_which_nothing_is_marked_says_so_on_every_picture(tmp_path):
    source = series(tmp_path / "i", LIES["oblique"])
    path, labels, image = written(tmp_path, source, np.zeros(read_image(source).shape, np.uint8), classes={1: "a"})
    assert pydicom.dcmread(path).NumberOfFrames == SHAPE[0]
    np.testing.assert_array_equal(back(path, image, source), labels)
    assert judged(path) == [] and not any(by_dcmqi(path, tmp_path / "itk")[0])


def test_nobody_is_named_unless_that_is_asked_for(tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    source = series(tmp_path / "i", LIES["axial"], PatientName="ZZMARKER^A=B", InstitutionName="ZZMARKER4")
    path, _, _ = written(tmp_path, source)
    assert b"ZZMARKER" not in path.read_bytes() and b"19010203" not in path.read_bytes()
    assert b"20200102" not in path.read_bytes()
    found = pydicom.dcmread(path)
    assert found.PatientIdentityRemoved == "YES" and found.PatientName == "" and found.StudyInstanceUID
    path, _, _ = written(tmp_path, source, **{"names of patients": True})
    asked = pydicom.dcmread(path)
    assert (asked.PatientName, asked.PatientID, asked.PatientBirthDate) == ("ZZMARKER^A=B", "ZZMARKER1", "19010203")
    assert asked.StudyInstanceUID == found.StudyInstanceUID and "PatientIdentityRemoved" not in asked
    assert judged(path) == []
    # a name that highdicom would warn of, and nothing of it anywhere
    assert "ZZMARKER" not in path.name
    assert "ZZMARKER" not in "".join((*capfd.readouterr(), caplog.text))


def test_tags_that_were_blanked_are_made_up_for_the_same_each_time(tmp_path):
    """As programs leave them that take names away: the number of the file stands before its tags too."""
    source = series(tmp_path / "i", LIES["axial"], FrameOfReferenceUID=generate_uid())
    for file in source.iterdir():
        found = pydicom.dcmread(file)
        found.StudyInstanceUID = found.SeriesInstanceUID = found.SOPInstanceUID = ""
        found.save_as(file)
    uids = []
    for _ in range(2):
        path, labels, image = written(tmp_path, source)
        np.testing.assert_array_equal(back(path, image, source), labels)
        uids.append(pydicom.dcmread(path).StudyInstanceUID)
    assert uids[0] == uids[1] and judged(path) == []


@pytest.mark.parametrize("what", ["png", "none", "film", "other"])
def test_what_cannot_be_referred_to_is_refused_in_a_sentence(tmp_path, what):
    source, labels = tmp_path / "a.png", np.ones((12, 16), np.uint8)
    grid = None
    if what == "png":
        Image.fromarray(labels).save(source)
    elif what == "film":
        data = np.zeros((3, 12, 16), np.uint8)
        source = dicom_files.write(tmp_path / "film.dcm", data, kind=dicom_files.US)
        labels, grid = data, read_grid(source)
    elif what == "other":
        source = series(tmp_path / "i", LIES["axial"])
        other = series(tmp_path / "j", LIES["oblique"])
        labels, grid = np.ones(read_image(other).shape, np.uint8), read_grid(other)
    told = {
        "png": r"DICOM-SEG refers to DICOM images alone, and this mask is of 'a\.png', which is no DICOM image\. ",
        "none": r"this mask is of an image whose file is not known\. Choose TIFF or NIfTI\.",
        "film": r"film\.dcm is a film or lies nowhere in space: .* Choose TIFF or NIfTI instead\.",
        "other": r"i has 5 x .*; the mask has .*\. Expected one grid",
    }
    with pytest.raises(InputError, match=told[what]):
        write_mask(tmp_path / "m.seg.dcm", labels, grid=grid, source=None if what == "none" else source)
    assert not (tmp_path / "m.seg.dcm").exists()
