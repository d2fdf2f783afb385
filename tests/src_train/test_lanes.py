"""Halves of a batch side by side: the same weights on any number of cores."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_medseg.errors import TrainingError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.project.run_spec import Stage
from napari_medseg.project.runs import EVENTS_FILE, WEIGHTS_FILE, read_events
from src_train.lanes import Lanes, add_gradients, goes_apart
from src_train.trainer import Trainer
from tests.src_train.helpers import make_run


@pytest.fixture
def threads():
    """Torch's threads, as they were afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_a_round_is_the_same_on_one_core_and_on_two(tmp_path, threads):
    found = []
    for count in (1, 2):
        threads(count)
        folder = tmp_path / str(count)
        spec = make_run(folder, n=5, batch_size=4, freeze_norm=True, stages=(Stage(size=48, epochs=2),))
        trainer = Trainer(spec, folder)
        trainer.run()
        assert torch.get_num_threads() == count
        losses = [event["loss"] for event in read_events(folder / EVENTS_FILE)[0] if event["event"] == "epoch"]
        found.append((load_file(folder / WEIGHTS_FILE), losses, trainer.state.scores))
    (one, *told), (two, *others) = found
    assert told == others
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_halves_teach_what_the_whole_batch_does(tmp_path):
    losses = {}
    for name, lanes in (("halves", True), ("whole", False)):
        folder = tmp_path / name
        spec = make_run(folder, n=6, batch_size=6, val=(), freeze_norm=True, stages=(Stage(size=48, epochs=6),))
        trainer = Trainer(spec, folder)
        assert trainer.lanes is not None
        if not lanes:
            trainer.lanes.close()
            trainer.lanes = None
        trainer.run()
        losses[name] = [e["loss"] for e in read_events(folder / EVENTS_FILE)[0] if e["event"] == "epoch"]
    assert losses["halves"] == pytest.approx(losses["whole"], rel=1e-4)


def test_a_number_that_is_none_ends_a_round_in_lanes_too(tmp_path):
    spec = make_run(tmp_path, n=4, freeze_norm=True, batch_size=4, val=())
    trainer = Trainer(spec, tmp_path)
    torch.nn.init.constant_(next(trainer.network.parameters()), torch.nan)
    with pytest.raises(TrainingError, match="the loss became nan in epoch 1"):
        trainer.run()


@pytest.mark.parametrize(
    ("name", "apart"),
    [("cmunext-xxs", True), ("lgms-net", True), ("dymas-net", None), ("dcsnet-s", False), ("sgd-net-s", False)],
)
def test_what_draws_numbers_on_its_way_stays_together(name, apart):
    network = create_network(name)
    draws = any(isinstance(m, torch.nn.Dropout | torch.nn.Dropout2d) for m in network.modules())
    expected = not draws if apart is None else apart
    assert goes_apart(network, get_spec(name).recipe) == expected


def test_only_where_norms_keep_their_statistics(tmp_path):
    for frozen in (True, False):
        folder = tmp_path / str(frozen)
        trainer = Trainer(make_run(folder, freeze_norm=frozen), folder)
        trainer.events.close()
        assert (trainer.lanes is not None) == frozen
        if trainer.lanes is not None:
            trainer.lanes.close()


def test_lanes_are_threads_and_keep_the_order(threads):
    threads(2)
    lanes = Lanes()
    both = threading.Barrier(2, timeout=30)
    # neither gets past it alone
    assert lanes.map(lambda n: (both.wait(), n)[1], [1, 2]) == [1, 2]
    assert lanes.map(lambda n: torch.get_num_threads(), [1, 2]) == [1, 1]
    lanes.close()


def test_gradients_are_added_in_order():
    one, two, three = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])
    add_gradients([one, two, three], [[a, None, None], [b, b, None]])
    assert one.grad.tolist() == [4, 7]
    assert two.grad.tolist() == [3, 5]
    assert three.grad is None


@pytest.mark.parametrize("parts", [1, 2])
def test_a_gradient_that_lies_otherwise_is_stepped_by_as_it_reads(parts):
    """A fused step looks at no strides."""
    torch.manual_seed(0)
    start, gradient = torch.randn(4, 3), torch.randn(3, 4).T
    after = {}
    for fused in (False, True):
        parameter = torch.nn.Parameter(start.clone())
        optimizer = torch.optim.Adam([parameter], fused=fused)
        add_gradients([parameter], [[gradient]] * parts)
        assert torch.equal(parameter.grad, parts * gradient)
        optimizer.step()
        after[fused] = parameter.detach()
    assert torch.allclose(after[True], after[False], atol=1e-6)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux with glibc can be told")
def test_memory_that_was_freed_is_used_again():
    """Large blocks come from the heap, not each from the system."""
    look = """
import ctypes, resource
from src_train.memory import keep_memory
told = keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def use():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = libc.malloc(50_000_000)
    ctypes.memset(block, 1, 50_000_000)
    libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
first, again = use(), use()
print(told, first, again)
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    told, first, again = done.stdout.split()
    assert (told == "True") == (int(again) < 1000)
    # in pages of 4096 bytes it would be twelve thousand
    huge = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if told == "True" and huge.exists() and "[never]" not in huge.read_text():
        assert int(first) < 6000
