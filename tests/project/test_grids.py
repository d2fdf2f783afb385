"""Where a case lies is kept with it: its masks need no image to lie on."""

import json
import sqlite3

import nibabel
import numpy as np
import pytest

from napari_medseg.app.export import export_project
from napari_medseg.app.images import add_images
from napari_medseg.app.masks import add_with_masks
from napari_medseg.errors import InputError, ProjectError
from napari_medseg.io import Grid, read_image, write_image
from napari_medseg.project import Project
from napari_medseg.project.grids import case_grid

AFFINE = np.array([[-0.8, 0.1, 0, 90], [0.1, -0.8, 0, 126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
OLD = """
UPDATE cases SET grid = NULL; PRAGMA user_version=3; ALTER TABLE cases DROP COLUMN grid;
ALTER TABLE revisions DROP COLUMN box; ALTER TABLE cases DROP COLUMN removed
"""


@pytest.fixture
def folder(tmp_path):
    """A project with an accepted mask of a volume, ``i/a.nii.gz``."""
    data = np.random.default_rng(0).normal(100, 9, (20, 24, 10)).astype(np.float32)
    for name, values in (("i", data), ("m", (data > 100).astype(np.uint8))):
        (tmp_path / name).mkdir()
        nibabel.Nifti1Image(values, AFFINE).to_filename(tmp_path / name / "a.nii.gz")
    with Project.create(tmp_path / "p") as project:
        add_with_masks(project, [tmp_path / "i"], tmp_path / "m")
        assert project.verify() == []
    return tmp_path / "p"


def change(folder, script):
    db = sqlite3.connect(folder / "project.sqlite")
    db.executescript(script)
    db.close()


def make_old(folder):
    """As the third version left it: without the column, its seals without their version."""
    from napari_medseg.project import history, seals

    db = sqlite3.connect(folder / "project.sqlite")
    rows = db.execute("SELECT id, case_id, created, author, kind, detail FROM history ORDER BY id").fetchall()
    previous = ""
    for row in rows:
        detail = json.loads(row[5])
        if detail.pop("schema", None):
            ((table, number, _),) = detail["rows"]
            detail["rows"] = [(table, number, seals._sha256(db, table, number, 3))]
        values = (*row[:5], json.dumps(detail, sort_keys=True))
        previous = history.seal(previous, values)
        db.execute("UPDATE history SET detail = ?, chain = ? WHERE id = ?", (values[5], previous, row[0]))
    db.commit()
    db.executescript(OLD)
    db.close()


def test_a_mask_is_written_onto_its_image_wherever_that_is_now(folder, tmp_path):
    (tmp_path / "i").rename(tmp_path / "elsewhere")
    with Project.open(folder) as project:
        out, objects = export_project(project, tmp_path / "out", objects=True)
    found, was = nibabel.load(out), nibabel.load(tmp_path / "m" / "a.nii.gz")
    np.testing.assert_array_equal(found.affine, was.affine)
    np.testing.assert_array_equal(nibabel.load(objects).affine, was.affine)
    np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(was.dataobj))
    assert [int(found.header[f"{form}_code"]) for form in "qs" for form in [f"{form}form"]] == [
        int(was.header["qform_code"]),
        int(was.header["sform_code"]),
    ]


def test_a_changed_grid_is_found(folder):
    change(folder, "UPDATE cases SET grid = replace(grid, '90.0', '91.0')")
    with Project.open(folder) as project:
        assert project.verify() == ["Row 1 of cases was changed or removed."]


@pytest.mark.parametrize(
    "value", ["''", "'{}'", "x'00'", "7", "'[1, 2]'", "replace(grid, '[10, 24, 20]', '[10, 24, 9]')"]
)
def test_a_damaged_grid_is_told_when_it_is_needed_and_bars_nothing_else(folder, tmp_path, value):
    change(folder, f"UPDATE cases SET grid = {value}")
    with Project.open(folder) as project:
        assert project.labels(1).shape == (10, 24, 20)
        with pytest.raises(ProjectError, match="The geometry of 'a' is damaged"):
            export_project(project, tmp_path / "out")


def test_a_volume_of_an_earlier_version_asks_its_image(folder, tmp_path):
    make_old(folder)
    with Project.open(folder) as project:
        assert project.verify() == []
        assert project.case(1).grid is None
        np.testing.assert_array_equal(
            case_grid(project.case(1)).affine, read_image(tmp_path / "i" / "a.nii.gz").grid.affine
        )
        (tmp_path / "i").rename(tmp_path / "elsewhere")
        with pytest.raises(
            InputError, match=r"'a' was added by an earlier version, .*a\.nii\.gz is gone; expected the"
        ):
            export_project(project, tmp_path / "out")
        # told where it lies now, the project knows from then on
        assert add_images(project, [tmp_path / "elsewhere"]) == ([project.case(1)], [])
        assert project.verify() == []
        (tmp_path / "elsewhere").rename(tmp_path / "lost")
        (out,) = export_project(project, tmp_path / "out")
    np.testing.assert_array_equal(nibabel.load(out).affine, nibabel.load(tmp_path / "m" / "a.nii.gz").affine)


def test_a_changed_image_of_an_earlier_version_is_not_believed(folder, tmp_path):
    make_old(folder)
    nibabel.Nifti1Image(np.zeros((20, 24, 10), np.uint8), np.eye(4)).to_filename(tmp_path / "i" / "a.nii.gz")
    with (
        Project.open(folder) as project,
        pytest.raises(InputError, match="is changed; expected the file that was added"),
    ):
        export_project(project, tmp_path / "out")


@pytest.mark.parametrize("size", [0, -1, float("inf"), 1e-320, 1e300])
def test_sizes_that_no_pixel_has_are_neither_taken_nor_written(tmp_path, size):
    image = write_image(tmp_path / "a.tif", np.arange(12, dtype=np.uint8).reshape(3, 4))
    with Project.create(tmp_path / "p") as project:
        with pytest.raises(InputError, match="each 1e-08 to 1e\\+06 mm"):
            project.add_case(image, shape=(3, 4), spacing=(size, 0.5), unit="mm")
        project.add_case(image, shape=(3, 4), spacing=(0.5, 0.5), unit="mm")
        project.commit_stroke(1, np.ones((3, 4), np.uint8))
        project.accept(1)
    # an earlier version believed such a size, and the export of the whole project ended there
    change(tmp_path / "p", f"UPDATE cases SET spacing_y = {'9e999' if size == float('inf') else size}")
    with Project.open(tmp_path / "p") as project:
        assert project.case(1).spacing is None
        (out,) = export_project(project, tmp_path / "out")
    assert read_image(out).spacing is None


def test_an_image_without_a_place_keeps_the_size_of_its_pixels(tmp_path):
    image = write_image(tmp_path / "a.tif", np.arange(12, dtype=np.uint8).reshape(3, 4), spacing=(2, 3), unit="um")
    with Project.create(tmp_path / "p") as project:
        add_images(project, [image])
        found = case_grid(project.case(1))
        assert found.shape == (3, 4)
        np.testing.assert_allclose(found.spacing_mm, (0.002, 0.003), rtol=1e-6)
        assert found.affine is None
        assert project.case(1).grid is None


def test_a_volume_that_has_no_file_gets_its_place_from_the_layer(tmp_path):
    from napari_medseg.app.images import keep_proposal
    from napari_medseg.inference.predictor import Prediction

    data = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    guess = Prediction(labels=(data > 0.5).astype(np.uint8), probabilities=data[None], origin={"network": "n"})
    grid = Grid.of_affine((4, 5, 6), AFFINE)
    with Project.create(tmp_path / "p") as project:
        case, _ = keep_proposal(project, data, guess, name="a", grid=grid)
        project.accept(case.id)
        case.image.unlink()
        (out,) = export_project(project, tmp_path / "out")
    np.testing.assert_allclose(nibabel.load(out).affine, AFFINE, rtol=1e-6)
