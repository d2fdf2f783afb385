"""Small sound files of every format that is read, and ways to damage them: for ``fuzz.py``."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"
# numbers at which sizes, counts and offsets go wrong
ODD = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 60000, 10**9)


def make_seeds(folder: Path) -> list[Path]:
    """Write the seeds; each is read by what its name ends in."""
    from fuzz_medical import make_medical
    from fuzz_stacks import make_stacks

    _pictures(folder)
    _tiffs(folder)
    _volumes(folder)
    make_medical(folder)
    make_stacks(folder)
    _objects(folder)
    _others(folder)
    return sorted(path for path in folder.iterdir() if path.is_file())


def _pictures(folder: Path) -> None:
    import imagecodecs
    from PIL import Image, PngImagePlugin

    rng = np.random.default_rng(0)
    grey = np.repeat(np.repeat(rng.integers(0, 4, (6, 8), dtype=np.uint8), 4, 0), 4, 1)
    rgb = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    turned = Image.Exif()
    turned[274] = 6
    facts = PngImagePlugin.PngInfo()
    facts.add_text("medseg", json.dumps({"spacing": [0.5, 0.5], "unit": "mm", "provenance": {}}))
    facts.add_text("long", "x" * 500, zip=True)
    palette = Image.fromarray(grey, "L").convert("P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0])
    Image.fromarray(grey).save(folder / "grey.png", pnginfo=facts)
    Image.fromarray(grey > 1).save(folder / "bits.png")
    Image.fromarray(rgb).save(folder / "rgb.png", exif=turned)
    Image.fromarray(np.dstack([rgb, grey * 80])).save(folder / "rgba.png")
    Image.fromarray(grey.astype(np.uint16) * 300).save(folder / "deep.png")
    palette.save(folder / "palette.png", transparency=0)
    (folder / "deep-rgb.png").write_bytes(imagecodecs.png_encode(rgb.astype(np.uint16) * 200))
    Image.fromarray(rgb).save(folder / "rgb.jpg", exif=turned)
    Image.fromarray(rgb).save(folder / "progressive.jpg", progressive=True)
    Image.fromarray(rgb).convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(grey * 60).save(folder / "grey.jpeg")
    Image.fromarray(rgb).save(folder / "rgb.bmp")
    palette.save(folder / "palette.bmp")


def _tiffs(folder: Path) -> None:
    import tifffile

    rng = np.random.default_rng(1)
    grey = np.repeat(np.repeat(rng.integers(0, 4, (6, 8), dtype=np.uint8), 4, 0), 4, 1)
    rgb = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)

    def write(name: str, data: np.ndarray, **options: Any) -> None:
        tifffile.imwrite(folder / f"{name}.tif", data, **options)

    write("plain", grey)
    write("float", grey.astype(np.float32) / 7, resolution=(100, 100), resolutionunit="CENTIMETER")
    write("deflate", grey.astype(np.uint16), compression="zlib", predictor=True)
    write("lzw", grey, compression="lzw")
    write("packbits", grey, compression="packbits")
    write("zstd", grey, compression="zstd")
    write("jpeg", rgb, compression="jpeg", photometric="ycbcr")
    write("jp2", rgb, compression="jpeg2000")
    write("tiles", rgb, tile=(16, 16), compression="zlib")
    write("big", grey, bigtiff=True, byteorder=">")
    write("planes", np.moveaxis(rgb, -1, 0), planarconfig="separate", photometric="rgb")
    write("rgba", np.dstack([rgb, grey]), photometric="rgb", extrasamples=["unassalpha"])
    write("two", np.dstack([grey, grey]), photometric="minisblack", planarconfig="contig")
    write("white", 255 - grey, photometric="miniswhite")
    write("palette", grey, photometric="palette", colormap=rng.integers(0, 2**16, (3, 256), dtype=np.uint16))
    write("turned", grey, extratags=[(274, 3, 1, 8, True)])
    write("imagej", grey, imagej=True, resolution=(3, 3), metadata={"unit": "micron"})
    write("microscope.ome", grey, ome=True, metadata={"PhysicalSizeX": 0.3, "PhysicalSizeY": 0.3})
    write("stack", np.stack([grey, grey]))


def _volumes(folder: Path) -> None:
    import nibabel

    labels = np.zeros((8, 9, 10), np.uint8)
    labels[2:5, 2:6, 3:7] = 1
    turned = np.array([[0, 0, 1.5, 3], [-0.7, 0, 0, 1], [0, 0.9, 0, 2], [0, 0, 0, 1]])
    nibabel.Nifti1Image(labels, np.eye(4)).to_filename(folder / "labels.nii")
    nibabel.Nifti1Image(labels.astype(np.int16) * 300, turned).to_filename(folder / "turned.nii.gz")
    nibabel.Nifti2Image(labels.astype(np.float32), turned).to_filename(folder / "two.nii")
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    scaled = nibabel.Nifti1Image(labels / 3.0, turned, header)
    scaled.to_filename(folder / "scaled.nii.gz")
    noted = nibabel.Nifti1Image(labels, np.eye(4), nibabel.Nifti1Header(endianness=">"))
    noted.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b'{"medseg": {"network": "n"}}'))
    noted.to_filename(folder / "noted.nii")


def _objects(folder: Path) -> None:
    from napari_medseg.io import Grid, write_mask

    labels = np.zeros((24, 32), np.uint8)
    labels[2:9, 3:12], labels[5, 6], labels[12:20, 20:31] = 1, 0, 2
    grid, facts = Grid(labels.shape, (0.5, 0.5), "mm"), {"classes": {1: "lesion", 2: "cyst"}}
    for name in ("objects.coco.json", "objects.geojson"):
        write_mask(folder / name, labels, grid=grid, provenance=facts)


def _others(folder: Path) -> None:
    from napari_medseg.project import Project
    from napari_medseg.project.run_spec import Data, Pair, RunSpec
    from napari_medseg.weights.store import bundled_folder

    (folder / "some.boxes.json").write_text(json.dumps({"a.png": [[1, 2, 30, 40], [5.5, 6, 7, 8]], "b": []}))
    (folder / "some.boxes.csv").write_text('image,y0,x0,y1,x1\na.png,1,2,30,40\n"b, c",5.5,6,7,8\n')
    spec = RunSpec(network="cmunext-xxs", task="t", data=Data(train=(Pair(name="a", image="a.png", mask="m.png"),)))
    (folder / "run.spec.json").write_text(spec.to_json())
    bundled = min(bundled_folder().glob("*.safetensors"), key=lambda path: path.stat().st_size)
    shutil.copyfile(bundled, folder / "bundled.safetensors")
    with Project.create(folder / "p") as project:
        case = project.add_case(folder / "grey.png", shape=(24, 32))
        project.commit_stroke(case.id, np.eye(24, 32, dtype=np.uint8), tool="brush")
        project.accept(case.id)
    (folder / "p" / "project.sqlite").rename(folder / "some.project.sqlite")
    shutil.rmtree(folder / "p")


def damage(blob: bytes, other: bytes, chance: random.Random, *, name: str) -> bytes:
    """A damaged copy; every other time one whose checksums fit, so that what lies behind them is met too.

    Parameters
    ----------
    blob : bytes
    other : bytes
        Another seed, to take pieces from.
    chance : random.Random
    name : str
        Tells the format.
    """
    if name.endswith(".gz") and chance.random() < 0.5:
        return gzip.compress(_mutate(gzip.decompress(blob), other, chance), 1)
    if name.endswith(".zip") and chance.random() < 0.8:
        from fuzz_stacks import damage_zip

        return damage_zip(blob, other, chance, _mutate, ODD)
    if name.endswith(".tif") and chance.random() < 0.4:
        return _damage_tag(blob, chance)
    changed = _mutate(blob, other, chance)
    return _mend_png(changed) if name.endswith(".png") and chance.random() < 0.6 else changed


def _damage_tag(blob: bytes, chance: random.Random) -> bytes:
    """A TIFF one of whose tags has another kind, count or value; the seeds are little-endian but for BigTIFF."""
    data = bytearray(blob)
    if blob[:4] != b"II*\0":
        return _mutate(blob, blob, chance)
    start = int.from_bytes(blob[4:8], "little")
    entry = start + 2 + 12 * chance.randrange(max(1, int.from_bytes(blob[start : start + 2], "little")))
    at, width = chance.choice(((2, 2), (4, 4), (8, 2), (8, 4), (8, 4), (8, 4)))
    value = chance.choice((*ODD, chance.randrange(len(blob) + 1)))
    data[entry + at : entry + at + width] = (value & (256**width - 1)).to_bytes(width, "little")
    return bytes(data)


def _mutate(blob: bytes, other: bytes, chance: random.Random) -> bytes:
    data = bytearray(blob)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_WAYS)(data, other, chance)
    return bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    """Somewhere; most often near the beginning, where headers are."""
    size = max(1, len(data))
    return (
        min(chance.randrange(size), chance.randrange(min(size, 600)))
        if chance.random() < 0.7
        else (chance.randrange(size))
    )


def _flip(data: bytearray, other: bytes, chance: random.Random) -> None:
    if data:
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def _odd(data: bytearray, other: bytes, chance: random.Random) -> None:
    width, order = chance.choice((1, 2, 4, 8)), chance.choice("<>")
    value = chance.choice(ODD) & (256**width - 1)
    at = _place(data, chance)
    data[at : at + width] = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[width], value)


def _real(data: bytearray, other: bytes, chance: random.Random) -> None:
    value = chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e-320, 1e30, 1e9))
    at = _place(data, chance)
    data[at : at + 4] = struct.pack(chance.choice("<>") + "f", np.float32(min(value, 3e38)))


def _cut(data: bytearray, other: bytes, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _drop(data: bytearray, other: bytes, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 12, 100))]


def _repeat(data: bytearray, other: bytes, chance: random.Random) -> None:
    at, length = _place(data, chance), chance.choice((1, 4, 12, 100))
    data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))


def _take(data: bytearray, other: bytes, chance: random.Random) -> None:
    at, start = _place(data, chance), chance.randrange(len(other) or 1)
    piece = other[start : start + chance.choice((4, 16, 64, 256))]
    data[at : at + len(piece)] = piece


def _text(data: bytearray, other: bytes, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at : at + 1] = chance.choice((b"-", b"1e999", b"null", b"[" * 3000, b'"', b"\0", b"\xff", b"{}", b"9" * 5000))


_WAYS: tuple[Callable[[bytearray, bytes, random.Random], None], ...] = (
    _flip,
    _flip,
    _odd,
    _odd,
    _odd,
    _real,
    _cut,
    _drop,
    _repeat,
    _take,
    _text,
)


def _mend_png(blob: bytes) -> bytes:
    """The same chunks with checksums that fit."""
    stream, out = io.BytesIO(blob), [blob[:8]]
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        length = int.from_bytes(head[:4], "big")
        if length > len(blob):
            out.append(head)
            break
        data = stream.read(length)
        out.append(head + data + struct.pack(">I", zlib.crc32(head[4:] + data)))
        stream.read(4)
    return b"".join(out)
