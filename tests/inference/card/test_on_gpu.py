"""What only a card can show: recordings, memory that really runs out, threads. Skipped, with a word, without one."""

import gc
import threading
from importlib.resources import files

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from napari_medseg.inference import Predictor
from napari_medseg.inference.card import Card, Steady, recorded, runner
from napari_medseg.inference.card.runner import built
from napari_medseg.networks import SegmentationOutput, get_spec, list_networks, prepare_for_inference
from napari_medseg.weights import WeightsEntry
from tests.networks.helpers import fresh

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no CUDA device"),
]
DEVICE = torch.device("cuda")
NETWORKS = list_networks()
# with weights that ship: network, weights, a sample that they know
TRAINED = (
    ("cmunext-xxs", "nuclei", "nuclei_1"),
    ("cmunext-xxs", "dermoscopy", "dermoscopy_1"),
    ("dcsnet-s", "generalist", "breast-ultrasound_1"),
    ("dymas-net", "generalist", "dermoscopy_2"),
    ("lgms-net", "generalist", "dermoscopy_3"),
    ("sgd-net-s", "generalist", "breast-ultrasound_2"),
)
# share of a mask's pixels
AGREES = 2e-3


@pytest.fixture(autouse=True)
def auto(monkeypatch):
    """Tests elsewhere ask for torch as it is."""
    monkeypatch.delenv("MEDSEG_ENGINE", raising=False)


def layout_of(name):
    return torch.channels_last if get_spec(name).input.ndim == 2 else torch.contiguous_format


def network_on_card(name):
    return prepare_for_inference(fresh(name).eval()).to(DEVICE, memory_format=layout_of(name))


