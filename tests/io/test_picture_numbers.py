"""Each voxel is in the picture that a workstation shows under this number."""

import numpy as np
import pytest

from napari_medseg.io import pictures_of, read_image, write_mask
from tests.io.dicom_files import CT, write, write_enhanced, write_series

# what the slices lie along, and which way
WAYS = {
    "axial": np.diag((1.0, 1.0, 2.0, 1.0)),
    "axial, from the head": np.diag((1.0, 1.0, -2.0, 1.0)),
    "coronal": np.array([[1, 0, 0, 0], [0, 0, 2, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]),
    "sagittal": np.array([[0, 0, -2, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]),
}
# the value of each voxel is the number of its slice
DATA = np.broadcast_to(np.arange(1, 6, dtype=np.uint16)[:, None, None], (5, 6, 7)).copy()


def points(shape):
    return list(np.ndindex(*shape))


@pytest.mark.parametrize("way", WAYS)
def test_of_a_series_each_slice_has_its_instance_number(tmp_path, way):
    folder = write_series(tmp_path / "s", DATA, WAYS[way])
    data, pictures = read_image(folder).data, pictures_of(folder)
    assert {point: (int(data[point]), None) for point in points(data.shape)} == {
        point: pictures.of(point) for point in points(data.shape)
    }


@pytest.mark.parametrize("way", WAYS)
def test_of_one_file_each_slice_has_its_frame(tmp_path, way):
    order = [3, 0, 4, 1, 2]
    path = write_enhanced(tmp_path / "e.dcm", DATA, WAYS[way], order=order, InstanceNumber=12)
    data, pictures = read_image(path).data, pictures_of(path)
    frame_of = {int(DATA[z, 0, 0]): frame for frame, z in enumerate(order, start=1)}
    assert {point: (12, frame_of[int(data[point])]) for point in points(data.shape)} == {
        point: pictures.of(point) for point in points(data.shape)
    }


def test_of_one_picture_and_of_what_has_no_number(tmp_path):
    path = write(tmp_path / "a.dcm", DATA[0], kind=CT, InstanceNumber=8)
    assert pictures_of(path).of((2, 3)) == (8, None)
    assert pictures_of(write(tmp_path / "b.dcm", DATA[0], kind=CT)).of((2, 3)) == (None, None)
    assert pictures_of(None) is pictures_of(tmp_path / "gone.dcm") is None
    assert pictures_of(write_mask(tmp_path / "m.tif", DATA[0])) is None
