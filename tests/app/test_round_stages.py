"""What the epochs of a round see of each image."""

from dataclasses import replace

import numpy as np
import pytest

from napari_medseg.app.plan_round import plan_retrain
from napari_medseg.app.round_stages import HALVED, extent, stages_of
from napari_medseg.networks import get_spec
from napari_medseg.weights import resolve_weights
from tests.app.helpers import OPTIONS, accept


def entry_of(network, size):
    return replace(resolve_weights("cmunext-xxs", "nuclei")[0], network=network, input_size=size)


@pytest.mark.parametrize("network", ["cmunext-xxs", "lgms-net", "sgd-net-s", "dymas-net", "dcsnet-s"])
@pytest.mark.parametrize("size", [(256, 256), (512, 512), (320, 320)])
@pytest.mark.parametrize("share", [0.05, 0.4])
def test_most_epochs_see_a_quarter_of_the_pixels_and_the_last_the_whole(network, size, share):
    stages = stages_of(entry_of(network, size), 30, share)
    assert sum(stage.epochs for stage in stages) == 30
    assert stages[-1].sides == size
    assert stages[-1].view is None
    first = stages[0]
    assert first.epochs == int(HALVED * 30)
    assert 0.15 * size[0] * size[1] < first.pixels <= size[0] * size[1] / 4
    seen = first.view or first.sides[0]
    assert seen % get_spec(network).input.multiple == 0
    # small things keep their size
    assert (first.view is not None) == (share * size[0] < 32)


@pytest.mark.parametrize(("size", "epochs"), [((128, 128), 30), ((256, 256), 1), ((32, 64, 64), 30)])
def test_volumes_small_images_and_a_single_epoch_are_seen_whole(size, epochs):
    network = "cmunext-xxs" if len(size) == 2 else "lgms-net-3d"
    (stage,) = stages_of(entry_of(network, size), epochs)
    assert (stage.sides, stage.epochs, stage.view) == (size, epochs, None)


@pytest.mark.parametrize(("network", "size"), [("lgms-net", (100, 90)), ("lgms-net-3d", (30, 50, 64))])
def test_what_a_file_says_is_rounded_up_to_what_the_network_takes(network, size):
    multiple = get_spec(network).input.multiple
    for stage in stages_of(entry_of(network, size), 30):
        assert all(side % multiple == 0 and side >= min(size) for side in stage.sides)


@pytest.mark.parametrize("shape", [(200, 100), (20, 40, 30)])
def test_the_extent_is_that_of_the_middle_thing_as_a_share_of_the_sides(shape):
    labels = np.zeros(shape, np.uint8)
    labels[(slice(0, 10),) * len(shape)] = 3
    expected = 10 / np.prod(shape) ** (1 / len(shape))
    assert extent(labels) == pytest.approx(expected)
    labels[(..., slice(20, 24))] = 1
    labels[(slice(12, 15),) * len(shape)] = 2
    assert extent(labels) == pytest.approx(expected)


def test_a_round_goes_by_what_was_drawn(sampled):
    accept(sampled, 6)
    spec, _ = plan_retrain(sampled, OPTIONS)
    assert spec.schedule.epochs == OPTIONS.epochs
    whole = spec.schedule.stages[-1]
    assert whole.sides == tuple(resolve_weights(OPTIONS.network, OPTIONS.weights)[0].input_size)