def inputs(name, count=1, side=None, seed=0):
    spec = get_spec(name)
    side = side or (64 if spec.input.ndim == 2 else 32)
    shape = (count, spec.input.channels, *[side] * spec.input.ndim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def boxes_of(name):
    return {"boxes": [torch.tensor([[8.0, 4, 56, 48]])]} if get_spec(name).capabilities.boxes else {}


def eager(network, x, dtype, **options):
    options = {key: [boxes.to(DEVICE) for boxes in given] for key, given in options.items()}
    x = x.to(DEVICE).contiguous(memory_format=runner.LAYOUTS.get(x.dim(), torch.contiguous_format))
    with torch.inference_mode():
        return built(network, dtype, record=False)(x, **options).probabilities.cpu()


def steady_of(card):
    return next(m for m in card._built[card.dtype].modules() if isinstance(m, Steady))


@pytest.fixture
def replays(monkeypatch):
    """Shapes of all replays."""
    seen = []
    plain = recorded.Recorded.__call__

    def counted(self, x):
        seen.append(tuple(x.shape))
        return plain(self, x)

    monkeypatch.setattr(recorded.Recorded, "__call__", counted)
    return seen


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_recorded_says_what_eager_says(name, dtype, monkeypatch, replays):
    monkeypatch.setattr(runner, "HALF", dtype)
    network, options = network_on_card(name), boxes_of(name)
    card = Card(network, DEVICE, quick=True, checked=False)
    # the first is eager, the second is recorded, the third replayed; each another picture
    for seed in range(4):
        x = inputs(name, seed=seed)
        found = card(x, **options).probabilities
        torch.testing.assert_close(found, eager(network, x, dtype, **options), atol=1e-3, rtol=0)
        assert len(replays) == seed
    assert len(steady_of(card).recorded) == 1


def test_shapes_have_recordings_of_their_own_and_few_are_kept(replays):
    network = network_on_card("cmunext-xxs")
    card = Card(network, DEVICE, quick=True, checked=False)
    sides = (32, 48, 64, 80, 96, 112)
    for _ in range(2):
        for side in sides:
            x = inputs("cmunext-xxs", side=side, seed=side)
            for _ in range(2):
                found = card(x).probabilities
            torch.testing.assert_close(found, eager(network, x, runner.HALF), atol=1e-3, rtol=0)
    steady = steady_of(card)
    assert len(steady.recorded) == recorded.MOST_RECORDED
    assert steady.bytes > 0
    assert {shape[-1] for shape in replays} == set(sides)


def test_one_recording_stays_whatever_it_takes_and_others_go_for_it(monkeypatch):
    monkeypatch.setattr(recorded, "MOST_SHARE", 0.0)
    card = Card(network_on_card("cmunext-xxs"), DEVICE, quick=True, checked=False)
    for side in (32, 64):
        for seed in range(3):
            card(inputs("cmunext-xxs", side=side, seed=seed))
        assert [shape[-1] for shape in steady_of(card).recorded] == [side]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_recording_follows_weights_that_change(dtype, monkeypatch):
    monkeypatch.setattr(runner, "HALF", dtype)
    network, x = network_on_card("cmunext-xxs"), inputs("cmunext-xxs")
    card = Card(network, DEVICE, quick=True, checked=False)
    before = [card(x).probabilities for _ in range(3)][-1]
    with torch.no_grad():
        for weights in network.parameters():
            weights.mul_(1.1)
    for _ in range(3):
        after = card(x).probabilities
        torch.testing.assert_close(after, eager(network, x, dtype), atol=1e-3, rtol=0)
    assert not torch.equal(before, after)


def test_what_a_card_held_is_given_back_with_it():
    network = network_on_card("lgms-net")
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    card = Card(network, DEVICE, quick=True, checked=False)
    for seed in range(3):
        card(inputs("lgms-net", side=256, seed=seed))
    assert len(steady_of(card).recorded) == 1
    assert torch.cuda.memory_allocated() > before[0]
    del card
    gc.collect()
    torch.cuda.empty_cache()
    # the card's libraries keep some room to work in
    assert torch.cuda.memory_allocated() - before[0] < 100 * 2**20
    assert torch.cuda.memory_reserved() - before[1] < 200 * 2**20


@pytest.mark.parametrize(("name", "weights", "sample"), TRAINED)
def test_half_precision_gives_the_mask_of_float32(name, weights, sample, replays):
    with Image.open(str(files("napari_medseg") / "samples" / f"{sample}.jpg")) as image:
        pixels = np.asarray(image.convert("RGB"))
    quick, plain = (Predictor.from_weights(name, weights, device="cuda", engine=engine) for engine in ("auto", "torch"))
    wanted = plain.predict(pixels)
    assert wanted.origin["precision"] == "float32"
    for _ in range(3):
        found = quick.predict(pixels)
        print(name, weights, found.origin["precision"], float((found.labels != wanted.labels).mean()))
        assert (found.labels != wanted.labels).mean() <= AGREES
        assert np.abs(found.probabilities - wanted.probabilities).mean() < 0.01
    # float32 where an image's mask was another: never so for the smallest
    assert found.origin["precision"] in ("float16", "float32")
    assert name != "cmunext-xxs" or found.origin["precision"] == "float16"
    assert len(replays) >= 1


def test_a_box_gives_the_same_mask_with_its_backbone_recorded(replays):
    rng = np.random.default_rng(0)
    image, box = rng.integers(0, 255, (256, 256, 3)).astype(np.uint8), [(40, 30, 200, 180)]
    quick, plain = (
        Predictor.from_weights("dcsnet-s", "generalist", device="cuda", engine=engine) for engine in ("auto", "torch")
    )
    wanted = plain.predict(image, boxes=box)
    for _ in range(3):
        found = quick.predict(image, boxes=box)
        assert (found.labels != wanted.labels).mean() <= 5 * AGREES
    assert found.origin["boxes"] == wanted.origin["boxes"]
    assert len(replays) >= 1


@pytest.mark.parametrize("name", ["cmunext-xxs", "dcsnet-s", "lgms-net-3d"])
@pytest.mark.parametrize("quick", [False, True])
def test_batches_say_what_inputs_say_one_by_one(name, quick):
    network, x = network_on_card(name), inputs(name, 21)
    card = Card(network, DEVICE, quick=quick, checked=False)
    found = card(x)
    assert card.batch(tuple(x.shape[2:])) > 1
    for one, said in zip(x.split(1), found.probabilities.split(1), strict=True):
        torch.testing.assert_close(said, eager(network, one, card.dtype), atol=5e-3, rtol=0)
    again = card(x)
    torch.testing.assert_close(again.probabilities, found.probabilities, atol=5e-3, rtol=0)


@pytest.mark.parametrize("shape", [(70, 64, 64), (70, 90, 80)])
def test_a_volume_by_slices_and_one_by_windows_come_out_whole(shape):
    data = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    for name in ("cmunext-xxs", "lgms-net-3d"):
        spec = get_spec(name)
        entry = WeightsEntry(id=f"{name}/t@1", network=name, task="t", input_size=(32,) * spec.input.ndim)
        on_card, on_cpu = (
            Predictor(prepare_for_inference(fresh(name).eval()), spec, entry, device=device, engine=engine)
            for device, engine in (("cuda", "auto"), ("cpu", "torch"))
        )
        found, wanted = on_card.predict(data), on_cpu.predict(data)
        assert found.origin["device"].startswith("cuda")
        np.testing.assert_allclose(found.probabilities, wanted.probabilities, atol=0.03)


class Tight:
    """So much memory for this process beyond what it has, bytes."""

    def __init__(self, beyond):
        self._beyond = beyond

    def __enter__(self):
        gc.collect()
        torch.cuda.empty_cache()
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + self._beyond) / total)

    def __exit__(self, *error):
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("quick", [False, True])
def test_where_memory_runs_out_batches_become_smaller_and_nothing_is_left_out(quick, monkeypatch):
    name, side, count = "cmunext-xxs", 256, 40
    network, x = network_on_card(name), inputs(name, count, side)
    wanted = Card(network, DEVICE, quick=quick, checked=False)(x).probabilities
    card = Card(network, DEVICE, quick=quick, checked=False)
    card(x[:2])
    (one,) = card._bytes_of_one.values()
    # it believes that all fit
    monkeypatch.setattr(card, "_room", lambda shape: 10**6)
    with Tight(max(6 * one, 64 * 2**20)):
        found = card(x).probabilities
    assert card.batch((side, side)) < count
    torch.testing.assert_close(found, wanted, atol=5e-3, rtol=0)


