"""Measurements beside a DICOM-SEG, as others read them: highdicom, dcmqi and dciodvfy."""

import json
import subprocess
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from napari_medseg.app.batch import Batch
from napari_medseg.app.coding import Coded, with_report
from napari_medseg.app.export import export_masks
from napari_medseg.app.formats import format_named
from napari_medseg.app.lesions import MM3_IN_ML, measure
from napari_medseg.errors import FilesThereError, InputError, PartlyDoneError
from napari_medseg.io import list_images, read_image, read_mask
from tests.io.dicom_files import MARKER, write
from tests.io.seg_files import FACTS, LIES, enhanced, series
from tests.io.seg_files import judged as complaints

BIN = Path(sys.executable).parent
SUFFIX = ".seg.dcm"
NAMES = {1: "Leber", 3: "Größe"}


def exported(tmp_path, source, labels, *, patient=False, **wishes):
    image = read_image(source)
    asked = Coded(patient=patient, measurements=True).facts(format_named("dicom-seg"), NAMES)
    facts = {**asked, **FACTS}
    found = export_masks(
        tmp_path / "x", labels, suffix=SUFFIX, grid=image.grid, provenance=facts, source=source, **wishes
    )
    return found, image, measure(labels, image.grid, image.data, names=NAMES)


def judged(path):
    return [line for line in complaints(path) if line != "Comprehensive3DSR"]


def by_dcmqi(path, out):
    """Groups as dcmqi reads them: class, segment, and values by their code and derivation."""
    call = [BIN / "tid1500reader", "--inputDICOM", path, "--outputMetadata", out]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return [
        (
            group["Finding"]["CodeMeaning"],
            group["ReferencedSegment"],
            group["segmentationSOPInstanceUID"],
            {
                (item["quantity"]["CodeValue"], item.get("derivationModifier", {}).get("CodeMeaning", "")): (
                    float(item["value"]),
                    item["units"]["CodeValue"],
                )
                for item in group["measurementItems"]
            },
        )
        for group in json.loads(out.read_text())["Measurements"]
    ]


def wanted(lesion, *, volume, unit="[hnsf'U]", quantity="112031"):
    sizes = {("118565006", ""): (lesion.size / MM3_IN_ML, "ml")} if volume else {}
    return {
        **sizes,
        ("42798000", ""): (lesion.area, "mm2"),
        ("103339001", ""): (lesion.diameters.longest, "mm"),
        ("103340004", ""): (lesion.diameters.perpendicular, "mm"),
        ("131191004", ""): (lesion.perimeter, "mm"),
        (quantity, "Mean"): (lesion.mean, unit),
        (quantity, "Standard Deviation"): (lesion.deviation, unit),
    }


def check(found, lesion, **more):
    expected = wanted(lesion, **more)
    assert set(found) == set(expected)
    for key, (value, unit) in expected.items():
        assert found[key] == (pytest.approx(value, rel=1e-5), unit), key


def two_of_one_class(shape):
    labels = np.zeros(shape, np.uint8)
    # in the smallest of the shapes that a series of tests is turned into
    labels[1:3, 1:4, 1:4], labels[4, 4, 4], labels[0, 0:2, 0] = 1, 1, 3
    return labels


@pytest.mark.parametrize(("kind", "lie"), [(series, "axial"), (series, "tilted"), (enhanced, "oblique")])
def test_each_lesion_is_a_group_that_refers_to_its_own_segment(tmp_path, kind, lie):
    source = kind(tmp_path / "i", LIES[lie])
    labels = two_of_one_class(read_image(source).shape)
    (mask, lesions, report), _, measured = exported(tmp_path, source, labels)
    assert [one.name for one in (mask, report, lesions)] == [
        *("x_mask.seg.dcm", "x_measurements.sr.dcm", "x_lesions.seg.dcm")
    ]
    assert judged(report) == [] and complaints(lesions) == []
    segments = pydicom.dcmread(lesions)
    assert [one.SegmentLabel for one in segments.SegmentSequence] == ["Leber 1", "Leber 2", "Größe 1"]
    assert [one.SegmentAlgorithmType for one in segments.SegmentSequence] == [
        *("AUTOMATIC", "AUTOMATIC", "SEMIAUTOMATIC")
    ]
    # what a segment holds is what was measured
    assert np.bincount(read_mask(lesions).ravel())[1:].tolist() == [one.pixels for one in measured.lesions]
    groups = by_dcmqi(report, tmp_path / "r.json")
    assert [(what, number) for what, number, *_ in groups] == [("Liver", 1), ("Liver", 2), ("Neoplasm", 3)]
    for (_, _, uid, values), lesion in zip(groups, measured.lesions, strict=True):
        assert uid == segments.SOPInstanceUID
        kinds = {"series": {}, "enhanced": {"quantity": "110852", "unit": "1"}}
        check(values, lesion, volume=True, **kinds[kind.__name__])
    # highdicom reads the same
    read = highdicom.sr.srread(report)
    ours = read.content.get_volumetric_roi_measurement_groups()
    assert len(ours) == 3
    for group, lesion in zip(ours, measured.lesions, strict=True):
        (volume,) = group.get_measurements(name=codes.SCT.Volume)
        assert volume.value == pytest.approx(lesion.size / MM3_IN_ML, rel=1e-5)
    assert ours[2].finding_sites[0].value == codes.SCT.Brain
    # it belongs to the image's study
    assert read.StudyInstanceUID == segments.StudyInstanceUID


