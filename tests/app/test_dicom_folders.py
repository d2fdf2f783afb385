"""DICOM in folders of folders is listed, and what a command passes over is told."""

import numpy as np
import pytest

from napari_medseg.app import dicom_folders
from napari_medseg.app.dicom_folders import choices_below, left_out_below
from napari_medseg.app.series import choices_in, note_of
from napari_medseg.errors import InputError
from napari_medseg.io import list_images
from napari_medseg.io.dicom_names import NAMED, without_key
from tests.app.test_series import AXIAL, DATA
from tests.io.dicom_files import CT, US, write, write_series

SMALL = DATA[:, :8, :9]


@pytest.fixture
def parent(tmp_path):
    """A series, one in a folder of a folder, a single slice, pictures without a place, and files that are no DICOM."""
    write_series(tmp_path / "d" / "ct", SMALL, AXIAL)
    write_series(tmp_path / "d" / "deep" / "mr", SMALL[:3], AXIAL)
    write_series(tmp_path / "d" / "one", SMALL[:1], AXIAL)
    for n in range(4):
        (tmp_path / "d" / "us").mkdir(exist_ok=True)
        write(tmp_path / "d" / "us" / f"{n}", SMALL[0], kind=US)
    (tmp_path / "d" / "text").mkdir()
    (tmp_path / "d" / "text" / "a.txt").write_text("no DICOM")
    (tmp_path / "d" / ".hidden").mkdir()
    write(tmp_path / "d" / ".hidden" / "a", SMALL[0], kind=CT)
    return tmp_path / "d"


def test_series_of_all_folders_are_listed(parent):
    assert choices_in(parent) == ()
    places = [(one.images[0].parent.name, one.count) for one in choices_below(parent)]
    assert places == [("ct", 6), ("mr", 3), ("one", 1), *[("us", 1)] * 4]


def test_what_a_look_at_one_folder_passes_over_is_told(parent):
    assert [path.name for path in list_images(parent)] == ["ct"]
    (said,) = left_out_below([parent, parent / "ct"])
    assert said.startswith(f"8 DICOM files in folders inside {parent} were left out, first {parent / 'deep' / 'mr'}")
    assert left_out_below([parent / "us", parent / "text"]) == []
    (said,) = left_out_below([parent / "deep" / ".."])
    assert "8 DICOM files" in said


def test_a_whole_disk_is_refused(parent, monkeypatch):
    monkeypatch.setattr(dicom_folders, "MOST_FOLDERS", 3)
    with pytest.raises(InputError, match="more than 3 folders"):
        choices_below(parent)


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("gap", "Cannot be opened: it has gaps: 1 slice(s) are missing"),
        ("direction", "Cannot be opened: it has slices in several directions"),
        ("patient", "Cannot be opened: it mixes slices that differ in patient"),
        ("", ""),
    ],
)
def test_a_series_that_cannot_be_read_is_listed_so(tmp_path, what, word):
    lie = AXIAL[:, [0, 2, 1, 3]] if what == "direction" else AXIAL
    same = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2.4"}
    folder = write_series(tmp_path / "ct", SMALL, AXIAL, names=list("abcdef"), **same)
    if what == "gap":
        (folder / "c").unlink()
    if what in ("direction", "patient"):
        other = {"PatientID": "ZZMARKER8"} if what == "patient" else {}
        last = np.eye(4)
        last[:3, 3] = 0, 0, 6
        write_series(folder, SMALL[:1], lie @ last if what == "patient" else lie, names=["g"], **same, **other)
    (one,) = choices_in(folder)
    assert (word in note_of(one)) if word else note_of(one) == ""


def test_names_of_before_are_still_known():
    for name in ("CT-1pictures-0123abcd", "CT-1picture-0123abcd", "MR-series3-20slices-0123abcd"):
        assert NAMED.fullmatch(name)
    assert without_key("CT-1picture-0123abcd") == "CT-1picture"
