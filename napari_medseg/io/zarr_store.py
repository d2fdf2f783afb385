"""What lies in a Zarr store, a folder or a zip file, before a library is let at it: JSON, sizes, heads of chunks."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from napari_medseg.errors import ImageReadError
from napari_medseg.plain import open_plain

# no metadata is so long, bytes
_LONGEST = 16_000_000
# so many files are looked at
_MOST = 2_000_000


class Store:
    """Files of a store by their names, ``/`` between folders.

    Parameters
    ----------
    path : Path
        A folder, or a file whose name ends in ``.zip``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path) if path.is_file() else None
        self.zipped = self._zip is not None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._zip is not None:
            self._zip.close()

    def json(self, name: str) -> Mapping[str, Any] | None:
        """An object of JSON; None where there is no such file.

        Raises
        ------
        ImageReadError
            If it is longer than any.
        ValueError
            If it is none.
        """
        size = self.size(name)
        if size is None:
            return None
        if size > _LONGEST:
            raise ImageReadError(f"{self.path} has metadata of {size} bytes; expected fewer. It is damaged.")
        found = json.loads(self.piece(name, 0, size).decode("utf-8"))
        if not isinstance(found, dict):
            raise ValueError("no object")
        return found

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        if self._zip is not None:
            try:
                return self._zip.getinfo(name).file_size
            except KeyError:
                return None
        file = self.path / name
        return file.stat().st_size if file.is_file() else None

    def piece(self, name: str, start: int, length: int) -> bytes:
        """Bytes of a file."""
        if self._zip is not None:
            with self._zip.open(name) as inner:
                inner.seek(start)
                return inner.read(length)
        with open_plain(self.path / name) as stream:
            stream.seek(start)
            return stream.read(length)

    def files(self, below: str) -> dict[str, int]:
        """Sizes of all files below a folder of it, unpacked, by name.

        Raises
        ------
        ImageReadError
            If there are more than two million, or a zip file holds more than it can.
        """
        found: dict[str, int] = {}
        if self._zip is not None:
            for info in self._zip.infolist():
                if info.filename.startswith(f"{below}/") and not info.is_dir():
                    found[info.filename] = info.file_size
            return found
        top = self.path / below
        for here, _, names in os.walk(top):
            for name in names:
                file = Path(here) / name
                found[file.relative_to(self.path).as_posix()] = file.stat().st_size
            if len(found) > _MOST:
                raise ImageReadError(f"{self.path} has more than {_MOST} files; expected fewer. Export it in parts.")
        return found

    @property
    def stored(self) -> int | None:
        """Bytes of the zip file; None of a folder."""
        return self.path.stat().st_size if self.zipped else None


def attributes_of(store: Store, group: str) -> tuple[int, Mapping[str, Any]] | None:
    """The format, 2 or 3, and the attributes of a group; None where there is none."""
    prefix = f"{group}/" if group else ""
    found = store.json(f"{prefix}zarr.json")
    if found is not None:
        attributes = found.get("attributes", {})
        return (3, attributes) if isinstance(attributes, dict) and found.get("node_type") == "group" else None
    attributes = store.json(f"{prefix}.zattrs")
    if attributes is None and store.json(f"{prefix}.zgroup") is None:
        return None
    return 2, attributes or {}
