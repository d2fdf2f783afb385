"""A part of a large image is as bright for whoever learns from it as for whoever proposes on the whole."""

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile

from napari_medseg.app import review
from napari_medseg.app.greys import greys_for, greys_of
from napari_medseg.app.images import add_images
from napari_medseg.app.plan_round import RetrainOptions, plan_retrain
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.slide_plan import plan_slide
from napari_medseg.app.slides import SlideRun, facts_of
from napari_medseg.app.volume_run import VolumeRun, plan_volume, volume_facts
from napari_medseg.inference import Predictor, normalize, ways
from napari_medseg.inference.normalize import between, to_rgb01
from napari_medseg.io import Grid
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.large import Large, LargeFacts, Level
from napari_medseg.io.large_open import open_large
from napari_medseg.networks import get_spec
from napari_medseg.project import Project
from napari_medseg.project.runs import WEIGHTS_FILE
from napari_medseg.weights import resolve_weights
from src_train import volumes
from src_train.dataset import TrainingSet, load_pair
from src_train.scoring import mean_dice
from src_train.volumes import TrainingVolumes

pytest.importorskip("zarr")
SIDE = 64
WEIGHTS = ("cmunext-xxs", "nuclei")
REQUEST = PredictRequest(network=WEIGHTS[0], weights=WEIGHTS[1], device="cpu", size=SIDE)
DEEP = ("lgms-net-3d", "hippocampus")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("napari_medseg.io.large.MOST_WHOLE", 1000)
    monkeypatch.setattr("napari_medseg.io.large.MOST_VOXELS", 10_000)


@pytest.fixture
def seen(monkeypatch):
    """What networks were shown when they proposed: arrays in [0, 1]."""
    found = []
    for name in ("to_rgb01", "to_grey01"):
        whole = getattr(ways, name)

        def look(image, *, window=None, of=whole):
            found.append(of(image, window=window))
            return found[-1]

        monkeypatch.setattr(ways, name, look)
    return found


def values(dtype, shape):
    """Dim on the left, bright on the right: a part by itself would be stretched otherwise."""
    rng = np.random.default_rng(0)
    data = rng.uniform(0, 0.3, shape)
    data[:, SIDE:] += 0.6
    if dtype == "share":
        return data.astype(np.float32)
    if dtype == "float32":
        data = (data * 9000 - 1000).astype(np.float32)
        data[3, 5] = np.nan
        return data
    top = {"uint8": 200, "uint16": 40_000, "int16": 3000}[dtype]
    return (data * top).astype(dtype)


def accepted(tmp_path, data, boxes, **options):
    """Boxes of a slide that a person accepted, as the pairs of a round, and the run's folder."""
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, data, tile=(16, 16), **options)
    with Project.create(tmp_path / "p") as project:
        (case,), refused = add_images(project, [path])
        assert case.large
        assert not refused
        for box in boxes:
            project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(box[0], box[1], box[0] + 9, box[1] + 9))
            project.accept(1, box)
        spec, folder = plan_retrain(project, RetrainOptions(network=WEIGHTS[0], weights=WEIGHTS[1]))
    return path, [pair for pair in spec.data.train if not pair.name.startswith("anchor ")], folder


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("dtype", "colour"),
    # colours have eight bits
    [("uint8", True), ("uint8", False), ("uint16", False), ("int16", False), ("float32", False), ("share", False)],
)
def test_a_piece_is_seen_as_its_tile_is(tmp_path, monkeypatch, seen, dtype, colour, known):
    if not known:
        monkeypatch.setattr("napari_medseg.app.greys.MOST_SEEN", 10)
    data = values(dtype, (SIDE, 3 * SIDE, 3) if colour else (SIDE, 3 * SIDE))
    photometric = "rgb" if colour else "minisblack"
    path, pairs, folder = accepted(
        tmp_path, data, [(0, 0, SIDE, SIDE), (0, SIDE, SIDE, 2 * SIDE)], photometric=photometric
    )
    with open_large(path) as slide:
        plan = plan_slide(slide, REQUEST)
        store = LabelBlocks.create(tmp_path / "a.ome.zarr", slide.grid, facts_of(plan))
        SlideRun(slide, plan, store).see((0, 0, 8, 8))
    (proposed,) = seen
    assert proposed.shape == (SIDE, SIDE, 3)
    assert 0.1 < proposed.max() < 0.6
    (pair,) = (pair for pair in pairs if pair.name.endswith("(0, 0)"))
    # eight bits mean the same everywhere
    assert (pair.window is None) == (dtype == "uint8")
    sample = load_pair(pair, folder, classes=1)
    np.testing.assert_array_equal(normalize.to_rgb01(sample.image, window=sample.window), proposed)
    # who judges sees the same
    seen.clear()
    mean_dice(Predictor.from_weights(*WEIGHTS, device="cpu"), [sample])
    np.testing.assert_array_equal(seen[0], proposed)
    # and who learns, in eight bits
    source = get_spec(WEIGHTS[0]).input
    learned, _ = TrainingSet([sample], sides=(SIDE, SIDE), classes=1, augmentation=None, input=source).batch([(0, 0)])
    wanted = normalize.to_tensor(proposed, source)
    assert float((learned - wanted).abs().max()) <= 0.51 / 255 / float(np.min(source.std))


