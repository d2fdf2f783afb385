"""The next image of the list comes in the layers of the last one, and is another image in every respect."""

import threading

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import QCoreApplication

from napari_medseg.app.layer_keys import FILLED_KEY, OF_KEY, number_of
from napari_medseg.io import read_image, write_image
from napari_medseg.project import Project
from napari_medseg.widgets import asked as asked_module
from napari_medseg.widgets.layers import MASK_SUFFIX, image_of, layers_of, new_labels, show_image
from tests.widgets.helpers import WAIT, choose, copy_of, stored

pytestmark = pytest.mark.gui
SHAPES = ((60, 80), (60, 80), (90, 50), (60, 80, 3), (60, 80))
TYPES = (np.uint8, np.uint8, np.uint8, np.uint8, np.uint16)
PLACE = (slice(5, 9), slice(5, 9))


@pytest.fixture
def listed(panel, qtbot, tmp_path):
    choose(panel)
    with Project.create(tmp_path / "p") as project:
        for number, (shape, dtype) in enumerate(zip(SHAPES, TYPES, strict=True), start=1):
            pixels = np.random.default_rng(number).integers(0, 200, shape).astype(dtype)
            project.add_case(write_image(tmp_path / f"{number}.tif", pixels), shape=shape[:2])
            project.set_proposal(number, np.eye(*shape[:2], dtype=np.uint8), {"network": "none"})
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    return panel


def go(panel, qtbot, number):
    panel.correct.view.open_case(number)
    qtbot.waitUntil(lambda: panel.state.case_id == number, timeout=WAIT)
    return panel.correct.view.current


def draw(case, place=PLACE, label=2):
    rows, columns = (axis.ravel() for axis in np.mgrid[place])
    case.labels.data_setitem((rows, columns), label)


def look_of(layer):
    """All that napari tells of a layer's look, in words."""
    state = {**layer.as_layer_data_tuple()[1], "range": getattr(layer, "contrast_limits_range", None)}
    state["metadata"] = {k: v for k, v in layer.metadata.items() if k not in (OF_KEY, FILLED_KEY, "medseg_case")}
    state.pop("colormap")
    return {name: str(value) for name, value in state.items() if name not in ("opacity", "name")}


@pytest.mark.parametrize(("number", "same"), [(2, True), (3, True), (4, False), (5, False)])
def test_the_layers_stay_where_the_next_image_is_of_the_same_kind(listed, qtbot, tmp_path, number, same):
    first = listed.correct.view.current
    layers, numbers = list(listed.viewer.layers), [number_of(layer) for layer in listed.viewer.layers]
    case = go(listed, qtbot, number)
    assert (list(listed.viewer.layers) == layers) is same
    assert case is not first and len(listed.viewer.layers) == 2
    assert not {number_of(layer) for layer in listed.viewer.layers} & set(numbers)
    # as new ones would be
    read = read_image(tmp_path / f"{number}.tif")
    image = show_image(listed.viewer, read, name=f"{number}")
    mask = new_labels(image, np.eye(*SHAPES[number - 1][:2], dtype=np.uint8), name=f"{number} mask")
    assert look_of(case.image) == look_of(image)
    history = case.labels.metadata.pop("medseg_history")
    assert look_of(case.labels) == look_of(mask) and callable(history)
    assert np.array_equal(case.image.data, image.data) and np.array_equal(case.labels.data, mask.data)
    names = [layer.name for layer in (case.image, case.labels)]
    assert names == [f"{number}", f"{number}{MASK_SUFFIX}"]
    assert image_of(listed.viewer, case.labels) is case.image and layers_of(listed.viewer, case.image) == [case.labels]
    listed.viewer.layers.remove(image)
    assert listed.viewer.dims.range[0].stop == SHAPES[number - 1][0] - 1
    assert listed.propose.image.currentText() == f"{number}"


def test_a_stroke_goes_to_the_image_that_is_seen_and_is_undone_there_alone(listed, qtbot):
    first = listed.correct.view.current
    draw(first)
    stored(listed, qtbot)
    second = go(listed, qtbot, 2)
    assert second.labels is not first.labels
    # napari's own undo knows nothing of the image before
    second.labels.undo()
    assert np.array_equal(second.labels.data, np.eye(60, 80))
    draw(second, label=3)
    stored(listed, qtbot)
    project = listed.state.project
    assert (project.labels(1)[PLACE] == 2).all() and (project.labels(2)[PLACE] == 3).all()
    back = go(listed, qtbot, 1)
    assert (back.labels.data[PLACE] == 2).all()


