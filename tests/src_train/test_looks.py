"""What a run was trained on is told apart later."""

import numpy as np

from napari_medseg.inference.familiar import NUMBERS, Familiar, bundled_kinds, describe
from napari_medseg.networks import create_network
from napari_medseg.weights import WeightsEntry, load_network, save_weights
from napari_medseg.weights.load import save_state
from src_train.dataset import Sample
from src_train.looks import looks_of
from tests.shipped import shipped

RNG = np.random.default_rng(0)


def samples(n, base):
    shape = (48, 40, 3)
    images = [(np.clip(RNG.normal(base, 0.02, shape), 0, 1) * 255).astype(np.uint8) for _ in range(n)]
    return [Sample(str(i), image, np.zeros(shape[:2], np.uint8)) for i, image in enumerate(images)]


def test_looks_travel_with_weights_and_grow_from_round_to_round(tmp_path):
    entry = WeightsEntry(id="cmunext-xxs/skin@1", network="cmunext-xxs", task="skin")
    network = create_network("cmunext-xxs")
    first = looks_of("cmunext-xxs", "skin", samples(30, 0.3), samples(5, 0.3), start_from=None)
    path = tmp_path / "w.safetensors"
    save_state(path, {**network.state_dict(), **first}, entry)
    # the network loads as ever
    load_network("cmunext-xxs", path)
    new = describe(samples(1, 0.8)[0].image)
    assert Familiar.read(path).far(new)["skin"] > 1
    second = looks_of("cmunext-xxs", "skin", samples(6, 0.8), [], start_from=str(path))
    save_state(path, {**network.state_dict(), **second}, entry)
    assert Familiar.read(path).far(new)["skin"] <= 1
    assert Familiar.read(path).far(describe(samples(1, 0.3)[0].image))["skin"] <= 1


def test_what_a_bundled_network_knew_stays_known():
    found = looks_of("cmunext-xxs", "nuclei", samples(4, 0.5), [], start_from=shipped("cmunext-xxs/nuclei"))
    ((name, tensor),) = found.items()
    assert name.endswith("nuclei")
    assert tensor.shape == (1 + len(bundled_kinds().references["nuclei"]) + 4, NUMBERS)


def test_few_images_and_volumes_say_nothing(tmp_path):
    save_weights(
        tmp_path / "w.safetensors",
        create_network("cmunext-xxs"),
        WeightsEntry(id="cmunext-xxs/skin@1", network="cmunext-xxs", task="skin"),
    )
    assert looks_of("cmunext-xxs", "skin", samples(5, 0.5), [], start_from=str(tmp_path / "w.safetensors")) == {}
    volume = Sample("v", np.zeros((8, 20, 20), np.uint8), np.zeros((8, 20, 20), np.uint8))
    assert looks_of("lgms-net-3d", "organ", [volume] * 40, [], start_from=None) == {}
