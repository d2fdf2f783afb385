"""Before a mask is proposed: does the network know such images?"""

import numpy as np
import pytest

from napari_medseg.app.familiar import advise_file, look, look_at, looks_like_another
from napari_medseg.app.samples import sample_images
from napari_medseg.io import Grid, Image, read_image
from napari_medseg.weights.store import find_weights


def sample(task):
    return read_image(next(s for s in sample_images() if s.task == task).image)


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
    advice = advise_file(Image(rainbow), "cmunext-xxs", "nuclei")
    assert (advice.kind, advice.weights) == ("", "")
    assert "No network at hand knows such images" in advice.text


@pytest.mark.parametrize("weights", ["gone", "gone.safetensors"])
def test_weights_that_cannot_be_used_are_told_elsewhere(weights):
    assert advise_file(sample("nuclei"), "cmunext-xxs", weights) is None


def volume(slices=7):
    """(Z, Y, X): a ramp with a bright bar, as no brain looks."""
    plane = np.tile(np.arange(200, dtype=np.int16), (200, 1))
    plane[90:110] = 900
    return np.repeat(plane[None], slices, axis=0)


def scan(data, spacing=(2.0, 1.0, 1.0), **facts):
    grid = Grid.of_affine(data.shape, np.diag([*spacing[::-1], 1.0]))
    return Image(data, spacing, "mm", grid=grid, **facts)


def test_a_volume_is_told_by_its_middle_slices():
    found = advise_file(scan(volume()), "sgd-net-s", "brain-mri")
    assert found.text == "This volume is unlike what the chosen network knows (brain-mri)." and found.weights == ""
    # of this network's volumes nobody knows how they look
    assert advise_file(scan(volume()), "lgms-net-3d", "hippocampus") is None


def test_a_volume_of_slices_that_are_known_needs_no_word():
    plane = sample("nuclei").data
    plane = plane if plane.ndim == 2 else plane[..., 0]
    assert advise_file(scan(np.stack([plane] * 9)), "cmunext-xxs", "nuclei") is None
    # whichever way they lie
    lying = scan(np.stack([plane] * 9, axis=2), (1.0, 1.0, 3.0))
    np.testing.assert_array_equal(look_at(lying)[1], look(plane))
    # three slices are no channels
    assert look(np.zeros((40, 30, 3)), volume=True).shape == (3, 31) and look(np.zeros((40, 30, 3))).shape == (31,)


@pytest.mark.parametrize(
    ("modality", "network", "weights", "told"),
    [
        ("CT", "sgd-net-s", "brain-mri", "This image was taken with CT; the chosen network knows brain-mri."),
        ("CT", "lgms-net-3d", "hippocampus", "This image was taken with CT; the chosen network knows hippocampus."),
        ("MR", "lgms-net-3d", "hippocampus", None),
        ("", "lgms-net-3d", "hippocampus", None),
    ],
)
def test_what_it_was_taken_with_is_held_against_the_network(modality, network, weights, told):
    image = scan(volume(), modality=modality)
    found = advise_file(image, network, weights)
    assert (found and found.text) == told
    assert looks_like_another(image, network, weights) == (told is not None)


def test_a_persons_own_weights_are_for_what_they_made_them_for():
    path = find_weights("cmunext-xxs", "polyp")[1]
    assert looks_like_another(sample("nuclei"), "cmunext-xxs", "polyp")
    assert not looks_like_another(sample("nuclei"), "cmunext-xxs", path)
