"""Any image in, a mask of its size out."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from napari_medseg.errors import Cancelled, DeviceError, OperationError, ShapeError, UnknownNameError
from napari_medseg.inference import Predictor, plan_prediction, resolve_device
from napari_medseg.inference.geometry import Geometry
from napari_medseg.inference.normalize import to_rgb01
from napari_medseg.inference.plan import VIEWS
from napari_medseg.networks import SegmentationOutput, create_network, get_spec
from napari_medseg.weights import WeightsEntry

SPEC = get_spec("cmunext-xxs")
ENTRY = WeightsEntry(id="cmunext-xxs/t@1", network="cmunext-xxs", task="t", input_size=(64, 64))
sides = st.integers(1, 300)


@pytest.fixture(scope="module")
def predictor():
    torch.manual_seed(0)
    return Predictor(create_network("cmunext-xxs"), SPEC, ENTRY, device="cpu")


def image(shape, dtype):
    rng = np.random.default_rng(1)
    return (rng.random(shape) * (1 if np.dtype(dtype).kind == "f" else 200)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64, bool])
@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (70, 33), (70, 33, 3), (5, 8, 4), (200, 3, 1)])
def test_any_image_gives_a_mask_of_its_size(predictor, shape, dtype):
    out = predictor.predict(image(shape, dtype))
    assert out.labels.shape == shape[:2]
    assert out.labels.dtype == np.uint8
    assert out.probabilities.shape == (1, *shape[:2])
    assert out.probabilities.dtype == np.float32
    assert 0 <= out.probabilities.min() <= out.probabilities.max() <= 1
    np.testing.assert_array_equal(out.labels, out.probabilities[0] >= 0.5)


@pytest.mark.parametrize("value", [0, 255, np.nan, np.inf, -np.inf, 1e308])
def test_constant_and_infinite_images(predictor, value):
    out = predictor.predict(np.full((20, 30), value, np.uint8 if value in (0, 255) else np.float64))
    assert np.isfinite(out.probabilities).all()


def test_nan_spoils_only_its_own_place():
    a = np.random.default_rng(0).random((16, 16)) * 1000
    b = a.copy()
    b[3, 4] = np.nan
    assert to_rgb01(b)[3, 4].tolist() == [0, 0, 0]
    different = np.abs(to_rgb01(a) - to_rgb01(b)).max(axis=-1) > 0.01
    different[3, 4] = False
    assert not different.any()


def test_kinds_of_the_same_picture_look_alike():
    rgb = image((12, 12, 3), np.uint8)
    np.testing.assert_array_equal(to_rgb01(rgb), to_rgb01(np.dstack([rgb, image((12, 12), np.uint8)])))
    np.testing.assert_allclose(to_rgb01(rgb), to_rgb01((rgb / 255).astype(np.float32)), atol=1e-6)
    grey = rgb[..., 0]
    np.testing.assert_array_equal(to_rgb01(grey), to_rgb01(np.dstack([grey] * 3)))
    sixteen = to_rgb01(np.linspace(0, 65535, 1000).reshape(20, 50).astype(np.uint16))
    assert (sixteen.min(), sixteen.max()) == (0, 1)


def test_the_caller_s_array_is_not_touched(predictor):
    data = image((20, 20, 3), np.float32)
    before = data.copy()
    to_rgb01(data)[...] = 9
    predictor.predict(data)
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("shape", [(3,), (4, 4, 2), (2, 4, 4, 3), (0, 5), (5, 0, 3)])
def test_what_is_no_2d_image_is_refused(predictor, shape):
    with pytest.raises(ShapeError, match="image has shape"):
        predictor.predict(np.zeros(shape))


def test_complex_numbers_are_refused(predictor):
    with pytest.raises(ShapeError, match="type complex128"):
        predictor.predict(np.zeros((4, 4), complex))


@settings(max_examples=30, deadline=None)
@given(y=sides, x=sides, h=sides, w=sides)
def test_sizes_come_back_exactly(y, x, h, w):
    geometry = Geometry((y, x), (h, w))
    small = geometry.forward(np.zeros((y, x, 3), np.float32))
    assert small.shape == (h, w, 3)
    assert geometry.inverse(small.transpose(2, 0, 1)).shape == (3, y, x)


def test_a_disc_comes_back_where_it_was():
    yy, xx = np.mgrid[:100, :180]
    disc = ((yy - 30) ** 2 + (xx - 120) ** 2 < 400).astype(np.float32)
    geometry = Geometry((100, 180), (64, 64))
    back = geometry.inverse(geometry.forward(disc[..., None]).transpose(2, 0, 1))[0] > 0.5
    found = np.argwhere(back).mean(axis=0)
    np.testing.assert_allclose(found, (30, 120), atol=0.6)
    assert 2 * (back & (disc > 0)).sum() / (back.sum() + disc.sum()) > 0.97


def test_an_image_of_the_network_s_size_is_not_resampled():
    data = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    np.testing.assert_array_equal(Geometry((64, 64), (64, 64)).forward(data), data)


@given(y=st.integers(1, 5000), x=st.integers(1, 5000), size=st.integers(1, 700))
def test_the_plan_is_what_the_network_can_take(y, x, size):
    plan = plan_prediction(SPEC, (y, x, 3), size=size)
    assert all(side % 16 == 0 and 0 <= side - size < 16 for side in plan.network_size)


def test_the_plan_is_told_in_words():
    assert plan_prediction(SPEC, (767, 1022)).describe() == "resize 767 x 1022 to 256 x 256 px, 1 pass"
    assert plan_prediction(SPEC, (256, 256)).describe() == "256 x 256 px as it is, 1 pass"


def test_progress_is_told_and_cancelling_stops(predictor):
    told = []
    predictor.predict(image((9, 9), np.uint8), progress=lambda f, t: told.append(f))
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(Cancelled):
        predictor.predict(image((9, 9), np.uint8), cancelled=lambda: len(told) > 0)


class ShortOfMemory(nn.Module):
    """Raises for large images, as a full GPU does."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        if x.shape[-1] > 64:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return SegmentationOutput(logits=x[:, :1])


