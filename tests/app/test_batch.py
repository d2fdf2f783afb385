"""One bad item does not end a batch; what is wrong for all does."""

import pytest

from napari_medseg.app.batch import Batch
from napari_medseg.errors import DeviceError, PartlyDoneError


def test_memory_that_runs_out_for_one_image_leaves_the_others():
    batch, done = Batch(3, "{} images were not segmented".format), []
    for number in range(3):
        with batch.item():
            if number == 1:
                raise DeviceError("big.png: memory ran out.") from MemoryError()
            done.append(number)
    assert done == [0, 2]
    with pytest.raises(PartlyDoneError, match=r"big\.png"):
        batch.end()


def test_a_device_that_is_not_there_ends_it():
    batch = Batch(3, "{} images were not segmented".format)
    with pytest.raises(DeviceError), batch.item():
        raise DeviceError("device is 'cuda'; this computer has: cpu.")
