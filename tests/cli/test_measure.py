"""``medseg measure``."""

import csv
from pathlib import Path

from tests.cli.helpers import NUCLEI, refused


def test_images_with_masks_and_a_project(medseg, folders, tmp_path):
    out = tmp_path / "a.csv"
    code, printed, err = medseg("measure", folders[0], "--masks", folders[1], "--csv", out)
    assert (code, printed.strip()) == (0, str(out)) and "lesions" in err
    with out.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["image"] for row in rows} == {sample.image.stem for sample in NUCLEI[:2]}
    medseg("project", "create", tmp_path / "p")
    medseg("project", "add", tmp_path / "p", folders[0], "--masks", folders[1])
    again = tmp_path / "b.csv"
    assert medseg("measure", tmp_path / "p", "--csv", again)[0] == 0
    with again.open(encoding="utf-8-sig", newline="") as stream:
        found = list(csv.DictReader(stream))
    key = "longest diameter (px)"
    assert sorted(row[key] for row in found) == sorted(row[key] for row in rows)
    refused(medseg("measure", tmp_path / "p", "--csv", again), again, "there already")


def test_what_is_no_project_needs_masks(medseg, folders, tmp_path):
    out = Path(tmp_path / "a.csv")
    for arguments in ((), (folders[0],), (folders[0], folders[1])):
        refused(medseg("measure", *arguments, "--csv", out), "--masks")
    refused(medseg("measure", folders[0], "--masks", folders[1], "--csv", out, "--all"), "--all")


def test_a_report_goes_with_dicom_seg_alone(medseg, folders, tmp_path):
    medseg("project", "create", tmp_path / "p")
    export = ("project", "export", tmp_path / "p", "--out", tmp_path / "o", "--sr")
    refused(medseg(*export, "--format", "tiff"), "--sr", "expected dicom-seg")
    assert not (tmp_path / "o").exists()
