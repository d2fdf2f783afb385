"""Weights files: saved, found, checked, refused."""

from dataclasses import replace

import pytest
import torch

from napari_medseg.errors import OutputError, UnknownNameError, WeightsError
from napari_medseg.networks import create_network
from napari_medseg.weights import (
    WeightsEntry,
    import_published,
    list_weights,
    load_network,
    read_entry,
    resolve_weights,
    save_weights,
)
from napari_medseg.weights.store import bundled_folder, file_sha256

ENTRY = WeightsEntry(
    id="cmunext-xxs/test@1", network="cmunext-xxs", task="test", trained_on=("a", "b"), input_size=(64, 64)
)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(1)
    network = create_network("cmunext-xxs").eval()
    path = tmp_path / "w.safetensors"
    return path, network, save_weights(path, network, ENTRY)


def test_saved_weights_give_the_same_output(saved):
    path, network, entry = saved
    loaded, read = load_network("cmunext-xxs", path)
    x = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(network(x).logits, loaded(x).logits)
    assert not loaded.training
    assert read == entry
    assert replace(read, size_bytes=0, sha256="", file="") == ENTRY
    assert read.sha256 == file_sha256(path)


def test_weights_of_another_network_are_refused(saved):
    with pytest.raises(WeightsError, match=r"holds weights of network 'cmunext-xxs'; expected 'cmunext-s'"):
        load_network("cmunext-s", saved[0])


@pytest.mark.parametrize("keep", [0, 5, 300, -10])
def test_truncated_weights_are_refused(saved, keep):
    path = saved[0]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        load_network("cmunext-xxs", path)


def test_bundled_weights_with_a_wrong_checksum_are_refused(monkeypatch, tmp_path):
    entry = list_weights()[0]
    blob = bytearray((bundled_folder() / entry.file).read_bytes())
    blob[-1] ^= 1
    (tmp_path / entry.file).write_bytes(blob)
    monkeypatch.setattr("napari_medseg.weights.store.bundled_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"checksum of .* expected"):
        load_network(entry.network, entry.id)


def test_a_missing_file_and_an_unknown_task_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.safetensors cannot be read \(no such file"):
        resolve_weights("cmunext-xxs", tmp_path / "gone.safetensors")
    with pytest.raises(UnknownNameError, match=r"weights for cmunext-xxs is 'teeth'; expected one of"):
        resolve_weights("cmunext-xxs", "teeth")


def test_a_foreign_safetensors_file_is_told_apart(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="says nothing of its network"):
        read_entry(tmp_path / "x.safetensors")


def test_an_unwritable_place_is_named_and_nothing_stays(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        save_weights(tmp_path / "file" / "w.safetensors", create_network("cmunext-xxs"), ENTRY)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_every_bundled_file_loads_is_small_and_says_where_it_comes_from():
    entries = list_weights()
    assert {e.task for e in entries} >= {"nuclei"}
    for entry in entries:
        network, _ = load_network(entry.network, entry.id)
        assert entry.size_bytes == (bundled_folder() / entry.file).stat().st_size
        assert entry.size_bytes <= (250_000 if entry.network == "cmunext-xxs" else 13_000_000)
        assert entry.trained_on
        assert entry.licence in ("cc0", "research-only")
        assert {"dice", "n", "split"} <= entry.metrics.keys()
        assert {"seed", "epochs"} <= entry.training.keys()
        assert all(torch.isfinite(t).all() for t in network.state_dict().values())


def test_a_task_names_its_newest_weights():
    entry, path = resolve_weights("cmunext-xxs", "nuclei")
    assert entry.id.startswith("cmunext-xxs/nuclei@")
    assert path.is_file()


def test_published_weights_are_imported_without_running_code(tmp_path):
    import pickle

    evil = tmp_path / "evil.pt"
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    evil.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsError, match=r"evil\.pt cannot be read as a state dict"):
        import_published(evil, "cmunext-xxs", tmp_path / "out.safetensors")
    assert not marker.exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_a_changed_byte_in_a_file_of_ones_own_is_found(saved):
    path, _, _ = saved
    blob = bytearray(path.read_bytes())
    blob[-7] ^= 1
    path.write_bytes(blob)
    with pytest.raises(WeightsError, match=r"w\.safetensors do not match the checksum"):
        load_network("cmunext-xxs", path)
