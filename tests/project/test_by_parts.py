"""Files of a gigabyte and more are known by parts of them: no stroke lands on another image, and none is lost."""

import shutil

import numpy as np
import pytest
import tifffile

from napari_medseg import digest
from napari_medseg.app.images import add_images
from napari_medseg.app.plan_round import plan_retrain
from napari_medseg.errors import InputError
from napari_medseg.io import belongs, write_mask
from napari_medseg.io.belongs import check_image, kept_sha256
from napari_medseg.project import Project
from napari_medseg.project.files import fault
from tests.app.helpers import OPTIONS


def write(path, seed):
    """Of one size, whatever is on it."""
    tifffile.imwrite(path, np.random.default_rng(seed).integers(0, 255, (80, 90)).astype(np.uint8))
    return path


@pytest.fixture
def large(monkeypatch):
    """From here on files of 4000 bytes are large."""

    def begin():
        for name, value in (("LARGE", 4000), ("ENDS", 300), ("PART", 20), ("PARTS", 8)):
            monkeypatch.setattr(digest, name, value)

    return begin


def test_it_is_found_wherever_it_lies_and_another_is_not_it(tmp_path, large):
    large()
    path = write(tmp_path / "a.tif", 0)
    with Project.create(tmp_path / "p") as project:
        (case,), _ = add_images(project, [path])
        assert case.sha256.startswith(digest.BY_PARTS)
        assert not case.group.startswith(digest.BY_PARTS)
        assert project.find_image(shutil.copy(path, tmp_path / "b.tif")).id == case.id
        assert project.find_image(write(tmp_path / "c.tif", 1)) is None
        with pytest.raises(InputError, match="is in the project already"):
            project.add_case(tmp_path / "b.tif", shape=(80, 90))
        assert not project.verify()
        write(path, 2)
        assert fault(path, case.sha256) == "changed"
        assert project.find_image(path) is None


def test_one_that_an_earlier_version_added_is_known_still(tmp_path, large):
    paths = [write(tmp_path / f"{n}.tif", n) for n in range(2)]
    with Project.create(tmp_path / "p") as project:
        cases, _ = add_images(project, paths)
        for case in cases:
            project.commit_stroke(case.id, np.ones((20, 20), np.uint8), box=(0, 0, 20, 20))
            project.accept(case.id)
        large()
        assert not cases[0].sha256.startswith(digest.BY_PARTS)
        assert fault(paths[0], cases[0].sha256) is None
        assert project.find_image(paths[0]).id == cases[0].id
        with pytest.raises(InputError, match="is in the project already"):
            project.add_case(paths[0], shape=(80, 90))
        # and learned from
        assert plan_retrain(project, OPTIONS)
        write(paths[0], 7)
        assert fault(paths[0], cases[0].sha256) == "changed"
        with pytest.raises(InputError, match="changed since it was added"):
            plan_retrain(project, OPTIONS)


@pytest.mark.parametrize("before", [True, False])
def test_masks_know_their_image_by_either_hash(tmp_path, large, before):
    path = write(tmp_path / "a.tif", 0)
    if not before:
        large()
    told = {"image": path.name, "image_sha256": belongs.image_sha256(path)}
    large()
    mask = write_mask(tmp_path / "a_mask.png", np.ones((80, 90), np.uint8), provenance=told)
    assert check_image(path, mask) is None
    with pytest.raises(InputError, match="made on the image"):
        check_image(write(tmp_path / "b.tif", 1), mask)


def test_what_nobody_changed_is_not_read_again_for_a_plan(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", 0)
    monkeypatch.setattr(digest, "SETTLED", -10.0)
    belongs._kept.cache_clear()
    known = kept_sha256(path)
    monkeypatch.setattr(belongs, "file_identity", None)
    assert kept_sha256(path) == known
    monkeypatch.undo()
    write(path, 1)
    assert kept_sha256(path) != known
