"""One CSV of a project's lesions, or of masks in files."""

import csv

import numpy as np
import pytest
import tifffile

from napari_medseg.app.export import ACCEPTED, ALL
from napari_medseg.app.images import add_images
from napari_medseg.app.measure_files import export_with_table, measure_files, measure_project
from napari_medseg.errors import FilesThereError, InputError, PartlyDoneError
from napari_medseg.io import Grid, read_image, write_mask
from napari_medseg.project import Project


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def drawn(shape=(30, 40)):
    labels = np.zeros(shape, np.uint8)
    labels[2:8, 3:12] = 1
    labels[20:24, 20:30] = 2
    return labels


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for value, name in ((7, "a"), (8, "=b")):
        tifffile.imwrite(folder / f"{name}.tif", np.full((30, 40), value, np.uint8))
    with Project.create(tmp_path / "p") as opened:
        add_images(opened, [folder])
        opened.set_class(2, "cyst", "#ffffff")
        for case in opened.cases():
            opened.commit_stroke(case.id, drawn(), tool="brush")
        opened.accept(1)
        yield opened


def test_accepted_masks_a_row_a_lesion_named_by_their_images_alone(project, tmp_path):
    accepted, value = project.case(1).name, str(int(read_image(project.case(1).image).data[0, 0]))
    written = measure_project(project, tmp_path / "out.csv")
    assert (written.lesions, written.told) == (2, [])
    rows = read(written.path)
    assert [(row["class"], row["class name"], row["pixels"]) for row in rows] == [("1", "", "54"), ("2", "cyst", "40")]
    assert {row["image"].lstrip("'") for row in rows} == {accepted}
    assert {row["mean (image values)"] for row in rows} == {value}
    # what is on the screen now is another matter
    project.commit_stroke(1, np.zeros((30, 40), np.uint8), tool="eraser")
    assert read(measure_project(project, tmp_path / "again.csv").path) == rows
    both = read(measure_project(project, tmp_path / "all.csv", state=ALL).path)
    names = [row["image"] for row in both]
    assert set(names) == {"a", "'=b"}
    erased = [row for row in both if row["image"].lstrip("'") == accepted]
    assert [(row["class"], row["lesions of class"]) for row in erased] == [("", "0")]


def test_no_intensities_of_an_image_that_is_gone_and_that_is_told(project, tmp_path):
    project.case(1).image.unlink()
    written = measure_project(project, tmp_path / "out.csv")
    (told,) = written.told
    assert "no intensities" in told and "gone" in told
    assert {row["mean (image values)"] for row in read(written.path)} == {""}


def test_no_file_is_replaced_unless_that_was_asked_for_and_nothing_is_refused_late(project, tmp_path):
    path = measure_project(project, tmp_path / "out.csv").path
    with pytest.raises(FilesThereError):
        measure_project(project, path)
    measure_project(project, path, overwrite=True)
    with pytest.raises(InputError, match=r"expected \.csv"):
        measure_project(project, tmp_path / "out.xls")
    with pytest.raises(InputError, match="no mask to measure"):
        measure_project(project, tmp_path / "b.csv", case_ids=[2])


def test_a_mask_that_is_damaged_holds_up_no_other(project, tmp_path, monkeypatch):
    project.accept(2)
    whole = project.revision_labels

    def labels(number):
        if number == 1:
            raise InputError("tile is damaged.")
        return whole(number)

    monkeypatch.setattr(project, "revision_labels", labels)
    with pytest.raises(PartlyDoneError, match="1 mask was not measured"):
        measure_project(project, tmp_path / "out.csv")
    assert len({row["image"] for row in read(tmp_path / "out.csv")}) == 1


def test_the_table_beside_masks_is_of_those_that_were_written(project, tmp_path, monkeypatch):
    project.accept(2)
    wishes = {"state": ACCEPTED, "overwrite": False, "chosen": None, "task": "", "format": "tiff"}
    written, told = export_with_table(project, tmp_path, **wishes)
    assert written[-1] == tmp_path / "measurements.csv" and len(written) == 3 and told == []
    # nothing is written where the table would replace one
    with pytest.raises(FilesThereError, match=r"measurements\.csv"):
        export_with_table(project, tmp_path, **wishes | {"format": "png"})
    whole = project.revision_labels

    def labels(number):
        if number == 1:
            raise InputError("tile is damaged.")
        return whole(number)

    monkeypatch.setattr(project, "revision_labels", labels)
    with pytest.raises(PartlyDoneError, match="1 mask was not written") as caught:
        export_with_table(project, tmp_path / "o", **wishes)
    assert caught.value.problems == ("tile is damaged.",)
    assert [path.suffix for path in caught.value.done] == [".tif", ".csv"]
    assert {row["image"].lstrip("'") for row in read(tmp_path / "o" / "measurements.csv")} == {
        project.case(2).name.lstrip("'")
    }


def test_masks_in_files_with_their_images_and_by_themselves(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    values = np.random.default_rng(0).integers(0, 200, (30, 40)).astype(np.uint8)
    tifffile.imwrite(images / "a.tif", values)
    labels = drawn()
    labels[28, 38] = 9
    write_mask(masks / "a_mask.tif", labels, grid=Grid((30, 40), (0.5, 0.5), "mm"), numbers=True)
    grid = read_image(images / "a.tif").grid
    assert grid.spacing_mm is None
    written = measure_files([images], masks, tmp_path / "a.csv")
    assert [row["class"] for row in read(written.path)] == ["1", "2", "9"]
    assert float(read(written.path)[0]["mean (image values)"]) == pytest.approx(values[2:8, 3:12].mean(), rel=1e-6)
    # the mask's own header says the size of a pixel
    alone = read(measure_files([], masks, tmp_path / "b.csv", classes={1: "x", 2: "y", 9: "ignore"}).path)
    assert [row["class name"] for row in alone] == ["x", "y"]
    assert float(alone[0]["area (mm²)"]) == pytest.approx(54 * 0.25) and alone[0]["mean (image values)"] == ""
    one = measure_files([], masks / "a_mask.tif", tmp_path / "c.csv")
    assert one.lesions == 3


def test_an_image_without_a_mask_and_a_number_that_is_no_class_are_refused(tmp_path):
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros((30, 40), np.uint8))
    masks = tmp_path / "masks"
    masks.mkdir()
    write_mask(masks / "a.tif", drawn(), numbers=True)
    with pytest.raises(InputError, match=r"1 of 2 images have no mask .* first 'b\.tif'"):
        measure_files([tmp_path / "a.tif", tmp_path / "b.tif"], masks, tmp_path / "o.csv")
    with pytest.raises(InputError, match="the classes are"):
        measure_files([tmp_path / "a.tif"], masks, tmp_path / "o.csv", classes={1: "x"})
    assert not (tmp_path / "o.csv").exists()
