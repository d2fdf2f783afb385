"""Weights files on disk: safetensors with their entry inside, found by id, task or path."""

from __future__ import annotations

import json
import logging
import os
import struct
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from napari_medseg.digest import file_sha256, file_state
from napari_medseg.errors import UnknownNameError, WeightsError
from napari_medseg.fields import parse_json
from napari_medseg.networks import get_spec
from napari_medseg.plain import open_plain
from napari_medseg.weights.entry import WeightsEntry
from napari_medseg.weights.home import home_folder, installed

logger = logging.getLogger(__name__)

METADATA_KEY = "medseg"
_MAX_HEADER = 100_000_000


def bundled_folder() -> Path:
    """Folder of the weights that come with the package."""
    return Path(str(files("napari_medseg") / "weights" / "bundled"))


def weights_sha256(path: Path) -> str:
    """SHA-256 of a weights file.

    Raises
    ------
    WeightsError
        If the file cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def weights_state(path: Path) -> tuple[int, ...] | str:
    """What changes whenever the file does (:func:`napari_medseg.digest.file_state`); its hash as long as it is young.

    Raises
    ------
    WeightsError
        If the file cannot be read.
    """
    try:
        return file_state(path) or file_sha256(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def check_file(entry: WeightsEntry, path: Path) -> WeightsEntry:
    """Make sure that a file is the one that its entry tells of; the entry with the checksum that the file has now.

    Raises
    ------
    WeightsError
        If it cannot be read or has another checksum.
    """
    found = weights_sha256(path)
    if entry.sha256 not in ("", found):
        raise WeightsError(
            f"checksum of {path} is {found[:12]}..., expected {entry.sha256[:12]}...: the file was changed or damaged. "
            "Install the package again, or fetch the file again."
        )
    return replace(entry, sha256=found)


def _unreadable(path: Path, error: OSError) -> WeightsError:
    reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
    return WeightsError(f"weights file {path} cannot be read ({reason}); expected a .safetensors file. Check the path.")


def read_entry(path: str | Path) -> WeightsEntry:
    """Read the entry inside a weights file, without its tensors, and hash the file.

    Parameters and errors are those of :func:`read_facts`.
    """
    return check_file(read_facts(path), Path(path))


def read_facts(path: str | Path) -> WeightsEntry:
    """As :func:`read_entry`, for lists and choices: ``sha256`` is empty, and the cost does not grow with the file.

    Parameters
    ----------
    path : str or Path
        A .safetensors file written by :func:`napari_medseg.weights.save_weights`.

    Raises
    ------
    WeightsError
        If the file is missing, truncated or not ours.
    """
    path = Path(path)
    try:
        with open_plain(path) as stream:
            head = stream.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else _MAX_HEADER + 1
            size = path.stat().st_size
            header = parse_json(stream.read(length)) if length <= min(_MAX_HEADER, size - len(head)) else None
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise WeightsError(f"{path} is no safetensors file or is truncated. Fetch or train the weights again.")
    metadata = header.get("__metadata__")
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if text is None:
        raise WeightsError(
            f"{path} says nothing of its network; expected a file made by medseg. "
            "Convert published weights with 'medseg weights import'."
        )
    try:
        values = parse_json(text)
    except (TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"what {path} says of itself is no JSON ({error}). Fetch or train the weights again."
        ) from error
    entry = WeightsEntry.from_dict(values, where=str(path))
    return replace(entry, size_bytes=size, sha256="", file=path.name)


def manifest_path() -> Path:
    """The list of the weights that come with the package, and of those that no longer do."""
    return Path(str(files("napari_medseg") / "weights" / "manifest.json"))


@lru_cache(maxsize=4)
def _manifest(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {**values, "weights": tuple(WeightsEntry.from_dict(value, where=str(path)) for value in values["weights"])}


def bundled() -> tuple[WeightsEntry, ...]:
    """Entries of the weights that come with the package."""
    entries: tuple[WeightsEntry, ...] = _manifest(manifest_path())["weights"]
    return entries


def superseded() -> dict[str, dict[str, str]]:
    """Ids that came with earlier versions of the package: ``by`` which one each is superseded, and its ``sha256``."""
    return dict(_manifest(manifest_path()).get("superseded", {}))


def list_weights(*, network: str | None = None) -> list[WeightsEntry]:
    """Entries of the weights at hand, bundled and installed, newest version of a task first.

    Parameters
    ----------
    network : str, optional
        Only those of this network.
    """
    return [entry for entry, _ in _at_hand() if network in (None, entry.network)]


def _at_hand() -> list[tuple[WeightsEntry, Path]]:
    found = [(entry, bundled_folder() / entry.file) for entry in bundled()]
    ids = {entry.id for entry, _ in found}
    try:
        found += [(entry, home_folder() / entry.file) for entry in installed() if entry.id not in ids]
    except WeightsError as error:
        # the bundled ones are as good as ever; whoever asks for another one is told
        logger.warning("installed weights are left out: %s", type(error).__name__)
    return sorted(found, key=lambda one: (one[0].network, one[0].task, -one[0].version))


def _check_size(entry: WeightsEntry, path: Path) -> None:
    """What a network saw in training must be an image to it, or a volume."""
    takes = get_spec(entry.network).input
    if len(entry.input_size) != takes.ndim or min(entry.input_size) < takes.multiple:
        raise WeightsError(
            f"'input_size' in {path} is {entry.input_size}; {entry.network} expects {takes.ndim} sides of "
            f"{takes.multiple} px or more. Choose other weights, or fetch the file again."
        )


def resolve_weights(network: str, weights: str | Path) -> tuple[WeightsEntry, Path]:
    """As :func:`find_weights`; a file that is named by its path is hashed.

    Returns
    -------
    entry : WeightsEntry
        With the checksum that the file ought to have (bundled) or has (path).
    path : Path
    """
    entry, path = find_weights(network, weights)
    return (entry if entry.sha256 else check_file(entry, path)), path


def whole_path(weights: str) -> str:
    """Weights as any process finds them, in whatever folder it works: a file by its whole path, others as they are."""
    return str(Path(weights).absolute()) if weights.endswith(".safetensors") else weights


def find_weights(network: str, weights: str | Path) -> tuple[WeightsEntry, Path]:
    """Find weights by id (``network/task@version``), by task or by path.

    Parameters
    ----------
    network : str
        Name of the network they must belong to.
    weights : str or Path
        A path that ends in ``.safetensors``, an id, or a task: the newest bundled version for the network, made for
        that task or, where there is none, for several kinds of images of which it is one; where none is bundled, the
        newest that was installed.

    Returns
    -------
    entry : WeightsEntry
        With the size and checksum that the file ought to have (bundled, installed); with the size it has, and none
        (path).
    path : Path

    Raises
    ------
    UnknownNameError
        If there is no such network, or no weights at hand have this id or task.
    WeightsError
        If the file cannot be read or belongs to another network, or the weights no longer come with the package.
    """
    get_spec(network)
    text = str(weights)
    if text.endswith(".safetensors"):
        path = Path(weights)
        entry = read_facts(path)
        if entry.network != network:
            raise WeightsError(
                f"{path} holds weights of network '{entry.network}'; expected '{network}'. "
                "Choose that network, or other weights."
            )
        _check_size(entry, path)
        return entry, path
    at_hand = _at_hand()
    for entry, path in at_hand:
        if text == entry.id and entry.network == network:
            return entry, path
        if text == entry.id:
            raise WeightsError(
                f"weights '{text}' belong to network '{entry.network}'; expected '{network}'. "
                "Choose that network, or other weights."
            )
    shipped = {entry.id for entry in bundled()}
    # what a word stands for does not change with what is installed
    ours = sorted((one for one in at_hand if one[0].network == network), key=lambda one: one[0].id not in shipped)
    for entry, path in ours:
        if text in (entry.task, entry.id.partition("@")[0]):
            return entry, path
    for entry, path in ours:
        if text in entry.kinds:
            return entry, path
    if text in (gone := superseded()):
        raise WeightsError(
            f"weights '{text}' no longer come with the package: they are superseded by '{gone[text]['by']}'. "
            "Choose that, or bring the old file back with 'medseg weights install FILE'."
        )
    # a damaged list of them is told to whoever asks for what might stand there
    installed()
    raise UnknownNameError(f"weights for {network}", text, [entry.id for entry, _ in ours])
