"""``medseg project add`` and ``export``: every mask comes to its own image; a bad one is told and holds up no other."""

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image

from napari_medseg.app.export import export_project
from napari_medseg.io import read_mask
from napari_medseg.project import Project
from tests.cli.helpers import NUCLEI, refused
from tests.io.seg_files import LIES, series


@pytest.fixture
def project(medseg, tmp_path):
    assert medseg("project", "create", tmp_path / "p")[0] == 0
    return tmp_path / "p"


def status(medseg, project):
    return json.loads(medseg("project", "status", project, "--json")[1])


def accepted(project):
    """Name to the labels of the accepted mask."""
    with Project.open(project) as opened:
        return {c.name: opened.revision_labels(r[-1].id) for c in opened.cases() if (r := opened.revisions(c.id))}


def test_two_images_of_one_stem_share_no_mask(medseg, project, folders, tmp_path):
    for sample, patient in zip(NUCLEI, ("patA", "patB"), strict=False):
        (tmp_path / patient).mkdir()
        shutil.copy(sample.image, tmp_path / patient / "img.png")
    shutil.copy(NUCLEI[0].mask, folders[1] / "img.png")
    both = (tmp_path / "patA", tmp_path / "patB")
    refused(
        medseg("project", "add", project, *both, "--masks", folders[1]),
        tmp_path / "patA" / "img.png",
        tmp_path / "patB" / "img.png",
        "same stem 'img'",
    )
    assert status(medseg, project)["cases"] == 0
    # without masks both are images in their own right
    assert medseg("project", "add", project, *both)[0] == 0


def test_a_bad_mask_is_told_and_holds_up_no_other(medseg, project, folders):
    bad = folders[1] / f"{NUCLEI[1].image.stem}.png"
    good = bad.read_bytes()
    add = ("project", "add", project, folders[0], "--masks", folders[1])
    bad.write_bytes(b"junk")
    code, out, err = medseg(*add)
    assert (code, out.split()) == (1, [NUCLEI[0].image.stem])
    assert "1 of 2 masks used" in err and f"{bad.name} is no picture" in err
    assert status(medseg, project)["accepted"] == 1
    # its image waits with it
    for content, says in ((None, "30 x 20 px"), (300, "has label 300; a project takes 0 to 255")):
        bad.unlink(missing_ok=True)
        if content is None:
            Image.new("L", (20, 30)).save(bad)
        else:
            tifffile.imwrite(bad.with_suffix(".tif"), read_mask(NUCLEI[1].mask).astype(np.uint16) * content)
        code, out, err = medseg(*add)
        assert (code, out) == (1, "")
        assert says in err and "in the project already" in err
        assert status(medseg, project)["cases"] == 1
    bad.with_suffix(".tif").unlink()
    bad.write_bytes(good)
    code, out, err = medseg(*add)
    assert out.split() == [NUCLEI[1].image.stem], err
    assert status(medseg, project)["accepted"] == 2


def test_where_no_mask_is_good_nothing_is_added(medseg, project, folders):
    for mask in folders[1].iterdir():
        mask.write_bytes(b"junk")
    refused(medseg("project", "add", project, folders[0], "--masks", folders[1]), "is no picture")
    assert status(medseg, project)["cases"] == 0


def test_an_export_goes_past_a_damaged_mask_and_replaces_nothing(medseg, project, folders, tmp_path):
    assert medseg("project", "add", project, folders[0], "--masks", folders[1])[0] == 0
    out = tmp_path / "out"
    code, written, _ = medseg("project", "export", project, "--out", out)
    assert (code, len(written.split())) == (0, 2)
    refused(medseg("project", "export", project, "--out", out), "2 files, first", "are there already", "--overwrite")
    assert medseg("project", "export", project, "--out", out, "--overwrite")[0] == 0
    db = sqlite3.connect(project / "project.sqlite")
    db.execute("UPDATE revisions SET sha256 = 'x' WHERE id = 1")
    db.commit()
    db.close()
    code, written, err = medseg("project", "export", project, "--out", tmp_path / "other")
    assert code == 1
    assert [Path(line).name for line in written.splitlines()] == [f"{NUCLEI[1].image.stem}_mask.tif"]
    assert err.startswith("medseg: revision 1 of") and len(err.splitlines()) == 1


