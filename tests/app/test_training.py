"""Training on folders from Python; the trainer is a fake one."""

import re
import shutil

import pytest

from napari_medseg.app.samples import samples_of
from napari_medseg.app.training import Told, TrainOptions, plan_training, train
from napari_medseg.errors import InputError, TrainingError
from napari_medseg.networks import get_spec
from napari_medseg.project.run_spec import RunSpec
from napari_medseg.project.runs import SPEC_FILE
from napari_medseg.weights import read_entry
from src_train.form import form_of

OPTIONS = TrainOptions(start="nuclei", epochs=3, device="cpu")


@pytest.fixture
def places(tmp_path, trainers, monkeypatch):
    """Two folders and a file to write."""
    monkeypatch.setattr("napari_medseg.app.trainer_process.OwnTrainer", trainers.start)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for sample in samples_of("nuclei")[:2]:
        shutil.copy(sample.image, tmp_path / "images")
        shutil.copy(sample.mask, tmp_path / "masks" / (sample.image.stem + sample.mask.suffix))
    return tmp_path / "images", tmp_path / "masks", tmp_path / "w.safetensors"


def test_a_notebook_trains_and_hears_how_far_it_is(places):
    heard = []
    told = Told(progress=lambda fraction, text: heard.append((fraction, text)))
    out = train(*map(str, places), OPTIONS, told=told)
    assert out == places[2]
    assert read_entry(out).network == "cmunext-xxs"
    assert heard[-1][0] == 1
    assert heard[-1][1].startswith("epoch 3/3  loss 0.333")
    spec = RunSpec.read(places[2].with_suffix(".run") / SPEC_FILE)
    assert spec == plan_training(*places[:2], OPTIONS)


def test_how_fast_what_learns_reaches_the_run(places):
    def schedule(**options):
        return plan_training(*places[:2], TrainOptions(network="sgd-net-s", device="cpu", **options)).schedule

    plain, encoder = schedule(), places[2].with_name("encoder.pt")
    encoder.touch()
    assert (plain.curve, plain.encoder_rate, plain.average, plain.epochs) == (None, 1.0, None, 50)
    # what is pretrained learns more slowly, unless it is said
    assert schedule(pretrained=str(encoder)).encoder_rate == 0.3
    assert schedule(pretrained=str(encoder), encoder_rate=1.0).encoder_rate == 1.0
    chosen = schedule(schedule="onecycle", average=0.998, encoder_rate=0.5)
    assert (chosen.curve, chosen.average, chosen.encoder_rate) == ("onecycle", 0.998, 0.5)
    # by the clock there are as many epochs as there is time for, or those that are named
    assert schedule(by_clock=True, minutes=1.0).epochs == 1_000_000
    assert schedule(by_clock=True, minutes=1.0, epochs=7).epochs == 7


def test_an_interrupted_training_goes_on(places, trainers):
    def interrupt(fraction, text):
        if text.startswith("epoch"):
            raise KeyboardInterrupt

    trainers.waits = True
    with pytest.raises(KeyboardInterrupt):
        train(*places, OPTIONS, told=Told(progress=interrupt))
    assert not places[2].exists()
    with pytest.raises(InputError, match="Go on from it with resume, or delete the folder"):
        train(*places, OPTIONS)
    with pytest.raises(InputError, match="holds a run with other settings than these"):
        train(*places, TrainOptions(start="nuclei", epochs=4), resume=True)
    trainers.waits = False
    train(*places, OPTIONS, resume=True)
    assert places[2].exists()


def test_a_trainer_that_dies_says_how_to_go_on(places, trainers, monkeypatch):
    trainers.waits, start = True, trainers.start
    monkeypatch.setattr(
        "napari_medseg.app.trainer_process.OwnTrainer", lambda folder: (start(folder), trainers[-1].fail("It died."))[0]
    )
    with pytest.raises(TrainingError, match=r"It died\. Go on from the last epoch with resume\."):
        train(*places, OPTIONS)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected a number above 0"),
        ({"by_clock": True}, "by_clock is given without minutes"),
        ({"window": (0.0, 1.0)}, "window is for volumes; cmunext-xxs takes images"),
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"start": "nuclei", "pretrained": "x"}, "start and pretrained are given; expected one of them"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name_in_python(places, options, says):
    with pytest.raises(InputError, match=re.escape(says)):
        train(*places, TrainOptions(device="cpu", **options))
    assert not places[2].with_suffix(".run").exists()


def test_options_of_the_network_reach_the_run(places):
    asked = {"depthwise": 1, "kernels": [3, 3, 3, 3, 3]}
    spec = plan_training(*places[:2], TrainOptions(device="cpu", options=asked))
    assert spec.start.options == asked
    assert form_of(RunSpec.from_json(spec.to_json())).options == {**get_spec("cmunext-xxs").options, **asked}
