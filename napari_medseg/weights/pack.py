"""Weights from one computer to another without a network: a folder or a zip of files with a list of their checksums.

Of a pack only the files are read that its list names, each to the length that is told there, into files that are named
here: nothing in it can lie elsewhere, be larger than it says, or run.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from filelock import FileLock

from napari_medseg.atomic import atomic_path, output_error
from napari_medseg.errors import InputError, OutputError, WeightsError
from napari_medseg.fields import shown
from napari_medseg.plain import open_plain
from napari_medseg.weights.entry import WeightsEntry
from napari_medseg.weights.home import home_folder, installed, read_list, write_installed
from napari_medseg.weights.store import bundled, check_file, read_entry, resolve_weights, superseded

PACK_FILE = "pack.json"
# of a list, bytes; of a pack, files; and how much smaller a zip can make weights, which are noise
_LONGEST_LIST, _MOST, _SQUEEZE = 10_000_000, 1000, 10
_BLOCK = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_@-][A-Za-z0-9._@-]{0,150}\.safetensors")
_AGAIN = "Make the pack again with 'medseg weights pack'."


def pack_name(entry: WeightsEntry) -> str:
    """Name of a file in a pack and where it is installed: no two files have the same."""
    return f"{re.sub('[^A-Za-z0-9_-]+', '-', entry.id)[:100]}-{entry.sha256[:12]}.safetensors"


def pack_weights(names: Sequence[str], out: str | Path, *, overwrite: bool = False) -> list[WeightsEntry]:
    """Write a pack, whole or not at all.

    Parameters
    ----------
    names : sequence of str
        Ids (``network/task@version``), or paths of .safetensors files.
    out : path
        A zip if it ends in ``.zip``, else a folder, which must be empty or not there.
    overwrite : bool
        Replace a zip of that name.

    Raises
    ------
    UnknownNameError
        If no weights have an id.
    WeightsError
        If a file cannot be read or is not what its entry says.
    InputError
        If two files have one id, or there is something of that name.
    OutputError
        If the pack cannot be written.
    """
    found: dict[str, tuple[WeightsEntry, Path]] = {}
    for name in dict.fromkeys(names):
        network = read_entry(name).network if name.endswith(".safetensors") else name.partition("/")[0]
        entry, path = resolve_weights(network, name)
        check_file(entry, path)
        if entry.id in found and found[entry.id][0].sha256 != entry.sha256:
            raise InputError(
                f"{path} and {found[entry.id][1]} both are {entry.id}; expected one file of an id. Leave one out."
            )
        found[entry.id] = (replace(entry, file=pack_name(entry)), path)
    out, entries = Path(out), [entry for entry, _ in found.values()]
    text = json.dumps({"weights": [entry.to_dict() for entry in entries]}, indent=1) + "\n"
    if out.suffix.lower() == ".zip":
        if out.exists() and not overwrite:
            raise InputError(f"{out} exists already. Name another file, or add --overwrite.")
        with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w") as file:
            file.writestr(PACK_FILE, text)
            for entry, path in found.values():
                file.write(path, entry.file)
        return entries
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is no empty folder; expected one, or a name that ends in .zip. Name another.")
    try:
        with _staging(out.parent) as folder:
            (folder / PACK_FILE).write_text(text, encoding="utf-8")
            for entry, path in found.values():
                shutil.copyfile(path, folder / entry.file)
            if out.exists():
                out.rmdir()
            folder.rename(out)
    except OSError as error:
        raise output_error(out, error) from error
    return entries


@dataclass(frozen=True, slots=True)
class Installed:
    """One file of a pack: its entry, where it lies now, and whether it had been there before."""

    entry: WeightsEntry
    path: Path
    before: bool


def install_weights(source: str | Path, *, overwrite: bool = False) -> list[Installed]:
    """Take over a pack, or a single weights file: all of it or nothing.

    Every file is held against its checksum, and loaded into its network once, before it counts as installed.

    Parameters
    ----------
    source : path
        A folder or zip that :func:`pack_weights` wrote, or a .safetensors file.
    overwrite : bool
        Other weights of the same id, installed earlier, are replaced; those of the package never are.

    Raises
    ------
    WeightsError
        If the pack or a file in it is not what it says, or its id is taken by others.
    OutputError
        If it cannot be stored.
    """
    source, home = Path(source), home_folder()
    with _alone(home), _opened(source) as (entries, stream_of):
        kept = {entry.id: entry for entry in installed()}
        before = {entry.id for entry in entries if _is_there(entry, kept, source, overwrite=overwrite)}
        fresh = [entry for entry in entries if entry.id not in before]
        if (needed := sum(entry.size_bytes for entry in fresh)) > (free := shutil.disk_usage(home).free):
            raise OutputError(
                f"{source} holds {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free in {home}. Free space."
            )
        try:
            with _staging(home) as folder:
                checked = [_receive(entry, stream_of, folder, source) for entry in fresh]
                for entry in checked:
                    (folder / entry.file).replace(home / entry.file)
            if checked:
                write_installed(list({**kept, **{entry.id: entry for entry in checked}}.values()))
            for entry in checked:
                if entry.id in kept:
                    (home / kept[entry.id].file).unlink(missing_ok=True)
        except OSError as error:
            raise output_error(home, error) from error
    return [Installed(*resolve_weights(entry.network, entry.id), entry.id in before) for entry in entries]


def _is_there(entry: WeightsEntry, kept: Mapping[str, WeightsEntry], source: Path, *, overwrite: bool) -> bool:
    """Whether these very weights are at hand."""
    ours = {one.id: one for one in bundled()}
    other = ours.get(entry.id) or kept.get(entry.id)
    told = superseded().get(entry.id, {}).get("sha256")
    if told is not None and entry.sha256 != told:
        raise WeightsError(
            f"'{entry.id}' in {source} has the checksum {entry.sha256[:12]}..., and the file that was shipped under "
            f"this id had {told[:12]}...; expected that. Give other weights another version."
        )
    if other is None or other.sha256 == entry.sha256:
        return other is not None
    if entry.id in kept and entry.id not in ours and overwrite:
        return False
    advice = "Give the new ones another version." if entry.id in ours else "Replace them with --overwrite."
    raise WeightsError(f"weights '{entry.id}' are at hand already, and those in {source} are others. {advice}")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Made if need be, and of this command alone."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / ".lock")
        lock.acquire()
    except OSError as error:
        raise output_error(home, error) from error
    try:
        yield
    finally:
        lock.release()


Streams = Callable[[str], IO[bytes]]


@contextmanager
def _opened(source: Path) -> Iterator[tuple[list[WeightsEntry], Streams]]:
    """What a pack lists, and how to read a file in it.

    Raises
    ------
    WeightsError
        If it is no pack, or not a sound one.
    """
    if source.suffix == ".safetensors":
        entry = read_entry(source)
        yield [entry], lambda name: open_plain(source)
        return
    if source.is_dir():
        yield _entries(_plain(source / PACK_FILE), source), lambda name: _plain(source / name)
        return
    try:
        with open_plain(source) as raw, zipfile.ZipFile(raw) as file:
            infos = {info.filename: info for info in file.infolist()}
            _check_members(file.infolist(), source)
            entries = _entries(file.open(PACK_FILE), source)
            odd = sorted(set(infos) - {PACK_FILE, *(entry.file for entry in entries)})
            if odd:
                raise WeightsError(
                    f"{source} holds {shown(odd[0])}, which its {PACK_FILE} does not list; expected the files in the "
                    f"list alone. {_AGAIN}"
                )
            yield entries, lambda name: file.open(name)
    except FileNotFoundError as error:
        raise WeightsError(f"{source} does not exist; expected a folder or a zip. Check the path.") from error
    # what the package raises for zips that are none, cut off, encrypted or of an unknown kind
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, KeyError, ValueError) as error:
        raise WeightsError(f"{source} is no pack of weights ({shown(str(error))}). {_AGAIN}") from error


def _check_members(infos: list[zipfile.ZipInfo], source: Path) -> None:
    names = [info.filename for info in infos]
    for info in infos:
        kind = stat.S_IFMT(info.external_attr >> 16)
        plain = info.filename == PACK_FILE or _NAME.fullmatch(info.filename)
        if not plain or kind not in (0, stat.S_IFREG) or names.count(info.filename) > 1:
            raise WeightsError(
                f"{source} holds {shown(info.filename)}; expected {PACK_FILE} and plain .safetensors files, each once. "
                f"{_AGAIN}"
            )
    size = sum(info.file_size for info in infos)
    if len(infos) > _MOST + 1 or size > _SQUEEZE * source.stat().st_size:
        raise WeightsError(
            f"{source} says that it holds {len(infos)} files of {size / 1e6:.0f} MB, more than weights can be packed "
            f"to; expected up to {_MOST} files, at most {_SQUEEZE} times as large as the zip. {_AGAIN}"
        )


def _plain(path: Path) -> IO[bytes]:
    if path.is_symlink() or not path.is_file():
        raise WeightsError(f"{path} is a link or no file; expected a file. {_AGAIN}")
    return open_plain(path)


def _entries(stream: IO[bytes], source: Path) -> list[WeightsEntry]:
    """What the list says, as far as it can be known without the files."""
    where = f"{PACK_FILE} in {source}"
    with stream:
        blob = stream.read(_LONGEST_LIST + 1)
    if len(blob) > _LONGEST_LIST:
        raise WeightsError(f"{where} is longer than {_LONGEST_LIST} bytes; expected a list of weights. {_AGAIN}")
    entries = list(read_list(blob, where=where))
    if not 1 <= len(entries) <= _MOST:
        raise WeightsError(f"{where} lists {len(entries)} files; expected 1 to {_MOST}. {_AGAIN}")
    for entry in entries:
        if not _NAME.fullmatch(entry.file) or not re.fullmatch("[0-9a-f]{64}", entry.sha256) or not entry.size_bytes:
            raise WeightsError(
                f"{where} lists {shown(entry.file)} with {entry.size_bytes} bytes and the checksum "
                f"{shown(entry.sha256)}; expected a plain name that ends in .safetensors, a size and a SHA-256. "
                f"{_AGAIN}"
            )
    if len({entry.id for entry in entries}) < len(entries) or len({entry.file for entry in entries}) < len(entries):
        raise WeightsError(f"{where} lists an id or a file twice; expected each once. {_AGAIN}")
    return entries


def _receive(entry: WeightsEntry, stream_of: Streams, folder: Path, source: Path) -> WeightsEntry:
    """Copy one file and make sure that it is what the list says, inside too."""
    from napari_medseg.weights.load import load_network

    path = folder / pack_name(entry)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as target:
        for block in _blocks(entry, stream_of, source):
            digest.update(block)
            target.write(block)
            size += len(block)
    if size != entry.size_bytes or digest.hexdigest() != entry.sha256:
        raise WeightsError(
            f"{entry.file} in {source} has {size} bytes and the checksum {digest.hexdigest()[:12]}..., expected "
            f"{entry.size_bytes} and {entry.sha256[:12]}...: it was changed or damaged. Copy the pack again."
        )
    inside = load_network(entry.network, path)[1]
    if _as_inside(inside) != _as_inside(entry):
        raise WeightsError(
            f"{entry.file} in {source} says of itself that it is {shown(inside.id)}, and not all that {PACK_FILE} says "
            f"of it; expected the same. {_AGAIN}"
        )
    return replace(inside, kinds=entry.kinds, notices=entry.notices, file=path.name)


def _as_inside(entry: WeightsEntry) -> WeightsEntry:
    """Without what is known of a finished file, and of one that was written before files told it."""
    return replace(entry, file="", kinds={}, notices=())


def _blocks(entry: WeightsEntry, stream_of: Streams, source: Path) -> Iterator[bytes]:
    """What a file holds, and at most one byte more than it may hold."""
    left = entry.size_bytes + 1
    try:
        with stream_of(entry.file) as stream:
            while block := stream.read(min(_BLOCK, left)):
                left -= len(block)
                yield block
    except OSError as error:
        raise WeightsError(f"{entry.file} in {source} cannot be read ({error.strerror}). Check the drive.") from error


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, unless it was renamed."""
    folder = parent / f".{uuid.uuid4().hex[:12]}.tmp"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
