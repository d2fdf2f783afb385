"""A volume that can be read in parts."""

import nibabel
import numpy as np


def balls(path, sides, apart, squared):
    """Write bright balls in the dark; gives what they hold.

    So far apart on each axis (z, y, x) and of such a squared radius, in voxels, which are twice as high as wide.
    """
    places = np.mgrid[tuple(slice(side) for side in sides)]
    far = sum((place % each - each // 2) ** 2 for place, each in zip(places, apart, strict=True))
    data = 200.0 * (far < squared) + np.random.default_rng(0).normal(20, 3, sides)
    nibabel.save(nibabel.Nifti1Image(data.transpose().astype(np.int16), np.diag((-1.0, 1.0, 2.0, 1.0))), path)
    return data
