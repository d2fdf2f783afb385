"""Published weights segment as they did where they come from: intensities go in as their loaders gave them."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_medseg.errors import UnknownNameError
from napari_medseg.inference import Predictor
from napari_medseg.networks import get_spec
from napari_medseg.weights import import_published
from napari_medseg.weights.pipeline import MEAN, PIPELINES, STD, pipeline_of
from tests.networks.test_published import published
from tests.networks.test_published_lgms import Published as PublishedLGMS
from tests.networks.test_published_lgms import lively

LAYOUTS = {
    **dict.fromkeys(("cmunext-xxs", "cmunext-s", "cmunext", "cmunext-l"), published),
    "lgms-net": lambda name: lively(PublishedLGMS(3, 1, 2)),
}


def as_published(picture: np.ndarray) -> torch.Tensor:
    """What the published loaders do, step by step: blue first, ImageNet's figures in that order, then 255 again."""
    blue_first = picture[..., ::-1].astype(np.float64)
    standardised = (blue_first / 255 - MEAN) / STD
    return torch.from_numpy((standardised / 255).transpose(2, 0, 1).copy())[None].float()


def as_for_kvasir(picture: np.ndarray) -> torch.Tensor:
    """What LGMSNet's loader for Kvasir does."""
    return torch.from_numpy(((picture.astype(np.float64) / 255 - MEAN) / STD).transpose(2, 0, 1).copy())[None].float()


LOADERS = {"bgr255": as_published, "imagenet": as_for_kvasir}


def picture(seed: int = 0, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A reddish disc on a bluish ground of the same brightness, and its mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    cy, cx = rng.integers(side // 3, 2 * side // 3, 2)
    mask = (y - cy) ** 2 + (x - cx) ** 2 < (side // 5) ** 2
    colours = np.where(mask[..., None], (170, 90, 70), (70, 90, 170)) + rng.normal(0, 8, (side, side, 3))
    return np.clip(colours, 0, 255).astype(np.uint8), mask


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("pipeline", LOADERS)
def test_an_imported_file_gives_what_its_own_pipeline_gives(name, pipeline, tmp_path):
    torch.manual_seed(0)
    theirs = LAYOUTS[name](name)
    image, _ = picture()
    norms = [norm for norm in theirs.modules() if isinstance(norm, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        # norms of this very loader, and a last layer that spreads: else fresh numbers give one value everywhere
        for norm in norms:
            norm.momentum = 1.0
        theirs.train()(LOADERS[pipeline](image))
        plain = theirs.eval()(LOADERS[pipeline](image))
        theirs.Conv_1x1.weight /= plain.std()
        theirs.Conv_1x1.bias.copy_((theirs.Conv_1x1.bias - plain.mean()) / plain.std())
        expected, other = (theirs(load(image)).sigmoid()[0, 0].numpy() for load in _first(pipeline))
    assert np.abs(expected - other).mean() > 0.02
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    # the published loaders' own is what nobody has to name
    named = None if pipeline == "bgr255" else pipeline
    entry = import_published(tmp_path / "theirs.pth", name, tmp_path / "ours.safetensors", pipeline=named)
    assert entry.training["pipeline"] == pipeline
    # a file tells how it is built, whatever is declared later
    assert entry.options == {key: list(v) if isinstance(v, tuple) else v for key, v in get_spec(name).options.items()}
    predictor = Predictor.from_weights(name, tmp_path / "ours.safetensors", device="cpu")
    found = predictor.predict(image, size=64).probabilities[0]
    # what rounding makes of intensities divided by 255 twice
    assert np.abs(found - expected).mean() < 2e-3


def _first(pipeline: str):
    """This loader, then the other."""
    return [LOADERS[pipeline], *(load for name, load in LOADERS.items() if name != pipeline)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "loader", "steps"),
    [("cmunext-xxs", "bgr255", 160), ("cmunext-s", "bgr255", 110), ("lgms-net", "imagenet", 40)],
)
def test_a_network_trained_through_such_a_loader_segments(name, loader, steps, tmp_path):
    """And is garbage through another one."""
    torch.manual_seed(0)
    theirs = (PublishedLGMS(3, 1, 2) if name == "lgms-net" else published(name)).train()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=3e-3)
    pictures = [picture(seed, 32) for seed in range(1, 9)]
    images = torch.cat([LOADERS[loader](image) for image, _ in pictures])
    masks = torch.from_numpy(np.stack([mask for _, mask in pictures]))[:, None].float()
    for _ in range(steps):
        loss = F.binary_cross_entropy_with_logits(theirs(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    scores, unseen = {}, [picture(20, 32), picture(21, 32)]
    for pipeline in PIPELINES:
        out = tmp_path / f"{pipeline}.safetensors"
        import_published(tmp_path / "theirs.pth", name, out, pipeline=pipeline)
        predictor = Predictor.from_weights(name, out, device="cpu")
        found = [(predictor.predict(image, size=32).labels > 0, mask) for image, mask in unseen]
        scores[pipeline] = np.mean([agreement(labels, mask) for labels, mask in found])
    own = pipeline_of(name, loader)[1]
    assert scores[loader] > 0.9
    # LGMSNet is declared as Kvasir's loader has it
    assert max(score for pipeline, score in scores.items() if pipeline_of(name, pipeline)[1] != own) < 0.7


def test_a_pipeline_is_named_or_known():
    assert pipeline_of("lgms-net", None)[0] == "bgr255"
    assert pipeline_of("lgms-net-3d", None) == ("btcv", {"mean": 0.0, "std": 1.0, "order": "rgb"})
    assert pipeline_of("dcsnet", None)[0] == "declared"
    assert pipeline_of("dcsnet", None)[1] == {"mean": 0.5, "std": 0.5, "order": "rgb"}
    with pytest.raises(UnknownNameError, match="pipeline is 'rgb'; expected one of: bgr255, imagenet, declared"):
        pipeline_of("lgms-net", "rgb")
    # what is for images makes nothing of volumes, and the other way round
    with pytest.raises(UnknownNameError, match="pipeline is 'bgr255'; expected one of: btcv, declared"):
        pipeline_of("lgms-net-3d", "bgr255")
    with pytest.raises(UnknownNameError, match="pipeline is 'btcv'; expected one of: bgr255, imagenet, declared"):
        pipeline_of("cmunext", "btcv")


def test_an_imported_file_for_volumes_segments_hounsfield_units_as_its_settings_say(tmp_path):
    torch.manual_seed(0)
    theirs = lively(PublishedLGMS(1, 3, 3))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    entry = import_published(tmp_path / "theirs.pth", "lgms-net-3d", tmp_path / "ours.safetensors")
    assert (entry.window, entry.spacing, entry.input_size) == ((-175.0, 250.0), (2.0, 1.5, 1.5), (96, 96, 96))
    volume = np.random.default_rng(0).normal(40, 120, (32, 32, 32)).astype(np.float32)
    predictor = Predictor.from_weights("lgms-net-3d", tmp_path / "ours.safetensors", device="cpu")
    found = predictor.predict(volume, size=32, spacing=(2.0, 1.5, 1.5)).probabilities
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(((volume + 175) / 425).clip(0, 1))[None, None]).softmax(dim=1)[0].numpy()
    assert expected.std() > 0.05
    np.testing.assert_allclose(found, expected[-len(found) :], atol=1e-3)
    # voxels of another size are resampled first
    assert predictor.plan((32, 64, 64), spacing=(2.0, 0.75, 0.75)).network_size == (32, 32, 32)
