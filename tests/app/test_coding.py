"""From a project, or from files, to DICOM-SEG and back: one path, told before, and nobody named unasked."""

import getpass
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from PIL import Image

from napari_medseg.app.coding import Coded, coded_facts, coding_of, parse_coded, remember, remember_asked, remembered
from napari_medseg.app.export import export_losses, export_masks, export_project
from napari_medseg.app.formats import format_named, names
from napari_medseg.app.images import add_images
from napari_medseg.app.masks import add_with_masks
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.provenance import case_provenance
from napari_medseg.errors import InputError, PartlyDoneError
from napari_medseg.io import Format, format_of
from napari_medseg.io.codes import Coding, concept
from napari_medseg.project import Project
from napari_medseg.weights import list_weights
from tests.io import dicom_files
from tests.io.seg_files import LIES, judged, series
from tests.shipped import shipped

SEG = format_of("a.seg.dcm")
ORIGIN = {"network": "cmunext-xxs", "weights": shipped("cmunext-xxs/nuclei"), "sha256": "b" * 64}


@pytest.fixture
def project(tmp_path):
    """A series with an accepted mask: one class as proposed, one corrected, one drawn."""
    series(tmp_path / "i" / "scan", LIES["axial"])
    with Project.create(tmp_path / "p") as project:
        (case,), _ = add_images(project, [tmp_path / "i" / "scan"])
        labels = np.zeros(case.shape, np.uint8)
        labels[1, 2:5, 3:9], labels[2, 7:9, 3:9] = 1, 2
        project.set_proposal(case.id, labels, ORIGIN)
        labels[2, 7, 3], labels[4, :3, :3] = 0, 5
        project.commit_stroke(case.id, labels)
        project.set_class(2, "Lesion", "#00ff00")
        project.accept(case.id)
        yield project


def segments(path):
    return {int(s.SegmentDescription.split(";")[0][6:]): s for s in pydicom.dcmread(path).SegmentSequence}


def test_a_project_goes_out_as_dicom_seg_and_comes_in_again(project, tmp_path):
    remember(project, {5: Coding(concept("spleen"))}, "nuclei")
    asked = Coded(codes={1: Coding(concept("cyst"), concept("liver", "where"))})
    (path,) = export_project(project, tmp_path / "o", format="dicom-seg", coded=asked)
    assert path.name == "CT-5slices_mask.seg.dcm" and judged(path) == []
    found = segments(path)
    assert {n: s.SegmentAlgorithmType for n, s in found.items()} == {1: "AUTOMATIC", 2: "SEMIAUTOMATIC", 5: "MANUAL"}
    meant = {n: s.SegmentedPropertyTypeCodeSequence[0].CodeMeaning for n, s in found.items()}
    assert meant == {1: "Cyst", 2: "Lesion", 5: "Spleen"}
    assert found[1].AnatomicRegionSequence[0].CodeMeaning == "Liver"
    with Project.create(tmp_path / "q") as other:
        added = add_with_masks(other, [tmp_path / "i" / "scan"], tmp_path / "o")
        assert added.named == {1: "nucleus", 2: "Lesion", 5: "label 5"} and not added.told
        (case,) = other.cases()
        revision = project.revisions(1)[-1]
        np.testing.assert_array_equal(other.labels(case.id), project.revision_labels(revision.id))
        assert other.made_by(case.id) == dict.fromkeys((1, 2, 5), "manual")


def coded_as(project, folder, case_id, **asked):
    (path,) = export_project(
        project, folder, format="dicom-seg", case_ids=[case_id], overwrite=True, task="brain-mri", **asked
    )
    found = {}
    for number, one in segments(path).items():
        places = one.get("AnatomicRegionSequence")
        what = one.SegmentedPropertyTypeCodeSequence[0].CodeMeaning
        found[number] = (what, places[0].CodeMeaning if places else "")
    return found


