"""What a mask measures."""

import numpy as np

from napari_medseg.app.measure import count_labels, measured_text, pixel_mm, size_text
from napari_medseg.io import Grid
from tests.io.test_orientation import turned


def test_labels_are_counted_in_images_and_volumes():
    rng = np.random.default_rng(0)
    for shape, dtype in (((40, 50), np.uint8), ((7, 20, 30), np.int32), ((3, 4, 5), np.uint16)):
        labels = rng.integers(0, 5, shape).astype(dtype)
        assert count_labels(labels) == {label: int((labels == label).sum()) for label in range(1, 5)}
    assert count_labels(np.zeros((3, 4, 5), np.uint8)) == {}
    assert count_labels(np.full((2, 2), -1)) == {}


def test_a_voxels_volume_is_that_of_its_file_however_it_lies():
    for affine in (turned((2, 0, 1), (1, -1, 1)), turned((0, 1, 2), (1, 1, 1), tilt=0.4)):
        assert np.isclose(pixel_mm(Grid.of_affine((5, 6, 7), affine)), 0.8 * 1.0 * 2.5)
    # sheared axes: the sizes alone would say more
    sheared = np.eye(4)
    sheared[0, 1] = 1.0
    assert np.isclose(pixel_mm(Grid.of_affine((5, 6, 7), sheared)), 1.0)


def test_volumes_in_ml_areas_in_mm_and_pixels_where_nobody_knows_their_size():
    mm = Grid.of_affine((5, 600, 700), np.diag((1.0, 1.0, 2.0, 1.0)))
    assert size_text(6170, mm) == "12.34 ml"
    assert size_text(250, mm) == "0.500 ml"
    tiny = Grid.of_affine((5, 6, 7), np.diag((0.001, 0.001, 0.001, 1.0)))
    assert size_text(8, tiny) == "8.00 µm³"
    assert size_text(400, Grid((60, 70), (0.5, 0.5), "mm")) == "100 mm²"
    assert size_text(4, Grid((60, 70), (250.0, 250.0), "um")) == "0.250 mm²"
    # a print resolution is no size
    assert size_text(4, Grid((60, 70), (0.3, 0.3), "mm", printed=True)) == "4 px"
    assert measured_text({1: 500, 3: 1000}, mm, {1: "tumour"}) == "Measured: tumour 1.00 ml, label 3 2.00 ml."
    unknown = Grid.of_affine((5, 6, 7), np.eye(4), unit="px")
    assert measured_text({2: 7}, unknown, {}) == "Measured: label 2 7 voxels. The size of a voxel is not known."
    assert measured_text({}, mm, {}) == ""
