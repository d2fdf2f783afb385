"""Large images to the end: a round by the real trainer on their pieces, and a volume's mask out as it was accepted."""

import numpy as np
import pytest
import tifffile
import zarr

from napari_medseg.app.export import ALL, export_project
from napari_medseg.app.images import add_images
from napari_medseg.app.plan_round import RetrainOptions, plan_retrain
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.review import review_run
from napari_medseg.app.slides import origin_of
from napari_medseg.app.trainer_process import run_to_end
from napari_medseg.app.volume_run import plan_volume, volume_facts
from napari_medseg.errors import InputError
from napari_medseg.io import read_mask
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.large_open import open_large
from napari_medseg.project import Project
from napari_medseg.project.runs import WEIGHTS_FILE
from tests.app.helpers import TRUTH
from tests.app.test_slides import cells
from tests.app.volumes import balls

pytest.importorskip("zarr")
SLIDES = ("cmunext-xxs", "nuclei")
VOLUMES = ("lgms-net-3d", "hippocampus")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("napari_medseg.io.large.MOST_WHOLE", 50_000)
    monkeypatch.setattr("napari_medseg.io.large.MOST_VOXELS", 10_000)


def train(project, weights):
    """A round of one epoch by the real trainer; its spec, and its folder."""
    options = RetrainOptions(network=weights[0], weights=weights[1], epochs=1, device="cpu")
    spec, folder = plan_retrain(project, options)
    run_to_end(folder)
    return spec, folder


@pytest.mark.slow
@pytest.mark.usefixtures("short_epochs")
def test_a_round_learns_from_frames_of_a_slide_of_sixteen_bits_and_is_judged_on_others(tmp_path):
    data = np.zeros((300, 420), np.uint16)
    data[:256, :300] = cells(256, 300).astype(np.uint16) * 100
    paths = [tmp_path / f"{name}.tif" for name in "ab"]
    for path in paths:
        tifffile.imwrite(path, data, tile=(64, 64))
    # another file, not the same twice
    tifffile.imwrite(paths[1], data + 1, tile=(64, 64))
    nuclei = np.tile(next(iter(TRUTH.values())), (2, 2)).astype(np.uint8)
    with Project.create(tmp_path / "p") as project:
        cases, refused = add_images(project, paths)
        assert [case.large for case in cases] == [True, True]
        assert not refused
        for case in cases:
            for box in ((0, 0, 128, 128), (100, 128, 228, 256)):
                part = nuclei[box[0] : box[2], box[1] : box[3]]
                project.commit_stroke(case.id, part, box=box)
                project.accept(case.id, box)
        project.hold_out(cases[1].group)
        spec, folder = train(project, SLIDES)
        own = [pair for pair in spec.data.train if pair.group]
        assert len(own) >= 2
        assert {pair.group for pair in spec.data.val} == {cases[1].group}
        # bright as in the whole slide
        assert len({pair.window for pair in own}) == 1
        assert None not in {pair.window for pair in own}
        assert (folder / WEIGHTS_FILE).is_file()
        found = review_run(project, spec, folder, device="cpu")
        assert {row.name for row in found.rows} == {pair.name for pair in spec.data.val}
        # a network that has known nuclei finds them in pieces of a slide too
        assert all(row.dice_after > 0.5 for row in found.rows)


@pytest.fixture
def deep(tmp_path):
    """A project with a large volume of bright balls, of which a proposal is whole."""
    path = tmp_path / "deep.nii"
    data = balls(path, (40, 48, 44), (20, 24, 22), 50)
    with Project.create(tmp_path / "p") as project:
        (case,), refused = add_images(project, [path])
        assert case.large
        assert not refused
        with open_large(path) as volume:
            plan = plan_volume(volume, PredictRequest(network=VOLUMES[0], weights=VOLUMES[1], device="cpu"))
            place = project.path / "slides" / "1" / "proposal-1.ome.zarr"
            place.parent.mkdir(parents=True)
            facts = volume_facts(plan)
            store = LabelBlocks.create(place, volume.grid, facts, block=plan.block)
            for index in store.blocks():
                z0, y0, x0, z1, y1, x1 = store.box(index)
                store.write(index, (data[z0:z1, y0:y1, x0:x1] > 100).astype(np.uint8))
            project.set_base(1, place, origin_of(plan, facts))
        # slices are drawn in one by one: rows count over them
        project.commit_stroke(1, np.ones((5, 44), np.uint8), box=(10 * 48, 0, 10 * 48 + 5, 44))
        for box in ((0, 0, 0, 20, 48, 44), (20, 0, 0, 40, 48, 44)):
            project.accept(1, box)
        yield project, store


@pytest.mark.slow
@pytest.mark.usefixtures("short_epochs")
def test_a_round_learns_from_boxes_of_a_large_volume(deep):
    spec, folder = train(deep[0], VOLUMES)
    assert len([pair for pair in spec.data.train if pair.group]) == 2
    assert (folder / WEIGHTS_FILE).is_file()
    assert read_mask(folder / spec.data.train[0].mask).shape == (20, 48, 44)


@pytest.mark.parametrize("state", [ALL, "accepted"])
def test_the_mask_of_a_large_volume_is_written_as_it_is_shown_and_where_it_lies(deep, tmp_path, state):
    project, store = deep
    shown = project.labels(1, (0, 0, 0, 40, 48, 44))
    assert np.array_equal(shown[20:], store.read((20, 0, 0, 40, 48, 44)))
    (path,) = export_project(project, tmp_path / "out", format="ome-zarr", state=state)
    mask = LabelBlocks(path)
    assert np.array_equal(mask.read((0, 0, 0, 40, 48, 44)), shown)
    assert mask.grid.spacing == (2.0, 1.0, 1.0)
    assert np.array_equal(read_mask(path), shown)
    told = zarr.open_group(path, mode="r").attrs.asdict()["medseg"]["provenance"]
    assert (told["proposal"]["network"], told["strokes"]) == (VOLUMES[0], 1)
    # what a format cannot hold is refused before anything is written
    for format in ("geojson", "nifti"):
        with pytest.raises(InputError, match="larger than memory"):
            export_project(project, tmp_path / format, format=format, state=state)


def test_only_accepted_boxes_of_a_large_volume_are_written_where_that_is_asked_for(deep, tmp_path):
    project, _ = deep
    project.commit_stroke(1, np.ones((3, 44), np.uint8), box=(30 * 48, 0, 30 * 48 + 3, 44))
    (path,) = export_project(project, tmp_path / "out", format="ome-zarr", state="accepted")
    found = read_mask(path)
    shown = project.labels(1, (0, 0, 0, 40, 48, 44))
    assert shown[30, :3].all()
    # as it was accepted
    assert not found[30, :3].all()
    assert np.array_equal(found[:20], shown[:20])
