"""Labels that their project cannot take are written somewhere, whatever they and their image are called."""

import subprocess

import numpy as np
import pytest

from napari_medseg.app import rescue
from napari_medseg.app.rescue import rescue_labels
from napari_medseg.io import Grid, read_grid, read_mask

LABELS = np.eye(9, dtype=np.uint8)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(rescue, "user_data_path", lambda *args, **kwargs: tmp_path / "own")
    return tmp_path / "own" / "rescued"


@pytest.mark.parametrize(
    "name", ["a/b c", "../../x", "", "x" * 300, "\u809d" * 85, "e\u0301" * 150, "\udcff", "con", "x.nii.gz", "."]
)
@pytest.mark.parametrize("labels", [LABELS, np.tile(LABELS, (3, 1, 1))], ids=["image", "volume"])
def test_whatever_the_image_is_called(home, name, labels):
    path = rescue_labels(name, labels)
    assert path.parent == home
    np.testing.assert_array_equal(read_mask(path), labels)


def test_two_of_one_name_within_a_second_are_two_files(home):
    paths = [rescue_labels("same", LABELS * number) for number in (1, 2, 3)]
    assert len(set(paths)) == 3
    assert [int(read_mask(path).max()) for path in paths] == [1, 2, 3]


@pytest.mark.parametrize(
    "labels",
    [LABELS.astype(np.int32) * 300, LABELS.astype(np.int64) * 100_000, -LABELS.astype(np.int8), LABELS[None, None]],
    ids=["label 300", "label 100000", "negative", "four axes"],
)
def test_what_is_no_mask_of_a_project_is_kept_as_it_is(home, labels):
    path = rescue_labels("odd", labels)
    found = np.load(path) if path.suffix == ".npy" else read_mask(path)
    np.testing.assert_array_equal(found, labels)


def test_a_full_disk_and_a_read_only_one_are_passed_over(home, mount_small, tmp_path, monkeypatch):
    disk = mount_small(64)
    monkeypatch.setattr(rescue, "user_data_path", lambda *args, **kwargs: disk)
    monkeypatch.setattr(rescue.tempfile, "gettempdir", lambda: str(tmp_path))
    noise = np.random.default_rng(0).integers(0, 255, (512, 512), dtype=np.uint8)
    assert rescue_labels("full", noise).parent == tmp_path
    # nothing half written stays
    assert list((disk / "rescued").iterdir()) == []
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert rescue_labels("read only", noise).parent == tmp_path
    monkeypatch.setattr(rescue.tempfile, "gettempdir", lambda: str(disk))
    assert rescue_labels("nowhere", noise) is None


@pytest.mark.parametrize(
    "grid",
    [
        Grid((9, 9), spacing=(0.5, 0.25), unit="mm"),
        Grid.of_affine((3, 9, 9), np.array([[-0.8, 0.1, 0, 90], [0.1, 0.8, 0, 126], [0, 0, 2.5, -72], [0, 0, 0, 1]])),
    ],
    ids=["image", "volume"],
)
def test_what_is_rescued_lies_on_its_image(home, grid):
    labels = np.broadcast_to(LABELS, grid.shape)
    path = rescue_labels("a", labels, grid=grid)
    found = read_grid(path)
    np.testing.assert_allclose(found.spacing_mm, grid.spacing_mm, rtol=1e-6)
    if grid.affine is not None:
        # stored left-handed, read the right way up
        np.testing.assert_allclose(np.sort(found.affine @ (4, 4, 1, 1)), np.sort(grid.affine @ (4, 4, 1, 1)), atol=1e-4)
