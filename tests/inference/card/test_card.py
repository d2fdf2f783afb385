"""What runs on a card, run on the CPU: all but recordings, streams and measured memory. Those: ``test_gpu.py``."""

import threading
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from napari_medseg.errors import NoNumbersError
from napari_medseg.inference import Predictor
from napari_medseg.inference.card import Card, NotInHalfError
from napari_medseg.inference.card.recorded import as_float
from napari_medseg.inference.card.runner import FLIPPED, HALF, built, lacks_memory
from napari_medseg.inference.ways import chances
from napari_medseg.networks import SegmentationOutput, get_spec, prepare_for_inference
from napari_medseg.weights import WeightsEntry, load_network
from tests.networks.helpers import fresh

CPU = torch.device("cpu")


class Seen(list):
    """Of a network and of its copies."""

    def __deepcopy__(self, memo):
        return self


class Bright(nn.Module):
    """Says foreground where it is bright, an edge where it is dark; ``room`` inputs fit into its memory."""

    def __init__(self, room=10**6, factor=8.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor), requires_grad=False)
        self.room, self.seen = room, Seen()

    def forward(self, x):
        self.seen.append(len(x))
        if len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        x = x[:, :1] * self.factor
        return SegmentationOutput(logits=x, edge_logits=-x)


class Elsewhere(Predictor):
    """On a device that calls itself a card and is the CPU."""

    quick = True

    def _place(self, device):
        self.device, self._card = device, None
        if device.type == "cuda":
            self._card = Card(self._network, CPU, quick=self.quick)


def elsewhere(network, name="cmunext-xxs", *, sides=(32, 32), quick=True, **facts):
    spec = get_spec(name)
    sides = sides[:1] * spec.input.ndim
    entry = WeightsEntry(id="a/b@1", network=name, task="t", input_size=sides, **facts)
    predictor = Elsewhere(network, spec, entry, device="cpu")
    predictor.quick, predictor._wanted = quick, SimpleNamespace(type="cuda")
    return predictor


def by_itself(network, name="cmunext-xxs", **facts):
    spec = get_spec(name)
    entry = WeightsEntry(id="a/b@1", network=name, task="t", input_size=(32,) * spec.input.ndim, **facts)
    return Predictor(network, spec, entry, device="cpu")


def numbers(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)


def picture(task, side):
    """A sample image as a network's input (1, 3, side, side)."""
    with Image.open(str(files("napari_medseg") / "samples" / f"{task}_1.jpg")) as image:
        pixels = np.asarray(image.convert("RGB").resize((side, side)))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255 * 4 - 2


def trained(name, weights):
    return prepare_for_inference(load_network(name, weights)[0])


@settings(deadline=None, max_examples=30)
@given(count=st.integers(1, 40), room=st.integers(1, 50))
def test_batches_say_what_inputs_say_one_by_one(count, room):
    network = Bright(room)
    card = Card(network, CPU, quick=False)
    x = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(count))
    said = card(x)
    assert all(n <= 2 * room for n in network.seen)
    whole = Bright()(x)
    torch.testing.assert_close(said.probabilities, whole.logits.sigmoid(), rtol=0, atol=0)
    torch.testing.assert_close(said.edges, whole.edge_logits.sigmoid(), rtol=0, atol=0)
    assert said.sound


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("room", [1, 3, 100])
def test_a_volume_by_slices_is_the_same_in_batches_of_any_size(quick, room):
    data = numbers((23, 32, 32))
    network = Bright(room)
    found = elsewhere(network, quick=quick).predict(data)
    alone = by_itself(Bright()).predict(data)
    assert max(n for n in network.seen if n <= room) == {1: 1, 3: 2, 100: 8}[room]
    np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=0 if not quick else 0.01)
    assert found.probabilities.shape == alone.probabilities.shape
    assert found.origin["precision"] == ("float16" if quick else "float32")
    assert found.origin["messages"] == ()


@pytest.mark.parametrize("room", [1, 3, 100])
def test_windows_of_a_volume_are_the_same_in_batches_of_any_size(room):
    data = numbers((40, 50, 35))

    class Deep(Bright):
        def forward(self, x):
            return super().forward(x)._replace(edge_logits=None)

    network, told = Deep(room), [0]
    found = elsewhere(network, "lgms-net-3d", quick=False).predict(
        data, progress=lambda share, text: told.append(share)
    )
    alone = by_itself(Deep(), "lgms-net-3d").predict(data)
    assert sum(n for n in network.seen if n <= room) == 2 * 3 * 2 and told == sorted(told)
    np.testing.assert_array_equal(found.probabilities, alone.probabilities)


