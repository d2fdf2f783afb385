"""Export from a real napari window."""

import json
from threading import Event

import nibabel
import numpy as np
import pytest
import tifffile
from napari.layers import Image
from qtpy.QtCore import QObject, QPoint, Qt, QUrl, Slot
from qtpy.QtGui import QDesktopServices

from napari_medseg.app.formats import advice, names
from napari_medseg.app.images import add_images
from napari_medseg.app.layer_keys import FILE_KEY
from napari_medseg.inference import Prediction
from napari_medseg.io import Grid, read_image, read_mask, write_image
from tests.widgets.helpers import WAIT, accept, blobs, kept, propose

pytestmark = pytest.mark.gui


def test_the_selected_mask_is_exported_with_its_pixel_size(panel, qtbot, tmp_path):
    mask = np.zeros((20, 30), int)
    mask[4:8, 5:9] = 1
    panel.viewer.add_labels(mask, name="mine", scale=(0.5, 0.25), units=("mm", "mm"))
    panel.export.folder.setText(str(tmp_path / "new folder"))
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote 1" in panel.export.message.text(), timeout=WAIT)
    image = read_image(tmp_path / "new folder" / "mine_mask.tif")
    np.testing.assert_array_equal(image.data, mask)
    np.testing.assert_allclose(image.spacing, (0.5, 0.25), rtol=1e-4)
    assert any(isinstance(layer, Image) for layer in panel.viewer.layers) is False


def test_what_a_format_keeps_is_told_where_it_is_chosen(panel):
    section = panel.export
    assert [section.format.itemText(i) for i in range(section.format.count())] == list(names())
    for name in names():
        section.format.setCurrentText(name)
        assert section.hint.text() == advice(name)


def test_objects_are_counted_shown_and_exported_beside_the_mask(project_panel, qtbot, tmp_path):
    panel = project_panel
    tools, case = panel.correct.tools, panel.correct.view.current
    mask = np.zeros(case.labels.data.shape, np.uint8)
    mask[10:30, 10:30], mask[50:70, 50:71], mask[90:92, 90:92] = 1, 1, 1
    case.labels.data[...] = mask
    tools.objects.click()
    said = "2 objects, touching ones counted apart; half of them over 410 px."
    qtbot.waitUntil(lambda: tools.message.text() == said, timeout=WAIT)
    name = f"{case.image.name} objects"
    assert set(np.unique(panel.viewer.layers[name].data)) == {0, 1, 2}
    # pressed again, the layer is used again; it is no mask to draw in or to export
    tools.number_objects()
    tools.number_objects()
    qtbot.waitUntil(lambda: "2 object" in tools.message.text(), timeout=WAIT)
    assert [layer.name for layer in panel.viewer.layers].count(name) == 1
    assert panel.viewer.layers.selection.active is case.labels
    np.testing.assert_array_equal(case.labels.data, mask)
    panel.viewer.layers.selection.clear()
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.objects.setChecked(True)
    panel.export.export.click()
    qtbot.waitUntil(lambda: "Wrote 2" in panel.export.message.text(), timeout=WAIT)
    stem = case.image.name
    np.testing.assert_array_equal(read_image(tmp_path / "out" / f"{stem}_mask.tif").data, mask)
    assert read_image(tmp_path / "out" / f"{stem}_objects.tif").data.max() == 2


def facts_of(path):
    with tifffile.TiffFile(path) as file:
        return json.loads(file.pages.first.description)["medseg"]


def export(panel, qtbot, folder):
    panel.export.folder.setText(str(folder))
    panel.export.this.setChecked(True)
    panel.export.export.click()
    qtbot.waitUntil(lambda: panel.export.message.text() != "Writing...", timeout=WAIT)
    return panel.export.message.text()


