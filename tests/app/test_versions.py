"""Weights that were in use once are used again only where they are what they were."""

import json
import shutil

import pytest

from napari_medseg.app.versions import adopt_run, measured_worse, use_version, versions
from napari_medseg.errors import WeightsError
from napari_medseg.project import Project
from napari_medseg.project.runs import WEIGHTS_FILE
from napari_medseg.weights import resolve_weights
from napari_medseg.weights.store import bundled_folder


def flip(path):
    blob = bytearray(path.read_bytes())
    blob[-5] ^= 1
    path.write_bytes(blob)


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p") as project:
        yield project


def test_weights_changed_after_they_were_scored_are_not_adopted(project):
    folder = project.path / "runs" / "0001"
    folder.mkdir(parents=True)
    made = folder / WEIGHTS_FILE
    shutil.copy(resolve_weights("cmunext-xxs", "nuclei")[1], made)
    run = project.add_run("{}", "runs/0001")
    project.set_run(run, "done", weights=made, result="[]")
    flip(made)
    with pytest.raises(WeightsError, match="is not what run 1 made"):
        adopt_run(project, run, made)
    assert project.adopted() is None
    assert not (project.path / "weights").exists()
    flip(made)
    assert adopt_run(project, run, made).is_file()
    assert project.verify() == []


@pytest.mark.parametrize(
    ("result", "worse"),
    [
        ('{"adopt": true, "checks": [{"passed": true}]}', False),
        ('{"adopt": false, "checks": [{"passed": null}, {"passed": true}]}', False),
        ('{"adopt": false, "checks": [{"passed": true}, {"passed": false}]}', True),
        (None, False),
        # of another version, or damaged
        ("[]", False),
        ("{", False),
        ('{"checks": [1]}', False),
    ],
)
def test_what_a_round_measured_as_worse_is_known(project, result, worse):
    run = project.add_run("{}", "runs/0001")
    made = project.path / "weights" / "run-0001.safetensors"
    project.set_run(run, "adopted", weights=made, result=result)
    assert measured_worse(project) == ({made} if worse else set())


def test_a_file_that_the_first_run_started_from_is_used_again_only_as_it_was(project, tmp_path):
    start = tmp_path / "start.safetensors"
    shutil.copy(resolve_weights("cmunext-xxs", "nuclei")[1], start)
    project.add_run(json.dumps({"start_from": str(start)}), "runs/0001")
    (first,) = versions(project)
    assert (first.weights, first.in_use) == (str(start), True)
    use_version(project, first)
    assert project.adopted() == str(start)
    flip(start)
    with pytest.raises(WeightsError, match="was changed since it was adopted"):
        use_version(project, first)
    start.unlink()
    with pytest.raises(WeightsError, match="is gone"):
        use_version(project, first)


def test_bundled_weights_are_used_again_only_as_they_were(project, tmp_path, monkeypatch):
    entry, path = resolve_weights("cmunext-xxs", "nuclei")
    project.add_run(json.dumps({"start_from": entry.id}), "runs/0001")
    (first,) = versions(project)
    use_version(project, first)
    assert project.adopted() == entry.id
    assert path.parent == bundled_folder()
    shutil.copy(path, tmp_path)
    flip(tmp_path / path.name)
    monkeypatch.setattr("napari_medseg.weights.store.bundled_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="checksum of"):
        use_version(project, first)
