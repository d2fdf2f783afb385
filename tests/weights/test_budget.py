"""What rides in the package stays small, and what left it is answered for."""

import json
import shutil
from dataclasses import replace

import pytest

from napari_medseg.app.own_weights import own_weights
from napari_medseg.errors import UnknownNameError, WeightsError
from napari_medseg.networks import get_spec
from napari_medseg.project import Project
from napari_medseg.weights import list_weights, load_network, resolve_weights, store
from napari_medseg.weights.home import LIST_FILE, home_folder
from napari_medseg.weights.pack import install_weights
from napari_medseg.weights.store import bundled, bundled_folder, manifest_path, superseded
from tests.shipped import shipped

NUCLEI = shipped("cmunext-xxs/nuclei")

# of a checkout, too: what was there once stays in its history for good
MOST_BYTES, MOST_BYTES_EACH = 60_000_000, 13_000_000

# sets whose makers gave them away
FREE = {"isic2017", "isic2016_test", "dsb2018_nuclei"}


def test_the_bundled_files_stay_within_their_budget():
    sizes = {path.name: path.stat().st_size for path in bundled_folder().iterdir()}
    assert sum(sizes.values()) < MOST_BYTES, "put larger ones into a pack (medseg weights pack), or let some go"
    assert {name: size for name, size in sizes.items() if size >= MOST_BYTES_EACH} == {}


def test_the_manifest_tells_of_every_file_and_of_no_other():
    assert {entry.file for entry in bundled()} == {path.name for path in bundled_folder().iterdir()}
    check_superseded()


def test_every_file_tells_what_it_took_and_what_it_reaches():
    for entry in bundled():
        training, metrics = entry.training, entry.metrics
        counts = [training[name] for name in ("seconds", "images", "epochs", "best_epoch")]
        assert all(isinstance(count, int) and count > 0 for count in counts), entry.id
        assert isinstance(training["seed"], int), entry.id
        assert 0 < metrics["dice"] <= 1, entry.id
        assert metrics["n"] > 0, entry.id
        assert metrics["split"] == "val", entry.id
        assert entry.trained_on, entry.id


def test_what_is_free_to_use_comes_from_what_is():
    for entry in bundled():
        assert entry.licence in ("cc0", "research-only"), entry.id
        start = entry.training["start_from"]
        if entry.licence == "cc0":
            assert set(entry.trained_on) <= FREE, entry.id
            assert start is None or resolve_weights(entry.network, start)[0].licence == "cc0", entry.id


def check_superseded():
    """An id that left is answered with one that is there."""
    ids = {entry.id for entry in bundled()}
    for name, told in superseded().items():
        assert name not in ids
        assert told["by"] in ids
        assert len(told["sha256"]) == 64
        get_spec(name.partition("/")[0])


@pytest.fixture
def without_nuclei(tmp_path, monkeypatch):
    """The package as it will be when a file has left it: the real files but one, and the real manifest but a line."""
    folder = tmp_path / "weights" / "bundled"
    folder.mkdir(parents=True)
    values = json.loads(manifest_path().read_text())
    (old,) = [entry for entry in values["weights"] if entry["id"] == NUCLEI]
    kept = [entry for entry in values["weights"] if entry is not old]
    for entry in kept:
        if entry["network"] == "cmunext-xxs":
            shutil.copy(bundled_folder() / entry["file"], folder)
    by = "cmunext-xxs/polyp@1"
    values = {"weights": kept, "superseded": {old["id"]: {"by": by, "sha256": old["sha256"]}}}
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps(values))
    path = bundled_folder() / old["file"]
    monkeypatch.setattr(store, "bundled_folder", lambda: folder)
    monkeypatch.setattr(store, "manifest_path", lambda: tmp_path / "weights" / "manifest.json")
    return path


def test_an_id_that_left_is_answered_with_what_took_its_place(without_nuclei, tmp_path):
    check = superseded()
    assert list(check) == [NUCLEI]
    assert NUCLEI not in [entry.id for entry in list_weights()]
    with pytest.raises(
        WeightsError,
        match=rf"'{NUCLEI}' no longer come .* superseded by 'cmunext-xxs/polyp@1'\. Choose that, or bring",
    ):
        load_network("cmunext-xxs", NUCLEI)
    load_network("cmunext-xxs", check[NUCLEI]["by"])
    with pytest.raises(UnknownNameError):
        resolve_weights("cmunext-xxs", "cmunext-xxs/nuclei@9")
    # the old file, and no other, brings the id back
    changed = tmp_path / "x.safetensors"
    network, entry = load_network("cmunext-xxs", without_nuclei)
    store_again(changed, network, replace(entry, licence="local"))
    with pytest.raises(WeightsError, match=rf"'{NUCLEI}' in .*x\.safetensors has the checksum .* expected that"):
        install_weights(changed)
    (one,) = install_weights(without_nuclei)
    assert one.entry.id == NUCLEI
    load_network("cmunext-xxs", NUCLEI)


def test_a_project_that_uses_an_id_that_left_says_so(without_nuclei, tmp_path):
    with Project.create(tmp_path / "p") as project:
        project.adopt("cmunext-xxs/polyp@1")
        assert own_weights(project) == ([], [])
        project.adopt(NUCLEI)
        assert "superseded by 'cmunext-xxs/polyp@1'" in own_weights(project)[1][0]
        install_weights(without_nuclei)
        assert own_weights(project) == ([], [])
    (home_folder() / LIST_FILE).write_text("{")
    assert "is no JSON" in own_weights(None)[1][0]


def store_again(path, network, entry):
    from napari_medseg.weights import save_weights

    return save_weights(path, network, entry)
