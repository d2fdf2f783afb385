"""Weights of one class as a start for several."""

import pytest
import torch

from napari_medseg.errors import WeightsError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.weights import WeightsEntry, save_weights
from napari_medseg.weights.load import load_network
from napari_medseg.weights.widen import load_widened


def saved(path, network, classes):
    torch.manual_seed(0)
    entry = WeightsEntry(id=f"{network}/x@1", network=network, task="x", input_size=(64, 64), classes=classes)
    save_weights(path, create_network(network, classes=entry.output_channels), entry)
    return str(path)


@pytest.mark.parametrize("network", ["cmunext-xxs", "dymas-net", "lgms-net", "sgd-net-s"])
def test_what_was_foreground_is_foreground_still_and_of_no_class_more_than_of_another(tmp_path, network):
    weights = saved(tmp_path / "w.safetensors", network, ("lesion",))
    narrow, wide = load_network(network, weights)[0], load_widened(network, weights, ("a", "b", "c"))
    image = torch.rand(1, get_spec(network).input.channels, 64, 64)
    with torch.inference_mode():
        one, four = narrow(image).logits, wide(image).logits
    assert four.shape == (1, 4, 64, 64)
    torch.testing.assert_close(four[:, 1] - four[:, 0], one[:, 0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(four[:, 1], four[:, 3])
    assert one.std() > 0


def test_known_classes_stay_as_they_are_and_fewer_are_refused(tmp_path):
    weights = saved(tmp_path / "w.safetensors", "cmunext-xxs", ("a", "b"))
    two, three = (load_widened("cmunext-xxs", weights, ("a", "b", "c")[:n]) for n in (2, 3))
    torch.testing.assert_close(three.head.weight[:3], two.head.weight, rtol=0, atol=0)
    assert three.head.weight.shape[0] == 4
    with pytest.raises(WeightsError, match="tells 2 classes apart; expected at most 1"):
        load_widened("cmunext-xxs", weights, ("a",))
