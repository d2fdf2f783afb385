"""Rounds learn from accepted boxes of a slide: at the size at which the network sees a slide, and of nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_medseg.app.forecast import forecast
from napari_medseg.app.images import add_images
from napari_medseg.app.large_pairs import tile_side
from napari_medseg.app.plan_round import plan_retrain
from napari_medseg.errors import InputError
from napari_medseg.io import read_image, read_mask
from napari_medseg.project import Project
from napari_medseg.weights import resolve_weights
from tests.app.helpers import OPTIONS

SHAPE = (8300, 8200)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """A tiled TIFF, 0.5 um a pixel: just larger than what is read whole; its values tell where they lie."""
    path = tmp_path_factory.mktemp("slide") / "slide.tif"
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    data = ((y // 16 + x // 16) % 256).astype(np.uint8)
    tifffile.imwrite(
        path,
        data,
        tile=(256, 256),
        compression="zlib",
        ome=True,
        metadata={
            "axes": "YX",
            "PhysicalSizeX": 0.5,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 0.5,
            "PhysicalSizeYUnit": "µm",
        },
    )
    return path, data


@pytest.fixture
def project(tmp_path, slide):
    with Project.create(tmp_path / "p") as project:
        case = project.add_case(slide[0], shape=SHAPE, spacing=(0.5, 0.5), unit="um")
        assert case.large
        yield project


BOXES = (1000, 2000, 1512, 2512), (4000, 2000, 4300, 2256)


def correct(project, *boxes):
    for number, box in enumerate(boxes):
        labels = np.zeros((box[2] - box[0], box[3] - box[1]), np.uint8)
        labels[20 : 40 + number, 30:80] = 1
        project.commit_stroke(1, labels, box=box)
        project.accept(1, box)


def at(name):
    return tuple(int(n) for n in name.partition("(")[2].rstrip(")").split(","))


def test_each_accepted_box_is_learned_from_in_pieces_of_its_image(project, slide):
    correct(project, *BOXES)
    spec, folder = plan_retrain(project, OPTIONS)
    pairs = [pair for pair in spec.data.train if not pair.name.startswith("anchor ")]
    side = tile_side(resolve_weights("cmunext-xxs", "nuclei")[0], "", 0.5)
    assert len(pairs) == sum(
        max(1, round((box[2] - box[0]) / side)) * max(1, round((box[3] - box[1]) / side)) for box in BOXES
    )
    covered = np.zeros(SHAPE, np.uint8)
    for pair in pairs:
        image, mask = read_image(folder / pair.image), read_mask(folder / pair.mask)
        (y, x), (height, width) = at(pair.name), mask.shape
        assert np.array_equal(image.data, slide[1][y : y + height, x : x + width])
        assert np.array_equal(mask, project.labels(1, (y, x, y + height, x + width)))
        assert (bool(pair.focus), pair.as_proposed) == (bool(mask.any()), False)
        covered[y : y + height, x : x + width] += 1
    for box in BOXES:
        assert (covered[box[0] : box[2], box[1] : box[3]] == 1).all()
    assert covered.sum() == sum((box[2] - box[0]) * (box[3] - box[1]) for box in BOXES)
    assert f"{len(BOXES)} corrections of this project" in spec.provenance.trained_on
    told = forecast(project, OPTIONS)
    assert (told.learned, told.judging) == (2, 0)


def test_boxes_are_counted_where_there_are_too_few(project):
    correct(project, BOXES[0])
    with pytest.raises(InputError, match=r"at least 2 images first \(1 so far"):
        plan_retrain(project, OPTIONS)


def test_what_was_accepted_last_counts_where_boxes_overlap(project):
    correct(project, BOXES[0], (1100, 2100, 1612, 2612))
    spec, folder = plan_retrain(project, OPTIONS)
    covered = np.zeros(SHAPE, np.uint8)
    for pair in spec.data.train:
        if not pair.name.startswith("anchor "):
            y, x = at(pair.name)
            height, width = read_mask(folder / pair.mask).shape
            covered[y : y + height, x : x + width] += 1
    assert covered.max() == 1
    assert (covered[1100:1612, 2100:2612] == 1).all()


def test_a_slide_that_is_held_out_judges(project, tmp_path, slide):
    correct(project, *BOXES)
    project.hold_out(project.case(1).group)
    from napari_medseg.app.samples import samples_of

    add_images(project, [sample.image for sample in samples_of("nuclei")][:2])
    for case in project.cases()[1:]:
        project.commit_stroke(case.id, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
        project.accept(case.id)
    spec, folder = plan_retrain(project, OPTIONS)
    assert {pair.group for pair in spec.data.val} == {project.case(1).group}
    assert all((folder / pair.image).is_file() for pair in spec.data.val)
    told = forecast(project, OPTIONS)
    assert (told.learned, told.judging, told.as_proposed) == (2, 2, 0)


def test_pieces_are_as_large_as_the_tiles_of_a_proposal_at_a_chosen_pixel_size(project):
    entry = resolve_weights("cmunext-xxs", "nuclei")[0]
    side = max(entry.input_size)
    box = (1000, 2000, 1000 + 2 * side, 2000 + 4 * side)
    for origin, count in (({}, 8), ({"tiles": {"pixel_um": 1.0}}, 2), ({"tiles": {"pixel_um": "x"}}, 8)):
        labels = np.zeros((2 * side, 4 * side), np.uint8)
        project.set_proposal(1, labels, origin, box=box)
        project.accept(1, box)
        project.accept(1, (5000, 0, 5000 + side, side))
        spec, _ = plan_retrain(project, replace(OPTIONS, task="thyroid"))
        here = [pair for pair in spec.data.train if not pair.name.startswith("anchor ") and at(pair.name)[0] < 5000]
        assert len(here) == count, origin


def test_a_piece_that_was_looked_at_again_is_known_by_its_place(project):
    correct(project, *BOXES)
    before = plan_retrain(project, OPTIONS)[0].data.train
    project.accept(1, BOXES[0])
    after = plan_retrain(project, OPTIONS)[0].data.train

    def names(pairs):
        return {pair.mask.rpartition("-r") for pair in pairs if not pair.name.startswith("anchor ")}

    assert {name[0] for name in names(before)} == {name[0] for name in names(after)}
    assert names(before) != names(after)