def test_codes_are_of_what_proposed_a_mask_never_of_what_is_chosen_for_the_next(project, tmp_path):
    series(tmp_path / "i" / "other", LIES["oblique"])
    add_images(project, [tmp_path / "i" / "other"])
    project.commit_stroke(2, np.full(project.case(2).shape, 2, np.uint8))
    project.accept(2)
    weights = next(one for one in list_weights() if one.task == "breast-ultrasound")
    project.choose("breast-ultrasound", weights.id)
    assert coded_as(project, tmp_path / "o", 1) == {1: ("Nucleus", ""), 2: ("Lesion", ""), 5: ("Tissue", "")}
    # nothing proposed it, so nothing says where it lies
    assert coded_as(project, tmp_path / "o", 2) == {2: ("Lesion", "")}
    origin = {"network": weights.network, "weights": weights.id, "sha256": "c" * 64}
    project.set_proposal(2, np.full(project.case(2).shape, 2, np.uint8), origin)
    project.accept(2)
    assert coded_as(project, tmp_path / "o", 2) == {2: ("Lesion", "Breast")}
    # what a person chose is for masks of the kind that it was chosen for, remembered or not
    remember(project, {2: Coding(concept("cyst"), concept("liver", "where"))})
    assert coded_as(project, tmp_path / "o", 1)[2] == ("Lesion", "")
    here = Coded(codes={2: Coding(concept("edema"))}, task="nuclei")
    assert coded_as(project, tmp_path / "o", 1, coded=here)[2] == ("Edema", "")
    assert coded_as(project, tmp_path / "o", 2, coded=here)[2] == ("Lesion", "Breast")
    # save in the terminal, where it is said of all, and remembered of all
    everywhere = Coded(places={2: concept("abdomen", "where")})
    remember_asked(project, everywhere)
    for case_id in (1, 2):
        assert coded_as(project, tmp_path / "o", case_id)[2] == ("Lesion", "Abdomen")


def test_what_a_tool_carried_on_is_a_tools_and_a_persons_and_names_the_tool(project, tmp_path):
    labels = project.labels(1)
    labels[1, 10:12, :4] = 5
    project.commit_stroke(1, labels, tool="to neighbours")
    project.accept(1)
    mask, report = export_project(project, tmp_path / "o", format="dicom-seg", coded=Coded(measurements=True))[:2]
    found = segments(mask)
    assert {n: s.SegmentAlgorithmType for n, s in found.items()} == dict.fromkeys((2, 5), "SEMIAUTOMATIC") | {
        1: "AUTOMATIC"
    }
    assert (found[5].SegmentAlgorithmName, found[2].SegmentAlgorithmName) == ("MedSeg tools", "cmunext-xxs")
    assert found[5].SegmentDescription == "class 5; drawn by a person with to neighbours"
    assert judged(mask) == [] and "MedSeg tools" in str(pydicom.dcmread(report))


def test_who_is_named_is_told_before_and_which_images_cannot_go(project, tmp_path):
    Image.new("L", (16, 12)).save(tmp_path / "flat.png")
    add_images(project, [tmp_path / "flat.png"])
    project.commit_stroke(2, np.ones((12, 16), np.uint8))
    project.accept(2)
    for patient, words in ((False, "leaves out what names the patient"), (True, "names the patient and the study")):
        lines = export_losses(project, format="dicom-seg", patient=patient)
        assert words in lines[0] and "1 image is no DICOM file" in lines[1]
    with pytest.raises(PartlyDoneError) as caught:
        export_project(project, tmp_path / "o", format="dicom-seg", coded=Coded(patient=True))
    assert "this mask is of 'flat.png', which is no DICOM image. Choose TIFF or NIfTI." in caught.value.problems[0]
    (path,) = caught.value.done
    assert pydicom.dcmread(path).PatientID == "ZZMARKER1" and "ZZMARKER" not in path.name


def test_an_image_that_was_changed_since_is_not_referred_to(project, tmp_path):
    file = next((tmp_path / "i" / "scan").iterdir())
    found = pydicom.dcmread(file)
    found.SOPInstanceUID = "1.2.3"
    found.save_as(file)
    with pytest.raises(InputError, match=r"to which the mask of 'CT-5slices' is to refer, is changed; expected the"):
        export_project(project, tmp_path / "o", format="dicom-seg")


def test_objects_are_segments_of_their_own_without_the_name_of_a_class(project, tmp_path):
    _, path = export_project(project, tmp_path / "o", format="dicom-seg", objects=True)
    assert [s.SegmentLabel for s in segments(path).values()] == ["object 1", "object 2"]
    assert judged(path) == []


