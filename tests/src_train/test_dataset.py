"""Labels come into training as the classes they are, or not at all."""

import numpy as np
import pytest
import tifffile
import torch

from napari_medseg.errors import InputError
from napari_medseg.io import LabelRule
from napari_medseg.networks import InputSpec
from napari_medseg.project.run_spec import Pair
from src_train.dataset import Sample, TrainingSet, load_pair, load_pairs, resize_mask, to_channels
from src_train.targets import VOID

PAIR = Pair(name="a", image="i.tif", mask="m.tif")


def save(folder, *labels):
    """A mask whose rows hold these labels, two each, on background."""
    mask = np.zeros((2 * len(labels) + 2, 8), np.uint16)
    for number, label in enumerate(labels):
        mask[2 * number : 2 * number + 2] = label
    tifffile.imwrite(folder / "i.tif", np.zeros(mask.shape, np.uint8))
    tifffile.imwrite(folder / "m.tif", mask)
    return mask


@pytest.mark.parametrize(
    ("labels", "classes", "found"),
    [
        ((100, 200), {1: "a", 2: "b"}, "labels 100, 200 in masks"),
        ((1, 3), {1: "a", 2: "b"}, "label 3 in masks"),
        ((1, 2), {1: "a"}, "label 2 in masks"),
        ((256, 300), {1: "a"}, "labels 256, 300 in masks"),
        ((1, 255), {1: "a", 2: "b"}, "label 255 in masks"),
    ],
)
def test_numbers_beyond_the_classes_are_refused_by_name(tmp_path, labels, classes, found):
    save(tmp_path, *labels)
    with pytest.raises(InputError, match=rf"{found}, first in .*m\.tif; the classes are 1 'a'"):
        load_pair(PAIR, tmp_path, classes=classes)


def test_classes_keep_their_numbers_outside_and_become_channels_inside(tmp_path):
    mask = save(tmp_path, 100, 200)
    found = load_pair(PAIR, tmp_path, classes={7: "x", 100: "a", 200: "b"}).mask
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.select([mask == 100, mask == 200], [2, 3], 0))


def test_what_the_rule_says_is_followed(tmp_path):
    mask = save(tmp_path, 1, 300, 255)
    rule = LabelRule(mapping=((300, 300, 2),), ignore=255)
    found = load_pair(PAIR, tmp_path, classes={1: "a", 2: "b"}, rule=rule).mask
    np.testing.assert_array_equal(found, np.select([mask == 1, mask == 300, mask == 255], [1, 2, VOID], 0))


@pytest.mark.parametrize("number", [1, 2, 255])
def test_white_is_the_class_where_there_is_one(tmp_path, number):
    mask = save(tmp_path, 255)
    np.testing.assert_array_equal(load_pair(PAIR, tmp_path, classes={number: "a"}).mask, mask > 0)


def test_an_image_that_is_void_but_for_background_is_not_taken_for_white(tmp_path):
    save(tmp_path, 255)
    found = load_pair(PAIR, tmp_path, classes={1: "a"}, rule=LabelRule(ignore=255)).mask
    assert set(np.unique(found)) == {0, VOID}
    # an anchor's mask is in black and white, whatever the others are
    anchor = Pair(name="a", image="i.tif", mask="m.tif", white=True)
    found = load_pair(anchor, tmp_path, classes={1: "a"}, rule=LabelRule(ignore=255)).mask
    assert set(np.unique(found)) == {0, 1}


def test_more_classes_than_channels_are_refused():
    with pytest.raises(InputError, match="there are 255 classes; expected at most 254"):
        to_channels(LabelRule().apply(np.zeros((2, 2), np.uint8)), range(1, 256))


@pytest.mark.parametrize("classes", [1, 2])
def test_void_stays_void_at_another_size(classes):
    mask = torch.zeros(40, 40, dtype=torch.uint8)
    mask[:20], mask[30:] = classes, VOID
    small = resize_mask(mask, (20, 10), classes)
    assert (small[0, :10] == classes).all()
    assert (small[0, 10:15] == 0).all()
    assert (small[0, 15:] == VOID).all()


def test_what_has_the_networks_size_already_goes_in_as_it_is(tmp_path):
    """Nothing is resampled, and pairs that are read side by side keep their order."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 24, 32, 3), dtype=np.uint8)
    masks = rng.integers(0, 3, (6, 24, 32), dtype=np.uint8)
    masks[0, 0] = VOID
    samples = [Sample(str(i), image, mask) for i, (image, mask) in enumerate(zip(images, masks, strict=True))]
    plain = InputSpec(mean=0.0, std=1.0)
    data = TrainingSet(samples, sides=(24, 32), classes=2, augmentation=None, input=plain)
    found, channels = data.batch([(i, 0) for i in range(6)])
    np.testing.assert_array_equal((found * 255).round().permute(0, 2, 3, 1).numpy(), images)
    np.testing.assert_array_equal(channels[:, 0].numpy(), masks)
    for number, image in enumerate(images):
        tifffile.imwrite(tmp_path / f"{number}.tif", image, photometric="rgb")
        tifffile.imwrite(tmp_path / f"{number}_mask.tif", np.zeros((24, 32), np.uint8))
    pairs = [Pair(name=str(i), image=f"{i}.tif", mask=f"{i}_mask.tif") for i in range(6)]
    read = load_pairs(pairs, tmp_path, classes=1)
    assert [sample.name for sample in read] == list("012345")
    assert all(np.array_equal(sample.image, image) for sample, image in zip(read, images, strict=True))
