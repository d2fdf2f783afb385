"""Each connected object of a class, and what it measures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.metrics.lesions import measure_lesions, number_lesions, plane_axis


def ball(radius, sizes, shape):
    """A ball of mm in the middle of a volume."""
    axes = ((np.arange(n) - n // 2) * size for n, size in zip(shape, sizes, strict=True))
    return sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")) <= radius**2


@pytest.mark.parametrize("sizes", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.7), (0.8, 0.8, 3.0)])
def test_a_ball_has_its_volume_and_its_diameter_in_its_middle_slice(sizes):
    shape = tuple(int(50 / size) + 3 for size in sizes)
    (found,) = measure_lesions(ball(20, sizes, shape).astype(np.uint8), steps=np.diag(sizes))
    assert found.size == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.03)
    assert found.diameters.longest == pytest.approx(40, abs=2) and found.diameters.perpendicular == pytest.approx(
        40, abs=2
    )
    assert found.area == pytest.approx(np.pi * 20**2, rel=0.04)
    assert found.perimeter == pytest.approx(2 * np.pi * 20, rel=0.06)
    # in the plane that was scanned
    assert found.axis == (2 if sizes[2] == 3.0 else 0)
    assert abs(found.point[found.axis] - shape[found.axis] // 2) <= 2


@given(turn=st.floats(0, 2 * np.pi), tilt=st.floats(-1, 1), shear=st.floats(-0.5, 0.5))
@settings(max_examples=15, deadline=None)
def test_a_volume_that_lies_oblique_or_aslant_measures_as_it_lies(turn, tilt, shear):
    spin = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    lean = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    # rows are the steps of z, y, x; slices of a tilted gantry are shifted against each other
    steps = np.array([[2.0, shear, 0], [0, 0.8, 0], [0, 0, 0.6]]) @ spin @ lean
    index = np.stack(np.meshgrid(*(np.arange(n) - n // 2 for n in (24, 60, 75)), indexing="ij"), axis=-1)
    labels = (np.linalg.norm(index @ steps, axis=-1) <= 15).astype(np.uint8)
    (found,) = measure_lesions(labels, steps=steps)
    assert found.size == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.05)
    # no ball is longer in a plane than it is; the nearest slice to its middle may lie off it by half a step
    assert 27 < found.diameters.longest < 32


def test_each_connected_object_of_each_class_the_largest_first():
    labels = np.zeros((20, 30), np.uint8)
    labels[1:4, 1:4] = 1
    # corner to corner, one object
    labels[4:9, 4:9] = 1
    labels[12:15, 10:20] = 1
    # touching the class beside it
    labels[12:15, 20:24] = 7
    found = measure_lesions(labels)
    assert [(one.label, one.number, one.pixels) for one in found] == [(1, 1, 34), (1, 2, 30), (7, 1, 12)]
    assert found[1].box == ((12, 15), (10, 20))
    assert all(labels[one.point] == one.label for one in found)
    assert [one.size for one in found] == [34, 30, 12] and [one.area for one in found] == [34, 30, 12]


def test_in_a_volume_corners_connect_too():
    labels = np.zeros((4, 4, 4), np.uint8)
    labels[0, 0, 0] = labels[1, 1, 1] = labels[3, 3, 3] = 1
    assert [one.pixels for one in measure_lesions(labels)] == [2, 1]


def test_ends_of_a_diameter_lie_on_the_rim_of_the_whole_array():
    labels = np.zeros((6, 40, 50), np.uint8)
    labels[2:5, 20:23, 10:40] = 3
    labels[3, 20:23, 9:42] = 3
    (found,) = measure_lesions(labels, steps=np.diag((2.0, 1.0, 1.0)))
    assert found.point[0] == 3 and found.diameters.longest == pytest.approx(np.hypot(33, 2))
    ends = np.array(found.diameters.long_axis)
    assert {ends[:, 1].min(), ends[:, 1].max()} == {8.5, 41.5}
    assert ((ends[:, 0] >= 19.5) & (ends[:, 0] <= 22.5)).all()
    # the slice across another axis: rows and columns are those that are left
    (found,) = measure_lesions(np.moveaxis(labels, 0, 2), steps=np.diag((1.0, 1.0, 2.0)))
    assert found.axis == 2 and found.point[2] == 3
    assert np.array_equal(np.sort(ends, axis=0), np.sort(np.array(found.diameters.long_axis), axis=0))


def test_mean_and_deviation_are_of_the_images_own_values():
    rng = np.random.default_rng(0)
    labels = np.zeros((3, 10, 12), np.uint8)
    labels[:2, 4:7, 1:9] = 1
    values = rng.integers(-1000, 3000, labels.shape).astype(np.int16)
    (found,) = measure_lesions(labels, values)
    inside = values[labels == 1].astype(float)
    assert (found.mean, found.deviation) == pytest.approx((inside.mean(), inside.std()))
    labels = np.zeros((10, 12), np.uint8)
    labels[2:5, 3:9] = 2
    values = rng.normal(1e8, 3, (10, 12))
    (found,) = measure_lesions(labels, values)
    assert found.mean == pytest.approx(values[2:5, 3:9].mean()) and found.deviation == pytest.approx(
        values[2:5, 3:9].std(), rel=1e-4
    )
    colours = rng.integers(0, 256, (10, 12, 4)).astype(np.uint8)
    (found,) = measure_lesions(labels, colours)
    grey = colours[2:5, 3:9, :3] @ (0.2126, 0.7152, 0.0722)
    assert (found.mean, found.deviation) == pytest.approx((grey.mean(), grey.std()))


def test_what_is_no_number_is_left_out_and_where_none_is_there_is_no_mean():
    labels, values = np.zeros((4, 6), np.uint8), np.ones((4, 6))
    labels[:2, :2] = labels[2:, 4:] = 1
    values[0, 0], values[2:, 4:] = np.nan, np.inf
    first, second = sorted(measure_lesions(labels, values), key=lambda one: one.point)
    assert (first.mean, first.deviation) == (1.0, 0.0)
    assert (second.mean, second.deviation) == (None, None)
    assert measure_lesions(labels)[0].mean is None


def test_objects_that_touch_are_told_apart_by_their_numbers():
    labels = np.zeros((10, 20), np.uint8)
    labels[2:8, 2:18] = 1
    objects = np.zeros((10, 20), np.int32)
    objects[2:8, 2:10], objects[2:8, 10:16] = 900, 5
    found = measure_lesions(labels, objects=objects)
    assert [one.pixels for one in found] == [48, 36]


def test_nothing_is_measured_of_nothing_and_shapes_have_to_fit():
    assert measure_lesions(np.zeros((5, 5), np.uint8)) == []
    with pytest.raises(ValueError, match="image is"):
        measure_lesions(np.ones((5, 5), np.uint8), np.ones((5, 6)))
    with pytest.raises(ValueError, match="objects are"):
        measure_lesions(np.ones((5, 5), np.uint8), objects=np.ones((5, 6), int))


def test_the_plane_is_axial_unless_voxels_are_much_thicker_across_another():
    assert plane_axis(np.diag((5.0, 0.7, 0.7))) == 0
    assert plane_axis(np.diag((1.0, 1.2, 1.2))) == 0
    assert plane_axis(np.diag((0.7, 0.7, 4.0))) == 2
    assert plane_axis(np.diag((0.7, 4.0, 0.7))) == 1


def test_whoever_gives_up_ends_it():
    class StopHereError(Exception):
        pass

    def stop(share):
        raise StopHereError

    with pytest.raises(StopHereError):
        measure_lesions(np.ones((5, 5), np.uint8), progress=stop)
    seen = []
    measure_lesions(np.kron(np.eye(6, dtype=np.uint8), np.pad([[1]], 2)).astype(np.uint8), progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1


def test_lesions_are_numbered_as_they_are_listed():
    rng = np.random.default_rng(1)
    labels = (rng.random((4, 30, 40)) < 0.03).astype(np.uint8) * rng.integers(1, 3, (4, 30, 40)).astype(np.uint8)
    found = measure_lesions(labels)
    numbered = number_lesions(labels, found)
    assert np.array_equal(numbered > 0, labels > 0) and numbered.dtype == np.uint8
    for number, one in enumerate(found, start=1):
        assert (numbered == number).sum() == one.pixels and set(labels[numbered == number]) == {one.label}