def test_numbers_that_bear_the_name_of_another_class_are_refused(project, tmp_path):
    export_project(project, tmp_path / "o", format="dicom-seg")
    with Project.create(tmp_path / "q") as other:
        other.set_class(1, "lesion", "#00ff00")
        for label in (2, 5):
            other.set_class(label, f"class {label}", "#00ff00")
        with pytest.raises(InputError, match=r"calls its number 2 'Lesion'; expected class 1\. .* --map 2=1, or ren"):
            add_with_masks(other, [tmp_path / "i" / "scan"], tmp_path / "o")


def test_files_are_segmented_into_dicom_seg(tmp_path):
    (tmp_path / "i").mkdir()
    data = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    image = dicom_files.write(tmp_path / "i" / "a.dcm", data, PixelSpacing=[0.5, 0.5])
    request = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", threshold=0.0)
    lines = []
    (path,) = predict_files([image], request, tmp_path, format="dicom-seg", tell=lines.append)
    (segment,) = segments(path).values()
    assert segment.SegmentAlgorithmType == "AUTOMATIC" and judged(path) == []
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Nucleus"
    assert any("leaves out what names the patient" in line for line in lines)
    Image.fromarray(data).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"this mask is of 'b\.png', which is no DICOM image"):
        predict_files([tmp_path / "b.png"], request, tmp_path, format="dicom-seg")


def test_what_is_asked_in_the_terminal_is_understood():
    asked = parse_coded(["2=cyst"], ["abdomen", "2=liver"], {1: "spleen", 2: "b"}, patient=True)
    plain = {label: tuple(one.to_plain().values()) for label, one in asked.codes.items()}
    assert plain == {2: ("cyst", "liver")} and asked.patient
    found = {label: tuple(one.to_plain().values()) for label, one in asked.codings({1: "spleen", 2: "b"}).items()}
    assert found == {1: ("spleen", "abdomen"), 2: ("cyst", "liver")}
    assert parse_coded(["1=liver"], [], {1: "lesion"}, patient=False, task="breast-ultrasound").codes[1].where is None
    with pytest.raises(InputError, match=r"--anatomy is 'a=liver'; expected CONCEPT or NUMBER=CONCEPT"):
        parse_coded([], ["a=liver"], {}, patient=False)


def test_formats_that_hold_no_codes_are_told_none(project):
    assert Coded(patient=True).facts(Format(name="x", title="X", suffixes=(".x",)), {1: "a"}) == {}
    assert Coded().facts(SEG, {1: "spleen"})["codes"][1]["what"] == "spleen"
    assert coding_of("", "polyp").where == concept("colon", "where")


@pytest.mark.parametrize("name", [name for name in names() if not format_named(name).takes.of_format])
def test_other_formats_are_told_of_no_patient_no_report_and_no_login(project, tmp_path, name):
    asked = Coded(patient=True, measurements=True)
    written = export_project(project, tmp_path / "o", format=name, coded=asked)
    assert not any(path.name.endswith((".sr.dcm", ".seg.dcm")) for path in written)
    case, login = project.cases()[0], getpass.getuser()
    facts = case_provenance(project, case, project.labels(case.id))
    facts |= coded_facts(format_named(name), asked, facts, project)
    assert not {"names of patients", "codes", "author"} & set(facts) and login not in facts.values()


def test_a_report_is_refused_before_anything_is_written_where_no_dicom_seg_is(tmp_path):
    labels = np.ones((4, 4), np.uint8)
    for suffix in (".tif", ".png", ".ome.zarr"):
        with pytest.raises(InputError, match=r"is no DICOM-SEG; expected one where measurements are asked for"):
            export_masks(tmp_path / "a", labels, suffix=suffix, provenance={"measurements": True})
    assert list(tmp_path.iterdir()) == []


def test_what_the_list_has_no_more_is_forgotten(project):
    project.set_coding(1, {"what": "gone", "where": ""})
    remember(project, {2: Coding(concept("liver"))})
    assert remembered(project) == {2: Coding(concept("liver"))}


def test_highdicom_is_loaded_only_where_something_is_written():
    code = "import sys, napari_medseg.app.export, napari_medseg.io.codes; sys.exit('highdicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
