"""Read one file as the program reads it, and judge how that ends: the inner half of ``fuzz.py``."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from napari_medseg.errors import InputError, MedsegError

# warnings that get out are no sentence
warnings.simplefilter("error")


def warm_up() -> None:
    """Import what takes seconds, so that no file is blamed for it."""
    for name in ("scipy.fft", "skimage.transform", "nibabel", "imagecodecs", "napari_medseg.weights.load"):
        import_module(name)
    # it has left Python 3.10
    with suppress(ModuleNotFoundError):
        import_module("zarr")


def judge(path: Path) -> dict[str, object]:
    """Read a file in each way that its name allows.

    Returns
    -------
    dict
        ``outcome``: ``read`` if any way reads it, ``refused`` if all refuse it in a sentence, else ``fault``;
        ``text``, ``seconds`` of the slowest way, and ``bytes``: the most memory that this process had.
    """
    _forget_peak()
    told, read, slowest = "", False, 0.0
    for way in _ways(path.name):
        started = time.perf_counter()
        try:
            way(path)
            # a header alone is no image
            read = read or way is not _header
        except MedsegError as error:
            told = str(error)
            if not isinstance(error, InputError) or not _is_sentence(told):
                return _answer("fault", f"{way.__name__}: {type(error).__name__}: {told!r}", slowest)
        # that is what is looked for
        except BaseException as error:  # noqa: BLE001
            return _answer("fault", f"{way.__name__}: {type(error).__name__}: {error}"[:500], slowest)
        slowest = max(slowest, time.perf_counter() - started)
    return _answer("read" if read else "refused", told, slowest)


def _answer(outcome: str, text: str, seconds: float) -> dict[str, object]:
    return {"outcome": outcome, "text": text, "seconds": seconds, "bytes": _peak()}


def _is_sentence(text: str) -> bool:
    return bool(re.fullmatch(r"[^\n]{20,1000}\.", text)) and "MemoryError" not in text


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _ways(name: str) -> tuple[Callable[[Path], object], ...]:
    if ".boxes." in name or name.startswith("boxes-"):
        return (_boxes,)
    if name.endswith(".coco.json"):
        return (_mask, _header)
    if name.endswith(".json"):
        return (_spec,)
    if name.endswith(".safetensors"):
        return (_weights,)
    if name.endswith(".sqlite"):
        return (_project,)
    return (_image, _mask, _header)


def _image(path: Path) -> None:
    from napari_medseg.io import read_image
    from napari_medseg.io.look import look_of

    look_of(read_image(path).data)


def _mask(path: Path) -> None:
    from napari_medseg.io import read_mask

    read_mask(path)


def _header(path: Path) -> None:
    from napari_medseg.io.formats import header_size, read_grid

    header_size(path)
    read_grid(path)


def _boxes(path: Path) -> None:
    from napari_medseg.io import read_boxes

    read_boxes(path)


def _spec(path: Path) -> None:
    from napari_medseg.project.run_spec import RunSpec

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        # the trainer's own reading is in its own package
        return
    RunSpec.from_json(text, where=str(path))


def _weights(path: Path) -> None:
    from napari_medseg.weights import load_network

    load_network("cmunext-xxs", path)


def _project(path: Path) -> None:
    from napari_medseg.project import Project

    folder = Path(tempfile.mkdtemp())
    try:
        shutil.copyfile(path, folder / "project.sqlite")
        with Project.open(folder) as project:
            for case in project.cases():
                project.labels(case.id)
            project.verify()
    finally:
        shutil.rmtree(folder)


os.environ.setdefault("OMP_NUM_THREADS", "1")
