"""Mirrored copies and several networks: their mean, and where they disagree."""

import numpy as np
import pytest
import torch

from napari_medseg.errors import InputError
from napari_medseg.inference import Prediction, Predictor, combine
from napari_medseg.networks import create_network, get_spec
from napari_medseg.weights import WeightsEntry


def make(classes=("a",), seed=0):
    torch.manual_seed(seed)
    entry = WeightsEntry(
        id=f"cmunext-xxs/{seed}@1", network="cmunext-xxs", task="t", classes=classes, input_size=(32, 32)
    )
    network = create_network("cmunext-xxs", classes=entry.output_channels)
    return Predictor(network, get_spec("cmunext-xxs"), entry, device="cpu")


def test_mirrored_copies_are_averaged():
    predictor = make()
    image = np.random.default_rng(0).integers(0, 255, (32, 32), dtype=np.uint8)
    flips = [(), (0,), (1,), (0, 1)]
    each = [np.flip(predictor.predict(np.flip(image, f)).probabilities[0], f) for f in flips]
    out = predictor.predict(image, mirrored=True)
    np.testing.assert_allclose(out.probabilities[0], np.mean(each, axis=0), atol=1e-5)
    np.testing.assert_allclose(out.disagreement, np.std(each, axis=0), atol=1e-5)
    assert out.disagreement.max() > 0
    assert "mirrored 4 ways, 4 passes" in out.origin["plan"]
    assert predictor.predict(image).disagreement is None


def test_a_symmetric_image_gives_a_symmetric_mask_when_mirrored():
    half = np.random.default_rng(0).integers(0, 255, (32, 16), dtype=np.uint8)
    out = make().predict(np.concatenate((half, half[:, ::-1]), axis=1), mirrored=True)
    np.testing.assert_allclose(out.probabilities, out.probabilities[..., ::-1], atol=1e-5)


@pytest.mark.parametrize("classes", [("a",), ("a", "b")])
def test_networks_are_averaged(classes):
    image = np.random.default_rng(1).integers(0, 255, (40, 30), dtype=np.uint8)
    found = [make(classes, seed).predict(image, mirrored=seed == 1) for seed in range(3)]
    out = combine(found)
    np.testing.assert_allclose(out.probabilities, np.mean([p.probabilities for p in found], axis=0), atol=1e-6)
    assert [member["weights"] for member in out.origin["also"]] == ["cmunext-xxs/1@1", "cmunext-xxs/2@1"]
    between = np.std([p.probabilities.sum(axis=0) for p in found], axis=0)
    assert (out.disagreement >= between.clip(0, 0.5) - 1e-6).all()
    assert out.labels.max() <= len(classes)


def test_the_spread_of_all_is_that_of_the_members_together():
    rng = np.random.default_rng(0)
    views = rng.random((2, 4, 5, 6)).astype(np.float32)  # two networks, four copies each
    members = [
        Prediction(
            labels=np.zeros((5, 6), np.uint8),
            probabilities=v.mean(axis=0)[None],
            disagreement=v.std(axis=0),
            classes={1: "a"},
            origin={"weights": "w", "network": "n", "sha256": "", "seconds": 1.0, "messages": ()},
        )
        for v in views
    ]
    expected = views.reshape(8, 5, 6).std(axis=0)
    np.testing.assert_allclose(combine(members).disagreement, expected, rtol=1e-4)


def test_networks_of_other_classes_do_not_mix():
    image = np.zeros((20, 20), np.uint8)
    with pytest.raises(InputError, match="different classes: cmunext-xxs/0@1 1 a; cmunext-xxs/1@1 1 a, 2 b"):
        combine([make().predict(image), make(("a", "b"), 1).predict(image)])
