"""Several classes, learned from weights of one."""

import numpy as np
import pytest
from PIL import Image

from napari_medseg.inference import Predictor
from napari_medseg.io import read_image, read_mask
from napari_medseg.metrics import dice
from napari_medseg.project.run_spec import Pair, Stage
from napari_medseg.project.runs import WEIGHTS_FILE
from src_train.trainer import Trainer
from tests.src_train.helpers import make_run

STAGES = (Stage(size=48, epochs=40),)


def two_kinds(folder):
    """Bright discs are of class 1, dark ones of class 2."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:48, :48]
    folder.mkdir()
    pairs = []
    for i in range(4):
        bright, dark = ((y - cy) ** 2 + (x - cx) ** 2 < 64 for cy, cx in rng.permutation([[14, 14], [34, 32]]))
        image = np.clip(rng.normal(110, 12, y.shape) + 100 * bright - 100 * dark, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"two-{i}.png")
        Image.fromarray((bright + 2 * dark).astype(np.uint8)).save(folder / f"two-m{i}.png")
        pairs.append(Pair(name=f"{i}", image=f"two-{i}.png", mask=f"two-m{i}.png"))
    return tuple(pairs)


@pytest.mark.slow
def test_two_classes_are_told_apart_after_a_start_from_one(tmp_path):
    common = {"stages": STAGES, "augment": False, "validate_every": 40, "learning_rate": 1e-2}
    Trainer(make_run(tmp_path / "one", **common), tmp_path / "one").run()
    pairs = two_kinds(tmp_path / "two")
    start = str(tmp_path / "one" / WEIGHTS_FILE)
    spec = make_run(
        tmp_path / "two", train=pairs, val=(), classes=("bright", "dark"), start_from=start, keep_from=start,
        keep_share=0.1, **common,
    )  # fmt: skip
    entry = Trainer(spec, tmp_path / "two").run()
    assert entry.classes == ("bright", "dark")
    predictor = Predictor.from_weights("cmunext-xxs", tmp_path / "two" / WEIGHTS_FILE, device="cpu")
    for pair in pairs:
        labels = predictor.predict(read_image(tmp_path / "two" / pair.image).data).labels
        truth = read_mask(tmp_path / "two" / pair.mask)
        for label in (1, 2):
            assert dice(labels == label, truth == label) > 0.8


@pytest.mark.parametrize("network", ["dymas-net", "lgms-net", "sgd-net-s"])
def test_every_network_of_images_takes_a_step_with_two_classes(tmp_path, network):
    pairs = two_kinds(tmp_path / "run")
    stage = (Stage(size=64, epochs=1),)
    one = make_run(tmp_path / "one", network=network, stages=stage, val=())
    Trainer(one, tmp_path / "one").run()
    spec = make_run(
        tmp_path / "run", network=network, train=pairs, val=pairs[:1], classes=("bright", "dark"), stages=stage,
        start_from=str(tmp_path / "one" / WEIGHTS_FILE),
    )  # fmt: skip
    entry = Trainer(spec, tmp_path / "run").run()
    assert (entry.classes, entry.output_channels) == (("bright", "dark"), 3)