def test_masks_come_to_images_that_are_there_already(medseg, project, folders):
    assert medseg("project", "add", project, folders[0])[0] == 0
    code, out, err = medseg("project", "add", project, folders[0], "--masks", folders[1])
    assert (code, out) == (0, ""), err
    assert "2 of 2 masks used" in err
    assert status(medseg, project)["accepted"] == 2
    # what was accepted stays
    code, _, err = medseg("project", "add", project, folders[0], "--masks", folders[1])
    assert code == 1
    assert err.count("in the project already") == 2
    with Project.open(project) as opened:
        assert [len(opened.revisions(case.id)) for case in opened.cases()] == [1, 1]


def test_masks_that_match_nothing_are_told(medseg, project, folders, tmp_path):
    (tmp_path / "others").mkdir()
    shutil.copy(NUCLEI[0].mask, tmp_path / "others" / "other.png")
    result = medseg("project", "add", project, folders[0], "--masks", tmp_path / "others")
    refused(result, "none of the 1 mask(s)", "others")
    assert status(medseg, project)["cases"] == 0


def test_names_are_those_of_the_files_as_given(medseg, project, tmp_path):
    import nibabel

    images, masks = tmp_path / "i", tmp_path / "m"
    images.mkdir()
    masks.mkdir()
    (images / "linked.png").symlink_to(NUCLEI[0].image)
    shutil.copy(NUCLEI[0].mask, masks / "linked.png")
    shutil.copy(NUCLEI[1].image, images / "s.2024.01.png")
    shutil.copy(NUCLEI[1].mask, masks / "s.2024.01.png")
    volume = np.random.default_rng(0).random((6, 7, 8)).astype(np.float32)
    nibabel.Nifti1Image(volume, np.eye(4)).to_filename(images / "brain.nii.gz")
    nibabel.Nifti1Image((volume > 0.5).astype(np.uint8), np.eye(4)).to_filename(masks / "brain_mask.nii.gz")
    code, out, err = medseg("project", "add", project, images, "--masks", masks)
    assert code == 0, err
    assert out.split() == ["brain", "linked", "s.2024.01"]
    found = accepted(project)
    assert sorted(found) == ["brain", "linked", "s.2024.01"]
    np.testing.assert_array_equal(found["linked"], read_mask(NUCLEI[0].mask))


def test_masks_beside_their_images_are_no_images(medseg, project, folders):
    for mask in folders[1].iterdir():
        shutil.copy(mask, folders[0] / f"{mask.stem}_mask.png")
    code, out, err = medseg("project", "add", project, folders[0], "--masks", folders[0])
    assert (code, len(out.split())) == (0, 2), err
    assert "2 file(s) left out" in err
    assert status(medseg, project)["accepted"] == 2


def test_no_export_replaces_another(tmp_path):
    rng = np.random.default_rng(0)
    with Project.create(tmp_path / "p") as project:
        for number, name in enumerate(("a", "a_3", "a", "A")):
            Image.fromarray(rng.integers(0, 255, (9, 9)).astype(np.uint8)).save(tmp_path / f"{number}.png")
            case = project.add_case(tmp_path / f"{number}.png", shape=(9, 9), name=name)
            project.commit_stroke(case.id, np.full((9, 9), number + 1, np.uint8))
            project.accept(case.id)
        written = export_project(project, tmp_path / "out")
    assert [path.name for path in written] == ["a_mask.tif", "a_3_mask.tif", "a_3_3_mask.tif", "A_4_mask.tif"]
    assert [int(read_mask(path)[0, 0]) for path in written] == [1, 2, 3, 4]


def test_a_patient_is_told_by_name_and_a_mask_that_was_begun_is_left(medseg, project, folders, tmp_path):
    images, masks = folders
    for number, image in enumerate(sorted(images.iterdir())[:2]):
        image.rename(images / f"anna_{number}{image.suffix}")
    medseg("project", "add", project, images, "--patients", "name")
    with Project.open(project) as opened:
        anna = [case for case in opened.cases() if case.name.startswith("anna")]
        assert [case.group for case in anna] == ["anna", "anna"]
        opened.commit_stroke(anna[0].id, np.ones((3, 3), np.uint8), box=(0, 0, 3, 3))
    for number, mask in enumerate(sorted(masks.iterdir())[:2]):
        mask.rename(masks / f"anna_{number}{mask.suffix}")
    _, _, err = medseg("project", "add", project, images, "--masks", masks)
    assert "masks used" in err
    with Project.open(project) as opened:
        assert [len(opened.revisions(case.id)) for case in anna] == [0, 1]
    refused(medseg("project", "add", project, images, "--patients", "hair"), "'hair'", "image, folder, name")


