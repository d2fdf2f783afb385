"""Objects are numbered, touching ones apart."""

import numpy as np
from scipy import ndimage

from napari_medseg.app.samples import samples_of
from napari_medseg.editing.instances import instances, number_objects
from napari_medseg.io import read_mask
from napari_medseg.metrics.panoptic import panoptic_quality


def discs(*centres, radius=12, shape=(80, 120)):
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    return np.stack([np.hypot(yy - y, xx - x) < radius for y, x in centres])


def test_touching_discs_get_numbers_of_their_own():
    parts = discs((30, 30), (30, 51), (60, 90))
    found = instances(parts.any(axis=0))
    assert set(np.unique(found)) == {0, 1, 2, 3}
    truth = (parts * np.arange(1, 4)[:, None, None]).max(axis=0)
    assert panoptic_quality(found, truth) > 0.9
    # as one object they would not match
    assert panoptic_quality(ndimage.label(parts.any(axis=0))[0], truth) < 0.7


def test_an_object_has_one_label():
    labels = discs((30, 30), (60, 90)).any(axis=0) * 2
    labels[25:40, 36:60] = 1
    found = number_objects(labels)
    assert set(np.unique(found)) == {0, 1, 2, 3}
    for number in (1, 2, 3):
        assert len(np.unique(labels[found == number])) == 1
    assert ((found > 0) == (labels > 0)).all()


def test_specks_are_left_out_and_numbers_have_no_gaps():
    mask = discs((30, 30), (60, 90)).any(axis=0)
    mask[2, 2:5] = True
    found = instances(mask)
    assert not found[2, 2:5].any()
    assert set(np.unique(found)) == {0, 1, 2}
    assert not instances(np.zeros((9, 9), bool)).any()


def test_real_nuclei_are_parted_as_counted_by_their_area():
    mask = read_mask(samples_of("nuclei")[0].mask) > 0
    found = instances(mask)
    pieces = ndimage.label(mask)[1]
    assert pieces <= found.max() <= 3 * pieces
    assert ((found > 0) <= mask).all()


def test_the_quality_is_the_formula():
    truth = (discs((20, 20), (20, 60), (60, 100)) * np.arange(1, 4)[:, None, None]).max(axis=0)
    assert panoptic_quality(truth, truth) > 1 - 1e-5
    pred = truth.copy()
    pred[pred == 3] = 0  # one missed
    pred[70:75, 5:10] = 9  # one too many
    assert abs(panoptic_quality(pred, truth) - 2 / (2 + 0.5 + 0.5)) < 1e-5
    half = truth.copy()
    half[:20][half[:20] == 1] = 0  # the IoU of the first object is about one half, just above
    one, both = half == 1, truth == 1
    share = (one & both).sum() / (one | both).sum()
    wanted = (1 + 1 + share) / 3 if share > 0.5 else 2 / (2 + 0.5 + 0.5)
    assert abs(panoptic_quality(half, truth) - wanted) < 1e-5


def test_empty_and_full_masks():
    empty, full = np.zeros((9, 9), int), np.ones((9, 9), int)
    assert panoptic_quality(empty, empty) == 1
    assert panoptic_quality(full, empty) == panoptic_quality(empty, full) == 0
    assert panoptic_quality(full, full * 7) > 1 - 1e-5
