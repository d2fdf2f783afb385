"""Images find their masks by stem, and no mask is taken for another image's."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io import (
    check_sizes,
    find_pairs,
    list_images,
    match_masks,
    stem_of,
    walk_images,
    write_image,
    write_mask,
)
from napari_medseg.io.formats import header_size
from napari_medseg.io.pairs import by_stem
from napari_medseg.names import short_name


def save(folder, *names, size=(4, 6)):
    folder.mkdir(exist_ok=True)
    for name in names:
        if name.endswith(".nii.gz"):
            write_mask(folder / name, np.zeros((2, 4, 6), np.uint8))
        else:
            Image.new("L", size[::-1]).save(folder / name)
    return folder


def test_two_images_of_one_stem_share_no_mask(tmp_path):
    images, masks = save(tmp_path / "i", "x0.png", "x0.jpg"), save(tmp_path / "m", "x0.png")
    with pytest.raises(InputError, match=r"x0\.jpg and .*x0\.png have the same stem 'x0'"):
        find_pairs(images, masks)


def test_two_masks_of_one_stem_are_refused(tmp_path):
    images, masks = save(tmp_path / "i", "x0.png"), save(tmp_path / "m", "x0.png", "x0_mask.png")
    with pytest.raises(InputError, match=r"x0\.png and .*x0_mask\.png have the same stem 'x0'"):
        find_pairs(images, masks)


def test_one_folder_may_hold_both(tmp_path):
    both = save(tmp_path / "d", "a.png", "a_mask.png", "b.png", "b_mask.tif")
    assert find_pairs(both, tmp_path / "d/../d") == [
        (both / "a.png", tmp_path / "d/../d/a_mask.png"),
        (both / "b.png", tmp_path / "d/../d/b_mask.tif"),
    ]
    # of one image among others, only its mask counts
    assert match_masks([both / "a.png"], both) == ({both / "a.png": both / "a_mask.png"}, 2)


def test_dotted_and_compressed_names_keep_their_stems(tmp_path):
    images = save(tmp_path / "i", "brain.nii.gz", "s.2024.01.jpg", "s.2024.02.jpg")
    masks = save(tmp_path / "m", "brain_mask.nii.gz", "s.2024.01.png", "s.2024.02_mask.png")
    assert [(i.name, m.name) for i, m in find_pairs(images, masks)] == [
        ("brain.nii.gz", "brain_mask.nii.gz"),
        ("s.2024.01.jpg", "s.2024.01.png"),
        ("s.2024.02.jpg", "s.2024.02_mask.png"),
    ]


def test_results_beside_their_images_are_no_images(tmp_path):
    folder = save(tmp_path / "d", "a.png", "a_mask.png", "a_mask_2.png", "a_prob.tif", "b_mask.png", "c.png")
    images, left_out = walk_images([folder])
    assert [path.name for path in images] == ["a.png", "b_mask.png", "c.png"]
    assert [path.name for path in left_out] == ["a_mask.png", "a_mask_2.png", "a_prob.tif"]
    # who names a file means it
    assert walk_images([folder / "a_mask.png"]) == ([folder / "a_mask.png"], [])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_sizes_are_checked_by_the_headers(tmp_path, suffix):
    image, mask = (
        save(tmp_path / "i", f"a{suffix}") / f"a{suffix}",
        save(tmp_path / "m", "a.png", size=(6, 4)) / "a.png",
    )
    assert header_size(image) == (4, 6)
    with pytest.raises(ShapeError, match=r"a\.png is 6 x 4 px; its image .* is 4 x 6 px"):
        check_sizes([(image, mask)])
    image.write_bytes(b"junk")
    check_sizes([(image, mask)])


def test_the_size_of_a_colour_tiff_is_its_pixels(tmp_path):
    path = write_image(tmp_path / "a.tif", np.zeros((4, 6, 3), np.uint8))
    assert header_size(path) == (4, 6)


def test_folders_called_like_images_are_none(tmp_path):
    images, masks = save(tmp_path / "i", "a.png"), save(tmp_path / "m", "a.png")
    for folder in (images, masks):
        (folder / "scan.tif").mkdir()
        save(folder / "a_mask.png", "b.png")
    assert find_pairs(images, masks) == [(images / "a.png", masks / "a.png")]
    assert walk_images([images]) == ([images / "a.png"], [])
    # who names one means what is in it
    assert walk_images([images / "a_mask.png"]) == ([images / "a_mask.png" / "b.png"], [])


def test_an_image_called_like_a_mask_has_a_mask_of_its_own_name(tmp_path):
    images = save(tmp_path / "i", "a.png", "a_mask.png", "b_mask.png", "c_masked.png")
    masks = save(tmp_path / "m", "a.png", "a_mask.tif", "b_mask_mask.png", "c_masked.png")
    found = {image.name: mask.name for image, mask in match_masks(sorted(images.iterdir()), masks)[0].items()}
    assert found == {
        "a.png": "a.png",
        "a_mask.png": "a_mask.tif",
        "b_mask.png": "b_mask_mask.png",
        "c_masked.png": "c_masked.png",
    }


def test_in_one_folder_too(tmp_path):
    both = save(tmp_path / "d", "a_mask.png", "a_mask_mask.png", "c.png", "c_mask.png", "gone_mask.png")
    assert [(i.name, m.name) for i, m in find_pairs(both, both)] == [
        ("a_mask.png", "a_mask_mask.png"),
        ("c.png", "c_mask.png"),
    ]


def test_what_only_sounds_like_a_result_is_an_image(tmp_path):
    folder = save(tmp_path / "d", "a.png", "a_masked.png", "a_problem.png", "a_mask_2b.png", "a_prob_2.png")
    images, left_out = walk_images([folder])
    assert [path.name for path in left_out] == ["a_prob_2.png"]
    assert len(images) == 4


@pytest.mark.parametrize("mask", ["a.png", "a_mask.png", "a.ome_mask.tif", "a_mask.ome.tif", "a.ome.tiff", "a.OME.tif"])
def test_the_ome_of_a_microscope_is_no_part_of_a_stem(tmp_path, mask):
    images, masks = save(tmp_path / "i", "a.ome.tif", "b.tif"), save(tmp_path / "m", mask, "b.png")
    assert find_pairs(images, masks)[0] == (images / "a.ome.tif", masks / mask)
    assert [stem_of(name) for name in ("x.ome.tif", ".ome.tif", "x.ome.png", "x.ome.ome.tif")] == [
        "x",
        ".ome",
        "x.ome",
        "x.ome",
    ]


def _made(folder, *names):
    folder.mkdir()
    for name in names:
        Image.new("L", (4, 4)).save(folder / f"{name}.png")


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        (unicodedata.normalize("NFD", "Müller_01"), unicodedata.normalize("NFC", "Müller_01")),
        (unicodedata.normalize("NFC", "Müller_01"), unicodedata.normalize("NFD", "Müller_01_mask")),
        ("IMG_1", "img_1"),
        ("img_1", "IMG_1_mask"),
        ("肝" * 80, short_name("肝" * 80) + "_mask"),
        ("x" * 240, "x" * 240),
        ("a?b", "a?b_mask"),
    ],
)
def test_one_name_is_one_name_however_it_is_written(tmp_path, image, mask):
    _made(tmp_path / "i", image, "b")
    _made(tmp_path / "m", mask, "b")
    matched, count = match_masks(list_images(tmp_path / "i"), tmp_path / "m")
    assert (len(matched), count) == (2, 2)


def test_case_is_no_matter_only_where_one_file_can_be_meant(tmp_path):
    _made(tmp_path / "i", "a", "A", "b")
    _made(tmp_path / "m", "A", "B")
    matched, _ = match_masks(list_images(tmp_path / "i"), tmp_path / "m")
    assert {(image.stem, mask.stem) for image, mask in matched.items()} == {("A", "A"), ("b", "B")}


def test_one_name_typed_in_two_ways_in_one_folder_is_refused(tmp_path):
    _made(tmp_path / "i", unicodedata.normalize("NFD", "é"), unicodedata.normalize("NFC", "é"))
    _made(tmp_path / "m", "é")
    with pytest.raises(InputError, match="have the same stem"):
        match_masks(list_images(tmp_path / "i"), tmp_path / "m")


def test_what_is_named_twice_is_one(tmp_path, monkeypatch):
    folder = save(tmp_path / "d", "a.png", "a_mask.png", "b.png")
    monkeypatch.chdir(tmp_path)
    images, left_out = walk_images(["d", folder / "a.png", folder, "d/b.png", Path("d/a.png")])
    assert images == [Path("d/a.png"), Path("d/b.png")]
    assert left_out == [Path("d/a_mask.png")]
    # one that is named by itself is never left out
    assert walk_images(["d", "d/a_mask.png"]) == ([Path("d/a.png"), Path("d/b.png"), Path("d/a_mask.png")], [])


def test_names_that_differ_by_the_writing_of_an_accent_say_so(tmp_path):
    one, two = (tmp_path / unicodedata.normalize(form, "M\u00fc.png") for form in ("NFC", "NFD"))
    with pytest.raises(InputError, match="to the eye: one writes an accent as a sign of its own"):
        by_stem([one, two])
    with pytest.raises(InputError, match=r"same stem 'a'; expected"):
        by_stem([tmp_path / "x" / "a.png", tmp_path / "y" / "a.png"])
