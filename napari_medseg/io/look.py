"""What a picture looks like, in 255 bits: the same for copies that were brightened, resized or saved anew."""

from __future__ import annotations

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

    grey = np.nan_to_num(np.asarray(image, np.float32))
    if grey.ndim == 3:
        grey = grey[..., :3].mean(axis=-1) if grey.shape[-1] in (3, 4) else grey[len(grey) // 2]
    small = resize(grey, (SIDE, SIDE), order=1, anti_aliasing=True)
    if not np.ptp(small) > 0:
        return None
    waves = dctn(small, norm="ortho")[:LOW, :LOW].ravel()[1:]
    bits = np.concatenate((waves > np.median(waves), [False]))
    return np.packbits(bits).tobytes().hex()


def difference(one: str, other: str) -> int:
    """In how many bits two looks differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