def test_who_compares_and_who_suspects_sees_pieces_as_the_slide_is(tmp_path, monkeypatch):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, values("uint16", (SIDE, 3 * SIDE)), tile=(16, 16))
    with Project.create(tmp_path / "p") as project:
        add_images(project, [path])
        for left in (0, SIDE, 2 * SIDE):
            project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(0, left, 9, left + 9))
            project.accept(1, (0, left, SIDE, left + SIDE))
        spec, folder = plan_retrain(project, RetrainOptions(network=WEIGHTS[0], weights=WEIGHTS[1]))
    own = tuple(pair for pair in spec.data.train if not pair.name.startswith("anchor "))
    spec = replace(spec, data=replace(spec.data, train=own, val=own[:1]))
    shutil.copy(resolve_weights(*WEIGHTS)[1], folder / WEIGHTS_FILE)
    windows, whole = [], review.predict_array

    def look(image, request, *, window=None, **more):
        windows.append(window)
        return whole(image, request, window=window, **more)

    monkeypatch.setattr(review, "predict_array", look)
    review.compare(spec, folder, device="cpu")
    assert windows == [own[0].window] * 2
    review.find_suspects(spec, folder, device="cpu")
    with open_large(path) as slide:
        assert set(windows) == {greys_of(slide)}


def test_of_a_slide_of_one_grey_that_grey_is_black(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, np.full((64, 64), 700, np.uint16), tile=(16, 16))
    with open_large(path) as slide:
        low, high = greys_of(slide)
    assert low == 700 < high


@pytest.fixture
def volume(tmp_path):
    data = values("int16", (30, 3 * SIDE, 30))
    path = tmp_path / "deep.nii"
    nibabel.save(nibabel.Nifti1Image(data.transpose(), np.eye(4)), path)
    return path


def test_a_part_of_a_volume_is_seen_as_it_is_proposed_on(tmp_path, seen, monkeypatch, volume):
    request = PredictRequest(network=DEEP[0], weights=DEEP[1], device="cpu")
    with open_large(volume) as large:
        plan = plan_volume(large, request)
        assert plan.window == greys_for(large, resolve_weights(*DEEP)[0])
        store = LabelBlocks.create(tmp_path / "a.ome.zarr", large.grid, volume_facts(plan), block=plan.block)
        # one block, of all of it
        VolumeRun(large, plan, store).work(((0, 0, 0),))
    (proposed,) = seen
    box = (0, 0, 0, 30, SIDE, 30)
    with Project.create(tmp_path / "p") as project:
        (case,), _ = add_images(project, [volume])
        assert case.large
        for part in (box, (0, SIDE, 0, 30, 2 * SIDE, 30)):
            # rows of a volume count over its slices
            project.commit_stroke(1, np.ones((9, 9), np.uint8), box=(part[1], 0, part[1] + 9, 9))
            project.accept(1, part)
        spec, folder = plan_retrain(project, RetrainOptions(network=DEEP[0], weights=DEEP[1]))
    (pair,) = (pair for pair in spec.data.train if pair.name.endswith("(0, 0, 0)"))
    sample = load_pair(pair, folder, classes=1)
    learned, whole = [], volumes.to_grey01

    def look(volume, *, window=None):
        learned.append(whole(volume, window=window))
        return learned[-1]

    monkeypatch.setattr(volumes, "to_grey01", look)
    TrainingVolumes(
        [sample],
        sides=(16, 16, 16),
        classes=1,
        augmentation=None,
        input=get_spec(DEEP[0]).input,
        spacing=None,
        window=spec.data.window,
    )
    np.testing.assert_array_equal(learned[0], proposed[:, :SIDE])
    assert learned[0].max() < 0.6


class InColour(Large):
    """An image of three channels in memory."""

    def __init__(self, data):
        levels = (Level(data.shape[:2], (1.0, 1.0)),)
        super().__init__(Path(), LargeFacts(levels=levels, channels=3, dtype=data.dtype, grid=Grid(data.shape[:2])))
        self.data = data

    def _read(self, at, level):
        return self.data[at]

    def close(self):
        """Nothing is open."""


@pytest.mark.parametrize("times", [257, 250, 9])
@pytest.mark.parametrize("most", [10, 10_000])
def test_a_large_image_in_colour_is_as_bright_as_a_small_one(times, most, monkeypatch):
    monkeypatch.setattr("napari_medseg.app.greys.MOST_SEEN", most)
    data = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint16) * times
    seen = between(data, greys_of(InColour(data)))
    np.testing.assert_allclose(seen, to_rgb01(data), atol=0.02 if times == 9 else 0)
