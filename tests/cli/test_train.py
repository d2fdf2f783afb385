"""``medseg train`` refuses at once what cannot be trained, and leaves a run that is there as it is."""

import json
import shutil
import time

import numpy as np
import pytest
import torch
from PIL import Image

from napari_medseg.app.trainer_process import OwnTrainer
from napari_medseg.errors import ProjectError, TrainingError
from napari_medseg.project.lock import FileLock, lock_run
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import CHECKPOINT_FILE, EVENTS_FILE, SPEC_FILE
from napari_medseg.weights import read_entry
from tests.cli.helpers import NUCLEI, refused
from tests.src_train.helpers import make_run


@pytest.fixture
def train(medseg, folders, tmp_path):
    def run(*options, images=folders[0]):
        arguments = ("--images", images, "--masks", folders[1], "--out", tmp_path / "w.safetensors")
        return medseg("train", *arguments, "--size", "32", "--epochs", "1", "--device", "cpu", *options)

    return run


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--network", "lgms-net-3d"), "lgms-net-3d expects (Z, Y, X), a volume"),
        (("--precision", "fp8"), "precision is 'fp8'"),
        (("--device", "tpu"), "device is 'tpu'"),
        (("--learning-rate", "0"), "--learning-rate is 0.0; expected a number above 0"),
        (("--pipeline", "rgb"), "pipeline is 'rgb'; expected one of: bgr255, imagenet, declared"),
        (("--by-clock",), "--by-clock is given without --time-budget"),
        (
            ("--network", "dcsnet-s", "--by-clock", "--time-budget", "1"),
            "'plateau'. Add --schedule with one of: cosine",
        ),
        (("--schedule", "zigzag"), "schedule is 'zigzag'; expected one of: cosine, poly, onecycle, plateau, constant"),
        (("--average", "1"), "--average is 1.0; expected a decay between 0 and 1, such as 0.998"),
        (("--encoder-rate", "0.3"), "--encoder-rate is for networks with a pretrained encoder; cmunext-xxs has none"),
        (("--network", "sgd-net-s", "--encoder-rate", "3"), "--encoder-rate is 3.0; expected a share from 0 to 1"),
        (("--window", "0", "100"), "--window is for volumes; cmunext-xxs takes images"),
        (("--network", "lgms-net-3d", "--window", "250", "-175"), "--window is 250 -175; expected the lower"),
        (("--network", "lgms-net-3d", "--spacing", "1", "0", "1"), "--spacing is 1 0 1; expected three sizes above 0"),
        (("--option", "gate"), "--option is 'gate'; expected NAME=VALUE"),
        (("--option", "gate=channel"), "option of cmunext-xxs is 'gate'; expected one of: widths, depths, kernels"),
        (("--from", "nuclei", "--option", "depthwise=1"), "--from and --option are given; expected one of them"),
    ],
)
def test_a_bad_choice_is_refused_before_anything_is_written(train, tmp_path, options, says):
    refused(train(*options), says)
    assert not (tmp_path / "w.run").exists()


def test_a_size_that_the_network_does_not_take_is_rounded_up_and_told(train, tmp_path):
    code, _, err = train("--size", "33", "--epochs", "1")
    assert code == 0
    assert "The size is 33 px, and cmunext-xxs takes multiples of 16 px: images go through it at 48 px." in " ".join(
        err.split()
    )
    assert read_entry(tmp_path / "w.safetensors").input_size == (48, 48)


@pytest.mark.parametrize("command", ["train", "retrain"])
def test_a_seed_below_zero_is_bad_usage(medseg, train, tmp_path, command):
    medseg("project", "create", tmp_path / "p")
    retrain = ("project", "retrain", tmp_path / "p", "--weights", "nuclei", "--seed", "-1")
    code, _, err = train("--seed", "-1") if command == "train" else medseg(*retrain)
    assert code == 2
    assert "--seed" in err


