"""The list of labels in a real napari window."""

import json

import numpy as np
import pytest
import tifffile

from napari_medseg.io import write_image
from napari_medseg.project import Project
from tests.shipped import shipped
from tests.widgets.helpers import choose, stored
from tests.widgets.test_tools import WAIT

pytestmark = pytest.mark.gui


def names(panel):
    return [item.text() for item in panel.correct.classes._items()]


def opened(panel, qtbot, tmp_path, data, origin):
    path = tmp_path / ("i.nii.gz" if data.ndim == 3 else "i.tif")
    write_image(path, data, volume=data.ndim == 3)
    with Project.create(tmp_path / "p") as project:
        project.add_case(path, shape=data.shape)
        project.set_proposal(1, np.ones(data.shape, np.uint8), origin)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: panel.correct.view.current is not None, timeout=WAIT)
    return panel.correct.view.current


def test_labels_are_called_as_the_weights_say_and_a_new_one_is_drawn_with_at_once(panel, qtbot, tmp_path):
    origin = {"network": "lgms-net-3d", "weights": "lgms-net-3d/hippocampus@1"}
    case = opened(panel, qtbot, tmp_path, np.zeros((6, 20, 24), np.uint8), origin)
    qtbot.waitUntil(lambda: names(panel) == ["anterior", "posterior"], timeout=WAIT)
    project = panel.state.project
    assert {one.label: one.name for one in project.classes()} == {1: "anterior", 2: "posterior"}
    panel.correct.classes.add.click()
    qtbot.waitUntil(lambda: names(panel) == ["anterior", "posterior", "label 3"], timeout=WAIT)
    assert case.labels.selected_label == 3
    assert panel.correct.classes.list.currentItem().text() == "label 3"
    assert project.verify() == []


def test_the_one_thing_there_is_is_shown_by_its_name_and_needs_none_in_the_project(panel, qtbot, tmp_path):
    origin = {"network": "cmunext-xxs", "weights": "cmunext-xxs/polyp@1"}
    opened(panel, qtbot, tmp_path, np.zeros((40, 50), np.uint8), origin)
    qtbot.waitUntil(lambda: names(panel) == ["polyp"], timeout=WAIT)
    assert panel.state.project.classes() == []
    # weights that name nothing, such as those that fill boxes, leave the name of those that are chosen
    choose(panel, "nuclei")
    network = {"network": "dcsnet-s", "weights": shipped("dcsnet-s/generalist")}
    panel.state.project.set_proposal(1, np.zeros((40, 50), np.uint8), network)
    panel.correct.classes.refresh()
    qtbot.waitUntil(lambda: names(panel) == ["nucleus"], timeout=WAIT)
    panel.state.project.undo(1)
    panel.correct.classes.refresh()
    qtbot.waitUntil(lambda: names(panel) == ["polyp"], timeout=WAIT)
    # with a second one beside it, it has to have one
    panel.correct.classes.add.click()
    qtbot.waitUntil(lambda: names(panel) == ["polyp", "label 2"], timeout=WAIT)
    assert [one.name for one in panel.state.project.classes()] == ["polyp", "label 2"]


def test_the_mask_that_is_measured_has_the_name_of_the_list_also_in_its_file(project_panel, qtbot, tmp_path):
    panel = project_panel
    box = panel.correct.volume
    qtbot.waitUntil(lambda: names(panel) == ["nucleus"], timeout=WAIT)
    case = panel.correct.view.current
    case.labels.data_setitem((np.array([0, 1]), np.array([0, 1])), 1)
    qtbot.waitUntil(lambda: box.measured.text().startswith("Measured: nucleus "), timeout=WAIT)
    stored(panel, qtbot)
    case.labels.save(str(tmp_path / "m.tif"), plugin="napari-medseg")
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert json.loads(file.pages.first.description)["medseg"]["classes"] == {"1": "nucleus"}


