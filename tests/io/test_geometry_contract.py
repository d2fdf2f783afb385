"""A volume in any order of axes and any flips, oblique or not, comes out where it went in: judged by SimpleITK."""

import itertools

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK

from napari_medseg.io import read_grid, read_image, read_mask, write_mask
from napari_medseg.io.orientation import letters_of
from tests.io.dicom_files import write_series

# no two of its halves, in any direction, are alike
PHANTOM = np.zeros((3, 4, 5), np.uint16)
PHANTOM[0, 0, :3] = (1, 2, 3)
PHANTOM[0, 1:, 0] = (4, 5, 6)
PHANTOM[1:, 0, 0] = (7, 8)
PHANTOM[2, 3, 4] = 9
OBLIQUE = np.linalg.qr(np.array([[1, 0.3, -0.2], [-0.25, 1, 0.35], [0.3, -0.2, 1]]))[0]
OBLIQUE = OBLIQUE * np.sign(np.diag(OBLIQUE))
TURNS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))
LPS = np.diag((-1, -1, 1, 1.0))


def affine_of(order, signs, directions):
    """From (x, y, z) of the phantom to mm, x to the left and y to the back."""
    found = np.eye(4)
    found[:3, :3] = (directions * np.array(signs))[:, order] * (0.5, 0.7, 2.5)
    found[:3, 3] = 12, -34, 56
    return found


def write_nifti(path, affine):
    nibabel.Nifti1Image(PHANTOM.transpose(), LPS @ affine).to_filename(path)
    return path


def write_nrrd(path, affine):
    head = {"space": "left-posterior-superior", "space directions": affine[:3, :3].T, "space origin": affine[:3, 3]}
    nrrd.write(str(path), PHANTOM.transpose(), head)
    return path


def write_dicom(path, affine):
    return write_series(path, PHANTOM, affine, names=["a", "b", "c"])


def write_mha(path, affine):
    image = SimpleITK.GetImageFromArray(PHANTOM)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((affine[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    SimpleITK.WriteImage(image, str(path))
    return path


WAYS_IN = {
    "mha": ("in.mha", write_mha),
    "dicom": ("in", write_dicom),
    "nifti": ("in.nii.gz", write_nifti),
    "nrrd": ("in.nrrd", write_nrrd),
}


@pytest.fixture(scope="module", params=[np.eye(3), OBLIQUE], ids=["straight", "oblique"])
def directions(request):
    return request.param


@pytest.fixture(scope="module", params=WAYS_IN)
def came_in(request, directions, tmp_path_factory):
    """The phantom in every order of axes and with every flip: where it was laid, and the image that was read."""
    name, write = WAYS_IN[request.param]
    affines = [affine_of(order, signs, directions) for order, signs in TURNS]
    return [(affine, read_image(write(tmp_path_factory.mktemp("in") / name, affine))) for affine in affines]


@pytest.mark.parametrize("out", ["out.nii.gz", "out.nrrd", "out.mha", "out.ome.zarr"])
def test_what_goes_in_comes_out_at_its_place(tmp_path, came_in, out):
    if out.endswith(".zarr"):
        pytest.importorskip("zarr")
    voxels = list(np.ndindex(PHANTOM.shape))
    for affine, image in came_in:
        mask = write_mask(tmp_path / out, image.data, grid=image.grid)
        assert letters_of(read_grid(mask)) == ("S", "A", "R")
        if out.endswith(".zarr"):
            # which SimpleITK does not read: what comes out of it once more
            mask = write_mask(tmp_path / "last.nii.gz", read_mask(mask), grid=read_grid(mask))
        other = SimpleITK.ReadImage(str(mask))
        assert other.GetNumberOfPixels() == PHANTOM.size
        places = [(affine @ (x, y, z, 1))[:3].tolist() for z, y, x in voxels]
        at = np.array([other.TransformPhysicalPointToContinuousIndex(place) for place in places])
        np.testing.assert_allclose(at, np.round(at), atol=2e-3)
        assert [other.GetPixel(one) for one in np.round(at).astype(int).tolist()] == [PHANTOM[one] for one in voxels]