def test_where_there_is_no_memory_for_one_the_cpu_goes_on_a_few_at_a_time():
    class Full(Bright):
        """No memory once it has seen ten; on the CPU, which is where no card is, there is."""

        def forward(self, x):
            self.room = 0 if predictor._card is not None and sum(self.seen) > 9 else 10**6
            return super().forward(x)

    network = Full()
    predictor = elsewhere(network, sides=(256, 256))
    data = numbers((20, 256, 256))
    found = predictor.predict(data)
    assert found.origin["messages"] == ("CUDA ran out of memory; the prediction went on on the CPU.",)
    assert found.origin["device"] == "cpu" and found.origin["precision"] == "float32"
    # as many as ever go through a CPU at once
    assert network.seen[-3:] == [8, 8, 4]
    np.testing.assert_array_equal(found.labels, by_itself(Bright()).predict(data, size=256).labels)
    # there is room again
    network.seen.clear()
    assert predictor.predict(data[0]).origin["precision"] == "float16"


@pytest.mark.parametrize(
    ("name", "weights", "task", "side"),
    [("cmunext-xxs", "nuclei", "nuclei", 64), ("dcsnet-s", "generalist", "breast-ultrasound", 256)],
)
def test_half_precision_gives_the_mask_of_float32(name, weights, task, side):
    x = picture(task, side)
    network = trained(name, weights).to(memory_format=torch.channels_last)
    half, full = (Card(network, CPU, quick=quick)(x) for quick in (True, False))
    masks = [said.probabilities >= 0.5 for said in (half, full)]
    assert float((masks[0] != masks[1]).float().mean()) <= FLIPPED
    assert half.probabilities.dtype == torch.float32
    assert not torch.equal(half.probabilities, full.probabilities)
    with torch.inference_mode():
        output = network(x)
    torch.testing.assert_close(full.probabilities, output.logits.sigmoid())
    # the network itself is as it was
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}


def test_what_hangs_on_the_data_stays_in_float32():
    network = fresh("dcsnet-s").eval()
    twin = built(network, HALF, record=False).network
    assert {t.dtype for t in twin.detector.backbone.parameters()} == {HALF}
    others = {name: t for name, t in twin.named_parameters() if not name.startswith("detector.backbone")}
    assert others and {t.dtype for t in others.values()} == {torch.float32}
    own = dict(network.named_parameters())
    assert all(t is own[name] for name, t in others.items())
    assert {t.dtype for t in own.values()} == {torch.float32}


def test_boxes_of_a_person_go_along():
    network = fresh("dcsnet-s").eval()
    found, alone = (
        one.predict(numbers((70, 90, 3)), size=64, boxes=[(5, 10, 60, 80)])
        for one in (elsewhere(network, "dcsnet-s", sides=(64, 64), quick=False), by_itself(network, "dcsnet-s"))
    )
    np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=1e-5)
    np.testing.assert_array_equal(found.boxes, alone.boxes)


def test_boxes_that_a_network_finds_come_back():
    x = picture("breast-ultrasound", 256)
    network = trained("dcsnet-s", "generalist")
    said = Card(network, CPU, quick=False)(x)
    with torch.inference_mode():
        wanted = network(x).boxes
    torch.testing.assert_close(said.boxes[0], wanted[0])
    three = Card(network, CPU, quick=False)(x.repeat(3, 1, 1, 1), most=1)
    assert [len(boxes) for boxes in three.boxes] == [min(1, len(wanted[0]))] * 3


def test_weights_whose_mask_is_another_in_half_precision_stay_in_float32():
    class Fine(Bright):
        """Finer than half precision can be."""

        def forward(self, x):
            return SegmentationOutput(logits=(x[:, :1] + 3000) - 3000.25)

    card = Card(Fine(), CPU, quick=True)
    x = torch.rand(1, 3, 32, 32)
    assert card.precision == "float16"
    said = card(x)
    assert card.precision == "float32"
    torch.testing.assert_close(said.probabilities, Fine()(x).logits.sigmoid())
    trusting = Card(Fine(), CPU, quick=True, checked=False)
    trusting(x)
    assert trusting.precision == "float16"


