"""Images larger than memory by the command's path: told, whole or unfinished, and on from there."""

import numpy as np
import pytest
import tifffile
from skimage.io import imsave

from napari_medseg.app.large_files import target_of
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.samples import samples_of
from napari_medseg.app.slides import partial_of
from napari_medseg.errors import FilesThereError, InputError
from napari_medseg.io import read_image, read_mask
from napari_medseg.io.formats import told_of
from napari_medseg.io.ome_zarr import read_names, read_told

pytest.importorskip("zarr")
REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=64)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in ("napari_medseg.io.label_blocks.BLOCK", "napari_medseg.app.slide_plan.BLOCK"):
        monkeypatch.setattr(name, (128, 128))
    monkeypatch.setattr("napari_medseg.io.large.MOST_WHOLE", 60_000)


@pytest.fixture
def images(tmp_path):
    """A slide and an ordinary image."""
    folder = tmp_path / "images"
    folder.mkdir()
    data = read_image(samples_of("nuclei")[0].image).data
    grey = data if data.ndim == 2 else data[..., 0]
    tifffile.imwrite(folder / "slide.tif", np.tile(grey, (2, 2))[:300, :260], tile=(64, 64))
    imsave(folder / "small.png", grey[:100, :100])
    return folder


def test_a_folder_of_both(images, tmp_path):
    said = []
    written = predict_files([images], REQUEST, tmp_path / "out", format="png", tell=said.append)
    assert [path.name for path in written] == ["small_mask.png", "slide_mask.ome.zarr"]
    assert "its mask is written as OME-Zarr" in said[0]
    assert any("tissue tiles at full resolution" in text for text in said)
    mask = read_mask(written[1])
    assert mask.shape == (300, 260) and mask.any()
    assert read_names(written[1]) == {1: "nucleus"}
    told = read_told(written[1])
    assert (told["image"], told["network"]) == ("slide.tif", "cmunext-xxs")
    assert told["tiles"]["members"][0]["sha256"] == told["sha256"]
    assert not partial_of(written[1]).exists()
    with pytest.raises(FilesThereError):
        predict_files([images / "slide.tif"], REQUEST, tmp_path / "out")
    predict_files([images / "slide.tif"], REQUEST, tmp_path / "out", overwrite=True)


def test_what_was_ended_half_way_goes_on(images, tmp_path):
    target, said = target_of(tmp_path / "out", "slide"), []

    class StopError(Exception):
        pass

    def stop(share, text):
        if share > 0.4:
            raise StopError

    with pytest.raises(StopError):
        predict_files([images / "slide.tif"], REQUEST, tmp_path / "out", progress=stop)
    assert not target.exists()
    done = sorted((partial_of(target) / "0" / "c").rglob("*"))
    before = {path: path.stat().st_mtime_ns for path in done if path.is_file()}
    assert before
    predict_files([images / "slide.tif"], REQUEST, tmp_path / "out", tell=said.append)
    assert any(f"{len(before)} of 9 parts were done before" in text for text in said)
    after = {path: (target / path.relative_to(partial_of(target))).stat().st_mtime_ns for path in before}
    assert after == before


@pytest.mark.parametrize("wish", ["probabilities", "edges", "objects"])
def test_maps_of_large_images_are_refused_before_the_work(images, tmp_path, wish):
    words = "maps" if wish == "probabilities" else wish
    with pytest.raises(InputError, match=f"larger than memory, and {words} are asked for"):
        predict_files([images], REQUEST, tmp_path / "out", **{wish: True})
    assert not (tmp_path / "out").exists()


def test_a_missing_tile_is_told_and_what_is_finished_stays(images, tmp_path, monkeypatch):
    # no level is small enough to be looked at as a whole before
    monkeypatch.setattr("napari_medseg.app.greys.MOST_SEEN", 10)
    path = images / "slide.tif"
    tifffile.imwrite(path, read_image(path).data, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[-1], file.pages[0].databytecounts[-1]
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\0" * count)
    with pytest.raises(InputError, match=r"slide\.tif is damaged"):
        predict_files([path], REQUEST, tmp_path / "out")
    unfinished = partial_of(target_of(tmp_path / "out", "slide"))
    assert (unfinished / "0" / "c" / "0" / "0").is_file()


def test_the_terminal_promises_nothing_of_what_is_in_sight(images, tmp_path):
    said = []
    predict_files([images / "slide.tif"], REQUEST, tmp_path / "out", tell=said.append)
    (plan,) = [text for text in said if "tissue tiles" in text]
    assert "what you see" not in plan and "takes longer where others work" in plan


def test_objects_of_a_slide_are_written_as_geojson(images, tmp_path):
    as_blocks = predict_files([images / "slide.tif"], REQUEST, tmp_path / "zarr")
    said = []

    def stop(share, text):
        if "writing" in text:
            raise KeyboardInterrupt

    out, ask = tmp_path / "out", {"format": "geojson", "tell": said.append}
    with pytest.raises(KeyboardInterrupt):
        predict_files([images], REQUEST, out, progress=stop, **ask)
    # all is made by then: the same command writes it
    assert [path.name for path in out.iterdir() if "slide" in path.name] == ["slide_mask.unfinished.ome.zarr"]
    written = predict_files([images], REQUEST, out, skip_existing=True, **ask)
    assert [path.name for path in written] == ["small_mask.geojson", "slide_mask.geojson"][-len(written) :]
    assert sorted(path.name for path in out.iterdir()) == ["slide_mask.geojson", "small_mask.geojson"]
    assert not any("OME-Zarr" in text for text in said)
    np.testing.assert_array_equal(read_mask(out / "slide_mask.geojson"), read_mask(as_blocks[0]))
    told = told_of(out / "slide_mask.geojson")
    assert (told["image"], told["network"]) == ("slide.tif", "cmunext-xxs")


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_large_image_without_numbers_is_refused_and_holes_are_told(tmp_path, share):
    data = np.random.default_rng(0).random((300, 260)).astype(np.float32)
    data[:, : int(260 * share)] = np.nan
    tifffile.imwrite(tmp_path / "slide.tif", data, tile=(64, 64))
    said = []
    if share == 1:
        with pytest.raises(InputError, match="holds no numbers: all its 78000 pixels are NaN"):
            predict_files([tmp_path / "slide.tif"], REQUEST, tmp_path / "out", tell=said.append)
        return
    predict_files([tmp_path / "slide.tif"], REQUEST, tmp_path / "out", tell=said.append)
    assert any("19500 of its 78000 pixels are NaN or infinite" in text for text in said)