def test_where_the_cpu_is_short_of_memory_it_is_said():
    with pytest.raises(DeviceError, match="memory ran out"):
        Predictor(ShortOfMemory(), SPEC, ENTRY, device="cpu").predict(image((9, 9), np.uint8), size=128)


class Elsewhere(Predictor):
    """On a device that calls itself by another name and is full for large images: there is no GPU here."""

    full = False

    def __init__(self):
        self.tried = []
        super().__init__(create_network("cmunext-xxs"), SPEC, ENTRY, device="cpu")
        self.device = self._wanted = SimpleNamespace(type="cuda")

    def _place(self, device):
        if device.type == "cuda" and self.full:
            raise torch.OutOfMemoryError("x")
        self.device = device

    def _forward(self, tensor, **options):
        self.tried.append(self.device.type)
        on, self.device = self.device, torch.device("cpu")
        try:
            if on.type == "cuda" and tensor.shape[-1] > 64:
                raise torch.OutOfMemoryError("x")
            return super()._forward(tensor, **options)
        finally:
            self.device = on


def test_memory_that_ran_out_for_one_image_is_tried_again_for_the_next():
    predictor = Elsewhere()
    short = ("CUDA ran out of memory; the prediction went on on the CPU.",)
    out = predictor.predict(image((9, 9), np.uint8), size=128, mirrored=True)
    # the copies that are left are not tried there again
    assert predictor.tried == ["cuda", *["cpu"] * 4]
    assert (out.origin["device"], out.origin["messages"]) == ("cpu", short)
    predictor.tried.clear()
    out = predictor.predict(image((9, 9), np.uint8), size=64)
    assert predictor.tried == ["cuda"]
    assert out.origin["messages"] == ()
    # it is so full that not even the network finds room
    predictor.full = True
    predictor.predict(image((9, 9), np.uint8), size=128)
    predictor.tried.clear()
    out = predictor.predict(image((9, 9), np.uint8), size=64)
    assert (out.origin["device"], out.origin["messages"], predictor.tried) == ("cpu", short, ["cpu"])


@pytest.mark.parametrize("ndim", sorted(VIEWS))
def test_as_many_copies_are_planned_as_are_looked_at(ndim):
    name = "cmunext-xxs" if ndim == 2 else "lgms-net-3d"
    shape = (20, 24) if ndim == 2 else (8, 9, 10)
    plan = plan_prediction(get_spec(name), shape, size=32, mirrored=True)
    assert plan.passes == len(VIEWS[ndim])
    assert f"mirrored {plan.passes} ways" in plan.describe()


@pytest.mark.parametrize(
    ("shape", "asked", "passes"),
    [
        ((20, 24), None, 4),
        ((20, 24, 3), None, 4),
        ((20, 24), False, 1),
        ((9, 20, 24), None, 9),
        ((9, 20, 24), True, 36),
    ],
)
def test_a_quick_network_looks_at_mirrored_copies_of_images_unasked(shape, asked, passes):
    assert plan_prediction(get_spec("sgd-net-s"), shape, size=64, mirrored=asked).passes == passes
    if asked is None:
        # others where they are told to
        assert not plan_prediction(get_spec("cmunext-xxs"), shape, size=64, mirrored=None).mirrored


def test_several_classes_go_by_the_largest():
    torch.manual_seed(0)
    entry = WeightsEntry(id="a/b@1", network="cmunext-xxs", task="t", classes=("a", "b"), input_size=(32, 32))
    out = Predictor(create_network("cmunext-xxs", classes=3), SPEC, entry, device="cpu").predict(
        image((20, 24), np.uint8)
    )
    assert out.probabilities.shape == (2, 20, 24)
    assert set(np.unique(out.labels)) <= {0, 1, 2}


def test_devices():
    assert resolve_device("cpu").type == "cpu"
    with pytest.raises(UnknownNameError, match="device is 'tpu'"):
        resolve_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match=r"device is 'cuda'; this computer has: auto, cpu"):
            resolve_device("cuda")


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: no memory")])
def test_a_computer_without_memory_says_so(error):
    class Large(nn.Module):
        def forward(self, x):
            raise error

    with pytest.raises(DeviceError, match="memory ran out while segmenting; expected room"):
        Predictor(Large(), SPEC, ENTRY, device="cpu").predict(image((9, 9), np.uint8))


def test_what_is_no_lack_of_memory_stays_what_it_is():
    class Wrong(nn.Module):
        def forward(self, x):
            raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes do not match"):
        Predictor(Wrong(), SPEC, ENTRY, device="cpu").predict(image((9, 9), np.uint8))


def test_a_network_that_gives_no_numbers_is_told_not_taken_for_an_empty_mask():
    module = create_network("cmunext-xxs").eval()
    with torch.no_grad():
        module.head.bias.fill_(float("nan"))
    entry = WeightsEntry(id="cmunext-xxs/broken@1", network="cmunext-xxs", task="broken", input_size=(32, 32))
    predictor = Predictor(module, get_spec("cmunext-xxs"), entry, device="cpu")
    with pytest.raises(OperationError, match=r"cmunext-xxs/broken@1 gave numbers that are none \(NaN\)"):
        predictor.predict(np.zeros((32, 32, 3), np.uint8))
