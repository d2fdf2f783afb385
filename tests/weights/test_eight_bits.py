"""Large tensors at a byte a number come back as they were, nearly, and never as bytes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_medseg.errors import WeightsError
from napari_medseg.networks import create_network
from napari_medseg.weights import WeightsEntry, load_network
from napari_medseg.weights.eight_bits import BYTES, LEAST, SCALES, packed, unpacked
from napari_medseg.weights.load import save_state

ENTRY = WeightsEntry(id="cmunext-s/t@1", network="cmunext-s", task="t")


@pytest.fixture
def state():
    torch.manual_seed(0)
    return create_network("cmunext-s").state_dict()


@pytest.mark.parametrize("shape", [(200, 100), (32, 64, 3, 3), (16, 16, 4, 4, 4)])
def test_each_number_is_within_half_a_step_of_its_channel(shape):
    torch.manual_seed(0)
    tensor = torch.randn(shape) * torch.logspace(-6, 6, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    stored = packed({"a": tensor})
    assert stored[BYTES + "a"].dtype == torch.int8
    assert "a" not in stored
    found = unpacked(stored)["a"]
    step = tensor.flatten(1).abs().amax(1) / 127
    assert ((found - tensor).flatten(1).abs().amax(1) <= step * 0.5001).all()


def test_small_ones_depthwise_ones_and_those_of_zeros_are_exact():
    kept = {"small": torch.randn(10, 10), "depthwise": torch.randn(LEAST, 1, 3, 3), "count": torch.tensor(3)}
    stored = packed({**kept, "zeros": torch.zeros(200, 200)})
    found = unpacked(stored)
    assert set(found) == {*kept, "zeros"}
    assert all(torch.equal(found[name], kept[name]) for name in kept)
    assert not found["zeros"].any()


def test_what_is_to_be_left_is_left():
    state = {"encoder.a": torch.randn(200, 200), "head.a": torch.randn(200, 200)}
    stored = packed(state, leave=("encoder.",))
    assert set(stored) == {"encoder.a", BYTES + "head.a", SCALES + "head.a"}
    assert torch.equal(unpacked(stored)["encoder.a"], state["encoder.a"])


def test_a_file_of_them_loads_and_takes_half_the_room(state, tmp_path):
    path, half = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_state(half, {k: v.half() if v.is_floating_point() else v for k, v in state.items()}, ENTRY)
    save_state(path, packed(state), ENTRY)
    assert path.stat().st_size < 0.75 * half.stat().st_size
    module, entry = load_network("cmunext-s", path)
    assert entry.network == "cmunext-s"
    own = module.state_dict()
    for name, tensor in state.items():
        np.testing.assert_allclose(own[name], tensor, atol=float(tensor.abs().max()) / 127)


@pytest.mark.parametrize("fault", ["no scales", "short scales", "twice", "another shape"])
def test_a_file_that_lacks_something_is_refused(state, tmp_path, fault):
    stored = packed(state)
    name = next(name for name in stored if name.startswith(BYTES)).removeprefix(BYTES)
    if fault == "no scales":
        del stored[SCALES + name]
    elif fault == "short scales":
        stored[SCALES + name] = stored[SCALES + name][:-1]
    elif fault == "twice":
        stored[name] = state[name].flatten()[:-1]
    else:
        stored[BYTES + name] = stored[BYTES + name][:, :-1].contiguous()
    path = tmp_path / "a.safetensors"
    save_state(path, stored, replace(ENTRY))
    assert load_file(path)
    with pytest.raises(WeightsError, match="does not hold the tensors of cmunext-s"):
        load_network("cmunext-s", path)
