"""Before a mask is proposed: does the network know such images?"""

import numpy as np
import pytest

from napari_medseg.app.familiar import advise_file, look
from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image


def sample(task):
    return read_image(next(s for s in sample_images() if s.task == task).image).data


def test_a_network_that_knows_the_kind_needs_no_word():
    assert advise_file(sample("nuclei"), "cmunext-xxs", "nuclei") is None
    # one of several kinds
    assert advise_file(sample("dermoscopy"), "sgd-net-s", "generalist") is None


def test_another_kind_is_told_and_what_knows_it_is_named():
    advice = advise_file(sample("dermoscopy"), "cmunext-xxs", "breast-ultrasound")
    assert advice.kind == "dermoscopy"
    assert advice.weights.partition("@")[0].endswith(("/dermoscopy", "/generalist"))
    assert "unlike what the chosen network knows (breast-ultrasound)" in advice.text
    assert "looks like dermoscopy" in advice.text


def test_what_none_knows_is_told_without_a_name():
    rainbow = (np.indices((200, 200)).sum(axis=0)[..., None] * np.array([3, 5, 7]) % 256).astype(np.uint8)
    advice = advise_file(rainbow, "cmunext-xxs", "nuclei")
    assert (advice.kind, advice.weights) == ("", "")
    assert "No network at hand knows such images" in advice.text


@pytest.mark.parametrize("weights", ["gone", "gone.safetensors"])
def test_weights_that_cannot_be_used_are_told_elsewhere(weights):
    assert advise_file(sample("nuclei"), "cmunext-xxs", weights) is None


def test_of_a_volume_nothing_is_said():
    assert look(np.zeros((5, 30, 30))) is None
    assert advise_file(np.zeros((5, 30, 30)), "lgms-net-3d", "hippocampus") is None
