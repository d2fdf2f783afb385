"""What stands beside our networks in the benchmark goes the same way: trainer, predictor, data, clock."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_medseg.networks import create_network, get_spec, list_networks, registry
from napari_medseg.project.runs import SPEC_FILE

FOLDER = Path(__file__).parents[1] / "benchmarks"
NAMES = ("basic-unet", "plain-unet")


@pytest.fixture
def rivals(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    # what is registered here is no network of ours elsewhere
    monkeypatch.setattr(registry, "SPECS", registry.SPECS)
    import rivals

    rivals.register()
    return rivals


@pytest.fixture
def beside(rivals):
    import beside

    return beside


@pytest.fixture
def data(tmp_path):
    """A set of eight pairs, six of them to learn from."""
    folder = tmp_path / "data" / "dsb2018_nuclei"
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(8):
        mask = np.zeros((40, 48), np.uint8)
        mask[10:20, 5 + number : 25 + number] = 255
        Image.fromarray(rng.integers(0, 60, (40, 48, 3), np.uint8) + (mask // 2)[..., None]).save(
            folder / "images" / f"{number:04d}.png"
        )
        Image.fromarray(mask).save(folder / "masks" / f"{number:04d}.png")
    split = {"train": [f"{n:04d}" for n in range(5)], "val": ["0006", "0007"], "left_out": ["0005"]}
    (folder / "split.json").write_text(str(split).replace("'", '"'), encoding="utf-8")
    return tmp_path / "data"


def test_others_are_registered_once_and_after_ours(rivals):
    ours = list_networks()[: -len(NAMES)]
    rivals.register()
    assert list_networks() == (*ours, *NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_others_take_and_give_what_ours_do(rivals, name):
    network = create_network(name)
    image = torch.zeros(2, 3, 64, 96)
    found = network(image)
    assert found.logits.shape == (2, 1, 64, 96)
    assert len(found.aux) == (3 if get_spec(name).recipe.aux_weight else 0)
    assert network.eval()(image).aux == ()


def test_all_learn_from_the_same_and_nothing_is_chosen_on_val(beside, data):
    runs = [
        beside.spec_of(data, "dsb2018_nuclei", network, start, minutes=2.0, seed=3) for network, start in beside.TRAINED
    ]
    assert all(run.data == runs[0].data and run.budget == runs[0].budget for run in runs)
    assert [pair.name for pair in runs[0].data.train] == [f"dsb2018_nuclei/{n:04d}" for n in range(5)]
    assert not runs[0].data.val and runs[0].budget.clock
    # but for the rate, and for the size of what goes on from a shipped file
    alike = {replace(run.schedule, learning_rate=None, stages=runs[0].schedule.stages) for run in runs}
    assert len(alike) == 1
    assert [run.start.start_from for run in runs] == [None, None, None, "cmunext-xxs/nuclei"]


@pytest.mark.slow
def test_one_that_was_trained_is_a_row_and_goes_on_where_it_was(beside, data, tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "EPOCH_IMAGES", 4)
    monkeypatch.setattr(beside, "SIDE", 64)
    run = beside.spec_of(data, "dsb2018_nuclei", "basic-unet", beside.FRESH, minutes=0.001, seed=0)
    (tmp_path / SPEC_FILE).write_text(run.to_json(), encoding="utf-8")
    # its clock is put back, and its threads
    monkeypatch.setattr("src_train.pace.time", time)
    threads = torch.get_num_threads()
    try:
        beside.train_here(tmp_path)
    finally:
        torch.set_num_threads(threads)
    predictor = beside.Predictor.from_weights("basic-unet", tmp_path / "weights.safetensors", device="cpu")
    image = np.zeros((40, 48, 3), np.uint8)
    assert predictor.predict(image).labels.shape == (40, 48)
    (wall, cpu), _ = beside.seconds_of([predictor, predictor], [image])
    assert wall > 0 and cpu >= 0
    dice, low, high = beside.dice_of(predictor, [(image, np.ones((40, 48), np.uint8))] * 2)
    assert 0 <= low <= dice <= high <= 1


@pytest.mark.slow
def test_a_child_measures_its_own_memory(rivals):
    import memory

    assert 20 < memory.peak_mb() < 5000
