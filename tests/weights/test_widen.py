"""Weights of one class as a start for several."""

import pytest
import torch

from napari_medseg.errors import WeightsError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.weights import WeightsEntry, save_weights
from napari_medseg.weights.load import load_network
from napari_medseg.weights.widen import load_widened


def saved(path, network, classes, labels=()):
    torch.manual_seed(0)
    entry = WeightsEntry(
        id=f"{network}/x@1", network=network, task="x", input_size=(64, 64), classes=classes, labels=labels
    )
    save_weights(path, create_network(network, classes=entry.output_channels), entry)
    return str(path)


@pytest.mark.parametrize("network", ["cmunext-xxs", "dymas-net", "lgms-net", "sgd-net-s"])
def test_what_was_foreground_is_foreground_still_and_of_no_class_more_than_of_another(tmp_path, network):
    weights = saved(tmp_path / "w.safetensors", network, ("lesion",))
    narrow, wide = load_network(network, weights)[0], load_widened(network, weights, (1, 2, 3))
    image = torch.rand(1, get_spec(network).input.channels, 64, 64)
    with torch.inference_mode():
        one, four = narrow(image).logits, wide(image).logits
    assert four.shape == (1, 4, 64, 64)
    torch.testing.assert_close(four[:, 1] - four[:, 0], one[:, 0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(four[:, 1], four[:, 3])
    assert one.std() > 0


def test_known_classes_stay_as_they_are_and_fewer_are_refused(tmp_path):
    weights = saved(tmp_path / "w.safetensors", "cmunext-xxs", ("a", "b"))
    two, three = (load_widened("cmunext-xxs", weights, (1, 2, 3)[:n]) for n in (2, 3))
    torch.testing.assert_close(three.head.weight[:3], two.head.weight, rtol=0, atol=0)
    assert three.head.weight.shape[0] == 4
    with pytest.raises(WeightsError, match="tells 2 classes apart; expected at most 1"):
        load_widened("cmunext-xxs", weights, (1,))


def test_known_classes_are_found_by_their_numbers(tmp_path):
    weights = saved(tmp_path / "w.safetensors", "cmunext-xxs", ("b", "d"), (2, 4))
    two, wide = (load_widened("cmunext-xxs", weights, labels) for labels in ((2, 4), (1, 2, 3, 4)))
    torch.testing.assert_close(wide.head.weight[[0, 2, 4]], two.head.weight, rtol=0, atol=0)
    torch.testing.assert_close(wide.head.bias[[0, 2, 4]], two.head.bias, rtol=0, atol=0)
    with pytest.raises(WeightsError, match="have the numbers 2, 4; expected these among 1, 2, 3"):
        load_widened("cmunext-xxs", weights, (1, 2, 3))


def test_one_class_may_get_another_number(tmp_path):
    weights = saved(tmp_path / "w.safetensors", "cmunext-xxs", ("a",))
    same, other = (load_widened("cmunext-xxs", weights, (n,)) for n in (1, 7))
    torch.testing.assert_close(same.head.weight, other.head.weight, rtol=0, atol=0)
