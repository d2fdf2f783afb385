"""napari's layers are the user's: what is accepted is what is on the screen, or it is refused with a sentence."""

import numpy as np
import pytest
from napari.layers import Labels
from napari.layers._layer_actions import _convert_dtype
from napari.utils.notifications import notification_manager

from napari_medseg.app.layer_keys import GRID_KEY
from napari_medseg.app.rescue import rescue_folder
from napari_medseg.io import read_mask
from napari_medseg.project import Project
from tests.widgets.helpers import WAIT, accept, blobs, copy_of, kept, labels_of, stored
from tests.widgets.helpers import propose as run

pytestmark = pytest.mark.gui


def test_a_copy_of_the_mask_is_not_taken_for_it(panel, qtbot, case):
    mask = case.labels
    copy = copy_of(panel, mask)
    assert "'a mask copy' is a copy" in notification_manager.records[-1].message
    copy.paint((50, 60), 1)
    panel.viewer.layers.selection.active = copy
    held = panel.state.project.labels(1)
    for act in (panel.correct.undo.click, panel.correct.unlock.click, panel.correct.tools.buttons["smooth"].click):
        act()
        assert "is a copy of the mask 'a mask'" in notification_manager.records[-1].message
    accepted, told = accept(panel, qtbot)
    assert accepted is None
    assert "expected 'a mask'" in told
    np.testing.assert_array_equal(panel.state.project.labels(1), held)
    # exported, it is what it is: no mask of that case
    assert panel.correct.view.case_of(copy) is None
    panel.viewer.layers.selection.active = mask
    accepted, _ = accept(panel, qtbot)
    np.testing.assert_array_equal(accepted, mask.data)


def test_a_copy_of_the_image_and_other_layers_are_not_the_case_either(panel, qtbot, case):
    copy = copy_of(panel, case.image)
    assert "medseg_case" not in copy.metadata
    for layer in (copy, panel.viewer.add_labels(np.zeros((96, 128), np.uint8), name="mine")):
        panel.viewer.layers.selection.active = layer
        accepted, told = accept(panel, qtbot)
        assert accepted is None
        assert f"'{layer.name}' is not what 'a mask' belongs to" in told
    # of shapes nobody thinks that they are the mask
    panel.viewer.layers.selection.active = panel.viewer.add_shapes(name="shapes")
    assert accept(panel, qtbot)[0] is not None


@pytest.mark.parametrize("in_place", [False, True], ids=["other data", "other pixels in the same data"])
def test_another_picture_in_the_image_layer_is_another_case(panel, qtbot, case, in_place):
    project, image, mask = panel.state.project, case.image, case.labels
    mask.paint((10, 10), 1)
    stored(panel, qtbot)
    first, drawn = project.labels(1), mask.data.copy()
    other = np.ascontiguousarray(blobs(1))
    if in_place:
        image.data[...] = other
        image.refresh()
    else:
        image.data = other
        assert panel.state.case_id is None
        assert "'a' shows another picture than before" in notification_manager.records[-1].message
    run(panel, qtbot)
    kept(panel, qtbot, image)
    np.testing.assert_array_equal(project.labels(1), first)
    assert [c.id for c in project.cases()] == [1, 2]
    now = panel.correct.view.current
    assert (now.case_id, now.image) == (2, image)
    np.testing.assert_array_equal(project.labels(2), now.labels.data)
    # what was drawn on the first is there, out of sight
    assert not mask.visible
    np.testing.assert_array_equal(mask.data, drawn)


def test_the_same_picture_in_another_type_is_the_same_case(panel, qtbot, case):
    case.image.data = case.image.data.astype(np.float32)
    run(panel, qtbot)
    assert panel.correct.view.current is case
    assert [c.id for c in panel.state.project.cases()] == [1]


def test_a_label_that_cannot_be_stored_harms_no_other_stroke(panel, qtbot, case):
    mask = case.labels
    panel.viewer.layers.selection = {mask}
    _convert_dtype(panel.viewer.layers, "int32")
    mask.brush_size = 5
    mask.paint((80, 5), 300)
    mask.paint((40, 110), 1)
    qtbot.waitUntil(lambda: panel.state.project.labels(1)[40, 110] == 1, timeout=WAIT)
    qtbot.waitUntil(lambda: "label 300" in panel.banner.text() and not panel.banner.isHidden(), timeout=WAIT)
    accepted, told = accept(panel, qtbot)
    assert accepted is None
    assert "label 300" in told
    assert "expected 0 to 255" in told
    # a proposal would draw over it
    run(panel, qtbot)
    assert mask.data[80, 5] == 300
    panel.correct.undo.click()
    assert mask.data[80, 5] != 300
    assert mask.data[40, 110] == 1
    qtbot.waitUntil(panel.banner.isHidden, timeout=WAIT)
    accepted, _ = accept(panel, qtbot)
    np.testing.assert_array_equal(accepted, mask.data)


