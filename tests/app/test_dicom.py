"""DICOM images and series in a project, on the command line and out again, and nobody's name in what is written."""

import shutil

import numpy as np
import pytest

from napari_medseg import log
from napari_medseg.app.export import export_project
from napari_medseg.app.images import add_images
from napari_medseg.app.intake import can_take, find_images
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.series import mixed, note_of, small_picture
from napari_medseg.errors import MedsegError
from napari_medseg.io import name_of, read_grid, read_image, read_mask
from napari_medseg.project import Project
from tests.io.dicom_files import CT, MARKER, NAMES, US, dataset, write, write_enhanced, write_series

DATA = np.random.default_rng(0).integers(-900, 2000, (4, 40, 50)).astype(np.int16)
AFFINE = np.array([[0.5, 0, 0, -100], [0, 0.6, 0.7, -120], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])
REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")


@pytest.fixture
def folder(tmp_path):
    """A series, a single picture without a suffix, an enhanced file."""
    write_series(tmp_path / "in" / "SE1", DATA, AFFINE)
    write(tmp_path / "in" / "IM7", (DATA[0] > 100).astype(np.uint8) * np.uint8(200), kind=US)
    write_enhanced(tmp_path / "in" / "mr.dcm", DATA, AFFINE)
    return tmp_path / "in"


def test_a_folder_is_looked_through(folder):
    found = find_images([folder])
    assert sorted(path.name for path in found.images) == ["IM7", "SE1", "mr.dcm"]
    assert all(can_take(path) for path in found.images)
    assert find_images([folder / "SE1"]).images == (folder / "SE1",)


def test_a_series_is_one_image_of_a_project(folder, tmp_path):
    series = folder / "SE1"
    with Project.create(tmp_path / "p") as project:
        added, refused = add_images(project, [folder])
        assert refused == [] and [case.name for case in added] == ["IM7", "CT-4slices", "mr"]
        case = added[1]
        assert case.image == series and case.shape == DATA.shape and not case.missing
        project.commit_stroke(case.id, (read_image(series).data > 500).astype(np.uint8))
        project.accept(case.id)
        # what else comes to lie there is none of its slices; the same series elsewhere is the same image
        (series / "notes.txt").write_text("x")
        assert project.verify() == []
        assert project.find_image(series).id == case.id
        shutil.copytree(series, tmp_path / "copy")
        assert add_images(project, [tmp_path / "copy"])[1][0].endswith(
            "is in the project already as 'CT-4slices'. Add each image once."
        )
        (mask,) = [path for path in export_project(project, tmp_path / "out") if "CT" in path.name]
        np.testing.assert_array_equal(read_mask(mask), read_image(series).data > 500)
        np.testing.assert_allclose(read_grid(mask).affine, read_grid(series).affine, atol=1e-4)
        # a slice that was changed, or is gone, is told
        one = next(path for path in series.iterdir() if path.name.startswith("IM"))
        one.write_bytes(one.read_bytes()[:-2] + b"zz")
        assert "its bytes were changed" in project.verify()[0]


def test_pictures_are_segmented_by_name_and_from_a_folder(folder, tmp_path):
    shutil.rmtree(folder / "SE1")
    (folder / "mr.dcm").unlink()
    write(folder / "1.2.840.7", (DATA[0] > 100).astype(np.uint8) * np.uint8(200), ImagerPixelSpacing=[0.2, 0.2])
    told = []
    written = predict_files([folder], REQUEST, tmp_path / "out", tell=told.append)
    assert [path.name for path in written] == ["1.2.840.7_mask.tif", "IM7_mask.tif"]
    assert any("IM7" not in line and "estimate" in line for line in told)


def everything_in(*folders):
    """All bytes of all files, unpacked, and their names."""
    import gzip

    for folder in folders:
        for path in folder.rglob("*"):
            yield path.name.encode()
            if path.is_file():
                data = path.read_bytes()
                yield gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def test_nobody_s_name_is_written_anywhere(folder, tmp_path, recwarn, caplog, capfd):
    """Read, refused, added, segmented, exported, logged with all words: no tag that names someone is in it."""
    # a hospital calls files by people too, and what is typed may name them
    write(folder / f"{MARKER}.dcm", DATA[1], kind=CT)
    for number in (1, 2):
        words = {"SeriesNumber": number, "SeriesDescription": f"Thorax {MARKER}", "BurnedInAnnotation": "YES"}
        names = [f"{MARKER} {number} {n}" for n in range(4)]
        write_series(folder / MARKER, DATA + number, AFFINE, names=names, **words)
    broken = dataset(DATA[0], kind=CT)
    broken.PixelData = b"\0\0"
    broken.save_as(folder / "broken.dcm", enforce_file_format=True)
    shutil.copytree(folder / "SE1", folder / "gaps")
    sorted((folder / "gaps").iterdir())[1].unlink()
    said = []
    for choice in mixed(folder / MARKER):
        said += [choice.description, choice.size, choice.modality, note_of(choice), name_of(choice.images[0])]
        assert small_picture(choice) is None
    log.set_up(tmp_path / "log" / "medseg.log", verbose=True)
    try:
        with Project.create(tmp_path / "p") as project:
            added, refused = add_images(
                project, [folder], patients="folder", tell=said.append, progress=lambda share, name: said.append(name)
            )
            said += refused
            for case in added:
                said += [case.name, case.group]
                project.commit_stroke(case.id, np.ones(case.shape, np.uint8))
                project.accept(case.id)
            for format in ("tiff", "png", "nifti", "nrrd", "coco", "geojson"):
                export_project(project, tmp_path / "out" / format, format=format)
            for bad in (folder / "broken.dcm", folder / "gaps"):
                try:
                    read_image(bad)
                except MedsegError as error:
                    log.tell(error, expected=True)
                    said.append(str(error))
            for bad in (f"{MARKER}.dcm", "IM7"):
                predict_files([folder / bad], REQUEST, tmp_path / "seen", tell=said.append, objects=True)
    finally:
        log.tear_down()
    assert len(added) >= 3 and len(said) >= 3
    assert (tmp_path / "log" / "medseg.log").stat().st_size > 500
    written = list(everything_in(tmp_path / "p", tmp_path / "out", tmp_path / "seen", tmp_path / "log"))
    assert len(written) > 20
    shown = "".join((*said, caplog.text, *capfd.readouterr(), *(str(one.message) for one in recwarn)))
    # a project has to find its images, and a refusal has to name one: where they lie is all that is kept or said of
    # what folders and files are called; nothing else that is written holds even that
    places = [str(place).encode() for place in (folder / MARKER, folder / f"{MARKER}.dcm")]
    base = (b"SQLite", b"7\x7f\x06\x82", b"7\x7f\x06\x83")
    for data in (*written, shown.encode()):
        for place in places if data == shown.encode() or data.startswith(base) else []:
            data = data.replace(place, b"")
        assert MARKER.encode() not in data
        assert NAMES["PatientBirthDate"].encode() not in data
    # the files themselves do hold it
    assert MARKER.encode() in (folder / "IM7").read_bytes()
