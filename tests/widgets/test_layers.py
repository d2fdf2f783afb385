"""Maps, boxes and objects belong to one image: they go with it, and no other image gets them."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_medseg.io import write_image
from napari_medseg.project import Project
from napari_medseg.widgets.layers import EDGES_SUFFIX, show_map, show_part
from tests.widgets.helpers import WAIT, add_sample, choose, labels_of, propose

pytestmark = pytest.mark.gui
SHAPES = ((200, 200), (150, 170))


@pytest.fixture
def twins(panel, qtbot, tmp_path):
    """A project of two patients' images that have the same name."""
    with Project.create(tmp_path / "p") as project:
        for number, shape in enumerate(SHAPES, start=1):
            (tmp_path / str(number)).mkdir()
            path = tmp_path / str(number) / "img.tif"
            write_image(path, np.random.default_rng(number).integers(0, 255, shape, dtype=np.uint8))
            project.add_case(path, shape=shape)
            project.set_proposal(number, np.eye(*shape, dtype=np.uint8), {"network": "none"})
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.state.case_id == 1, timeout=WAIT)
    return panel


def dress(panel, qtbot):
    """An edge map, boxes and objects on the open case."""
    case, tools = panel.correct.view.current, panel.correct.tools
    show_map(panel.viewer, case.image, np.zeros(case.image.data.shape, np.float32), suffix=EDGES_SUFFIX)
    panel.propose.boxes.draw(case.image).add_rectangles([[10, 10], [60, 60]])
    before = len(panel.viewer.layers)
    tools.number_objects()
    qtbot.waitUntil(lambda: len(panel.viewer.layers) == before + 1, timeout=WAIT)
    return case


def test_nothing_of_one_patient_lies_over_the_next_of_the_same_name(twins, qtbot):
    panel = twins
    first = dress(panel, qtbot)
    assert len(panel.viewer.layers) == 5
    copy = panel.viewer.add_layer(type(first.labels).create(*first.labels.as_layer_data_tuple()))
    panel.correct.view.open_case(2)
    qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)
    second = panel.correct.view.current
    # a copy of the mask that the person made is kept, unseen
    assert [layer for layer in panel.viewer.layers if layer.visible] == [second.image, second.labels]
    assert [layer for layer in panel.viewer.layers if not layer.visible] == [copy]
    assert len(panel.propose.boxes.read(second.image)) == 0


def test_an_edge_map_or_boxes_of_another_image_are_never_taken_for_this_ones(twins, qtbot):
    panel = twins
    case = panel.correct.view.current
    # the user's own layers, of names that ours would have
    panel.viewer.add_image(np.zeros((50, 60), np.float32), name=case.image.name + " edges")
    panel.viewer.add_shapes([[[10, 10], [20, 20]]], shape_type="rectangle", name=case.image.name + " boxes")
    panel.correct.tools.wire_button.click()
    qtbot.waitUntil(lambda: () in case.edges, timeout=WAIT)
    assert case.edges[()].shape == SHAPES[0]
    assert len(panel.propose.boxes.read(case.image)) == 0


def test_ones_own_image_is_out_of_sight_with_all_that_lies_on_it(twins, qtbot):
    panel = twins
    own = add_sample(panel)
    panel.viewer.layers.selection.active = own
    choose(panel)
    propose(panel, qtbot)
    qtbot.waitUntil(lambda: "medseg_case" in own.metadata, timeout=WAIT)
    case = dress(panel, qtbot)
    assert case.image == own
    panel.correct.view.open_case(2)
    qtbot.waitUntil(lambda: panel.state.case_id == 2, timeout=WAIT)
    second = panel.correct.view.current
    assert [layer for layer in panel.viewer.layers if layer.visible] == [second.image, second.labels]
    # it stays, and whoever chooses one of its layers corrects it
    assert len(labels_of(panel)) == 3
    panel.viewer.layers.selection.active = panel.propose.boxes.of(own)
    assert panel.state.case_id == case.case_id


@pytest.mark.parametrize("shape", [(30, 20), (4, 30, 20)])
@pytest.mark.parametrize("kind", ["uint8", "int32", "int8", "read-only", "view", "mapped"])
def test_a_part_of_a_mask_is_shown_in_its_own_array_where_that_can_be(shape, kind, tmp_path):
    dtype = np.dtype(kind) if "int" in kind else np.dtype(np.int32)
    data = np.ones(shape, dtype)
    if kind == "view":
        data = np.ones((*shape, 2), dtype)[..., 0]
    elif kind == "mapped":
        data = np.memmap(tmp_path / "m", dtype, "w+", shape=shape)
        data[...] = 1
    elif kind == "read-only":
        data.flags.writeable = False
    layer = Labels(data)
    held, told = layer.data, []
    layer.events.set_data.connect(told.append)
    # in a volume, over the rim of two slices
    show_part(
        layer, (25, 3, 28, 7) if len(shape) == 2 else (55, 3, 65, 7), np.full((3 if len(shape) == 2 else 10, 4), 200)
    )
    wanted = np.ones(shape, int)
    wanted.reshape(-1, 20)[(slice(25, 28) if len(shape) == 2 else slice(55, 65)), 3:7] = 200
    np.testing.assert_array_equal(layer.data, wanted)
    assert (layer.data is held) == (kind in ("uint8", "int32"))
    # a file of the person's is theirs
    assert kind != "mapped" or (np.memmap(tmp_path / "m", dtype, "r", shape=shape) == 1).all()
    assert told