@pytest.mark.parametrize("command", ["train", "weights import"])
def test_no_result_is_replaced_unasked(medseg, folders, tmp_path, command):
    there = tmp_path / "w.safetensors"
    there.write_text("someone's work")
    pairs = ("--images", folders[0], "--masks", folders[1])
    arguments = {
        "train": ("train", *pairs, "--out", there, "--epochs", "1", "--size", "32"),
        "weights import": ("weights", "import", tmp_path / "x.pth", "--network", "cmunext-xxs", "--out", there),
    }[command]
    refused(medseg(*arguments), there, "is there already")
    assert there.read_text() == "someone's work"


def test_masks_that_nobody_accepted_are_written_where_that_is_asked(medseg, project, folders, tmp_path):
    assert medseg("project", "add", project, folders[0])[0] == 0
    with Project.open(project) as opened:
        case = opened.cases()[0]
        opened.commit_stroke(case.id, np.ones(case.shape, np.uint8))
    assert medseg("project", "export", project, "--out", tmp_path / "out")[0] == 2
    code, out, _ = medseg("project", "export", project, "--out", tmp_path / "out", "--all")
    assert (code, out.split()) == (0, [str(tmp_path / "out" / f"{case.name}_mask.tif")])
    assert read_mask(out.strip()).all()


def test_dicom_seg_with_codes_and_no_names(medseg, project, tmp_path):
    series(tmp_path / "i" / "scan", LIES["axial"])
    assert medseg("project", "add", project, tmp_path / "i" / "scan")[0] == 0
    with Project.open(project) as opened:
        opened.commit_stroke(1, np.ones(opened.case(1).shape, np.uint8))
        opened.accept(1)
    how = ("--format", "dicom-seg", "--code", "1=spleen", "--anatomy", "abdomen")
    code, out, err = medseg("project", "export", project, "--out", tmp_path / "o", *how)
    assert code == 0 and "leaves out what names the patient" in err and "ZZMARKER" not in out + err
    found = pydicom.dcmread(tmp_path / "o" / "CT-5slices_mask.seg.dcm")
    assert found.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Spleen"
    # remembered, and named where that is asked for
    how = ("--format", "dicom-seg", "--patient", "--overwrite")
    assert medseg("project", "export", project, "--out", tmp_path / "o", *how)[0] == 0
    found = pydicom.dcmread(tmp_path / "o" / "CT-5slices_mask.seg.dcm")
    assert found.SegmentSequence[0].AnatomicRegionSequence[0].CodeMeaning == "Abdomen"
    assert found.PatientID == "ZZMARKER1"
    refused(
        medseg("project", "export", project, "--out", tmp_path, "--code", "1=splen"), "'splen' says what a class is"
    )
    code, out, _ = medseg("codes", "kidney", "--json")
    assert {"kidney", "renal-stone"} <= {row["id"] for row in json.loads(out)}


def test_what_a_folder_holds_beside_images_is_told_by_each_command(medseg, project, folders, tmp_path):
    images, masks = folders
    for folder in folders:
        (folder / "notes.txt").write_text("x")
        (folder / "b.gif").write_bytes(b"x")
    predict = ("predict", images, "--weights", "nuclei", "--size", "64", "--device", "cpu", "--out", tmp_path / "out")
    evaluate = ("evaluate", "--images", images, "--masks", masks, "--weights", "nuclei", "--device", "cpu")
    of_images = f"2 files in {images} are no images that MedSeg reads, first b.gif."
    of_masks = f"2 files in {masks} are no masks that MedSeg reads, first b.gif."
    for command in (predict, evaluate, ("project", "add", project, images, "--masks", masks)):
        code, _, err = medseg(*command)
        assert code == 0, err
        assert err.count(of_images) == 1
        assert err.count(of_masks) == (command is not predict)
    code, out, err = medseg(*predict, "--skip-existing")
    assert (code, out) == (0, "") and "2 images have their results there already" in err
    # a second mask of an image is a correction, where it is asked for
    (masks / f"{NUCLEI[0].image.stem}.png").write_bytes((masks / f"{NUCLEI[1].image.stem}.png").read_bytes())
    add = ("project", "add", project, images, "--masks", masks)
    assert "add --update" in medseg(*add)[2]
    code, out, err = medseg(*add, "--update")
    assert code == 0, err
    assert out.split() == [NUCLEI[0].image.stem] and "nothing was changed" in err
    refused(medseg("project", "add", project, images, "--update"), "--update are about masks; expected --masks")
