"""Near copies are told from other pictures, on real images."""

import itertools
import tracemalloc

import numpy as np
import pytest
from skimage.transform import resize

from napari_medseg.app.samples import sample_images
from napari_medseg.io import read_image
from napari_medseg.io.look import NEAR, difference, look_of

IMAGES = {sample.name: read_image(sample.image).data for sample in sample_images()}


@pytest.mark.parametrize("name", IMAGES)
def test_a_changed_copy_looks_the_same(name):
    image = IMAGES[name].astype(float)
    size = (int(image.shape[0] * 0.7), int(image.shape[1] * 0.7), *image.shape[2:])
    copies = {
        "brighter": np.clip(image * 1.1 + 5, 0, 255),
        "noisy": image + np.random.default_rng(0).normal(0, 5, image.shape),
        "smaller": resize(image, size, anti_aliasing=True),
        "of 16 bits": (image * 257).astype(np.uint16),
    }
    for what, copy in copies.items():
        assert difference(look_of(image), look_of(copy)) <= NEAR, what


def test_other_pictures_look_otherwise():
    looks = [look_of(image) for image in IMAGES.values()]
    for one, other in itertools.combinations(looks, 2):
        assert difference(one, other) > 2 * NEAR


def test_a_blank_picture_has_no_look_and_nan_is_taken():
    assert look_of(np.full((20, 30), 7)) is None
    assert look_of(np.full((20, 30, 3), np.nan)) is None
    volume = np.random.default_rng(0).normal(size=(5, 30, 30))
    volume[0] = np.nan
    assert look_of(volume) == look_of(volume[2])


def test_a_large_picture_is_looked_at_without_a_copy_of_it():
    image = np.random.default_rng(0).integers(0, 255, (3000, 2000, 3), dtype=np.uint8)
    look_of(image[:10])
    tracemalloc.start()
    look_of(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < image.nbytes / 2


@pytest.mark.parametrize("shape", [(3, 5), (1, 900), (7000, 2), (600, 600, 4)])
def test_any_shape_has_a_look(shape):
    image = np.random.default_rng(0).random(shape)
    assert len(look_of(image)) == 64


def test_huge_values_are_looked_at():
    image = np.random.default_rng(0).random((40, 40))
    image[0, 0], image[1, 1] = np.inf, 1e300
    assert look_of(image) is not None
