"""DICOM-SEG from the window: what classes are is searched and remembered, and a mask of no DICOM image is refused."""

import numpy as np
import pydicom
import pytest
from PIL import Image
from qtpy.QtTest import QTest

from napari_medseg.app.coding import UNNAMED
from napari_medseg.app.images import add_images
from napari_medseg.io.codes import WHERE
from napari_medseg.project import Project
from napari_medseg.widgets.coding import ConceptList
from tests.io.seg_files import LIES, series
from tests.widgets.helpers import WAIT

pytestmark = pytest.mark.gui


@pytest.fixture
def opened(panel, qtbot, tmp_path):
    """A series whose mask is drawn and accepted, in the window."""
    folder = series(tmp_path / "i" / "scan", LIES["axial"])
    with Project.create(tmp_path / "p") as project:
        (case,), _ = add_images(project, [folder])
        labels = np.zeros(case.shape, np.uint8)
        labels[1, 2:5, 3:9] = 1
        project.commit_stroke(case.id, labels)
        project.set_class(1, "Spleen", "#ff0000")
        project.accept(case.id)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.project is not None, timeout=WAIT)
    panel.correct.view.open_case(1)
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    panel.export.folder.setText(str(tmp_path / "o"))
    return panel


def written(panel, qtbot, tmp_path):
    panel.export.overwrite.setChecked(True)
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote 1" in panel.export.message.text(), timeout=WAIT)
    return pydicom.dcmread(tmp_path / "o" / "CT-5slices_mask.seg.dcm")


def test_a_code_is_found_by_typing_kept_in_the_project_and_written(opened, qtbot, tmp_path):
    section = opened.export
    assert section.coding.isHidden() and section.naming.isHidden()
    section.format.setCurrentText("dicom-seg")
    qtbot.waitUntil(lambda: 1 in section.coding.rows, timeout=WAIT)
    what, where = section.coding.rows[1]
    assert (what.currentData(), where.currentData()) == ("spleen", "")
    assert section.naming.text() == UNNAMED.format(format="DICOM-SEG")
    type_into(what, "oedema")
    qtbot.waitUntil(lambda: opened.state.project.codings() == {1: {"what": "edema", "where": ""}}, timeout=WAIT)
    type_into(where, "belly")
    qtbot.waitUntil(lambda: opened.state.project.codings()[1]["where"] == "abdomen", timeout=WAIT)
    found = written(opened, qtbot, tmp_path)
    segment = found.SegmentSequence[0]
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Edema"
    assert segment.AnatomicRegionSequence[0].CodeMeaning == "Abdomen"
    assert (segment.SegmentAlgorithmType, segment.SegmentLabel, found.PatientID) == ("MANUAL", "Spleen", "")
    section.coding.patient.setChecked(True)
    assert "names the patient" in section.naming.text()
    section.all.setChecked(True)
    assert written(opened, qtbot, tmp_path).PatientID == "ZZMARKER1"
    section.format.setCurrentText("tiff")
    assert section.coding.isHidden() and section.naming.isHidden()


def test_the_task_that_happens_to_be_chosen_says_nothing_of_a_mask(opened, qtbot, tmp_path):
    section, state = opened.export, opened.state
    state.project.set_class(2, "lesion", "#00ff00")
    state.task = "breast-ultrasound"
    section.format.setCurrentText("dicom-seg")
    qtbot.waitUntil(lambda: 2 in section.coding.rows, timeout=WAIT)
    shown = [box.currentData() for box in section.coding.rows[2]]
    assert shown == ["lesion", ""] and section.coding.rows[2][0].currentText() == "Lesion"
    assert "Not chosen: Spleen, lesion." in section.coding.origins.text()
    state.task = "brain-mri"
    section.coding.refresh()
    type_into(section.coding.rows[1][0], "oedema")
    qtbot.waitUntil(lambda: "Not chosen: lesion." in section.coding.origins.text(), timeout=WAIT)
    assert "for masks that no network proposed" in section.coding.origins.text()
    # ticks that are out of sight ask for nothing
    section.coding.report.setChecked(True)
    section.coding.patient.setChecked(True)
    assert section.coding.coded().measurements
    for name in ("ome-zarr", "nifti"):
        section.format.setCurrentText(name)
        assert section.coding.isHidden()
        assert not (section.coding.coded().measurements or section.coding.coded().patient)


def test_the_table_is_of_what_was_written_and_a_reason_is_told_once(opened, qtbot, tmp_path):
    section, project = opened.export, opened.state.project
    Image.new("L", (16, 12)).save(tmp_path / "flat.png")
    add_images(project, [tmp_path / "flat.png"])
    project.commit_stroke(2, np.ones((12, 16), np.uint8))
    project.accept(2)
    section.format.setCurrentText("dicom-seg")
    section.all.setChecked(True)
    section.table.tick.setChecked(True)
    section.export.click()
    qtbot.waitUntil(lambda: "Wrote" in section.message.text(), timeout=WAIT)
    head, why = section.message.text().split("\n")
    assert head == "Wrote 2 files. 1 mask was not written." and why.count("flat.png") == 1
    rows = (tmp_path / "o" / "measurements.csv").read_text("utf-8-sig").splitlines()
    assert len(rows) == 2 and "Spleen" in rows[1]


def type_into(box, text):
    box.lineEdit().selectAll()
    QTest.keyClicks(box.lineEdit(), text)
    box.completer().popup().hide()
    box.lineEdit().editingFinished.emit()


def test_what_is_no_entry_gives_way_to_the_one_that_was_chosen(qtbot):
    box = ConceptList(WHERE)
    qtbot.addWidget(box)
    box.show()
    type_into(box, "nothing of the kind")
    assert (box.currentData(), box.currentText()) == ("", "not said")
    # an entry's own name is that entry, though a portal vein is of the liver, too
    for text in ("Liver (hepatic)", "liver"):
        box.show_concept(None)
        type_into(box, text)
        assert box.currentData() == "liver"
    assert "hepatic" in box.toolTip() and "10200004" in box.toolTip()


def test_a_mask_of_an_image_that_is_no_dicom_is_refused_in_the_window(panel, qtbot, tmp_path):
    panel.viewer.add_labels(np.ones((20, 30), int), name="mine")
    panel.export.folder.setText(str(tmp_path / "o"))
    panel.export.format.setCurrentText("dicom-seg")
    assert list(panel.export.coding.rows) == [1]
    panel.export.export.click()
    told = "DICOM-SEG refers to DICOM images alone, and this mask is of an image whose file is not known."
    assert panel.export.message.text().startswith(told)
    assert not (tmp_path / "o").exists()
