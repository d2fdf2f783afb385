"""What a picture looks like, in 255 bits: the same for copies that were brightened, resized or saved anew."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# low frequencies of a small copy (perceptual hash by the discrete cosine transform)
SIDE, LOW = 64, 16
# of 255 bits: copies differ in fewer, pictures of different patients in more than twice as many
NEAR = 24


def look_of(image: np.ndarray) -> str | None:
    """A picture's look.

    Parameters
    ----------
    image : np.ndarray
        (Y, X), (Y, X, C), or (Z, Y, X) with ``Z`` slices, of which the middle one counts; real.

    Returns
    -------
    str or None
        64 hexadecimal digits; None of a picture that is the same all over.
    """
    from scipy.fft import dctn
    from skimage.transform import resize

    data = np.asarray(image)
    if data.ndim == 3:
        data = data[..., :3] if data.shape[-1] in (3, 4) else data[len(data) // 2]
    small = resize(_shrink(data), (SIDE, SIDE), order=1, anti_aliasing=True)
    if not np.ptp(small) > 0:
        return None
    waves = dctn(small, norm="ortho")[:LOW, :LOW].ravel()[1:]
    bits = np.concatenate((waves > np.median(waves), [False]))
    return np.packbits(bits).tobytes().hex()


def _shrink(data: np.ndarray) -> np.ndarray:
    """Means of blocks, at most ``4 SIDE`` along each axis, of all channels: (Y, X), float64.

    A wide blur of the whole picture would cost many times its decoding. Row by row, no copy of it is made.
    """
    height, width = data.shape[:2]
    rows, columns = (np.unique(np.linspace(0, n, min(n, 4 * SIDE) + 1).astype(int)) for n in (height, width))
    means = np.empty((len(rows) - 1, len(columns) - 1))
    # doubles can be larger than any float
    with np.errstate(over="ignore"):
        for number, (top, end) in enumerate(pairwise(rows)):
            line = np.nan_to_num(data[top:end].astype(np.float32)).mean(axis=0, dtype=np.float64)
            line = line if line.ndim == 1 else line.mean(axis=-1)
            means[number] = np.add.reduceat(line, columns[:-1]) / np.diff(columns)
    return means


def difference(one: str, other: str) -> int:
    """In how many bits two looks differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
