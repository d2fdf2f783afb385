"""Which picture of a DICOM image a voxel is in, as the files number their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pictures:
    """Numbers of an image's pictures.

    Parameters
    ----------
    axis : int or None
        Of the array as it is read, along which they lie; None: there is one.
    instances : tuple of int or None
        Of each, or of all where there is one: as its file numbers itself among its series; None where it does not.
    frames : tuple of int
        Of each within its file, from 1; empty where each is a file.
    """

    axis: int | None
    instances: tuple[int | None, ...]
    frames: tuple[int, ...] = ()

    def of(self, point: Sequence[int]) -> tuple[int | None, int | None]:
        """The instance and the frame in which a voxel lies, by its place in the array."""
        at = 0 if self.axis is None else point[self.axis]
        instance = self.instances[at] if len(self.instances) > 1 else self.instances[0]
        return instance, self.frames[at] if self.frames else None
