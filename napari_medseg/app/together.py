"""Masks of many images that a format puts into one file: written one by one, and joined at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_medseg.app.formats import written_as
from napari_medseg.atomic import output_error


class Together:
    """Where the masks of an export go, and which of them into one file.

    Those of two images or more do, where the format does that: ``masks.coco.json``. A single image's, those of volumes,
    and all other formats' are files of their own.

    Parameters
    ----------
    folder : Path
    format : str
        As :func:`napari_medseg.app.export.export_project` takes it.
    volumes : collection of bool
        Of each image: it is a volume.
    kinds : sequence of str
        What is written of each, ``mask`` and ``objects``.
    """

    def __init__(self, folder: Path, format: str, volumes: Collection[bool], kinds: Sequence[str]) -> None:
        one = written_as(format, volume=False)
        images = sum(not volume for volume in volumes)
        self._join = one.join if images > 1 else None
        self._folder = self._single = folder
        self._files = {kind: folder / f"{kind.removesuffix('s')}s{one.suffix}" for kind in kinds}
        self._suffix = one.suffix

    def joins(self, *, volume: bool) -> bool:
        """Whether a mask goes into a file with others."""
        return self._join is not None and not volume

    def targets(self) -> list[Path]:
        """The files of many masks."""
        return [] if self._join is None else list(self._files.values())

    def place(self, *, volume: bool) -> Path:
        """The folder to write a mask to."""
        return self._single if self.joins(volume=volume) else self._folder

    @contextmanager
    def writing(self, written: list[Path]) -> Iterator[None]:
        """Around the writing of all masks: at its end those of images become one file of each kind.

        Parameters
        ----------
        written : list of Path
            What was written; the files of one mask each are left out of it in the end.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        if self._join is None:
            yield
            return
        try:
            folder = tempfile.TemporaryDirectory(prefix=".medseg-", dir=self._folder, ignore_cleanup_errors=True)
        except OSError as error:
            raise output_error(self._folder, error) from error
        with folder as name:
            self._single = Path(name)
            yield
            for kind, file in self._files.items():
                ends = f"_{kind}{self._suffix}"
                mine = [path for path in written if path.parent == self._single and path.name.endswith(ends)]
                gone = set(mine)
                written[:] = [path for path in written if path not in gone]
                if mine:
                    self._join(file, mine)
                    written.append(file)