def test_a_mask_of_ones_own_is_exported_onto_its_volume_or_told(panel, qtbot, tmp_path):
    affine = np.array([[-1.0, 0, 0, 90], [0, -1, 0, 126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
    data = np.random.default_rng(0).random((20, 24, 10)).astype(np.float32)
    nibabel.Nifti1Image(data, affine).to_filename(tmp_path / "v.nii.gz")
    panel.propose.open_images([tmp_path / "v.nii.gz"])
    qtbot.waitUntil(lambda: len(panel.viewer.layers) == 1, timeout=WAIT)
    image = panel.viewer.layers[0]
    labels = (np.asarray(image.data) > 0.5).astype(np.uint8)
    mask = panel.viewer.add_labels(labels, name="mine", scale=image.scale, units=image.units)
    panel.viewer.layers.selection.active = mask
    assert "Wrote 1" in export(panel, qtbot, tmp_path / "out")
    found = nibabel.load(tmp_path / "out" / "mine_mask.nii.gz")
    np.testing.assert_allclose(found.affine, affine)
    np.testing.assert_array_equal(np.asarray(found.dataobj), data > 0.5)
    mask.scale = (1, 1, 1)
    assert "'mine' has scale [1.0, 1.0, 1.0]; expected [2.5, 1.0, 1.0], as its image 'v'" in export(
        panel, qtbot, tmp_path / "none"
    )
    assert not (tmp_path / "none").exists()


def test_a_mask_tells_of_the_proposal_it_is_of(project_panel, qtbot, tmp_path):
    """Not of an earlier one, and of every network of an ensemble: as the history says, undo or not."""
    panel = project_panel
    case = panel.correct.view.current
    labels = np.zeros(case.labels.data.shape, np.uint8)
    shown = {}
    for number, name in enumerate("ab"):
        labels[number : number + 9, :9] = number
        member = {"network": name, "weights": f"{name}/x@1", "sha256": name * 64}
        other = {"network": "c", "weights": "c/x@1", "sha256": "c" * 64}
        origin = {**member, "also": [other]} if name == "b" else member
        prediction = Prediction(labels=labels.copy(), probabilities=labels[None].astype(np.float32), origin=origin)
        case.propose(prediction, pytest.fail)
        case.session.flush(WAIT / 1000)
        panel.viewer.layers.selection.active = case.labels
        assert "Wrote 1" in export(panel, qtbot, tmp_path / name)
        (path,) = (tmp_path / name).iterdir()
        shown[name] = facts_of(path)
        assert shown[name]["proposal"] == origin
        assert "network" not in shown[name]
        case.labels.save(str(tmp_path / f"{name}.tif"), plugin="napari-medseg")
        saved = facts_of(tmp_path / f"{name}.tif")
        assert saved["proposal"] == origin
    # the layer outlives the case, and goes on telling the truth
    case.close(force=False)
    assert case.labels.metadata["medseg"]["also"] == [other]
    assert "medseg_history" not in case.labels.metadata


@pytest.mark.parametrize(
    "name", ["plate 1/2", "../../x", "/etc/passwd", "", "..", "x" * 300, "肝" * 85, "a\x00b", "[left] eye", "CON"]
)
def test_a_mask_of_any_name_is_written_into_the_folder(panel, qtbot, tmp_path, name):
    out = tmp_path / "x" / "y" / "out"
    panel.viewer.add_labels(np.ones((8, 9), np.uint8), name=name)
    panel.export.folder.setText(str(out))
    panel.export.start()
    qtbot.waitUntil(panel.export.export.isEnabled, timeout=WAIT)
    assert len(list(out.iterdir())) == 1, panel.export.message.text()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == list(out.iterdir())


def test_two_masks_never_become_one_file_and_none_is_replaced_unasked(panel, qtbot, tmp_path):
    panel.export.folder.setText(str(tmp_path / "out"))
    layers = [
        panel.viewer.add_labels(np.full((8, 9), value, np.uint8), name=name)
        for value, name in enumerate(("same", "same mask", "SAME"), start=1)
    ]

    def export(layer):
        panel.viewer.layers.selection.active = layer
        panel.export.start()
        qtbot.waitUntil(panel.export.export.isEnabled, timeout=WAIT)
        return {path.name: int(read_mask(path).max()) for path in (tmp_path / "out").iterdir()}

    for layer in layers:
        found = export(layer)
    assert found == {"same_mask.tif": 1, "same_2_mask.tif": 2, "SAME_3_mask.tif": 3}
    layers[0].data = np.full((8, 9), 7, np.uint8)
    assert export(layers[0]) == found
    assert panel.export.message.text() == (
        f"same_mask.tif is in {tmp_path / 'out'} already, so nothing was written. Tick 'Replace files that are there', "
        "or choose another folder."
    )
    # of several, which and how many
    panel.export.objects.setChecked(True)
    assert export(layers[0]) == found
    told = "same_mask.tif, one of 2 files to write, is in"
    assert panel.export.message.text().startswith(told)
    panel.export.objects.setChecked(False)
    panel.export.overwrite.setChecked(True)
    assert export(layers[0]) == {**found, "same_mask.tif": 7}
    # asked for once, not for ever
    assert not panel.export.overwrite.isChecked()


def test_whoever_selects_an_image_exports_its_mask_and_no_other(panel, qtbot, case, tmp_path):
    other = panel.viewer.add_image(blobs(2), name="b")
    panel.viewer.layers.selection.active = other
    assert "No mask is selected" in export(panel, qtbot, tmp_path / "none")
    propose(panel, qtbot)
    kept(panel, qtbot, other)
    panel.viewer.layers.selection.active = case.image
    assert "Wrote 1" in export(panel, qtbot, tmp_path / "a")
    (written,) = (tmp_path / "a").iterdir()
    assert written.name == "a_mask.tif"
    np.testing.assert_array_equal(read_mask(written), case.labels.data)
    # several, of no image that is selected: none is guessed
    third = panel.viewer.add_image(blobs(3), name="c")
    for name in ("one", "two"):
        panel.viewer.add_labels(np.ones((96, 128), np.uint8), name=name)
    panel.viewer.layers.selection.active = third
    assert "No mask is selected" in export(panel, qtbot, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def export_all(panel, qtbot, folder, which=None):
    panel.export.folder.setText(str(folder))
    (which or panel.export.all).setChecked(True)
    panel.export.start()
    qtbot.waitUntil(lambda: panel.export.message.text() != "Writing...", timeout=WAIT)
    return panel.export.message.text()


def test_an_image_that_was_rescaled_since_it_is_a_case_is_not_exported_with_two_sizes(panel, qtbot, case, tmp_path):
    accept(panel, qtbot)
    case.image.units, case.image.scale = ("mm", "mm"), (0.5, 0.25)
    told = export_all(panel, qtbot, tmp_path / "all")
    assert "'a' has 96 x 128 px of 0.5 x 0.25 mm; expected 96 x 128 px of unknown size" in told
    assert not (tmp_path / "all").exists()
    # accepted, it is told what the project keeps
    panel.correct.accept_and_next()
    told = "'a' has 96 x 128 px of 0.5 x 0.25 mm"
    # and not only until the next image was looked for
    qtbot.waitUntil(lambda: panel.correct.status.text().startswith(told), timeout=WAIT)
    assert panel.correct.status.text().endswith("All images are accepted. Retrain, or export the masks.")
    # as the sentence says, the selected mask is written as it is shown
    panel.viewer.layers.selection.active = case.labels
    assert "Wrote 1" in export(panel, qtbot, tmp_path / "one")
    np.testing.assert_allclose(read_image(tmp_path / "one" / "a_mask.tif").spacing, (0.5, 0.25), rtol=1e-4)
    case.image.units, case.image.scale = ("pixel", "pixel"), (1, 1)
    assert "Wrote 1" in export_all(panel, qtbot, tmp_path / "all")
    assert read_image(tmp_path / "all" / "a_mask.tif").spacing is None


def test_a_layer_that_knows_no_size_gets_that_of_its_case(panel, qtbot, case, tmp_path):
    """napari's own reader of TIFF tells no size; the project knows it. One and all say the same."""
    project, shape = panel.state.project, case.labels.data.shape
    data = blobs(4)
    write_image(tmp_path / "sized.tif", data, grid=Grid(shape, spacing=(0.5, 0.25), unit="mm"))
    add_images(project, [tmp_path / "sized.tif"])
    image = panel.viewer.add_image(data, name="sized", metadata={FILE_KEY: str(tmp_path / "sized.tif")})
    propose(panel, qtbot)
    kept(panel, qtbot, image)
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(project.revisions(2)), timeout=WAIT)
    panel.viewer.layers.selection.active = image
    assert "Wrote 1" in export(panel, qtbot, tmp_path / "one")
    assert "Wrote 1" in export_all(panel, qtbot, tmp_path / "all")
    for folder in ("one", "all"):
        np.testing.assert_allclose(read_image(tmp_path / folder / "sized_mask.tif").spacing, (0.5, 0.25), rtol=1e-4)


@pytest.mark.parametrize("kind", ["file", "array", "array in mm"])
def test_a_volume_that_nobody_moved_is_of_its_own_size(panel, qtbot, tmp_path, kind):
    data = np.random.default_rng(0).random((12, 24, 20)).astype(np.float32)
    if kind == "file":
        affine = np.array([[-0.7, 0, 0, 90], [0, -0.9, 0.1, 126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
        nibabel.Nifti1Image(data.T, affine).to_filename(tmp_path / "v.nii.gz")
        panel.propose.open_images([tmp_path / "v.nii.gz"])
        qtbot.waitUntil(lambda: len(panel.viewer.layers) == 1, timeout=WAIT)
        image = panel.viewer.layers[0]
    else:
        place = {"scale": (2.5, 0.7, 0.9), "translate": (-3, 4, 5), "units": ("mm",) * 3}
        image = panel.viewer.add_image(data, name="v", **(place if kind == "array in mm" else {}))
    panel.propose.task.setCurrentText("hippocampus")
    propose(panel, qtbot)
    kept(panel, qtbot, image)
    assert panel.correct.view.resized() is None
    accept(panel, qtbot)
    assert "Wrote 1" in export_all(panel, qtbot, tmp_path / "all")
    panel.viewer.layers.selection.active = image
    assert "Wrote 1" in export(panel, qtbot, tmp_path / "one")
    one, every = (nibabel.load(tmp_path / folder / "v_mask.nii.gz") for folder in ("one", "all"))
    np.testing.assert_allclose(one.affine, every.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(one.dataobj), np.asarray(every.dataobj))
    image.scale = np.array(image.scale) * 2
    assert "expected" in export_all(panel, qtbot, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_all_masks_are_written_as_they_are_on_the_screen(project_panel, qtbot, tmp_path):
    panel = project_panel
    case = panel.correct.view.current
    case.labels.data_setitem((np.array([0, 1]), np.array([0, 1])), 1)
    shown = np.array(case.labels.data)
    cases = len(panel.state.project.cases())
    assert "no accepted mask" in export_all(panel, qtbot, tmp_path / "none", panel.export.all)
    assert panel.export.show_folder.isHidden()
    told = export_all(panel, qtbot, tmp_path / "out", panel.export.whole)
    assert told == f"Wrote 1 file to {tmp_path / 'out'}. {cases - 1} images without such a mask were left out."
    np.testing.assert_array_equal(read_mask(tmp_path / "out" / f"{case.image.name}_mask.tif"), shown)
    assert accept(panel, qtbot)[0] is not None
    assert "Wrote 1" in export_all(panel, qtbot, tmp_path / "accepted", panel.export.all)


def test_the_folder_is_opened_by_a_click(panel, qtbot, tmp_path):
    opened = []

    class Files(QObject):
        @Slot(QUrl)
        def open(self, url):
            opened.append(url.toLocalFile())

    panel.viewer.add_labels(np.eye(9, dtype=int), name="mine")
    export(panel, qtbot, tmp_path / "out")
    assert not panel.export.show_folder.isHidden()
    # another folder, typed since, is not the one that was written to
    panel.export.folder.setText(str(tmp_path / "later"))
    files = Files()
    QDesktopServices.setUrlHandler("file", files.open)
    try:
        panel.export.show_folder.click()
    finally:
        QDesktopServices.unsetUrlHandler("file")
    assert opened == [str(tmp_path / "out")]


def test_objects_of_all_masks_go_into_one_file_and_sizes_beside_them(project_panel, qtbot, tmp_path):
    panel = project_panel
    accept(panel, qtbot)
    project = panel.state.project
    other = project.cases()[-1]
    project.commit_stroke(other.id, np.ones(other.shape, np.uint8))
    project.accept(other.id)
    panel.export.format.setCurrentText("coco")
    assert "go into one file, masks.coco.json" in panel.export.hint.text()
    assert "Wrote 1 file" in export_all(panel, qtbot, tmp_path / "coco", panel.export.all)
    found = json.loads((tmp_path / "coco" / "masks.coco.json").read_text())
    assert len(found["images"]) == 2
    mine = panel.viewer.add_labels(np.eye(9, dtype=int), name="mine", scale=(0.5, 0.5), units=("mm", "mm"))
    panel.viewer.layers.selection.active = mine
    panel.export.this.setChecked(True)
    panel.export.format.setCurrentText("png")
    assert "In a file beside it, NAME.png.json: the size of its pixels" in panel.export.hint.text()
    assert "Wrote 2 files" in export(panel, qtbot, tmp_path / "png")
    assert sorted(path.name for path in (tmp_path / "png").iterdir()) == ["mine_mask.png", "mine_mask.png.json"]
    panel.viewer.layers.selection.active = mine
    assert "2 of 2 files to write" in export(panel, qtbot, tmp_path / "png")


def test_three_clicks_export_all(project_panel, qtbot, tmp_path):
    panel = project_panel
    accept(panel, qtbot)
    # as it stands from last time, or by itself
    panel.export.folder.setText(str(tmp_path / "out"))
    bar, left, clicks = panel.tabs.tabBar(), Qt.MouseButton.LeftButton, 0
    for target, place in (
        (bar, bar.tabRect(3).center()),
        (panel.export.all, QPoint(8, 8)),
        (panel.export.export, None),
    ):
        qtbot.mouseClick(target, left, pos=place or target.rect().center())
        clicks += 1
    qtbot.waitUntil(lambda: "Wrote 1" in panel.export.message.text(), timeout=WAIT)
    assert clicks <= 3 and panel.tabs.currentIndex() == 3


def test_an_export_is_ended_by_a_button_and_what_is_written_stays(project_panel, qtbot, tmp_path, monkeypatch):
    from napari_medseg.widgets import export, waiting

    monkeypatch.setattr(waiting, "AFTER_SECONDS", 0.0)
    panel, begun, go_on = project_panel, Event(), Event()
    real = export.export_project

    def slow(project, folder, *, progress, **wishes):
        begun.set()
        assert go_on.wait(60)
        return real(project, folder, progress=progress, **wishes)

    monkeypatch.setattr(export, "export_project", slow)
    panel.export.whole.setChecked(True)
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.export.click()
    qtbot.waitUntil(lambda: begun.is_set() and not panel.waiting.isHidden(), timeout=WAIT)
    assert panel.waiting.text.text() == "Writing..." and not panel.export.export.isEnabled()
    panel.waiting.cancel.click()
    assert "Stopped" in panel.export.message.text() and panel.export.export.isEnabled()
    go_on.set()
    qtbot.waitUntil(panel.export._ended.is_set, timeout=WAIT)
    assert not list((tmp_path / "out").glob("*"))


def test_what_each_format_is_for_is_read_before_it_is_chosen(panel):
    box = panel.export.format
    tips = [box.itemData(row, Qt.ItemDataRole.ToolTipRole) for row in range(box.count())]
    assert all(tips) and "QuPath" in tips[list(names()).index("geojson")]
    assert "QuPath" in box.toolTip()
