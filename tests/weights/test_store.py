"""Weights files: saved, found, checked, refused."""

import json
import struct
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_medseg.digest import file_sha256
from napari_medseg.errors import OutputError, UnknownNameError, WeightsError
from napari_medseg.networks import create_network, get_spec
from napari_medseg.weights import (
    WeightsEntry,
    import_published,
    list_weights,
    load_network,
    read_entry,
    resolve_weights,
    save_weights,
    store,
)
from napari_medseg.weights.load import TENSORS_KEY
from napari_medseg.weights.store import METADATA_KEY, bundled, bundled_folder, find_weights

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
    told = replace(read, size_bytes=0, sha256="", file="", options={}, intensity={})
    assert told == ENTRY
    # what the network is declared as goes into the file: it is built the same when that has changed
    assert read.options.keys() == get_spec("cmunext-xxs").options.keys()
    assert read.intensity == {"mean": 0.5, "std": 0.25, "order": "rgb"}
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


def test_a_kind_names_the_weights_that_know_it_among_others():
    entry, _ = resolve_weights("sgd-net-s", "polyp")
    assert "polyp" in entry.tasks
    assert entry.dice_on("polyp") == entry.kinds["polyp"]["dice"] != entry.dice
    assert entry.dice_on("teeth") is None
    # where there are weights for that task alone, they are meant
    assert resolve_weights("cmunext-xxs", "polyp")[0].task == "polyp"


def test_every_generalist_says_how_good_it_is_on_each_kind():
    kinds = [entry.kinds for entry in list_weights() if entry.task == "generalist"]
    assert kinds
    assert len({frozenset(one) for one in kinds}) == 1
    specialists = {entry.task for entry in list_weights() if entry.network == "cmunext-xxs"}
    assert specialists <= set(kinds[0])


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


def with_entry(path, edit):
    """The file again with another text in the place of its entry."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata={**metadata, METADATA_KEY: edit(json.loads(metadata[METADATA_KEY]))})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{no json", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1, 2]", r"tells of itself by \[1, 2\]; expected an object"),
        ({"options": 5}, "'options' .* is 5; expected an object"),
        ({"options": {"breadth": 5}}, "was trained with options .*'breadth'"),
        ({"options": {"widths": "wide"}}, "was trained with options"),
        ({"input_size": ["a", "b"]}, "'input_size' .*expected a list of two sides up to 4096 px or three"),
        ({"input_size": [-5, 0]}, "'input_size'"),
        ({"input_size": [256]}, "'input_size'"),
        ({"classes": []}, "'classes' .*expected a list of 1 to 255 names"),
        ({"classes": [1]}, "'classes'"),
        ({"version": "x"}, "'version' .* is 'x'; expected a whole number"),
        ({"task": None}, "'task' .* is None; expected text"),
        ({"spacing": [1, 1, float("nan")]}, "'spacing'"),
        ({"window": [1, 0]}, "'window'"),
        ({"licence": 7}, "'licence'"),
        ({"options": {"widths": [10**9] * 5}}, "'options' .*expected an object of sizes up to 4096"),
        ({"options": {"in_channels": 3}}, "'options'"),
        ({"options": {"classes": 4}}, "'options'"),
        ({"options": {"a": {"b": [[[[[[[[[[1]]]]]]]]]]}}}, "'options'"),
        ({"input_size": [10**400, 256]}, "'input_size'"),
        ({"input_size": [10**6, 10**6]}, "'input_size'"),
        ({"input_size": [1, 1]}, "'input_size' .*expects 2 sides of 16 px or more"),
        ({"input_size": [64, 64, 64]}, "'input_size' .*expects 2 sides"),
        ({"input_size": [True, True]}, "'input_size'"),
        ({"spacing": [10**400, 1, 1]}, "'spacing'"),
        ({"spacing": [1e-320, 1, 1]}, "'spacing'"),
        ({"window": [0, float("inf")]}, "'window'"),
        ({"version": 10**400}, "'version'"),
        ({"version": True}, "'version'"),
        ({"classes": ["a"] * 300}, "'classes'"),
        ({"metrics": {"dice": 10**400}}, "'metrics'"),
        ({"task": "a\0b"}, "'task'"),
        ({"kinds": {"polyp": 0.8}}, "'kinds'"),
        ({"kinds": {"polyp": {"dice": 2, "n": 1}}}, "'kinds'"),
        ({"kinds": {"polyp": {"dice": 0.5}}}, "'kinds'"),
        ({"network": "u-net"}, "holds weights of network 'u-net'"),
    ],
)
def test_a_damaged_entry_is_told_in_one_sentence(saved, text, says):
    path = saved[0]
    with_entry(path, lambda entry: text if isinstance(text, str) else json.dumps({**entry, **text}))
    with pytest.raises(WeightsError, match=says):
        load_network("cmunext-xxs", path)


@pytest.mark.parametrize("metadata", ["5", '{"medseg": 5}', '["medseg"]'])
def test_metadata_of_another_kind_are_refused(tmp_path, metadata):
    header = f'{{"__metadata__": {metadata}}}'.encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        read_entry(path)


@pytest.mark.parametrize(
    "state",
    [{0: torch.zeros(3)}, {"Conv_1x1.weight": torch.tensor(1.0)}, {"Conv_1x1.weight": torch.zeros(0, 3, 1, 1)}, {}],
)
def test_a_state_dict_of_no_network_is_refused(tmp_path, state):
    torch.save(state, tmp_path / "s.pth")
    with pytest.raises(WeightsError, match=r"s\.pth"):
        import_published(tmp_path / "s.pth", "cmunext-s", tmp_path / "out.safetensors")


def test_a_copy_of_any_bundled_file_is_held_against_its_tensors(tmp_path):
    for entry in list_weights(network="cmunext-xxs"):
        path = tmp_path / entry.file
        blob = bytearray((bundled_folder() / entry.file).read_bytes())
        blob[-7] ^= 1
        path.write_bytes(blob)
        with pytest.raises(WeightsError, match="do not match the checksum"):
            load_network(entry.network, path)
    for entry in list_weights():
        with safe_open(bundled_folder() / entry.file, "pt") as file:
            assert TENSORS_KEY in file.metadata(), entry.file


def test_weights_are_chosen_without_reading_them_and_hashed_once_to_be_loaded(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    saved = save_weights(path, create_network("cmunext-xxs"), ENTRY)
    hashed = []
    monkeypatch.setattr(store, "file_sha256", lambda path: hashed.append(path) or file_sha256(path))
    entry, found = find_weights("cmunext-xxs", path)
    assert (entry, found, hashed) == (replace(saved, sha256=""), path, [])
    assert load_network("cmunext-xxs", path)[1] == saved
    assert hashed == [path]
    assert resolve_weights("cmunext-xxs", path)[0] == saved
    assert hashed == [path, path]


def test_what_a_file_says_of_its_own_sum_is_not_believed(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, create_network("cmunext-xxs"), ENTRY)
    state = load_file(path)
    inside = json.dumps({**ENTRY.to_dict(), "sha256": "0" * 64, "size_bytes": 1})
    save_file(state, path, metadata={METADATA_KEY: inside})
    assert load_network("cmunext-xxs", path)[1].sha256 == file_sha256(path)
    assert find_weights("cmunext-xxs", path)[0].sha256 == ""


def test_what_holds_the_encoder_of_others_says_whose_it_is():
    for entry in bundled():
        told = any("Apache" in notice and "RangiLyu" in notice for notice in entry.notices)
        assert told == (entry.options.get("backbone") == "efficientnet-lite0"), entry.id