def test_where_each_class_has_one_lesion_the_masks_own_segments_do(tmp_path):
    source = series(tmp_path / "i", LIES["axial"])
    labels = two_of_one_class(read_image(source).shape)
    labels[4] = 0
    (mask, report), _, measured = exported(tmp_path, source, labels)
    uid = pydicom.dcmread(mask).SOPInstanceUID
    groups = by_dcmqi(report, tmp_path / "r.json")
    assert [(number, of) for _, number, of, _ in groups] == [(1, uid), (2, uid)]
    check(groups[1][3], measured.lesions[1], volume=True)


@pytest.mark.parametrize(
    ("sample", "quantity", "unit"),
    [("CT_small.dcm", "112031", "[hnsf'U]"), ("MR_small.dcm", "110852", "1")],
)
def test_a_flat_image_has_areas_and_the_values_of_its_kind(tmp_path, sample, quantity, unit):
    source = Path(pydicom.data.get_testdata_file(sample))
    image = read_image(source)
    labels = np.zeros(image.shape, np.uint8)
    labels[10:30, 12:40] = 1
    for others in range(2):
        labels[40:50, 20:30] = 3 * others
        (_, report), _, measured = exported(tmp_path, source, labels, overwrite=True)
        assert judged(report) == []
        groups = by_dcmqi(report, tmp_path / "r.json")
        assert [number for _, number, *_ in groups] == [1, 2][: 1 + others]
        for (*_, values), lesion in zip(groups, measured.lesions, strict=True):
            check(values, lesion, volume=False, quantity=quantity, unit=unit)
        found = highdicom.sr.srread(report).content.get_volumetric_roi_measurement_groups()
        assert len(found) == 1 + others and {one.reference_type for one in found} == {codes.DCM.ReferencedSegment}


def test_nobody_is_named_unless_that_is_asked_for(tmp_path):
    source = series(tmp_path / "i", LIES["axial"])
    labels = two_of_one_class(read_image(source).shape)
    written, *_ = exported(tmp_path, source, labels)
    assert not any(MARKER.encode() in path.read_bytes() or b"ZZ" in path.read_bytes() for path in written)
    named, *_ = exported(tmp_path, source, labels, patient=True, overwrite=True)
    assert pydicom.dcmread(named[2]).PatientName == pydicom.dcmread(next(source.iterdir())).PatientName
    assert judged(named[2]) == []


def test_files_that_are_there_stay_and_results_are_no_images(tmp_path):
    source = series(tmp_path / "i", LIES["axial"])
    labels = two_of_one_class(read_image(source).shape)
    written, *_ = exported(tmp_path, source, labels)
    written[0].unlink()
    with pytest.raises(FilesThereError, match="_measurements"):
        exported(tmp_path, source, labels)
    assert not written[0].exists()
    (tmp_path / "x.dcm").write_bytes(b"")
    from napari_medseg.io import walk_images

    images, left_out = walk_images([tmp_path])
    assert "x_measurements.sr.dcm" not in [one.name for one in images] and list_images(tmp_path)
    assert "x_measurements.sr.dcm" in [one.name for one in left_out]


def test_of_nothing_there_is_no_report_and_of_more_than_segments_can_be_numbered_that_is_told(tmp_path):
    source = series(tmp_path / "i", LIES["axial"])
    empty = np.zeros(read_image(source).shape, np.uint8)
    written, *_ = exported(tmp_path, source, empty)
    assert len(written) == 1
    source = Path(pydicom.data.get_testdata_file("CT_small.dcm"))
    many = np.zeros((128, 128), np.uint8)
    many[::4, ::4] = 1
    with pytest.raises(InputError, match="1024 lesions"):
        exported(tmp_path / "i", source, many)


def test_a_report_refers_to_dicom_seg_alone():
    assert with_report(Coded(), "dicom-seg").measurements
    with pytest.raises(InputError, match="expected dicom-seg"):
        with_report(Coded(), "tiff")
    assert Coded(measurements=True).facts(format_named("tiff"), NAMES) == {}


def test_a_picture_of_no_thickness_has_a_report_too(tmp_path):
    source = write(tmp_path / "dx.dcm", np.arange(80, dtype=np.uint16).reshape(8, 10), PixelSpacing=[0.2, 0.2])
    labels = np.zeros((8, 10), np.uint8)
    labels[2:5, 3:7] = 1
    (_, report), _, measured = exported(tmp_path, source, labels)
    assert measured.lesions[0].area == pytest.approx(12 * 0.04)
    assert highdicom.sr.srread(report).content.get_volumetric_roi_measurement_groups()


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("what", ["mask", "lesions", "objects"])
def test_where_not_all_can_be_written_what_was_is_told(tmp_path, what, many):
    source = series(tmp_path / "i", LIES["axial"])
    labels = two_of_one_class(read_image(source).shape)
    after = {"mask": ("mask",), "lesions": ("mask", "lesions"), "objects": ("mask", "lesions", "measurements")}[what]
    # a folder in the place of a file that is to come
    wrong = {"mask": "lesions.seg", "lesions": "measurements.sr", "objects": "objects.seg"}[what]
    (tmp_path / f"x_{wrong}.dcm").mkdir()
    batch = Batch(1 + many, "{} masks were not written".format)
    with pytest.raises(PartlyDoneError, match=f"x_{wrong}") as caught:
        with batch.item():
            exported(tmp_path, source, labels, overwrite=True, objects=True)
        batch.end()
    assert [path.name.split(".")[0] for path in caught.value.done] == [f"x_{one}" for one in after]
    assert all(path.is_file() for path in caught.value.done)
