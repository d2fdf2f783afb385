"""Numbers of classes through a run: channels inside, the same numbers before and after."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_medseg.errors import InputError
from napari_medseg.inference import Predictor
from napari_medseg.io import read_image
from napari_medseg.networks import InputSpec
from napari_medseg.project.run_spec import RunSpec, Stage
from napari_medseg.project.runs import WEIGHTS_FILE
from src_train.dataset import Sample
from src_train.scoring import mean_dice
from src_train.targets import VOID
from src_train.trainer import Trainer
from src_train.volumes import TrainingVolumes
from tests.src_train.helpers import blobs, changed, make_run


def test_numbers_of_classes_go_through_training_and_what_is_ignored_does_not_count(tmp_path):
    pairs = blobs(tmp_path / "run", 2)
    for number, pair in enumerate(pairs):
        path = tmp_path / "run" / pair.mask
        mask = (np.asarray(Image.open(path)) > 0) * np.uint8(100)
        mask[:, 40:], mask[:6, :6] = 255, 200 if number else 100
        Image.fromarray(mask).save(path)
    shutil.copytree(tmp_path / "run", tmp_path / "kept")
    common = {"classes": ("disc", "corner"), "labels": (100, 200), "ignore": 255, "stages": (Stage(size=48, epochs=2),)}
    spec = make_run(tmp_path / "run", **common)
    for pair in pairs:
        shutil.copy(tmp_path / "kept" / pair.mask, tmp_path / "run" / pair.mask)
    entry = Trainer(spec, tmp_path / "run").run()
    assert (entry.classes, entry.labels, entry.output_channels) == (("disc", "corner"), (100, 200), 3)
    predictor = Predictor.from_weights("cmunext-xxs", tmp_path / "run" / WEIGHTS_FILE, device="cpu")
    found = predictor.predict(read_image(tmp_path / "run" / pairs[0].image).data)
    assert found.classes == {100: "disc", 200: "corner"}
    assert set(np.unique(found.labels)) <= {0, 100, 200}
    with pytest.raises(InputError, match="label 255 in masks"):
        Trainer(changed(spec, ignore=None), tmp_path / "run")
    boxes = changed(replace(spec, network="dcsnet-s"), stages=(Stage(size=64, epochs=2),))
    with pytest.raises(InputError, match="255 is to be ignored, and dcsnet-s looks for boxes"):
        Trainer(changed(boxes, classes=("a",), labels=()), tmp_path / "run")
    with pytest.raises(InputError, match="the classes are 100 'disc', 200 'corner', and dcsnet-s tells one class"):
        Trainer(boxes, tmp_path / "run")


def test_numbers_decide_the_outcome_and_older_checkpoints_stay_good(tmp_path):
    spec = make_run(tmp_path / "run")
    known = spec.fingerprint()
    assert changed(spec, labels=(1,)).fingerprint() == known
    others = [changed(spec, **one) for one in ({"labels": (2,)}, {"ignore": 255}, {"mapping": ((3, 3, 1),)})]
    assert len({known, *(one.fingerprint() for one in others)}) == 4
    for one in others:
        assert RunSpec.from_json(one.to_json()) == one
    values = json.loads(spec.to_json())
    for key, value in {"labels": [2, 3], "mapping": [[1, 2]], "ignore": 256}.items():
        with pytest.raises(InputError, match=key):
            RunSpec.from_json(json.dumps({**values, key: value}))
    with pytest.raises(InputError, match="--map names the number 1 twice"):
        RunSpec.from_json(json.dumps({**values, "mapping": [[1, 1, 1], [1, 1, 2]]}))
    # written before there were numbers
    for key in ("labels", "mapping", "ignore"):
        values.pop(key)
    assert RunSpec.from_json(json.dumps(values)) == spec


class Same:
    """Says of any image what it was told to."""

    def __init__(self, labels, numbers):
        self.entry = type("Entry", (), {"labels": numbers})
        self._labels = labels

    def predict(self, image, **_):
        return type("Found", (), {"labels": self._labels})


def test_validation_compares_numbers_with_channels_and_leaves_out_what_is_ignored():
    mask = np.zeros((6, 6), np.uint8)
    mask[:2], mask[2:4], mask[5:] = 1, 2, VOID
    labels = np.select([mask == 1, mask == 2, mask == VOID], [7, 100, 100], 0)
    sample = Sample("a", np.zeros((6, 6), np.uint8), mask)
    assert mean_dice(Same(labels, (7, 100)), [sample]) == 1
    assert mean_dice(Same(labels, (1, 2)), [sample]) == 0


def test_void_of_a_volume_is_void_in_its_windows_and_no_place_to_look_at():
    mask = np.zeros((24, 24, 24), np.uint8)
    mask[:, :, 16:] = VOID
    mask[2:4, 2:4, 2:4] = 2
    data = TrainingVolumes(
        [Sample("a", np.zeros(mask.shape, np.float32), mask, spacing=(1.0, 1.0, 1.0))],
        sides=(8, 8, 8),
        classes=2,
        augmentation=None,
        input=InputSpec(ndim=3, channels=1, mean=0.0, std=1.0),
        spacing=(2.0, 1.0, 1.0),
        window=None,
    )
    found = [data.batch([(0, seed)])[1] for seed in range(30)]
    assert set().union(*(part.unique().tolist() for part in found)) == {0, 2, VOID}
    # half of the windows lie around the class
    assert sum(bool((part == 2).any()) for part in found) >= 10
