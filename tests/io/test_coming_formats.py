"""What the formats that are to come need, by formats of a few lines: masks only, folders, a library of their own."""

import numpy as np
import pytest
from PIL import Image as PillowImage

from napari_medseg.app.kinds import check_kind
from napari_medseg.errors import ImageReadError, OperationError
from napari_medseg.io import (
    FORMATS,
    Format,
    Grid,
    is_volume,
    list_images,
    match_masks,
    read_grid,
    read_image,
    read_mask,
    table,
    walk_images,
    write_image,
    write_mask,
    write_probabilities,
)
from napari_medseg.io.format import Gives, Takes
from napari_medseg.io.formats import axes_of, header_size
from napari_medseg.io.image import Image
from tests.io.test_contract import SHAPES, labels_of


def read_folder(path, *, mask=False):
    return Image(np.load(path / "data.npy"), source=path)


def grid_of_folder(path):
    return Grid(np.load(path / "data.npy", mmap_mode="r").shape)


@pytest.fixture
def add(monkeypatch):
    def add(**facts):
        format = Format(name="toy", title="Toy", suffixes=(".toy",), **facts)
        monkeypatch.setattr(table, "FORMATS", (*FORMATS, format))
        return format

    return add


def test_an_image_can_be_a_folder(tmp_path, add):
    add(read=read_folder, grid=grid_of_folder, gives=Gives(folder=True))
    for name in ("a.toy", "b.tif"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "a.toy" / "data.npy", labels_of(2))
    np.testing.assert_array_equal(read_image(tmp_path / "a.toy").data, labels_of(2))
    assert list_images(tmp_path) == [tmp_path / "a.toy"]
    # named by itself it is an image, not a folder of some
    assert walk_images([tmp_path / "a.toy"]) == walk_images([tmp_path])


def test_a_format_of_both_says_by_its_header_what_a_file_holds(tmp_path, add):
    affine = np.eye(4)
    add(
        read=lambda path, mask=False: Image(np.load(path / "data.npy"), grid=Grid.of_affine((4, 7, 9), affine)),
        grid=lambda path: Grid(np.load(path / "data.npy").shape),
        gives=Gives(axes=(2, 3), folder=True),
    )
    for axes in (2, 3):
        (tmp_path / f"{axes}.toy").mkdir()
        np.save(tmp_path / f"{axes}.toy" / "data.npy", labels_of(axes))
        assert is_volume(tmp_path / f"{axes}.toy") == (axes == 3)


def test_a_damaged_header_is_told_by_who_reads_the_file(tmp_path, add):
    def refuse(path, mask=False):
        raise ImageReadError(f"{path} is damaged.")

    add(read=refuse, grid=refuse, gives=Gives(axes=(2, 3)))
    (tmp_path / "a.toy").write_text("x")
    assert (axes_of(tmp_path / "a.toy"), header_size(tmp_path / "a.toy")) == (None, None)
    assert not is_volume(tmp_path / "a.toy")
    for network in ("cmunext-xxs", "lgms-net-3d"):
        check_kind(network, [tmp_path / "a.toy"])


def test_a_file_that_holds_masks_only_is_no_image(tmp_path, add):
    add(
        read=lambda path, mask=False: Image(np.load(path), source=path, numbered=True),
        grid=lambda path: Grid(np.load(path).shape),
        gives=Gives(images=False),
    )
    PillowImage.new("L", SHAPES[2][::-1]).save(tmp_path / "a.png")
    with (tmp_path / "a_mask.toy").open("wb") as stream:
        np.save(stream, labels_of(2, 255))
    np.testing.assert_array_equal(read_mask(tmp_path / "a_mask.toy"), labels_of(2, 255))
    with pytest.raises(ImageReadError, match=r"a_mask\.toy is Toy, which holds masks only; expected an image\. Give"):
        read_image(tmp_path / "a_mask.toy")
    assert list_images(tmp_path) == [tmp_path / "a.png"]
    matched, _ = match_masks([tmp_path / "a.png"], tmp_path)
    assert matched == {tmp_path / "a.png": tmp_path / "a_mask.toy"}


def test_a_file_that_holds_images_only_is_no_mask(tmp_path, add):
    add(read=lambda path, mask=False: Image(np.zeros((2, 2))), grid=lambda path: None, gives=Gives(masks=False))
    (tmp_path / "a.toy").write_text("x")
    with pytest.raises(ImageReadError, match=r"a\.toy is Toy, which holds images only; expected a mask\."):
        read_mask(tmp_path / "a.toy")


def test_a_library_that_is_missing_is_told_with_its_command(tmp_path, add):
    def use(path, *_, **__):
        import no_such_library_of_toys  # noqa: F401

    add(read=use, grid=use, write_mask=use, write_map=use, write_image=use, extra="toys", takes=Takes(axes=(2,)))
    path = tmp_path / "a.toy"
    path.write_text("x")
    labels = labels_of(2)
    told = r'Toy needs the library no_such_library_of_toys, which is not installed\. Install it: pip install "napari-m'
    for work in (
        lambda: read_image(path),
        lambda: read_grid(path),
        lambda: write_mask(path, labels),
        lambda: write_image(path, labels),
        lambda: write_probabilities(path, labels / 3),
    ):
        with pytest.raises(OperationError, match=told):
            work()