def test_what_overflows_in_half_precision_is_done_anew_all_of_it():
    class Steep(nn.Module):
        def forward(self, x):
            x = x[:, :1]
            # 0 where it is no more than 1; beyond, more than float16 holds
            far = (x - 1).clamp(min=0) * 60000
            return SegmentationOutput(logits=x + (far * 2 - far * 2))

    dark, bright = np.full((3, 32, 32), 100, np.uint8), np.full((12, 32, 32), 250, np.uint8)
    predictor = elsewhere(Steep())
    # the first slices agree, the last overflow
    found = predictor.predict(np.concatenate([dark, bright]))
    assert found.origin["precision"] == "float32"
    np.testing.assert_array_equal(
        found.probabilities, by_itself(Steep()).predict(np.concatenate([dark, bright])).probabilities
    )
    # and half precision is not tried again with these weights
    assert predictor.predict(dark).origin["precision"] == "float32"
    with pytest.raises(NotInHalfError):
        card = Card(Steep(), CPU, quick=True)
        card(torch.full((2, 3, 32, 32), -1.0))
        card(torch.full((2, 3, 32, 32), 3.0))


def test_weights_that_are_broken_in_any_precision_are_told():
    class Broken(nn.Module):
        def forward(self, x):
            return SegmentationOutput(logits=x[:, :1] * torch.nan)

    with pytest.raises(NoNumbersError, match="a/b@1 gave numbers that are none"):
        elsewhere(Broken()).predict(numbers((32, 32)))


@pytest.mark.parametrize("quick", [False, True])
def test_weights_that_change_are_followed(quick):
    network = Bright(factor=8.0)
    card = Card(network, CPU, quick=quick)
    x = torch.rand(1, 3, 16, 16)
    before = card(x).probabilities
    with torch.no_grad():
        network.factor.mul_(-1)
    torch.testing.assert_close(card(x).probabilities, 1 - before, atol=1e-3, rtol=0)
    network.load_state_dict({"factor": torch.tensor(8.0)})
    torch.testing.assert_close(card(x).probabilities, before)
    network.factor.data = torch.tensor(-8.0)
    torch.testing.assert_close(card(x).probabilities, 1 - before, atol=1e-3, rtol=0)


def test_two_threads_get_their_own():
    card = Card(Bright(), CPU, quick=True)
    inputs = [torch.full((5, 3, 16, 16), float(n)) for n in range(-4, 5)]
    wanted = [card(x).probabilities for x in inputs]
    wrong = []

    def ask(first):
        for n in range(30):
            k = (first + n) % len(inputs)
            if not torch.equal(card(inputs[k]).probabilities, wanted[k]):
                wrong.append(k)

    threads = [threading.Thread(target=ask, args=(k,)) for k in (0, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("classes", [1, 3])
def test_logits_come_to_chances(classes):
    logits = torch.randn(2, classes, 5, 6)
    maps, edges = chances(SegmentationOutput(logits.half(), logits[:, :1]))
    assert maps.dtype == edges.dtype == torch.float32
    torch.testing.assert_close(edges, logits[:, :1].sigmoid())
    if classes > 1:
        torch.testing.assert_close(maps.sum(dim=1), torch.ones(2, 5, 6))
        torch.testing.assert_close(maps[1], logits.half().float()[1].softmax(dim=0))


def test_all_that_is_half_becomes_whole():
    half = torch.ones(2, dtype=torch.float16)
    found = as_float(SegmentationOutput(half, None, (half,), boxes=(torch.ones(1, dtype=torch.int64),)))
    assert isinstance(found, SegmentationOutput) and found.edge_logits is None
    assert (found.logits.dtype, found.aux[0].dtype, found.boxes[0].dtype) == (torch.float32, torch.float32, torch.int64)
    assert [t.dtype for t in as_float([half])] == [torch.float32]


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("CUDA error: out of memory", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate", True),
        ("sizes do not match", False),
    ],
)
def test_libraries_say_in_their_own_words_that_memory_ran_out(text, lacks):
    class Failing(nn.Module):
        def forward(self, x):
            raise RuntimeError(text)

    assert lacks_memory(RuntimeError(text)) == lacks
    with pytest.raises(torch.OutOfMemoryError if lacks else RuntimeError, match=text[:10]):
        Card(Failing(), CPU, quick=False)(torch.zeros(1, 3, 16, 16))
