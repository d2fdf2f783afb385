"""What is proposed with on an image that is opened, of which nobody said anything."""

import numpy as np
import pytest

from napari_medseg.io import Grid, Image
from napari_medseg.widgets.state import PanelState

DATA = np.zeros((4, 8, 8), np.int16)


@pytest.mark.parametrize(("modality", "asked"), [("", True), ("MR", True), ("CT", False), ("PT", False)])
def test_a_network_for_one_device_is_not_asked_by_itself_of_another_s_images(modality, asked):
    image = Image(DATA, (1.0, 1.0, 1.0), "mm", grid=Grid.of_affine(DATA.shape, np.eye(4)), modality=modality)
    state = PanelState()
    # what is on a volume is not known because one network was made for volumes
    assert state.unasked_for(image) is None
    state.task = "hippocampus"
    assert state.request_for(volume=True).weights.startswith("lgms-net-3d/hippocampus")
    assert (state.unasked_for(image) is not None) is asked


def test_weights_of_the_person_s_own_are_for_what_they_made_them_for():
    image = Image(DATA, (1.0, 1.0, 1.0), "mm", grid=Grid.of_affine(DATA.shape, np.eye(4)), modality="CT")
    state = PanelState(network="lgms-net-3d", weights="/mine/hippocampus.safetensors", task="hippocampus")
    assert state.unasked_for(image).weights == "/mine/hippocampus.safetensors"
