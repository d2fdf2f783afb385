"""One bad item does not end a batch; what is wrong for all does."""

import errno

import pytest

from napari_medseg.app.batch import Batch
from napari_medseg.errors import Cancelled, DeviceError, InputError, NoNumbersError, PartlyDoneError, WeightsError


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


def test_what_nobody_expected_is_told_of_its_item():
    batch, done = Batch(3, "{} images were not segmented".format), []
    for number in range(3):
        with batch.item(f"{number}.png"):
            if number < 2:
                raise (InputError("0.png is torn.") if number == 0 else ValueError("not enough values"))
            done.append(number)
    assert done == [2]
    with pytest.raises(PartlyDoneError, match=r"2 images were not segmented; the first: 0\.png is torn") as caught:
        batch.end()
    assert caught.value.problems[1].startswith("1.png: Unexpected ValueError: not enough values.")


@pytest.mark.parametrize(
    "of_all", [WeightsError("w"), NoNumbersError("n"), OSError(errno.ENOSPC, "full"), ImportError("torch")]
)
def test_what_is_wrong_for_all_ends_it_and_leaves_out_no_reason(of_all):
    batch = Batch(3, "{} images were not segmented".format)
    with pytest.raises(type(of_all)), batch.item("0.png"):
        raise of_all
    with batch.item("0.png"):
        raise InputError("0.png is torn.")
    with pytest.raises(PartlyDoneError, match="3 images were not segmented") as caught, batch.item("1.png"):
        raise of_all
    assert caught.value.problems[0] == "0.png is torn." and len(caught.value.problems) == 2


def test_who_cancels_is_asked_nothing_more():
    batch = Batch(3, "{} images were not segmented".format)
    for kind in (Cancelled, KeyboardInterrupt):
        with pytest.raises(kind), batch.item("0.png"):
            raise kind


def test_a_device_that_is_not_there_ends_it():
    batch = Batch(3, "{} images were not segmented".format)
    with pytest.raises(DeviceError), batch.item():
        raise DeviceError("device is 'cuda'; this computer has: cpu.")
