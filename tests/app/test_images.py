"""Images into a project."""

from pathlib import Path

import numpy as np
import pytest

from napari_medseg.app.images import PATIENTS, add_images, patient_of
from napari_medseg.app.samples import sample_images
from napari_medseg.errors import InputError
from napari_medseg.io import write_image
from napari_medseg.project import Project


@pytest.mark.parametrize(
    ("file", "by", "patient"),
    [
        ("a/case07_slice12.png", "name", "case07"),
        ("a/case07-2.nii.gz", "name", "case07"),
        ("a/case07 left.png", "name", "case07"),
        ("a/_odd.png", "name", None),
        ("a/b/i.png", "folder", "b"),
        ("a/b/i.png", "image", None),
    ],
)
def test_a_patient_is_told_by_folder_or_by_name(file, by, patient):
    assert patient_of(Path(file), by) == patient


def test_a_way_that_is_not_known_is_refused():
    with pytest.raises(InputError, match=f"by 'hair'; expected one of {', '.join(PATIENTS)}"):
        patient_of(Path("i.png"), "hair")


def test_images_of_a_patient_share_a_group(tmp_path):
    nuclei = [sample.image for sample in sample_images() if sample.task == "nuclei"][:3]
    for number, image in enumerate(nuclei):
        (tmp_path / f"p{number // 2}_{number}{Path(image).suffix}").write_bytes(Path(image).read_bytes())
    with Project.create(tmp_path / "p") as project:
        added, refused = add_images(project, sorted(tmp_path.glob("p?_*")), patients="name")
        assert not refused
        assert [case.group for case in added] == ["p0", "p0", "p1"]
        project.hold_out("p1")
        more = tmp_path / "p1_9.tif"
        write_image(more, np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8))
        (late,), refused = add_images(project, [more], patients="name")
        assert (late.group, late.split, refused) == ("p1", "heldout", [])
    with Project.create(tmp_path / "q") as project:
        added, _ = add_images(project, sorted(tmp_path.glob("p?_*")), group="one", patients="name")
        assert {case.group for case in added} == {"one"}
