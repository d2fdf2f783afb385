"""A volume in a real napari window: its planes, its sides, its place, what its mask measures."""

import nibabel
import numpy as np
import pytest
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPoint, Qt

from napari_medseg.app.layer_keys import UNSIZED_KEY
from napari_medseg.app.places import grid_of
from napari_medseg.app.settings import load_settings
from napari_medseg.project import Project
from napari_medseg.widgets.layers import new_labels, spacing_of
from tests.io.test_orientation import turned
from tests.widgets.helpers import WAIT
from tests.widgets.test_tools import event, open_case

pytestmark = pytest.mark.gui
# in the file its axes run to the front, to the foot and to the left: 20 to the front, 8 to the head, 12 across
AFFINE = turned((1, 2, 0), (1, -1, -1))


@pytest.fixture
def volume(panel, qtbot, tmp_path):
    """A case of a volume whose file lies askew, in a window that is seen."""
    panel.viewer.window.show()
    data = np.random.default_rng(0).integers(0, 200, (20, 8, 12)).astype(np.uint8)
    nibabel.Nifti1Image(data, AFFINE).to_filename(tmp_path / "v.nii.gz")
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "v.nii.gz", shape=(8, 20, 12))
        project.set_proposal(1, np.zeros((8, 20, 12), np.uint8), {"network": "none"})
    panel.tabs.setCurrentIndex(1)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.correct.volume.sight.volume, timeout=WAIT)
    box = panel.correct.volume
    qtbot.waitUntil(lambda: all(not view.canvas.picture.isNull() for view in box.planes.views), timeout=WAIT)
    return box


def at(view, voxel):
    """Where in a small plane a voxel is seen."""
    room, plane, shape = view.canvas.place(), view.canvas.plane, view._sight.shape
    row, column = plane.on_screen(voxel, shape)
    x = room.left() + (column + 0.5) / shape[plane.columns] * room.width()
    y = room.top() + (row + 0.5) / shape[plane.rows] * room.height()
    return QPoint(round(x), round(y))


def click(view, voxel, qtbot):
    qtbot.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=at(view, voxel))


def colour(view, voxel):
    plane, shape = view.canvas.plane, view._sight.shape
    row, column = plane.on_screen(voxel, shape)
    return view.canvas.picture.pixelColor(int(column), int(row)).getRgb()[:3]


def test_the_planes_are_linked_and_named_as_the_file_lies(panel, volume, qtbot):
    one, two = volume.planes.views
    assert volume.planes.dock.isVisible()
    assert [one.canvas.plane.name, two.canvas.plane.name] == ["Coronal", "Sagittal"]
    assert volume.marks.letters() == ("A", "P", "R", "L")
    # a click in the one goes there in all three
    click(one, (6, volume.sight.index[1], 9), qtbot)
    assert (volume.sight.index[0], volume.sight.index[2]) == (6, 9)
    assert panel.viewer.dims.current_step[0] == 6
    click(two, (2, 17, 9), qtbot)
    assert volume.sight.index == (2, 17, 9)
    qtbot.waitUntil(lambda: one.title.text() == "Coronal  17 / 19", timeout=WAIT)
    qtbot.waitUntil(lambda: "Voxel 9, 17, 2" in volume.position.text(), timeout=WAIT)
    grid = volume.sight.image.metadata["medseg_grid"]
    x, y, z = (grid.affine @ (9, 17, 2, 1))[:3]
    sides = f"{'RL'[int(x < 0)]} {abs(x):.1f}, {'AP'[int(y < 0)]} {abs(y):.1f}, {'SI'[int(z < 0)]} {abs(z):.1f} mm"
    assert sides in volume.position.text()


def test_where_one_draws_the_others_look_and_what_is_drawn_is_seen_at_once(panel, volume, qtbot):
    one, two = volume.planes.views
    mask, viewer = volume.sight.mask, panel.viewer
    volume.sight.go((4, 5, 6))
    qtbot.waitUntil(lambda: one.title.text() == "Coronal  5 / 19", timeout=WAIT)
    grey, kept = colour(one, (4, 5, 3)), one.canvas._colours
    mask.data_setitem((np.array([4]), np.array([5]), np.array([3])), 1)
    qtbot.waitUntil(lambda: colour(one, (4, 5, 3)) != grey, timeout=WAIT)
    # the image's slice was not computed again, and nothing was copied
    assert one.canvas._colours is kept
    assert mask.data is volume.sight.mask.data
    # the button comes up in the large canvas
    here = event(mask, (4, 11, 2))
    mouse_press_callbacks(viewer, here)
    here.type = "mouse_release"
    mouse_release_callbacks(viewer, here)
    assert volume.sight.index == (4, 11, 2)
    qtbot.waitUntil(lambda: two.title.text() == "Sagittal  2 / 11", timeout=WAIT)


def test_a_plane_is_brought_into_the_canvas_and_interpolated_across(panel, volume, qtbot):
    viewer, mask = panel.viewer, volume.sight.mask
    qtbot.mouseClick(volume.planes.views[0].title, Qt.MouseButton.LeftButton)
    assert tuple(viewer.dims.displayed) == (0, 2)
    assert volume.marks.letters() == ("S", "I", "R", "L")
    assert [view.canvas.plane.name for view in volume.planes.views] == ["Axial", "Sagittal"]
    mask.data[2:6, 7, 3:9] = mask.data[2:6, 12, 3:9] = 1
    mask.refresh()
    panel.correct.tools.apply("interpolate")
    tools = panel.correct.tools
    qtbot.waitUntil(lambda: tools.message.text() == "Filled slices 8 to 11 of 19.", timeout=WAIT)
    assert (mask.data[3, 7:13, 5] == 1).all()
    # 6 slices of 24 voxels of 2 mm³
    qtbot.waitUntil(
        lambda: volume.measured.text() == f"Measured: {panel.correct.classes.name_of(1)} 0.288 ml.", timeout=WAIT
    )
    volume.next.click()
    assert volume.marks.letters() == ("S", "I", "A", "P")
    volume.next.click()
    assert volume.marks.letters() == ("A", "P", "R", "L")


