"""What was measured on this computer, on its disk: a choice, and the exported network that it needs."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from platformdirs import user_cache_path

from napari_medseg import __version__, fields
from napari_medseg.atomic import atomic_path, write_text
from napari_medseg.errors import OutputError
from napari_medseg.inference.engines.export import FORM
from napari_medseg.inference.engines.measure import Measured
from napari_medseg.inference.engines.table import TITLES
from napari_medseg.plain import read_plain

logger = logging.getLogger(__name__)

MOST_FILES, MOST_BYTES = 48, 1_000_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """What a measurement holds for; a change of any of it is another measurement.

    Attributes
    ----------
    network : str
    sha256 : str
        Of the weights file.
    shape : tuple of int
        (1, C, *spatial).
    threads : int
        That torch uses.
    """

    network: str
    sha256: str
    shape: tuple[int, ...]
    threads: int

    @property
    def name(self) -> str:
        """Of its files."""
        told = json.dumps([asdict(self), dict(_machine())], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _machine() -> Mapping[str, str]:
    """Processor and versions."""
    processor = platform.processor()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    found = {"processor": processor, "machine": platform.machine(), "cores": str(os.cpu_count()), "form": str(FORM)}
    return {**found, "medseg": __version__, **{name: installed_version(name) for name in (*TITLES, "onnx")}}


def installed_version(name: str) -> str:
    """Of a library; empty where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def cache_folder() -> Path:
    """Where it is kept; it need not exist, and may be deleted at any time."""
    return user_cache_path("napari-medseg", appauthor=False) / "engines"


def keep(key: Key, measured: Measured) -> None:
    """Write a choice down, whole or not at all. Where that cannot be done it is measured again another day."""
    folder = cache_folder()
    facts = {name: value for name, value in asdict(measured).items() if name != "model"}
    facts["model_sha256"] = hashlib.sha256(measured.model).hexdigest() if measured.model else ""
    facts["of"] = {**asdict(key), **_machine()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if measured.model:
            with atomic_path(folder / f"{key.name}.onnx") as temporary:
                temporary.write_bytes(measured.model)
        # last: a choice without its network would be none
        write_text(folder / f"{key.name}.json", json.dumps(facts, indent=1))
        _tidy(folder)
    except (OSError, OutputError) as error:
        logger.warning("what was measured of engines is not kept: %s", type(error).__name__)


def kept(key: Key) -> Measured | None:
    """A choice that was written down, with its network; None: there is none, or it is damaged."""
    folder = cache_folder()
    try:
        facts = fields.parse_json(read_plain(folder / f"{key.name}.json"))
        engine, gain = facts["engine"], facts["gain"]
        if engine not in TITLES or not fields.number(0, 1e6)[0](gain) or not isinstance(facts["refused"], dict):
            return None
        model = b""
        if facts["model_sha256"]:
            model = (folder / f"{key.name}.onnx").read_bytes()
            if hashlib.sha256(model).hexdigest() != facts["model_sha256"]:
                return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Measured(engine, float(gain), refused=facts["refused"], model=model)


def _tidy(folder: Path) -> None:
    """Remove the oldest where there are many."""
    found = sorted(((path.stat(), path) for path in folder.glob("*.*")), key=lambda one: -one[0].st_mtime)
    size = 0
    for number, (facts, path) in enumerate(found):
        size += facts.st_size
        # the newest two are one measurement
        if number >= 2 and (number >= MOST_FILES or size > MOST_BYTES):
            path.unlink(missing_ok=True)
