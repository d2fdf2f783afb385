"""Series of DICOM on the command line: listed by names that the other commands take, and without the patient."""

import json

import numpy as np
import pytest

from napari_medseg.io import read_image
from napari_medseg.project import Project
from tests.cli.helpers import refused
from tests.io.dicom_files import MARKER, write_series

DATA = np.random.default_rng(0).integers(0, 900, (4, 20, 24)).astype(np.int16)


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2):
        words = {"SeriesNumber": number, "SeriesDescription": f"T{number} of {MARKER}", "Modality": "MR"}
        names = [f"{number} {n}" for n in range(4)]
        write_series(tmp_path / "Jörg", DATA + number, np.diag([1.0, 1, 2, 1]), names=names, **words)
    return tmp_path / "Jörg"


def test_each_has_a_name_that_is_read(medseg, folder):
    code, out, _ = medseg("series", folder, "--json")
    rows = json.loads(out)
    assert code == 0 and MARKER not in out
    assert [(row["modality"], row["number"], row["slices"], row["size"]) for row in rows] == [
        ("MR", 1, 4, "24 x 20"),
        ("MR", 2, 4, "24 x 20"),
    ]
    for row in rows:
        assert read_image(row["path"][0]).shape == DATA.shape
    code, out, _ = medseg("series", folder)
    assert out.splitlines()[-2:] == [row["path"][0] for row in rows]


def test_a_project_takes_one_of_them_or_all(medseg, folder, tmp_path):
    rows = json.loads(medseg("series", folder, "--json")[1])
    medseg("project", "create", tmp_path / "p")
    assert medseg("project", "add", tmp_path / "p", rows[1]["path"][0])[1].splitlines() == ["MR-series2-4slices"]
    # the other one comes, the same is told
    code, out, err = medseg("project", "add", tmp_path / "p", folder)
    assert code == 1 and out.splitlines() == ["MR-series1-4slices"] and "in the project already" in err
    with Project.open(tmp_path / "p") as project:
        assert len(project.cases()) == 2 and project.verify() == []


def test_what_is_not_there_is_told(medseg, folder, tmp_path):
    refused(medseg("series", tmp_path / "none"), "none is no folder; expected one of DICOM files")
    (tmp_path / "empty").mkdir()
    assert json.loads(medseg("series", tmp_path / "empty", "--json")[1]) == []