def test_a_name_that_another_label_has_is_not_given_twice(tmp_path):
    from napari_medseg.app.classes import shown_classes

    write_image(tmp_path / "i.nii.gz", np.zeros((6, 20, 24), np.uint8), volume=True)
    with Project.create(tmp_path / "p") as project:
        project.add_case(tmp_path / "i.nii.gz", shape=(6, 20, 24))
        project.set_class(3, "posterior", "#00ff00")
        project.set_proposal(
            1, np.ones((6, 20, 24), np.uint8), {"network": "lgms-net-3d", "weights": "lgms-net-3d/hippocampus@1"}
        )
        found = {one.label: one.name for one in shown_classes(project, 1)}
        assert found == {1: "anterior", 3: "posterior"}
        assert {one.label: one.name for one in project.classes()} == found


HIPPOCAMPUS = {"network": "lgms-net-3d", "weights": "lgms-net-3d/hippocampus@1"}
TUMOUR = {"network": "sgd-net-s", "weights": "sgd-net-s/brain-mri@1"}


def test_a_name_that_nobody_typed_is_not_another_networks(tmp_path):
    """A tumour is called 'anterior' nowhere: not in the list, not in what is exported, not in what is trained."""
    from napari_medseg.app.classes import names_to_learn, shown_classes
    from napari_medseg.app.provenance import case_provenance

    with Project.create(tmp_path / "p") as project:
        for number in range(3):
            write_image(tmp_path / f"{number}.nii.gz", np.full((6, 20, 24), number, np.uint8), volume=True)
            project.add_case(tmp_path / f"{number}.nii.gz", shape=(6, 20, 24))
        mask = np.ones((6, 20, 24), np.uint8)
        project.set_proposal(1, mask, HIPPOCAMPUS)
        project.set_proposal(2, mask, TUMOUR)

        def shown(case_id, **naming):
            return {one.label: one.name for one in shown_classes(project, case_id, **naming)}

        assert shown(1) == {1: "anterior", 2: "posterior"} and project.untyped() == {1, 2}
        assert shown(2) == {1: "tumour", 2: "posterior"}
        assert case_provenance(project, project.case(2), mask)["classes"] == {1: "tumour", 2: "posterior"}
        # the first one keeps its names, and so does what was drawn without a proposal
        assert shown(1)[1] == "anterior" and shown(3)[1] == "anterior"
        assert names_to_learn(project, {1: "tumour"})[1] == "tumour"
        assert names_to_learn(project, {1: "foreground"})[1] == "anterior"
        # one word for all kinds of images: what is marked there, and not another network's
        project.set_proposal(2, mask, {"network": "dcsnet-s", "weights": shipped("dcsnet-s/generalist")})
        assert shown(2, task="brain-mri")[1] == "tumour" and 1 not in shown(2, task="my own")
        # a person's name stands, whatever proposes
        project.set_class(1, "lesion", "#00ff00")
        assert shown(1)[1] == shown(2)[1] == "lesion" and project.untyped() == {2}
        assert names_to_learn(project, {1: "tumour"})[1] == "lesion"
        assert project.verify() == []


def test_a_colour_makes_no_name_a_persons(panel, qtbot, tmp_path):
    opened(panel, qtbot, tmp_path, np.zeros((6, 20, 24), np.uint8), HIPPOCAMPUS)
    qtbot.waitUntil(lambda: names(panel) == ["anterior", "posterior"], timeout=WAIT)
    project, classes = panel.state.project, panel.correct.classes
    classes._store(1, "anterior", "#123456")
    qtbot.waitUntil(lambda: project.classes()[0].colour == "#123456", timeout=WAIT)
    assert project.untyped() == {1, 2}
    classes._store(1, "head", "#123456")
    qtbot.waitUntil(lambda: project.untyped() == {2}, timeout=WAIT)


def test_weights_of_several_kinds_mark_what_the_task_is_about(tmp_path):
    from napari_medseg.app.classes import shown_classes
    from napari_medseg.weights import list_weights

    (generalist,) = [one for one in list_weights() if one.network == "sgd-net-s" and one.task == "generalist"]
    with Project.create(tmp_path / "p") as project:

        def shown(task):
            return {
                one.label: one.name for one in shown_classes(project, None, ("sgd-net-s", generalist.id), task=task)
            }

        assert shown("polyp") == {1: "polyp"}
        assert shown("nuclei") == {1: "nucleus"}
        assert shown("my own") == {}
        # a name that somebody gave stands
        project.set_class(1, "adenoma", "#00ff00")
        assert shown("polyp") == {1: "adenoma"}