def test_a_mask_of_another_size_is_found_before_the_trainer_starts(train, folders, tmp_path):
    Image.new("L", (20, 30)).save(folders[1] / f"{NUCLEI[0].image.stem}.png")
    refused(train(), "30 x 20")
    assert not (tmp_path / "w.run").exists()


def test_two_images_of_one_stem_share_no_mask(train, folders):
    shutil.copy(NUCLEI[1].image, folders[0] / f"{NUCLEI[0].image.stem}.tif")
    refused(train(), "have the same stem")


def test_an_output_that_cannot_be_written_is_told_first(train, tmp_path):
    (tmp_path / "w.safetensors").mkdir()
    refused(train(), "w.safetensors", "there is a folder of that name", code=1)


def test_a_run_of_other_settings_is_left_as_it_is(train, medseg, folders, tmp_path):
    folder = tmp_path / "w.run"
    folder.mkdir()
    held = FileLock(folder / "command.lock", "x", "")
    refused(train(), "is open in process", "name another --out")
    held.release()
    assert not (folder / SPEC_FILE).exists()
    working = lock_run(folder)
    refused(train(), "has a trainer at work")
    working.release()
    spec = make_run(folder)
    before = (folder / SPEC_FILE).read_bytes()
    torch.save({}, folder / CHECKPOINT_FILE)
    refused(train("--resume"), "w.run holds a run with other settings")
    assert (folder / SPEC_FILE).read_bytes() == before
    assert RunSpec.from_json(before.decode()) == spec
    assert not (folder / EVENTS_FILE).exists()


def test_a_second_trainer_writes_nothing_into_the_run_of_the_first(tmp_path):
    make_run(tmp_path)
    (tmp_path / EVENTS_FILE).write_text(json.dumps({"event": "start", "time": time.time()}) + "\n")
    before = (tmp_path / EVENTS_FILE).read_bytes()
    held = lock_run(tmp_path)
    process = OwnTrainer(tmp_path)
    with pytest.raises(TrainingError, match="is open in process") as caught:
        list(process.follow())
    held.release()
    assert caught.value.exit_code == ProjectError.exit_code == 2
    assert (tmp_path / EVENTS_FILE).read_bytes() == before


@pytest.mark.slow
def test_the_recipe_of_volumes_can_be_given(train, medseg, tmp_path):
    """Window, spacing and learning rate reach the run: BTCV's recipe is that."""
    import nibabel

    for folder in ("vi", "vm"):
        (tmp_path / folder).mkdir()
        values = np.zeros((20, 20, 20), np.float32 if folder == "vi" else np.uint8)
        values[5:12, 5:12, 5:12] = 200 if folder == "vi" else 1
        nibabel.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / folder / "a.nii.gz")
    options = ("--network", "lgms-net-3d", "--window", "-175", "250", "--spacing", "2", "1.5", "1.5")
    code, _, err = medseg(
        *("train", "--images", tmp_path / "vi", "--masks", tmp_path / "vm", "--out", tmp_path / "v.safetensors"),
        *(
            "--size",
            "32",
            "--epochs",
            "1",
            "--batch-size",
            "1",
            "--device",
            "cpu",
            "--learning-rate",
            "0.003",
            *options,
        ),
    )
    assert code == 0, err
    entry = read_entry(tmp_path / "v.safetensors")
    assert (entry.window, entry.spacing) == ((-175.0, 250.0), (2.0, 1.5, 1.5))
    spec = RunSpec.from_json((tmp_path / "v.run" / SPEC_FILE).read_text())
    assert spec.schedule.learning_rate == 0.003


@pytest.mark.slow
def test_a_training_whose_time_was_up_says_so_and_goes_on(train, tmp_path):
    code, out, err = train("--epochs", "2", "--time-budget", "0.0001")
    assert (code, out.strip()) == (0, str(tmp_path / "w.safetensors")), err
    assert "Stopped after 1 of 2 epochs, as --time-budget was up" in err and "Go on with --resume" in err
    code, _, err = train("--epochs", "2", "--resume")
    assert code == 0 and "Stopped" not in err
