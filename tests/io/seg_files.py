"""DICOM-SEG of images made here, written by us, and what other programs find in it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import SimpleITK
from pydicom.uid import generate_uid

from napari_medseg.io import (
    fit_mask,
    read_image,
    read_mask,
    write_mask,
)
from tests.io import dicom_files
from tests.io.test_geometry_contract import OBLIQUE, affine_of

# real files: beside the checkout, or where this says
DATA = Path(os.environ.get("MEDSEG_DATA", Path(__file__).parents[3] / "shared" / "data"))
SAMPLES = DATA / "samples_dicom"
BIN = Path(sys.executable).parent
SHAPE = (5, 12, 16)
FACTS = {
    "classes": {1: "Leber", 3: "Größe"},
    "made": {1: "automatic", 3: "semiautomatic"},
    "proposal": {"network": "cmunext-xxs", "weights": "/home/ZZMARKER/w.safetensors", "sha256": "a" * 64},
    "colours": {1: "#ff0000"},
    "codes": {1: {"what": "liver", "where": ""}, 3: {"what": "neoplasm", "where": "brain"}},
    "version": "0.1.0",
    "case": "ZZMARKER",
}


def tilted(order, signs, directions, tilt):
    found = affine_of(order, signs, directions)
    found[:3, 2] += tilt * found[:3, 1]
    return found


# plain, oblique, sagittal and tilted gantries
LIES = {
    "axial": tilted((0, 1, 2), (1, 1, 1), np.eye(3), 0),
    "oblique": tilted((0, 2, 1), (1, -1, 1), OBLIQUE, 0),
    "turned": tilted((2, 1, 0), (-1, 1, -1), OBLIQUE, 0),
    "tilted": tilted((0, 1, 2), (1, 1, 1), np.eye(3), 0.9),
    "tilted back": tilted((1, 0, 2), (1, -1, 1), np.eye(3), -0.7),
}


def labels_of(shape):
    """Nothing is like its mirror image; slices at both ends and one in the middle are empty."""
    labels = np.zeros(shape, np.uint8)
    planes = labels if labels.ndim == 3 else labels[None]
    middle = planes[1 if len(planes) > 2 else 0]
    middle[1:5, 2:9], middle[6, 3:5] = 1, 3
    if len(planes) > 4:
        planes[3, 2:4, 1:3], planes[3, 5:, 10:12] = 3, 1
    return labels


def series(folder, affine, **tags):
    data = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    return dicom_files.write_series(folder, data, affine, PatientSex="F", StudyDate="20200102", StudyTime="10", **tags)


def enhanced(path, affine):
    data = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
    tags = {"StudyDate": "20200102", "StudyTime": "10", "FrameOfReferenceUID": generate_uid()}
    return dicom_files.write_enhanced(path, data, affine, order=(2, 0, 4, 1, 3), **tags)


def written(tmp_path, source, labels=None, facts=FACTS, **more):
    image = read_image(source)
    labels = labels_of(image.shape) if labels is None else labels
    path = tmp_path / "m.seg.dcm"
    write_mask(path, labels, grid=image.grid, provenance={**facts, **more}, source=source)
    return path, labels, image


def back(path, image, source):
    return fit_mask(image, read_mask(path), image_path=Path(source), mask_path=path)[0]


def judged(path):
    """What dciodvfy says but for the kind of the file, and files that a DICOMDIR could not list."""
    done = subprocess.run([BIN / "dciodvfy", path], capture_output=True, text=True, timeout=60)
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line not in ("", "Segmentation") and "build DICOMDIR" not in line]


def by_dcmqi(path, folder):
    folder.mkdir()
    call = [BIN / "segimage2itkimage", "--inputDICOM", path, "--outputDirectory", folder, "-t", "nrrd"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return [SimpleITK.ReadImage(str(file)) for file in sorted(folder.glob("*.nrrd"))]


def voxels_of(itk, lps):
    """Where an image of SimpleITK is not 0, as indices (z, y, x) of a grid whose affine goes to LPS."""
    array = SimpleITK.GetArrayFromImage(itk)
    places = [itk.TransformIndexToPhysicalPoint([int(v) for v in one[::-1]]) for one in np.argwhere(array)]
    at = (np.linalg.inv(lps) @ np.c_[places, np.ones(len(places))].T)[:3].T
    np.testing.assert_allclose(at, np.round(at), atol=0.02)
    return {tuple(one) for one in np.round(at).astype(int)[:, ::-1].tolist()}


def on_grid(stored, image, affine):
    """What lies as the phantom was written, (Z, Y, X) of its affine to LPS, on the grid of the image as it was read."""
    found = np.zeros(image.shape, stored.dtype)
    there = np.linalg.inv(np.diag((-1, -1, 1, 1)) @ image.grid.affine) @ affine
    for z, y, x in np.argwhere(stored):
        at = np.round(there @ (x, y, z, 1))[:3].astype(int)
        found[tuple(at[::-1])] = stored[z, y, x]
    return found
