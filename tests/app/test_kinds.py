"""Images and volumes: who takes which, and across which axis."""

import nibabel
import numpy as np
import pytest

from napari_medseg.app.kinds import lie_of, proposes, takes
from napari_medseg.app.plan_round import check_axes
from napari_medseg.errors import InputError
from napari_medseg.io import read_image
from napari_medseg.io.image import Image
from napari_medseg.io.orientation import letters_of
from napari_medseg.project import Project


@pytest.mark.parametrize(
    ("sizes", "across"), [((1, 1, 1), "SI"), ((1, 1, 4), "AP"), ((4, 1, 1), "RL"), ((1, 3, 1), "SI")]
)
def test_slices_are_axial_where_no_plane_is_finer(tmp_path, sizes, across):
    # its third axis runs to the front of the patient
    affine = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    data = np.zeros((5, 6, 7), np.int16)
    image = nibabel.Nifti1Image(data, affine @ np.diag((*sizes, 1.0)))
    image.header["sform_code"] = 1
    image.to_filename(tmp_path / "v.nii.gz")
    image = read_image(tmp_path / "v.nii.gz")
    assert letters_of(image.grid)[lie_of(image)["axis"]] in across


def test_of_an_image_there_is_nothing_to_choose():
    assert lie_of(Image(np.zeros((5, 6)), spacing=(1, 2))) == {"spacing": (1, 2), "volume": False, "axis": None}


def test_networks_for_images_propose_on_volumes_and_learn_from_images():
    made = {name: (takes(name, volume=False), takes(name, volume=True)) for name in ("cmunext-xxs", "lgms-net-3d")}
    assert made == {"cmunext-xxs": (True, False), "lgms-net-3d": (False, True)}
    assert [proposes("cmunext-xxs", volume=volume) for volume in (False, True)] == [True, True]
    assert [proposes("lgms-net-3d", volume=volume) for volume in (False, True)] == [False, True]


def test_who_cannot_learn_from_a_case_says_so_before_a_round(tmp_path):
    with Project.create(tmp_path / "p") as project:
        for name, shape in (("flat", (4, 4)), ("deep", (3, 4, 4))):
            (tmp_path / name).write_bytes(name.encode())
            project.add_case(tmp_path / name, shape=shape)
        flat, deep = project.cases()
    check_axes("cmunext-xxs", [flat])
    check_axes("lgms-net-3d", [deep])
    with pytest.raises(InputError, match="'deep' is a volume, from which cmunext-xxs cannot learn"):
        check_axes("cmunext-xxs", [flat, deep])
    with pytest.raises(InputError, match="'flat' is an image, from which lgms-net-3d cannot learn"):
        check_axes("lgms-net-3d", [flat, deep])
