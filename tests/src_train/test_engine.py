"""The engine: parts of a batch, and half precision where it is right and pays."""

from types import SimpleNamespace

import pytest
import torch

from napari_medseg.errors import InputError
from napari_medseg.project.run_spec import Stage
from napari_medseg.project.runs import EVENTS_FILE, read_events
from src_train.engine import Engine, auto_precision
from src_train.trainer import Trainer
from tests.src_train.helpers import make_run


@pytest.mark.parametrize("changes", [{"accumulate": 3}, {"precision": "bf16"}], ids=["in parts", "bf16"])
def test_parts_of_a_batch_and_half_precision_follow_the_same_curve(tmp_path, changes):
    losses = {}
    for name, options in (("plain", {}), ("changed", changes)):
        folder = tmp_path / name
        # batch norms see each part alone: kept as they are, nothing else differs
        stages = (Stage(size=48, epochs=8),)
        spec = make_run(
            folder, n=6, batch_size=6, val=(), freeze_norm=True, learning_rate=3e-3, stages=stages, **options
        )
        Trainer(spec, folder).run()
        losses[name] = [e["loss"] for e in read_events(folder / EVENTS_FILE)[0] if e["event"] == "epoch"]
    tolerance = 1e-4 if "accumulate" in changes else 0.02
    assert losses["changed"] == pytest.approx(losses["plain"], rel=tolerance)
    assert losses["plain"][-1] < losses["plain"][0]


def test_an_unknown_precision_is_named():
    with pytest.raises(InputError, match="precision is 'int4'; expected auto, no, bf16 or fp16"):
        Engine("cpu", precision="int4")
    with pytest.raises(InputError, match="precision is 'fp16'; a CPU trains"):
        Engine("cpu", precision="fp16")


@pytest.mark.parametrize(("major", "precision"), [(7, "no"), (8, "bf16")])
def test_half_precision_is_chosen_on_cards_that_have_it_and_not_where_it_is_emulated(monkeypatch, major, precision):
    # no card is needed to be asked; torch says of older ones that they have it, too
    for name, said in {"is_available": True, "current_device": 0, "_check_bf16_tensor_supported": True}.items():
        monkeypatch.setattr(torch.cuda, name, lambda *args, said=said: said)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *args: SimpleNamespace(major=major))
    assert torch.cuda.is_bf16_supported()
    assert auto_precision(torch.device("cuda"), ndim=2) == precision


def test_half_precision_is_chosen_on_processors_that_have_it(monkeypatch):
    for has, precision in ((True, "bf16"), (False, "no")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        assert Engine("cpu").precision == precision
    # torch of another version, or another kind of processor
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert Engine("cpu").precision == "no"


def test_volumes_are_never_trained_in_half_precision_on_a_cpu(monkeypatch):
    """Kernels of three dimensions have gradients of NaN there, now and then."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert [Engine("cpu", ndim=ndim).precision for ndim in (2, 3)] == ["bf16", "no"]
