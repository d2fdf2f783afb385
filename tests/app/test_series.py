"""Series to choose from: which there are, which are meant at first, what is shown of them."""

import numpy as np
import pytest

from napari_medseg.app.images import add_images
from napari_medseg.app.intake import find_images, images_beside, make_project, without
from napari_medseg.app.series import FEW, choices_in, gathered, is_slice_of, mixed, small_picture, ticked_at_first
from napari_medseg.io import write_image
from napari_medseg.project import Project
from tests.io.dicom_files import CT, US, dataset, of, write, write_series

RAMP = np.arange(6)[:, None, None]
DATA = (np.zeros((6, 120, 200)) + RAMP * 50).astype(np.int16)
AXIAL = np.array([[0.5, 0, 0, -3], [0, 0.6, 0, -4], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])


def names(what, count):
    return [f"{what} {n}" for n in range(count)]


@pytest.fixture
def study(tmp_path):
    """Two series and a report in one folder."""
    folder = tmp_path / "ZZMARKER" / "study"
    window = {"WindowCenter": 125, "WindowWidth": 251}
    write_series(folder, DATA, AXIAL, names=names("a", 6), SeriesNumber=2, SeriesDescription="Thorax", **window)
    write_series(folder, DATA[:2], AXIAL, names=names("b", 2), SeriesNumber=5, BurnedInAnnotation="YES")
    report = dataset(DATA[0], Modality="SR")
    del report.Rows, report.Columns, report.PixelData
    report.save_as(folder / "report", enforce_file_format=True)
    return folder


def test_what_is_listed(study):
    found = choices_in(study)
    assert [(one.modality, one.description, one.number, one.count, one.size) for one in found] == [
        ("CT", "Thorax", 2, 6, "200 x 120"),
        ("CT", "", 5, 2, "200 x 120"),
    ]
    assert mixed(study) == found and ticked_at_first(found) and not ticked_at_first(found * FEW)


def test_a_small_picture_is_the_middle_slice_as_its_file_wants_it_seen(study):
    one, burnt = choices_in(study)
    picture = small_picture(one)
    # (Y, X); the slice in the middle of where they lie, in its own window
    assert picture.dtype == np.uint8 and picture.shape == (40, 67)
    assert np.unique(picture).tolist() == [round(150 / 250 * 255)]
    # where the patient may be named in the pixels, none is made
    assert small_picture(burnt) is None
    for path in study.iterdir():
        path.unlink()
    assert small_picture(one) is None


def test_a_mixed_folder_is_to_choose_from_with_all_that_lies_beside_it(study):
    """All that would be added is in the list, and what is not chosen is not added."""
    other = write_image(study.parent / "photo.tif", DATA[0].astype(np.uint8))
    alone = write_series(study.parent / "one", DATA, AXIAL, SeriesDescription="Head")
    us = [write(study.parent / f"us{n}", DATA[0].astype(np.uint8), kind=US) for n in range(2)]
    found = find_images([study.parent])
    assert found.images == () and found.choices[:2] == mixed(study)
    volume, others = found.choices[2:]
    assert volume.is_series and (volume.description, volume.count, volume.images) == ("Head", 6, (alone,))
    assert not others.is_series and others.count == 3 and set(others.images) == {other, *us}
    assert small_picture(others) is None
    assert found.with_chosen(found.choices[:1]).images == (study / found.choices[0].series.name,)
    assert found.with_chosen((others,)).images == others.images and found.with_chosen((others,)).choices == ()
    with make_project([study.parent], found) as project:
        add_images(project, found.with_chosen((volume, others)).images)
        # of these, nobody is asked again
        assert without(found, project).choices == mixed(study)


def test_what_lies_in_the_projects_folder_is_to_choose_from_as_a_whole(study):
    write_image(study.parent / "photo.tif", DATA[0].astype(np.uint8))
    with Project.create(study.parent) as project:
        found = images_beside(project)
        assert found.images == () and [one.is_series for one in found.choices] == [True, True, False]


def test_a_volume_beside_a_scout_is_to_choose_from_too(tmp_path):
    folder = write_series(tmp_path / "in" / "one", DATA, AXIAL)
    write(folder / "scout", DATA[0], kind=CT, SeriesNumber=1)
    for place in (folder, folder.parent):
        found = find_images([place])
        assert found.images == () and [one.count for one in found.choices] == [6, 1]


def test_one_series_is_no_question(tmp_path):
    folder = write_series(tmp_path / "one", DATA, AXIAL)
    found = find_images([folder])
    assert (found.images, found.choices) == ((folder,), ())


def test_pictures_that_stand_alone_are_no_question(tmp_path):
    for number in range(3):
        write(tmp_path / f"us{number}", DATA[0].astype(np.uint8), kind=US)
    found = find_images([tmp_path])
    assert len(found.images) == 3 and found.choices == ()


def test_a_dicomdir_is_to_choose_from_wherever_its_files_lie(tmp_path):
    for number in (1, 2):
        files = [f"IM{n}" for n in range(6)]
        write_series(tmp_path / "cd" / f"S{number}", DATA, AXIAL, names=files, SeriesNumber=number)
    records = [of(ReferencedFileID=[f"S{s}", f"IM{n}"]) for s in (1, 2) for n in range(6)]
    index = dataset(DATA[0])
    index.DirectoryRecordSequence = records
    del index.Rows, index.PixelData
    index.save_as(tmp_path / "cd" / "DICOMDIR", enforce_file_format=True)
    for place in (tmp_path / "cd", tmp_path / "cd" / "DICOMDIR"):
        found = find_images([place])
        assert found.images == () and [one.number for one in found.choices] == [1, 2]
    with Project.create(tmp_path / "p") as project:
        paths = [image for one in found.choices for image in one.images]
        added, refused = add_images(project, paths)
        assert refused == [] and [case.name for case in added] == ["CT-series1-6slices", "CT-series2-6slices"]
        assert not any(case.missing for case in project.cases()) and project.verify() == []
        # these are not asked about again
        assert without(found, project).choices == ()


def test_cases_that_would_be_called_the_same_get_a_number(tmp_path):
    for number in range(2):
        write_series(tmp_path / "in" / f"p{number}", DATA * (2 - 3 * number) % 999, AXIAL, SeriesNumber=1)
    with Project.create(tmp_path / "p") as project:
        assert [case.name for case in add_images(project, [tmp_path / "in"])[0]] == [
            *("CT-series1-6slices", "CT-series1-6slices_2"),
        ]


def test_all_files_of_a_series_mean_the_volume_and_some_mean_themselves(study):
    one = choices_in(study)[0]
    files = list(one.series.files)
    assert gathered(files) == [study / one.series.name]
    assert gathered(files[:3]) == files[:3]
    assert gathered([study / "report", *files]) == [study / "report", study / one.series.name]
    assert is_slice_of(files[0]) == 6 and is_slice_of(study / "report") == 0


def test_a_project_made_for_dicom_is_not_called_like_its_folder(study):
    found = find_images([study.parent])
    with make_project([study.parent], found) as project:
        assert project.path.name == "DICOM"
