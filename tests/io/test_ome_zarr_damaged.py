"""OME-Zarr that is damaged, or claims what it is not, is told in a sentence before much of it is read."""

import shutil
import sys

import numpy as np
import pytest

from napari_medseg.errors import ImageReadError
from napari_medseg.io import format_of, read_image, read_mask, write_image, write_mask
from napari_medseg.io.zarr_array import _of_zstd
from tests.io.zarr_files import VOLUME, edit, store

zarr = pytest.importorskip("zarr")


def test_chunks_that_are_missing(tmp_path):
    path = store(tmp_path / "a.zarr", VOLUME, chunks=(2, 40, 50))
    (path / "s0" / "c" / "1" / "0" / "0").unlink()
    image = read_image(path)
    assert (image.data[2:4] == 0).all() and (image.data[4:] == VOLUME[4:]).all()
    assert len(image.told) == 1 and image.told[0].startswith("1 of its 3 chunks are not there")
    shutil.rmtree(path / "s0" / "c")
    with pytest.raises(ImageReadError, match=r"a\.zarr has 0 of its 3 chunks; expected some\. It was not copied"):
        read_image(path)
    # what is empty is left out by other programs, not by us
    ours = write_mask(tmp_path / "m.zarr", np.zeros((200, 20, 20), np.uint8))
    assert read_mask(ours).max() == 0
    (ours / "0" / "c" / "1" / "0" / "0").unlink()
    with pytest.raises(ImageReadError, match=r"m\.zarr has 1 of its 2 chunks; expected all"):
        read_mask(ours)


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 20, 10), "shards": (6, 40, 50)}], ids=str)
def test_a_chunk_that_is_damaged_is_told(tmp_path, options):
    path = store(tmp_path / "a.zarr", VOLUME, **options)
    file = next(file for file in (path / "s0" / "c").rglob("*") if file.is_file())
    blob = file.read_bytes()
    for bad in (blob[: len(blob) // 2], b"", bytes(len(blob)), b"\xff" * len(blob)):
        file.write_bytes(bad)
        with pytest.raises(ImageReadError, match=r"a\.zarr .*\.$"):
            read_image(path)


def test_a_byte_that_changed_in_what_we_wrote_is_told(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    path = write_image(tmp_path / "a.zarr", data)
    file = path / "0" / "c" / "0" / "0"
    blob = bytearray(file.read_bytes())
    blob[1000] ^= 1
    file.write_bytes(blob)
    with pytest.raises(ImageReadError, match=r"a\.zarr is damaged"):
        read_image(path)


HUGE = {
    "shape": lambda found: found.update(shape=[60000, 60000, 60000]),
    "thread": lambda found: found.update(shape=[1, 1, 3_000_000]),
    "chunk": lambda found: found["chunk_grid"]["configuration"].update(chunk_shape=[6, 40_000, 50_000]),
    "crumbs": lambda found: found.update(shape=[400, 400, 700]),
    "none": lambda found: found.update(shape=[0, 4, 5]),
    "less": lambda found: found.update(shape=[-1, 4, 5]),
    "axes": lambda found: found.update(shape=[6, 40]),
    "texts": lambda found: found.update(data_type="string"),
    "codec": lambda found: found.update(codecs=[{"name": "numcodecs.pickle"}]),
    "twice": lambda found: found["codecs"].extend([{"name": "zstd"}, {"name": "gzip"}]),
}


@pytest.mark.parametrize("case", HUGE)
def test_claims_are_weighed_before_anything_is_read(tmp_path, case):
    crumbs = case == "crumbs"
    data = VOLUME[:, :4, :5] if crumbs else VOLUME
    path = store(tmp_path / "a.zarr", data, chunks=(1, 1, 1) if crumbs else data.shape)
    edit(path / "s0", HUGE[case])
    with pytest.raises(ImageReadError, match=r"a\.zarr .*(expected|damaged).*\.$"):
        read_image(path)


@pytest.mark.parametrize("packing", ["zstd", "gzip", "blosc"])
def test_a_chunk_that_unpacks_to_more_than_it_holds_is_not_unpacked(tmp_path, packing):
    numcodecs = pytest.importorskip("numcodecs")
    codec = {"zstd": zarr.codecs.ZstdCodec(), "gzip": zarr.codecs.GzipCodec(), "blosc": zarr.codecs.BloscCodec()}[
        packing
    ]
    path = store(tmp_path / "a.zarr", VOLUME, compressors=[codec], chunks=VOLUME.shape)
    much = bytes(300_000_000)
    pack = {"zstd": numcodecs.Zstd(), "gzip": numcodecs.GZip(), "blosc": numcodecs.Blosc()}[packing]
    (path / "s0" / "c" / "0" / "0" / "0").write_bytes(pack.encode(much))
    with pytest.raises(ImageReadError, match=r"a chunk that unpacks to more than 24\.0 kB"):
        read_image(path)


def test_sizes_in_the_head_of_zstd():
    numcodecs = pytest.importorskip("numcodecs")
    for size in (0, 10, 255, 256, 300, 65_000, 70_000, 3_000_000):
        assert _of_zstd(numcodecs.Zstd().encode(bytes(size))) == size
    # as a stream says nothing
    assert _of_zstd(b"\x28\xb5\x2f\xfd\x04\x58") is None


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python has no zstd")
def test_a_stream_of_zstd_is_read(tmp_path):
    from compression import zstd

    path = store(tmp_path / "a.zarr", VOLUME, chunks=VOLUME.shape)
    packed = zstd.ZstdCompressor(options={zstd.CompressionParameter.content_size_flag: 0})
    (path / "s0" / "c" / "0" / "0" / "0").write_bytes(packed.compress(VOLUME.tobytes()) + packed.flush())
    np.testing.assert_array_equal(read_image(path).data, VOLUME)


WRONG = {
    "older": ("version of 0.3|version 0.3", lambda ome: ome.update(version="0.3")),
    "plate": ("images of a plate", lambda ome: ome.update(plate={})),
    "two": ("holds 2 images", lambda ome: ome["multiscales"].append(ome["multiscales"][0])),
    "none": ("Zarr without an image", lambda ome: ome.update(multiscales=[])),
    "outside": ("outside of it", lambda ome: ome["multiscales"][0]["datasets"][0].update(path="../b")),
    "gone": ("'s7', which is not there", lambda ome: ome["multiscales"][0]["datasets"][0].update(path="s7")),
    "turned": ("axes x, y, z", lambda ome: ome["multiscales"][0]["axes"].reverse()),
    "kind": ("kind 'affine'", lambda ome: ome["multiscales"][0].update(coordinateTransformations=[{"type": "affine"}])),
    "nowhere": (
        "damaged or no OME-Zarr|unknown|nowhere",
        lambda ome: ome["multiscales"][0]["datasets"][0].update(coordinateTransformations=[7]),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_metadata_that_cannot_be_followed_is_told(tmp_path, case):
    text, change = WRONG[case]
    path = store(tmp_path / "a.zarr", VOLUME)
    edit(path, lambda found: change(found["attributes"]["ome"]))
    with pytest.raises(ImageReadError, match=rf"a\.zarr .*({text.replace('version of 0.3', 'of version 0.3')})"):
        read_image(path)


def test_what_else_a_folder_of_zarr_can_be(tmp_path):
    path = store(tmp_path / "a.zarr", VOLUME)
    with pytest.raises(ImageReadError, match=r"s0 is an array of Zarr's alone"):
        read_image(path / "s0")
    (tmp_path / "b.zarr").mkdir()
    assert format_of(tmp_path / "b.zarr") is None
    (tmp_path / "b.zarr" / "zarr.json").write_text("[" * 100_000)
    with pytest.raises(ImageReadError, match=r"b\.zarr is damaged or no OME-Zarr"):
        read_image(tmp_path / "b.zarr")
    # as Bio-Formats writes it, one image deep
    zarr.create_group(tmp_path / "c.zarr", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    store(tmp_path / "c.zarr" / "0", VOLUME, version="0.4")
    np.testing.assert_array_equal(read_image(tmp_path / "c.zarr").data, VOLUME)
    store(tmp_path / "c.zarr" / "1", VOLUME, version="0.4")
    with pytest.raises(ImageReadError, match=r"c\.zarr holds several images"):
        read_image(tmp_path / "c.zarr")
