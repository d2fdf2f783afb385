"""Which DICOM files were tried: packing by kind of picture, and real files, each beside SimpleITK.

``python benchmarks/dicom_tried.py [--samples FOLDER] [--write]``. Files are made in each packing that something here
can write, and read back; samples are read as they are. ``--write`` puts the tables into ``docs/reference/dicom.md``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.errors import MedsegError
from napari_medseg.io import files_of, format_of, read_image
from napari_medseg.io.dicom_file import open_header, syntax_of
from napari_medseg.io.grey import grey
from napari_medseg.io.image import Image

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "dicom.md"
BEGIN, END = "<!-- tried: written by benchmarks/dicom_tried.py --write -->\n\n", "\n<!-- end of tried -->\n"
# a decoder may round otherwise
ROUNDED = 6
# of the range of values: what lossy packing may change
LOSSY = 0.15
# of a large volume, so many are looked up
VOXELS = 20_000
# packings that change values a little
CHANGING = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91")


def kinds() -> dict[str, np.ndarray]:
    """A smooth picture of each kind, (Y, X) or (Y, X, 3)."""
    y, x = np.mgrid[:64, :80] / 80
    waves = np.sin(9 * x) * np.cos(7 * y)
    grey = np.round(127 + 120 * waves).astype(np.uint8)
    return {
        "MONOCHROME2, 8 bits": grey,
        "MONOCHROME2, 16 bits": np.round(20_000 + 19_000 * waves).astype(np.uint16),
        "MONOCHROME2, 16 bits signed": np.round(2000 * waves).astype(np.int16),
        "MONOCHROME1, 16 bits": np.round(20_000 + 19_000 * waves).astype(np.uint16),
        "RGB": np.dstack([grey, grey[::-1], grey[:, ::-1]]),
        "YBR_FULL": np.dstack([grey, grey[::-1], grey[:, ::-1]]),
        "PALETTE COLOR": grey,
    }


def packings() -> dict[str, Callable[[np.ndarray], Any] | None]:
    """What packs a picture, by the number of the transfer syntax; None: plain."""
    import imagecodecs

    return {
        "1.2.840.10008.1.2": None,
        "1.2.840.10008.1.2.1": None,
        "1.2.840.10008.1.2.1.99": None,
        "1.2.840.10008.1.2.2": None,
        "1.2.840.10008.1.2.5": None,
        "1.2.840.10008.1.2.4.50": _jpeg,
        "1.2.840.10008.1.2.4.57": imagecodecs.ljpeg_encode,
        "1.2.840.10008.1.2.4.70": imagecodecs.ljpeg_encode,
        "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
        "1.2.840.10008.1.2.4.81": lambda data: imagecodecs.jpegls_encode(data, level=1),
        "1.2.840.10008.1.2.4.90": lambda data: imagecodecs.jpeg2k_encode(data, codecformat="J2K", level=0, mct=False),
        "1.2.840.10008.1.2.4.91": lambda data: imagecodecs.jpeg2k_encode(data, codecformat="J2K", level=60, mct=False),
        "1.2.840.10008.1.2.4.201": lambda data: imagecodecs.htj2k_encode(data, level=0),
    }


def _jpeg(data: np.ndarray, *, turned: bool = False) -> Any:
    import imagecodecs

    # what is called RGB stays that inside
    how: Any = {"colorspace": "RGB", "outcolorspace": "RGB"} if data.ndim == 3 and not turned else {}
    return imagecodecs.jpeg8_encode(data, level=98, subsampling="444", **how)


def made(folder: Path) -> Iterator[tuple[str, str, Path, np.ndarray]]:
    """Packing, kind, file and what it shows, of each that can be written."""
    from pydicom.uid import UID

    for number, pack in packings().items():
        for kind, data in kinds().items():
            if number in CHANGING and kind == "PALETTE COLOR":
                # numbers of a palette are never packed so
                continue
            path = folder / f"{number}-{kind.replace(' ', '')}.dcm"
            try:
                shows = _write(path, UID(number), kind, data, pack)
            # no encoder for this kind
            except Exception as error:  # noqa: BLE001
                print(f"not made: {UID(number).name}, {kind} ({type(error).__name__}: {str(error)[:60]})")
                continue
            yield UID(number).name, kind, path, shows


def _write(path: Path, syntax: Any, kind: str, data: np.ndarray, pack: Callable[[np.ndarray], Any] | None) -> Any:
    from pydicom import uid
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.pixels import convert_color_space

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = uid.SecondaryCaptureImageStorage, uid.UID("1.2.3")
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian if syntax == uid.RLELossless else syntax
    little, implicit = syntax != uid.ExplicitVRBigEndian, syntax == uid.ImplicitVRLittleEndian
    file = FileDataset("", {}, preamble=bytes(128), file_meta=meta, is_implicit_VR=implicit, is_little_endian=little)
    photometric = kind.partition(",")[0]
    file.SOPClassUID, file.SOPInstanceUID, file.Modality = meta.MediaStorageSOPClassUID, "1.2.3", "OT"
    shows, stored, bits = data, data, 8 * data.itemsize
    if photometric == "YBR_FULL" and pack is _jpeg:
        # a JPEG turns the colours by itself
        pack = partial(_jpeg, turned=True)
    elif photometric == "YBR_FULL":
        stored = convert_color_space(data, "RGB", "YBR_FULL")
    if photometric == "MONOCHROME1":
        shows = 65535 - data
    if photometric == "PALETTE COLOR":
        colours = np.random.default_rng(0).permutation(256).astype(np.uint16)
        for name in ("Red", "Green", "Blue"):
            setattr(file, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(file, f"{name}PaletteColorLookupTableData", (colours * 257).tobytes())
        shows = np.repeat(colours[data][..., None], 3, -1).astype(np.uint8)
    file.Rows, file.Columns = data.shape[:2]
    file.BitsAllocated = file.BitsStored = bits
    file.HighBit, file.PixelRepresentation = bits - 1, int(data.dtype.kind == "i")
    file.SamplesPerPixel, file.PhotometricInterpretation = data.ndim * 2 - 3, photometric
    if data.ndim == 3:
        file.PlanarConfiguration = 0
    if pack is None:
        file.PixelData = stored.astype(stored.dtype.newbyteorder("<" if little else ">")).tobytes()
        file["PixelData"].VR = "OW" if bits > 8 or syntax == uid.ImplicitVRLittleEndian else "OB"
        if syntax == uid.RLELossless:
            file.compress(syntax, generate_instance_uid=False)
    else:
        file.PixelData = encapsulate([pack(np.ascontiguousarray(stored))])
        file["PixelData"].VR, file["PixelData"].is_undefined_length = "OB", True
    file.save_as(path, enforce_file_format=True)
    return shows


def beside(path: Path, image: Image) -> str:
    """How an image that was read compares with what SimpleITK makes of the file."""
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        names = [str(one) for one in files_of(path)]
        if len(names) > 1:
            uid = open_header(Path(names[0])).SeriesInstanceUID
            names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), uid)
        other = SimpleITK.ReadImage(names if len(names) > 1 else names[0])
    except RuntimeError:
        return "SimpleITK does not read it"
    numbers, data = SimpleITK.GetArrayFromImage(other).astype(float), image.data.astype(float)
    if image.volume and image.unit == "mm":
        return _places(other, image, _none(Path(names[0])))
    numbers = numbers[0] if len(numbers) == 1 else numbers
    if image.volume and numbers.ndim == 4:
        numbers = grey(numbers.astype(image.data.dtype)).astype(float)
    if numbers.shape != data.shape:
        return "read by SimpleITK in another shape"
    off = np.abs(numbers - data)
    empty = np.isin(numbers, _none(path))
    if empty.any() and off[~empty].max() == 0:
        return f"equal, but for {np.mean(empty):.0%} that are no picture"
    if off.max() <= ROUNDED:
        return "equal" if off.max() == 0 else f"within {off.max():g}"
    return f"differs in {np.mean(off > 0):.2%}"


def _none(path: Path) -> list[float]:
    """The value that SimpleITK leaves pixels that the file says are none."""
    header = open_header(path)
    padding, slope, offset = (header.get(n) for n in ("PixelPaddingValue", "RescaleSlope", "RescaleIntercept"))
    return [] if padding is None else [padding * (slope or 1) + (offset or 0)]


def _places(other: Any, image: Image, none: list[float]) -> str:
    """The same, voxel by voxel, at its place in the patient."""
    affine = np.asarray(image.grid.affine)
    wrong, scale, every = 0, None, np.arange(image.data.size)
    for number in np.random.default_rng(0).permutation(every)[:VOXELS]:
        index = np.unravel_index(number, image.data.shape)
        x, y, z = (affine @ (*index[::-1], 1))[:3]
        at = other.TransformPhysicalPointToIndex((-x, -y, z))
        inside = all(0 <= n < size for n, size in zip(at, other.GetSize(), strict=True))
        value, own = other.GetPixel(at) if inside else np.nan, float(image.data[index])
        # SimpleITK leaves a dose as it is stored
        scale = value / own if scale is None and own and image.data.dtype.kind == "f" else scale
        wrong += value not in none and not np.isclose(value, own * (scale or 1), rtol=1e-5)
    return "equal, voxel by voxel in the patient" if not wrong else f"{wrong} voxels differ"


def outcome(path: Path, shows: np.ndarray | None = None) -> str:
    """What becomes of a file: read and like what it shows and like SimpleITK, or refused in a sentence."""
    try:
        image = read_image(path)
    except MedsegError as error:
        text = str(error).removeprefix(f"{path} ")
        return f"refused: {text.split('; expected')[0]}"
    word = beside(path, image)
    if shows is None:
        return f"read; {word}"
    off = np.abs(image.data.astype(float) - shows).max() if image.data.shape == shows.shape else np.inf
    allowed = LOSSY * np.ptp(shows.astype(float))
    own = "whole" if off == 0 else f"within {off:g}" if off <= allowed else f"changed by {off:g} by the packing"
    return f"{own}; {word}"


def tables(samples: Path | None) -> str:
    """The tables in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        found = {(packed, kind): outcome(path, shows) for packed, kind, path, shows in made(Path(folder))}
    columns = list(kinds())
    lines = [f"| packed as | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for packed in dict.fromkeys(packed for packed, _ in found):
        lines.append(f"| {packed} | {' | '.join(found.get((packed, kind), '') for kind in columns)} |")
    if samples is not None:
        rows: Counter[tuple[str, str, str]] = Counter()
        for path in sorted(samples.rglob("*.dcm")):
            packed, picture = _facts(path)
            rows[(packed, picture, outcome(path))] += 1
        for path in sorted(one for one in samples.rglob("*") if one.is_dir() and format_of(one)):
            slices = files_of(path)
            rows[(_facts(slices[0])[0], f"series of {len(slices)} in a folder", outcome(path))] += 1
        lines += ["", "| real files | packed as | picture | what became of them |", "| --- | --- | --- | --- |"]
        lines += [f"| {n} | {packed} | {picture} | {word} |" for (packed, picture, word), n in sorted(rows.items())]
    return "\n".join(lines) + "\n"


def _facts(path: Path) -> tuple[str, str]:
    try:
        header = open_header(path)
        modality = str(header.get("Modality", "") or "")
        picture = str(header.get("PhotometricInterpretation", "") or "none")
        return syntax_of(header), f"{picture} {modality}".strip()
    except MedsegError:
        return "unknown", "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, help="a folder of DICOM files")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    given = parser.parse_args()
    text = tables(given.samples)
    print(text)
    if given.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + text + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
