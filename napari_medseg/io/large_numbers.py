"""The numbers of a mask larger than memory, part by part, as ``io/labels.py`` has those of others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from napari_medseg.errors import ImageReadError
from napari_medseg.io.belongs import told_of
from napari_medseg.io.formats import names_of
from napari_medseg.io.labels import PLAIN, Found, LabelRule
from napari_medseg.io.large import Part
from napari_medseg.io.large_open import open_large
from napari_medseg.io.mask import WHITE, says_numbers

# sides of what is read at a time
_FLAT, _DEEP = 2048, (64, 256, 256)
_MOST = 65535


class LargeNumbers:
    """A mask on the disk; all of it is looked at once, part by part.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ImageReadError
        If it cannot be read in parts, is in colour, or holds what are no labels.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._large = open_large(path)
        try:
            if self._large.channels:
                raise ImageReadError(
                    f"{path} is in colour; expected a mask of one channel. Write the number of its class for each "
                    "pixel."
                )
            self._white = False
            seen: set[int] = set()
            for box in boxes_of(self._large.shape):
                seen |= set(np.unique(self.read(box)).tolist())
            self._values = sorted(seen)
            high = max(self._values)
            plain = high in WHITE and set(self._values) <= {0, high} and not says_numbers(told_of(path))
            self._white = self._large.dtype.kind == "b" or plain
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._large.close()

    def find(self, rule: LabelRule = PLAIN) -> Found:
        """What it holds."""
        values = np.array(self._values, np.uint16)
        return rule.find(values > 0 if self._white else values, names_of(self.path))

    def read(self, box: Part) -> np.ndarray:
        """A part: uint16, or bool where the mask is in black and white and nothing says what white is.

        Raises
        ------
        ImageReadError
        """
        data = self._large.read(box)
        if self._white or data.dtype.kind == "b":
            return np.asarray(data > 0)
        if data.dtype.kind == "f" and not (np.isfinite(data).all() and (data == np.rint(data)).all()):
            raise ImageReadError(f"{self.path} holds numbers with fractions; expected labels. Threshold it.")
        low, high = int(data.min()), int(data.max())
        if low < 0 or high > _MOST:
            raise ImageReadError(
                f"{self.path} has labels from {low} to {high}; expected 0 to {_MOST}. Renumber the labels."
            )
        return data.astype(np.uint16)


def boxes_of(shape: tuple[int, ...]) -> Iterator[Part]:
    """Parts side by side that make up the whole."""
    sides = _DEEP if len(shape) == 3 else (_FLAT, _FLAT)
    for low in product(*(range(0, n, side) for n, side in zip(shape, sides, strict=True))):
        yield (*low, *(min(at + side, n) for at, side, n in zip(low, sides, shape, strict=True)))