def test_switched_off_they_stay_off_and_closed_they_are_gone(panel, volume, qtbot):
    viewer, dock = panel.viewer, volume.planes.dock
    dock.close()
    assert not volume.three.isChecked() and load_settings()["three_planes"] is False
    volume.three.click()
    assert dock.isVisible() and load_settings()["three_planes"] is True
    assert viewer.scene.camera.orientation2d == ("up", "left")
    callbacks = len(viewer.mouse_drag_callbacks)
    with qtbot.waitSignal(dock.destroyed, timeout=WAIT):
        panel.shut_down()
    assert viewer.scene.camera.orientation2d == ("down", "right")
    assert len(viewer.mouse_drag_callbacks) == callbacks - 1


def test_a_volume_without_sides_shows_none_and_says_why(panel, qtbot, tmp_path):
    open_case(panel, qtbot, tmp_path, np.zeros((6, 20, 24), np.uint8))
    box = panel.correct.volume
    qtbot.waitUntil(lambda: box.sight.volume, timeout=WAIT)
    assert box.marks.letters() is None
    assert "No file says" in box.position.toolTip()
    assert [plane.name for plane in box.sight.planes] == ["Plane x-y", "Plane x-z", "Plane y-z"]
    assert panel.viewer.scene.camera.orientation2d == ("down", "right")


def test_an_image_has_no_planes_and_its_area_is_measured(panel, qtbot, tmp_path):
    case = open_case(panel, qtbot, tmp_path, np.zeros((20, 24), np.uint8))
    box = panel.correct.volume
    case.labels.data[2:4, 3:8] = 1
    case.labels.refresh()
    name = panel.correct.classes.name_of
    words = "10 px. The size of a pixel is not known."
    qtbot.waitUntil(lambda: box.measured.text() == f"Measured: {name(1)} {words}", timeout=WAIT)
    assert box.planes.dock is None and not box.sight.volume
    case.image.scale, case.image.units = (0.5, 0.5), ("millimeter", "millimeter")
    box.measure()
    qtbot.waitUntil(lambda: box.measured.text() == f"Measured: {name(1)} 2.50 mm².", timeout=WAIT)
    # beside another image the number is not seen, not even until that is measured
    panel.viewer.add_image(np.zeros((20, 24), np.uint8), name="other")
    box._rest.setInterval(WAIT)
    box.sight.look()
    assert box.measured.text() == ""


def test_beside_a_volume_an_image_of_unknown_size_pops_nothing_up_and_stays_of_unknown_size(panel, volume, qtbot):
    viewer, before = panel.viewer, len(notification_manager.records)
    image = viewer.add_image(np.zeros((20, 12), np.uint8), name="of unknown size")
    mask = new_labels(image, np.zeros((20, 12), np.uint8), name="its mask")
    viewer.add_layer(mask)
    viewer.screenshot(flash=False)
    assert len(notification_manager.records) == before
    for layer in (image, mask):
        assert grid_of(layer).spacing is None and spacing_of(layer) is None
    # somebody says it
    image.units = ("micrometer", "micrometer")
    assert grid_of(image).unit == "um"
    image.units = ("pixel", "pixel")
    assert grid_of(image).unit == "px" and viewer.layers.units is not None
    assert panel.correct.view.close_all()
    assert {str(unit) for unit in (*image.units, *mask.units)} == {"pixel"}
    assert not any(UNSIZED_KEY in layer.metadata for layer in (image, mask))


def test_all_that_belongs_to_an_image_goes_with_it_before_anything_is_painted(panel, volume, qtbot, tmp_path):
    project, box = panel.state.project, panel.correct.volume
    data = np.full((20, 6, 14), 90, np.uint8)
    nibabel.Nifti1Image(data, AFFINE).to_filename(tmp_path / "w.nii.gz")
    project.add_case(tmp_path / "w.nii.gz", shape=(6, 20, 14))
    project.set_proposal(2, np.zeros((6, 20, 14), np.uint8), {"network": "none"})
    panel.viewer.scene.camera.orientation2d = ("down", "right")
    found = []

    def came(case_id):
        if case_id == 2:
            sight, camera = box.sight, panel.viewer.scene.camera
            shapes = [view.canvas.picture.size() for view in box.planes.views]
            found.append((sight.image, sight.shape, box.measured.text(), camera.orientation2d, shapes))

    panel.state.events.case_id.connect(came)
    panel.correct.view.open_case(2)
    qtbot.waitUntil(lambda: bool(found), timeout=WAIT)
    image, shape, told, stands, pictures = found[0]
    assert image is panel.correct.view.current.image and shape == (6, 20, 14) and told == ""
    assert {(one.width(), one.height()) for one in pictures} == {(14, 6), (20, 6)}
    qtbot.wait(100)
    assert panel.viewer.scene.camera.orientation2d == stands != ("down", "right")
