"""NIfTI files that lie anywhere in space, and the fields of a header that say where."""

import nibabel
import numpy as np

SIDES = (5, 7, 9)


def turn(degrees, axis=2):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    square = np.eye(3)
    others = [a for a in range(3) if a != axis]
    square[np.ix_(others, others)] = [[c, -s], [s, c]]
    return square


def placed(directions, sizes=(0.5, 0.75, 2.5), origin=(10, -20, 30)):
    affine = np.eye(4)
    affine[:3, :3] = directions @ np.diag(sizes)
    affine[:3, 3] = origin
    return affine


SHEAR = np.eye(3) + np.eye(3, k=1) * 0.2
PLACES = {
    "straight": placed(np.eye(3)),
    "flipped": placed(np.diag((-1, -1, 1))),
    "permuted": placed(np.eye(3)[[2, 0, 1]]),
    "left-handed": placed(np.diag((-1, 1, 1))),
    "oblique": placed(turn(20) @ turn(-10, 0)),
    "nearly diagonal": placed(turn(44.9)),
    "far": placed(turn(20), origin=(3e4, -2e5, 1e4)),
    "sheared": placed(SHEAR),
}
SQUARE = [name for name in PLACES if name != "sheared"]


def save(path, data, sform=None, qform=None, codes=(1, 1), kind=nibabel.Nifti1Image):
    image = kind(data, None)
    if sform is not None:
        image.header.set_zooms(nibabel.affines.voxel_sizes(sform)[: data.ndim])
        image.header.set_sform(sform, codes[0])
    if qform is not None:
        image.header.set_qform(qform, codes[1], strip_shears=True)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
    return path


def spatial(path):
    header = nibabel.load(path).header
    names = [n for n in header if n.startswith(("q", "s")) and n not in ("scl_slope", "scl_inter", "sizeof_hdr")]
    kept = [n for n in names if n.startswith(("qform", "sform", "quatern", "qoffset", "srow"))]
    return {name: np.asarray(header[name]).tolist() for name in (*kept, "pixdim", "xyzt_units", "dim_info")}


def volume(seed=0, sides=SIDES):
    return np.random.default_rng(seed).integers(0, 400, sides).astype(np.int16)


FORMS = {
    "both": lambda a: {"sform": a, "qform": a},
    "sform only": lambda a: {"sform": a},
    "qform only": lambda a: {"qform": a},
    "neither": lambda a: {},
    "other codes": lambda a: {"sform": a, "qform": a, "codes": (4, 2)},
    "apart": lambda a: {"sform": a, "qform": placed(turn(7), origin=(16, -27, 21)), "codes": (2, 1)},
}