@pytest.mark.parametrize("shape", [(48, 64), (1, 96, 128), (128, 96)])
def test_a_mask_of_another_shape_is_refused_and_undo_brings_the_stored_one_back(panel, qtbot, case, shape):
    mask = case.labels
    mask.paint((40, 110), 1)
    stored(panel, qtbot)
    drawn = mask.data.copy()
    mask.data = np.ones(shape, np.uint8)
    accepted, told = accept(panel, qtbot)
    assert accepted is None
    assert f"shape is {shape}; expected (96, 128)" in told
    panel.correct.tools.apply("smooth")
    panel.correct.redo.click()
    run(panel, qtbot)
    assert mask.data.shape == shape
    np.testing.assert_array_equal(panel.state.project.labels(1), drawn)
    panel.correct.undo.click()
    np.testing.assert_array_equal(mask.data, drawn)
    mask.paint((5, 5), 1)
    accepted, _ = accept(panel, qtbot)
    np.testing.assert_array_equal(accepted, mask.data)


def test_what_is_seen_of_a_mask_of_another_shape_is_written_elsewhere_as_it_closes(panel, qtbot, case, tmp_path):
    Project.create(tmp_path / "q").close()
    seen = np.eye(30, dtype=np.uint8)
    case.labels.data = seen
    panel.correct.open_project(tmp_path / "q")
    qtbot.waitUntil(lambda: panel.state.project is not None and panel.state.project.path.name == "q", timeout=WAIT)
    (rescued,) = rescue_folder().iterdir()
    np.testing.assert_array_equal(read_mask(rescued), seen)


def test_a_mask_that_was_moved_off_its_image_is_refused(panel, qtbot, case):
    case.labels.translate = (0, 20)
    accepted, told = accept(panel, qtbot)
    assert accepted is None
    assert "'a mask' has translate [0.0, 20.0]; expected [0.0, 0.0], as its image 'a'" in told
    panel.export.start()
    assert "'a mask' has translate" in panel.export.message.text()
    case.labels.translate = (0, 0)
    assert accept(panel, qtbot)[0] is not None


def test_a_mask_goes_with_its_image(panel, qtbot, case, tmp_path):
    import tifffile

    case.image.units = ("mm", "mm")
    case.image.scale = (0.5, 0.25)
    case.image.translate = (3, 4)
    np.testing.assert_array_equal(case.labels.scale, (0.5, 0.25))
    np.testing.assert_array_equal(case.labels.translate, (3, 4))
    # accepted, and told that the project keeps another size
    panel.correct.accept_and_next()
    qtbot.waitUntil(lambda: bool(panel.state.project.revisions(1)), timeout=WAIT)
    qtbot.waitUntil(lambda: "of 0.5 x 0.25 mm; expected" in panel.correct.status.text(), timeout=WAIT)
    panel.export.folder.setText(str(tmp_path / "out"))
    panel.export.start()
    qtbot.waitUntil(panel.export.export.isEnabled, timeout=WAIT)
    (written,) = (tmp_path / "out").iterdir()
    with tifffile.TiffFile(written) as file:
        found = file.pages[0].tags["XResolution"].value, file.pages[0].tags["YResolution"].value
    assert found[0][0] / found[0][1] == pytest.approx(2 * found[1][0] / found[1][1])


def test_whoever_selects_a_mask_proposes_on_its_image(panel, qtbot, case):
    other = panel.viewer.add_image(blobs(2), name="b")
    run(panel, qtbot)
    kept(panel, qtbot, other)
    assert panel.propose.current_image() == other
    panel.viewer.layers.selection.active = case.labels
    assert panel.propose.current_image() == case.image
    assert panel.state.case_id == case.case_id
    # and what is proposed on is seen
    case.image.visible = False
    run(panel, qtbot)
    assert case.image.visible


def test_a_mask_of_ones_own_lies_on_its_volume(panel, qtbot, tmp_path):
    import nibabel

    affine = np.array([[-1.0, 0, 0, 90], [0, -1, 0, 126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
    voxels = np.zeros((20, 24, 10), np.float32)
    voxels[2:7, 3:9, 1:4] = 100
    nibabel.Nifti1Image(voxels, affine).to_filename(tmp_path / "v.nii.gz")
    for number, read in enumerate((panel.propose.open_images, lambda f: panel.viewer.open(f, plugin="napari-medseg"))):
        panel.viewer.layers.clear()
        read([tmp_path / "v.nii.gz"])
        qtbot.waitUntil(lambda: len(panel.viewer.layers) == 1, timeout=WAIT)
        image = panel.viewer.layers[0]
        panel.viewer.layers.selection.active = image
        # napari's own button
        panel.viewer._new_labels()
        (mask,) = labels_of(panel)
        mask.data = (np.asarray(image.data) > 50).astype(np.uint8)
        assert mask.metadata[GRID_KEY] is image.metadata[GRID_KEY]
        panel.export.folder.setText(str(tmp_path / f"out{number}"))
        panel.export.start()
        qtbot.waitUntil(panel.export.export.isEnabled, timeout=WAIT)
        (written,) = (tmp_path / f"out{number}").iterdir()
        file = nibabel.load(written)
        np.testing.assert_allclose(file.affine, affine)
        np.testing.assert_array_equal(np.asarray(file.dataobj) > 0, voxels > 50)
        # moved since it was read: refused
        image.translate = mask.translate = (0, 0, 5)
        panel.export.start()
        assert "'v' has translate [0.0, 0.0, 5.0]" in panel.export.message.text()
    assert isinstance(mask, Labels)
