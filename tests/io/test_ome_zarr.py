"""OME-Zarr in and out, judged by zarr, ome-zarr and ome-zarr-models."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_medseg.errors import ImageReadError, OutputError
from napari_medseg.io import (
    Grid,
    files_of,
    fit_mask,
    is_volume,
    list_images,
    read_grid,
    read_image,
    read_mask,
    walk_images,
    write_image,
    write_mask,
)
from napari_medseg.io.ome_zarr import RGB_TOLD
from napari_medseg.io.orientation import letters_of
from tests.io.zarr_files import LABELS, UM, VOLUME, edit, store

zarr = pytest.importorskip("zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("name", ["Größe 1.ome.zarr", "a.zarr", "no suffix"])
def test_the_full_level_comes_in_at_its_place(tmp_path, version, name):
    path = store(
        tmp_path / name,
        VOLUME,
        version=version,
        levels=3,
        scale=(2.5, 0.4, 200),
        translation=(10, 20, 30000),
        units=UM,
        chunks=(2, 16, 32),
    )
    image = read_image(path)
    np.testing.assert_array_equal(image.data, VOLUME)
    assert image.data.dtype == VOLUME.dtype
    assert image.volume and is_volume(path) and image.told == ()
    np.testing.assert_allclose(
        image.grid.affine, [[2e-4, 0, 0, 3e-2], [0, 4e-4, 0, 2e-2], [0, 0, 2.5e-3, 1e-2], [0, 0, 0, 1]]
    )
    assert read_grid(path).to_json() == image.grid.to_json()
    assert letters_of(image.grid) is None
    assert walk_images([tmp_path])[0] == list_images(tmp_path) == [path]
    assert all("s1" not in file.parts for file in files_of(path))
    assert sum(file.stat().st_size for file in files_of(path)) > VOLUME.nbytes // 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compressors": None},
        {"compressors": [zarr.codecs.BloscCodec()], "chunks": (3, 40, 50)},
        {"compressors": [zarr.codecs.GzipCodec()]},
        {"chunks": (2, 20, 10), "shards": (6, 40, 50)},
        {"chunks": (2, 20, 10), "shards": (4, 40, 20), "compressors": [zarr.codecs.BloscCodec(cname="lz4")]},
        {"chunk_key_encoding": {"name": "v2", "separator": "."}, "chunks": (5, 7, 11)},
    ],
    ids=["default", "raw", "blosc", "gzip", "shards", "shards of lz4", "dots"],
)
def test_packings(tmp_path, options):
    np.testing.assert_array_equal(read_image(store(tmp_path / "a.zarr", VOLUME, **options)).data, VOLUME)


@pytest.mark.parametrize("packing", ["Blosc", "Zlib", "GZip", "Zstd", "LZ4"])
def test_packings_of_the_older_kind(tmp_path, packing):
    numcodecs = pytest.importorskip("numcodecs")
    codec = getattr(numcodecs, packing)()
    path = store(tmp_path / "a.zarr", VOLUME.astype(">i4"), version="0.4", compressors=codec, chunks=(4, 30, 30))
    found = read_image(path).data
    np.testing.assert_array_equal(found, VOLUME)
    assert found.dtype == np.int32


@pytest.mark.parametrize(
    ("shape", "names", "volume"),
    [
        ((1, 1, 6, 40, 50), "tczyx", True),
        ((1, 1, 1, 40, 50), "tczyx", False),
        ((1, 40, 50), "cyx", False),
        ((40, 50), "yx", False),
        ((1, 40, 50), "zyx", False),
    ],
)
def test_axes_of_one_element_are_none(tmp_path, shape, names, volume):
    data = np.random.default_rng(0).random(shape, np.float32)
    path = store(
        tmp_path / "a.ome.zarr", data, names, scale=(1,) * (len(shape) - 2) + (0.4, 0.2), units={**UM, "x": "um"}
    )
    image = read_image(path)
    np.testing.assert_array_equal(image.data, np.squeeze(data))
    assert image.volume == volume
    if not volume:
        assert (image.spacing, image.unit) == ((0.4, 0.2), "um")


@pytest.mark.parametrize(
    ("shape", "names", "text"),
    [
        ((2, 6, 4, 5), "tzyx", "2 times"),
        ((2, 6, 4, 5), "czyx", "2 channels"),
        ((3, 6, 4, 5), "czyx", "3 channels"),
        ((2, 3, 6, 4, 5), "tczyx", "2 times x 3 channels"),
        ((4, 4, 5), "cyx", "4 channels"),
    ],
)
def test_several_times_or_channels_are_refused(tmp_path, shape, names, text):
    store(tmp_path / "a.zarr", np.zeros(shape, np.uint8) + 1, names)
    for read in (read_image, read_mask, read_grid):
        with pytest.raises(ImageReadError, match=rf"a\.zarr holds {text}; expected one image, or one volume.*\.$"):
            read(tmp_path / "a.zarr")


def test_three_channels_are_colours_unless_it_is_said_that_they_are_not(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (3, 20, 30), np.uint8)
    image = read_image(store(tmp_path / "a.zarr", data, "cyx"))
    np.testing.assert_array_equal(image.data, np.moveaxis(data, 0, -1))
    assert image.told == (RGB_TOLD,)
    shown = {"omero": {"channels": [{"color": colour} for colour in ("0000FF", "00FF00", "FF0000")]}}
    with pytest.raises(ImageReadError, match="holds 3 channels"):
        read_image(store(tmp_path / "b.zarr", data, "cyx", more=shown))


def test_files_of_the_ome_zarr_library_come_in_and_ours_go_there(tmp_path):
    ome_zarr = pytest.importorskip("ome_zarr.writer")
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    for format in (FormatV04(), FormatV05()):
        path = tmp_path / f"{format.version}.ome.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=format.zarr_format)
        ome_zarr.write_image(VOLUME, group, axes="zyx", fmt=format, scaler=None)
        ome_zarr.write_labels(LABELS, group, name="cells", axes="zyx", fmt=format, scaler=None)
        np.testing.assert_array_equal(read_image(path).data, VOLUME)
        np.testing.assert_array_equal(read_mask(path), LABELS)
        np.testing.assert_array_equal(read_mask(path / "labels" / "cells"), LABELS)
        image = read_image(path)
        mask, _ = fit_mask(image, read_mask(path), image_path=path, mask_path=path)
        np.testing.assert_array_equal(mask, LABELS)
        ours = write_mask(tmp_path / f"{format.version}_mask.ome.zarr", LABELS, grid=image.grid, source=path)
        nodes = list(Reader(parse_url(str(ours)))())
        found = [np.asarray(node.data[0]) for node in nodes if node.data]
        # the image that it names comes with it
        assert any(np.array_equal(one, VOLUME) for one in found)
        assert any(np.array_equal(one, LABELS) for one in found)


def test_what_is_written_says_what_the_specification_has(tmp_path):
    models = pytest.importorskip("ome_zarr_models")
    grid = Grid.of_affine(LABELS.shape, np.array([[0.5, 0, 0, 7], [0, 0.25, 0, 8], [0, 0, 2, 9], [0, 0, 0, 1.0]]))
    facts = {"classes": {1: "tumour", 2: "cyst"}, "colours": {"1": "#ff0000"}}
    path = write_mask(tmp_path / "a_mask.ome.zarr", LABELS, grid=grid, provenance=facts, source=tmp_path / "a.nii.gz")
    found = models.open_ome_zarr(zarr.open_group(path, mode="r"))
    assert type(found).__module__ == "ome_zarr_models.v05.image_label"
    said = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    assert said["version"] == "0.5"
    label = said["image-label"]
    assert {one["label-value"]: one["rgba"] for one in label["colors"]}[1] == [255, 0, 0, 255]
    assert label["properties"] == [{"label-value": 1, "name": "tumour"}, {"label-value": 2, "name": "cyst"}]
    assert "source" not in label
    steps = said["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert steps == [{"type": "scale", "scale": [2, 0.25, 0.5]}, {"type": "translation", "translation": [9, 8, 7]}]
    np.testing.assert_array_equal(zarr.open_array(path / "0", mode="r")[:], LABELS)
    # without what we write beside, the place is the same
    whole = json.loads((path / "zarr.json").read_text())
    del whole["attributes"]["medseg"]
    (path / "zarr.json").write_text(json.dumps(whole))
    np.testing.assert_allclose(read_grid(path).affine, grid.affine)


def test_metadata_is_json_that_every_program_reads(tmp_path):
    facts = {"dice": float("nan"), "Größe": np.float32(0.5), "when": Path("a")}
    path = write_mask(tmp_path / "m.zarr", LABELS, provenance=facts)
    found = json.loads((path / "zarr.json").read_text(), parse_constant=pytest.fail)
    kept = found["attributes"]["medseg"]["provenance"]
    assert (kept["dice"], kept["Größe"], kept["when"]) == (None, 0.5, "a")


def test_a_turned_volume_is_kept_as_text(tmp_path):
    affine = np.array([[0.9, 0.1, 0, 10], [-0.1, 0.8, 0.2, -20], [0, -0.15, 2.5, 30], [0, 0, 0, 1]])
    grid = Grid.of_affine(LABELS.shape, affine, stored="LPS")
    path = write_mask(tmp_path / "m.zarr", LABELS, grid=grid)
    assert read_grid(path).to_json() == grid.to_json()
    # another program that writes other sizes makes the text untrue
    whole = json.loads((path / "zarr.json").read_text())
    steps = whole["attributes"]["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    steps[0]["scale"] = [3, 1, 1]
    (path / "zarr.json").write_text(json.dumps(whole))
    np.testing.assert_allclose(np.diag(read_grid(path).affine), (1, 1, 3, 1))


def test_one_file_of_a_store(tmp_path):
    for version in ("0.4", "0.5"):
        folder = store(tmp_path / "a", VOLUME, version=version, chunks=(2, 20, 50))
        path = tmp_path / f"{version}.zarr.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in folder.rglob("*"):
                packed.write(file, file.relative_to(folder))
        np.testing.assert_array_equal(read_image(path).data, VOLUME)
        assert files_of(path) == (path,)
        shutil.rmtree(folder)
    with zipfile.ZipFile(tmp_path / "b.zarr.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zarr.json", b" " * 20_000_000)
    with pytest.raises(ImageReadError, match="metadata of 20000000 bytes"):
        read_image(tmp_path / "b.zarr.zip")


def test_a_volume_of_one_slice_that_we_wrote_stays_one(tmp_path):
    grid = Grid.of_affine((1, 40, 50), np.eye(4))
    path = write_mask(tmp_path / "m.zarr", LABELS[:1], grid=grid)
    assert read_mask(path).shape == (1, 40, 50)


def test_the_widest_image(tmp_path):
    data = np.random.default_rng(0).integers(0, 255, (3, 65535), np.uint8)
    path = write_image(tmp_path / "a.zarr", data)
    np.testing.assert_array_equal(read_image(path).data, data)


def test_labels_in_an_image_have_to_be_one_set_of_its_size(tmp_path):
    path = store(tmp_path / "a.zarr", VOLUME)
    for name in ("one", "two"):
        store(path / "labels" / name, LABELS, more={"image-label": {}})
    names = ["one", "two"]
    zarr.create_group(path / "labels", attributes={"ome": {"version": "0.5", "labels": names}})
    # making the group anew leaves the others
    for name in names:
        store(path / "labels" / name, LABELS, more={"image-label": {}})
    with pytest.raises(ImageReadError, match=r"holds 2 sets of labels \(one, two\).*a\.zarr/labels/one, or"):
        read_mask(path)
    edit(path / "labels", lambda found: found["attributes"]["ome"].update(labels=["one"]))
    np.testing.assert_array_equal(read_mask(path), LABELS)
    store(path / "labels" / "one", LABELS[:3], more={"image-label": {}})
    with pytest.raises(ImageReadError, match=r"labels of 3 x 40 x 50 px on an image of 6 x 40 x 50 px"):
        read_mask(path)


def test_a_folder_that_is_not_ours_is_not_replaced(tmp_path):
    path = store(tmp_path / "a.ome.zarr", VOLUME)
    with pytest.raises(OutputError, match=r"a\.ome\.zarr is a folder that MedSeg did not write"):
        write_mask(path, LABELS)
    np.testing.assert_array_equal(read_image(path).data, VOLUME)
    (tmp_path / "b.zarr").write_text("a file")
    write_mask(tmp_path / "b.zarr", LABELS)
    np.testing.assert_array_equal(read_mask(tmp_path / "b.zarr"), LABELS)


def test_a_mask_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    from napari_medseg.io import ome_zarr_write

    path = write_mask(tmp_path / "m.ome.zarr", LABELS)
    fill = ome_zarr_write._fill

    def full(folder, data, attributes):
        fill(folder, data, attributes)
        raise OSError(28, "no space")

    monkeypatch.setattr(ome_zarr_write, "_fill", full)
    for name in ("m.ome.zarr", "n.zarr.zip"):
        with pytest.raises(OutputError, match="the disk is full"):
            write_mask(tmp_path / name, LABELS + 1)
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(read_mask(path), LABELS)


@pytest.mark.parametrize("address", ["https://example.org/a.zarr", "s3://bucket/a.ome.zarr", "gs:/bucket/a.tif"])
def test_nothing_is_fetched(address):
    for read in (read_image, read_mask):
        with pytest.raises(
            ImageReadError, match="is an address on a network; expected a file or a folder of this comp"
        ):
            read(Path(address))
