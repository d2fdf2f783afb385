"""The note beside the choice of a network."""

import numpy as np
import pytest

from napari_medseg.app.layer_keys import facts_of
from napari_medseg.app.samples import sample_images
from napari_medseg.app.settings import load_settings
from napari_medseg.io import Image, read_image
from napari_medseg.weights import list_weights
from tests.widgets.helpers import WAIT, choose

pytestmark = pytest.mark.gui


def add(panel, task):
    data = read_image(next(s for s in sample_images() if s.task == task).image).data
    return panel.viewer.add_image(data, name=task, rgb=data.ndim == 3)


def test_the_first_image_chooses_its_task_and_no_later_one_does(panel, qtbot):
    assert load_settings().get("task") is None
    add(panel, "dermoscopy")
    qtbot.waitUntil(lambda: panel.propose.task.currentData() == "dermoscopy", timeout=WAIT)
    assert panel.propose.familiar.isHidden()
    choose(panel, "nuclei")
    qtbot.waitUntil(lambda: not panel.propose.familiar.isHidden(), timeout=WAIT)
    assert "looks like Skin photographs (dermoscopy)" in panel.propose.familiar.text.text()
    # and where one corrects
    assert "Look twice. " in panel.correct.proposes.text()
    assert "looks like Skin photographs (dermoscopy)" in panel.correct.proposes.text()
    assert panel.propose.task.currentData() == "nuclei"
    panel.propose.familiar.use.click()
    assert panel.propose.task.currentData() == "dermoscopy"
    qtbot.waitUntil(lambda: panel.propose.familiar.isHidden(), timeout=WAIT)
    assert "Look twice" not in panel.correct.proposes.text()
    # a person asked for it, and finds it again
    assert load_settings()["task"] == "dermoscopy"


def test_what_none_knows_is_said_without_a_button(panel, qtbot):
    choose(panel, "nuclei")
    noise = (np.indices((200, 200)).sum(axis=0)[..., None] * np.array([3, 5, 7]) % 256).astype(np.uint8)
    layer = panel.viewer.add_image(noise, rgb=True)
    qtbot.waitUntil(lambda: not panel.propose.familiar.isHidden(), timeout=WAIT)
    assert panel.propose.familiar.use.isHidden()
    panel.viewer.layers.remove(layer)
    assert panel.propose.familiar.isHidden()


def test_where_nobody_knows_what_is_on_the_images_proposing_asks(panel, qtbot):
    assert panel.propose.task.currentText() == "What is on your images?"
    assert "none before you say what is on your images" in panel.correct.proposes.text()
    assert panel.state.weights == ""
    noise = (np.indices((200, 200)).sum(axis=0)[..., None] * np.array([3, 5, 7]) % 256).astype(np.uint8)
    panel.viewer.add_image(noise, rgb=True, name="noise")
    qtbot.waitUntil(lambda: panel.propose.familiar._data is not None, timeout=WAIT)
    assert panel.propose.choice.unasked
    panel.propose.run.click()
    assert "Choose it in the list Task" in panel.propose.message.text()
    assert "Choose it in the list Task" in panel.correct.status.text()
    panel.propose.task.hidePopup()
    assert [layer.name for layer in panel.viewer.layers] == ["noise"]
    choose(panel, "polyp")
    assert panel.propose.task.currentText() == "Polyps (endoscopy)"
    panel.propose.run.click()
    qtbot.waitUntil(lambda: "noise mask" in panel.viewer.layers, timeout=WAIT)


def test_where_nobody_chose_each_image_is_asked_what_it_is(panel, qtbot):
    state = panel.state
    images = {s.task: read_image(s.image).data for s in sample_images() if s.task in ("dermoscopy", "nuclei")}
    add(panel, "dermoscopy")
    qtbot.waitUntil(lambda: panel.propose.task.currentData() == "dermoscopy", timeout=WAIT)
    assert state.suggested
    for task, image in images.items():
        known = dict(state.selectable_weights())
        assert task in known[state.request_for(volume=False, image=image).weights].tasks
    # what cannot be told apart is taken for more of the same
    noise = (np.indices((200, 200)).sum(axis=0)[..., None] * np.array([3, 5, 7]) % 256).astype(np.uint8)
    assert state.request_for(volume=False, image=noise).weights == state.weights
    # whoever chooses is obeyed
    choose(panel, "dermoscopy")
    assert not state.suggested
    assert state.request_for(volume=False, image=images["nuclei"]).weights == state.weights


def test_a_volume_of_another_device_is_told_before_it_is_proposed_on(panel, qtbot):
    brain = next(entry.id for entry in list_weights() if entry.task == "brain-mri")
    panel.propose.choice.choose("brain-mri", brain)
    data = np.random.default_rng(0).integers(0, 900, (5, 60, 60)).astype(np.int16)
    image = Image(data, modality="CT")
    panel.viewer.add_image(data, metadata=facts_of(image))
    said = "Look twice. This image was taken with CT; the chosen network knows Brain MR images."
    qtbot.waitUntil(lambda: said in panel.correct.proposes.text(), timeout=WAIT)
    panel.viewer.layers.clear()
    # it does not say what it was taken with: by its slices
    panel.viewer.add_image(data)
    said = "Look twice. This volume is unlike what the chosen network knows (Brain MR images)."
    qtbot.waitUntil(lambda: said in panel.correct.proposes.text(), timeout=WAIT)
