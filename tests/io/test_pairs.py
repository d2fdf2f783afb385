"""Images find their masks by stem, and no mask is taken for another image's."""

import numpy as np
import pytest
from PIL import Image

from napari_medseg.errors import InputError, ShapeError
from napari_medseg.io import check_sizes, find_pairs, match_masks, walk_images, write_image, write_mask
from napari_medseg.io.formats import header_size


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