def test_whoever_still_holds_the_closed_case_finds_its_own_mask(listed, qtbot):
    first = listed.correct.view.current
    draw(first)
    stored(listed, qtbot)
    kept = [row.kind for row in listed.state.project.history(1)]
    second = go(listed, qtbot, 2)
    assert (first.labels.data[PLACE] == 2).all() and first.image.name == "1"
    assert not {first.image, first.labels} & set(listed.viewer.layers)
    draw(second, label=3)
    # what was on its way to it when it was closed
    first._look()
    first.compare()
    stored(listed, qtbot)
    assert (first.labels.data[PLACE] == 2).all()
    assert [row.kind for row in listed.state.project.history(1)] == kept


def test_a_mask_that_was_asked_for_the_image_before_never_comes_on_this_one(listed, qtbot, monkeypatch):
    go_on, real, answers = threading.Event(), asked_module.predict_drafted, []

    def slow(*arguments, **options):
        assert go_on.wait(WAIT / 1000)
        answers.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(asked_module, "predict_drafted", slow)
    image = listed.correct.view.current.image
    listed.propose.run.click()
    asked = listed.propose._asked_for
    assert asked.is_on(image)
    second = go(listed, qtbot, 2)
    assert second.image is image
    assert not asked.is_on(image)
    history = listed.state.project.history(2)
    go_on.set()
    qtbot.waitUntil(lambda: listed.propose._ticket is None, timeout=WAIT)
    qtbot.waitUntil(lambda: "'1'" in listed.correct.status.text(), timeout=WAIT)
    assert answers and np.array_equal(second.labels.data, np.eye(60, 80))
    assert listed.state.project.history(2) == history and second.proposed == 0


def polygon(panel, case):
    case.labels.mode = "polygon"
    case.labels._overlays["polygon"].points = [(1, 1), (5, 5)]


# what would go with its image if the layers went
SET = {
    "gamma": lambda panel, case: setattr(case.image, "gamma", 0.5),
    "colours": lambda panel, case: setattr(case.image, "colormap", "red"),
    "image opacity": lambda panel, case: setattr(case.image, "opacity", 0.3),
    "moved": lambda panel, case: setattr(case.image, "translate", (3, 0)),
    "mask moved": lambda panel, case: setattr(case.labels, "translate", (3, 0)),
    "blending": lambda panel, case: setattr(case.labels, "blending", "additive"),
    "one label": lambda panel, case: setattr(case.labels, "show_selected_label", True),
    "copy": lambda panel, case: copy_of(panel, case.labels),
    "above": lambda panel, case: panel.viewer.add_points([[1, 1]]),
    "volume beside": lambda panel, case: panel.viewer.layers.insert(0, Image(np.zeros((3, 4, 5)))),
    "3D": lambda panel, case: setattr(panel.viewer.dims, "ndisplay", 3),
    "turned": lambda panel, case: setattr(panel.viewer.dims, "order", (1, 0)),
    "stroke": lambda panel, case: case.labels._mouse_drag_gen.update(drag=iter(())),
    "polygon": polygon,
}


@pytest.mark.parametrize("what", SET)
def test_where_anything_is_out_of_the_ordinary_layers_are_built(listed, qtbot, what):
    first = listed.correct.view.current
    before = {first.image, first.labels}
    SET[what](listed, first)
    case = go(listed, qtbot, 2)
    assert not {case.image, case.labels} & before
    assert not before & set(listed.viewer.layers)
    assert np.array_equal(case.labels.data, np.eye(60, 80))


def test_what_lay_on_the_image_goes_and_what_was_hidden_is_seen(listed, qtbot):
    first = listed.correct.view.current
    layers = first.image, first.labels
    listed.propose.boxes.draw(first.image).add_rectangles([[10, 10], [30, 30]])
    listed.propose.options.boxes.setChecked(True)
    first.labels.visible = False
    second = go(listed, qtbot, 2)
    assert (second.image, second.labels) == layers == tuple(listed.viewer.layers)
    assert second.labels.visible and listed.viewer.layers.selection.active is second.labels
    assert len(listed.propose.boxes.read(second.image)) == 0 and not listed.propose.options.boxes.isChecked()


def test_a_copy_of_a_filled_layer_is_another_one(listed, qtbot):
    case = go(listed, qtbot, 2)
    assert FILLED_KEY in case.labels.metadata
    copy = Labels(case.labels.data, metadata=dict(case.labels.metadata))
    assert number_of(copy) != number_of(case.labels)


def test_the_measurements_are_of_the_image_that_is_seen(listed, qtbot):
    listed.correct.volume.measurements.set_on(True)
    measurements = listed.correct.volume.measurements
    assert measurements.dock is not None
    qtbot.waitUntil(lambda: measurements.measured is not None, timeout=WAIT)
    before = measurements._of
    case = go(listed, qtbot, 2)
    QCoreApplication.processEvents()
    assert measurements._of is not before and measurements._of.labels is case.labels.data