def test_what_is_recorded_is_given_up_before_batches_become_smaller():
    name = "cmunext-xxs"
    card = Card(network_on_card(name), DEVICE, quick=True, checked=False)
    for seed in range(3):
        card(inputs(name, side=512, seed=seed))
    assert steady_of(card).recorded
    with Tight(0):
        # no room for these, but for what the recording holds
        found = card(inputs(name, side=256, seed=1)).probabilities
    assert not steady_of(card).recorded
    assert torch.isfinite(found).all()


def test_threads_that_ask_at_once_get_their_own():
    names = ("cmunext-xxs", "lgms-net")
    networks = {name: network_on_card(name) for name in names}
    cards = {name: Card(networks[name], DEVICE, quick=True, checked=False) for name in names}
    given = {name: [inputs(name, count, seed=seed) for seed, count in enumerate((1, 1, 3, 1))] for name in names}
    wanted = {name: [eager(networks[name], x, runner.HALF) for x in given[name]] for name in names}
    wrong = []

    def ask(name):
        try:
            for turn in range(40):
                found = cards[name](given[name][turn % 4]).probabilities
                far = float((found - wanted[name][turn % 4]).abs().max())
                if not far < 5e-3:
                    wrong.append((name, turn, far))
        except Exception as error:  # noqa: BLE001
            wrong.append((name, error))

    # two threads a card, and two cards
    threads = [threading.Thread(target=ask, args=(name,)) for name in names * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(steady_of(card).recorded for card in cards.values())


class Steep(nn.Module):
    """Beyond 1 more than float16 holds."""

    def forward(self, x):
        x = x[:, :1]
        far = (x - 1).clamp(min=0) * 60000
        return SegmentationOutput(logits=x + (far * 2 - far * 2))


def test_what_overflows_in_half_precision_is_done_anew():
    entry = WeightsEntry(id="a/b@1", network="cmunext-xxs", task="t", input_size=(32, 32))
    predictor = Predictor(Steep(), get_spec("cmunext-xxs"), entry, device="cuda", engine="auto")
    assert predictor.predict(np.full((32, 32), 100, np.uint8)).origin["precision"] == "float16"
    found = predictor.predict(np.full((32, 32), 250, np.uint8))
    assert found.origin["precision"] == "float32"
    assert found.labels.all()


class Waits(nn.Module):
    """Asks the card for a number on its way, which no recording can hold."""

    def forward(self, x):
        return SegmentationOutput(logits=x[:, :1] * (1 if float(x.mean()) > -100 else 2))


# the last: if it leaves anything behind, nothing else fails for it
def test_what_cannot_be_recorded_goes_on_eagerly_and_others_are_recorded_after_it():
    card, x = Card(Waits(), DEVICE, quick=True, checked=False), inputs("cmunext-xxs")
    stream = torch.cuda.current_stream()
    for _ in range(4):
        torch.testing.assert_close(card(x).probabilities, x[:, :1].sigmoid(), atol=1e-3, rtol=0)
    assert not steady_of(card).recorded
    assert torch.cuda.current_stream() == stream
    network = network_on_card("cmunext-xxs")
    other = Card(network, DEVICE, quick=True, checked=False)
    for _ in range(3):
        torch.testing.assert_close(other(x).probabilities, eager(network, x, runner.HALF), atol=1e-3, rtol=0)
    assert steady_of(other).recorded
