"""Prediction, export, samples, settings, scratch: what panel and command line share."""

import json
import shutil

import numpy as np
import pytest
import tifffile

from napari_medseg.app import settings
from napari_medseg.app.demo import sample_project
from napari_medseg.app.export import export_project, layer_spacing
from napari_medseg.app.images import add_images, keep_proposal
from napari_medseg.app.predict import PredictRequest, describe_plan, load_predictor, predict_array
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.provenance import case_provenance
from napari_medseg.app.samples import sample_images
from napari_medseg.app.scratch import open_scratch
from napari_medseg.errors import InputError, PartlyDoneError
from napari_medseg.io import read_image, read_mask, write_image
from napari_medseg.project import Project
from tests.shipped import shipped

REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")
NUCLEI = [s for s in sample_images() if s.task == "nuclei"]


def test_a_loaded_network_is_used_again():
    assert load_predictor(REQUEST) is load_predictor(REQUEST)


def test_the_plan_needs_no_network():
    assert describe_plan((300, 400), REQUEST).describe() == "resize 300 x 400 to 256 x 256 px, 1 pass"


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (37, 5), (40, 30, 3), (40, 30, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_any_array_is_segmented_at_its_own_size(shape, dtype):
    image = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    assert predict_array(image, REQUEST).labels.shape == shape[:2]


def test_constant_images_and_those_with_holes_are_segmented():
    assert np.isfinite(predict_array(np.full((20, 20), 3.0), REQUEST).probabilities).all()
    image = np.full((20, 20), np.nan)
    image[5:9] = 3
    assert np.isfinite(predict_array(image, REQUEST).probabilities).all()


def test_two_images_of_one_stem_are_refused_before_any_work(tmp_path):
    for suffix in ("png", "jpg"):
        (tmp_path / f"a.{suffix}").write_bytes(b"x")
    with pytest.raises(InputError, match="same stem 'a'"):
        predict_files([tmp_path / "a.png", tmp_path / "a.jpg"], REQUEST, tmp_path / "out")


def test_samples_are_real_licensed_and_paired():
    for sample in sample_images():
        image, mask = read_image(sample.image), read_mask(sample.mask)
        assert image.shape == mask.shape
        assert 0 < mask.mean() < 1
        assert sample.licence in ("CC0-1.0", "CC BY 4.0", "CC0", "CC-BY-4.0")
        assert sample.citation
        assert sample.source
    assert {sample.task for sample in sample_images()} >= {"nuclei", "dermoscopy"}


def test_settings_are_remembered_and_a_damaged_file_is_survived():
    settings.save_settings(task="nuclei")
    settings.save_settings(device="cpu")
    assert settings.load_settings() == {"task": "nuclei", "device": "cpu"}
    settings.settings_path().write_text("{")
    assert settings.load_settings() == {}


def test_export_says_where_a_mask_comes_from(tmp_path):
    with sample_project(tmp_path / "p") as project:
        case = project.cases()[0]
        prediction = predict_array(read_image(case.image).data, REQUEST)
        project.set_proposal(case.id, prediction.labels, prediction.origin)
        project.commit_stroke(case.id, np.ones((9, 9), np.uint8), box=(0, 0, 9, 9))
        revision = project.accept(case.id)
        project.commit_stroke(case.id, np.zeros((9, 9), np.uint8), box=(0, 0, 9, 9))
        project.set_class(1, "nucleus", "#00ff00")
        sealed = project.sealed()
        (path,) = export_project(project, tmp_path / "out")
    mask = read_mask(path)
    # the accepted revision, not what was drawn after it
    assert mask[:9, :9].all()
    with tifffile.TiffFile(path) as file:
        facts = json.loads(file.pages.first.description)["medseg"]
    assert facts["labels_sha256"] == revision.sha256
    assert facts["classes"] == {"1": "nucleus"}
    assert (facts["history"]["row"], facts["history"]["chain"]) == sealed
    assert facts["proposal"]["weights"] == shipped("cmunext-xxs/nuclei")
    assert facts["use"] == "research only, no medical device"


def test_export_names_the_network_of_what_it_writes_not_of_what_came_after(tmp_path):
    with sample_project(tmp_path / "p") as project:
        case = project.cases()[0]
        first, second = (np.full(case.shape, value, np.uint8) for value in (1, 0))
        project.set_proposal(case.id, first, {"network": "a", "weights": "a/x@1", "sha256": "a" * 64})
        project.commit_stroke(case.id, np.zeros((9, 9), np.uint8), box=(0, 0, 9, 9))
        project.commit_stroke(case.id, np.zeros((9, 9), np.uint8), box=(20, 20, 29, 29))
        project.undo(case.id)
        accepted = project.accept(case.id)
        shown = project.labels(case.id)
        project.set_proposal(case.id, second, {"network": "b", "weights": "b/x@1", "sha256": "b" * 64})
        export_project(project, tmp_path / "out")
        facts = case_provenance(project, case, shown)
        assert (facts["proposal"]["weights"], facts["strokes"], facts["revision"]) == ("a/x@1", 1, accepted.number)
        # what is shown now was never accepted: so it says
        facts = case_provenance(project, case, project.labels(case.id))
        assert (facts["proposal"]["weights"], facts["revision"], facts["labels_sha256"]) == ("b/x@1", None, None)
    with tifffile.TiffFile(next((tmp_path / "out").glob("*.tif"))) as file:
        facts = json.loads(file.pages.first.description)["medseg"]
    assert facts["proposal"] == {"network": "a", "weights": "a/x@1", "sha256": "a" * 64}
    assert facts["strokes"] == 1


@pytest.mark.parametrize(("unit", "expected"), [("millimeter", "mm"), ("micrometer", "um"), ("pixel", "px")])
def test_a_layers_scale_becomes_a_pixel_size(unit, expected):
    spacing, got = layer_spacing((2, 3), (unit, unit))
    assert got == expected
    assert spacing == (None if expected == "px" else (2.0, 3.0))


def test_the_scratch_project_is_one_a_window():
    with open_scratch() as first, open_scratch() as second:
        assert first.path.name == "my-images"
        assert second.path.name == "my-images-2"
    with open_scratch() as again:
        assert again.path == first.path


def test_a_proposal_on_an_array_is_kept_with_its_pixels(tmp_path):
    image = np.random.default_rng(1).integers(0, 60_000, (30, 40), dtype=np.uint16)
    prediction = predict_array(image, REQUEST)
    with Project.create(tmp_path / "p") as project:
        case, shown = keep_proposal(project, image, prediction, name="a scan: 1")
        np.testing.assert_array_equal(read_image(case.image).data, image)
        assert case.image.is_relative_to(project.path)
        np.testing.assert_array_equal(shown.labels, prediction.labels)
        # once more: the same case, the proposal as a further step
        again, _ = keep_proposal(project, image, prediction, name="a scan: 1")
        assert again.id == case.id
        assert [row.kind for row in project.history(case.id)] == ["add", "proposal", "proposal"]


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "", "..", "a/b", "x" * 300, "肝" * 85, "a\x00b", "\udcff", "[left] eye", "<img>"]
)
def test_strokes_on_a_layer_of_any_name_are_stored(tmp_path, name):
    image = np.random.default_rng(1).integers(0, 255, (30, 40), dtype=np.uint8)
    with Project.create(tmp_path / "p" / "q") as project:
        case, _ = keep_proposal(project, image, predict_array(image, REQUEST), name=name)
        assert case.image.parent == project.path / "images" and case.image.is_file()
        project.commit_stroke(case.id, np.ones((30, 40), np.uint8))
        project.accept(case.id)
        (mask,) = export_project(project, tmp_path / "out")
        assert mask.parent == tmp_path / "out"
        assert project.verify() == []


def test_a_proposal_on_a_file_stays_with_the_file(tmp_path):
    sample = NUCLEI[0]
    image = read_image(sample.image).data
    prediction = predict_array(image, REQUEST)
    with Project.create(tmp_path / "p") as project:
        assert keep_proposal(project, image, prediction, name="x", source=sample.image)[0].image == sample.image
        changed = image.copy()
        changed[0, 0] ^= 1
        other, _ = keep_proposal(project, changed, prediction, name="x", source=sample.image)
        assert other.image.is_relative_to(project.path)


def test_near_copies_stay_on_one_side_of_the_split(tmp_path):
    image = read_image(NUCLEI[0].image).data
    files = {}
    for name, data in (("first", image), ("brighter", np.clip(image * 1.08, 0, 255)), ("again", image // 2)):
        files[name] = tmp_path / f"{name}.tif"
        write_image(files[name], data.astype(np.uint8))
    other = NUCLEI[1].image
    with Project.create(tmp_path / "p") as project:
        add_images(project, [files["first"], other])
        (copy,), refused = add_images(project, [files["brighter"]])
        assert refused == []
        first = project.cases()[0]
        assert copy.group == first.group != project.cases()[1].group
        # held out together, from then on for good
        project.hold_out(first.group)
        assert [case.split for case in project.cases()] == ["heldout", "train", "heldout"]
        added, refused = add_images(project, [files["again"]])
        assert added == []
        assert "looks like 'first'" in refused[0] or "looks like 'brighter'" in refused[0]
        assert "near copies stay together" in refused[0]
        (case,), _ = add_images(project, [files["again"]], split="heldout")
        assert case.group == first.group
        # a copy that someone opened outside the project stays out of training too
        prediction = predict_array(image, REQUEST)
        kept, _ = keep_proposal(project, np.clip(image * 1.05, 0, 255).astype(np.uint8), prediction, name="x")
        assert kept.split == "heldout"
        assert project.verify() == []


def test_a_link_to_itself_stops_no_folder(tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(NUCLEI[0].image, tmp_path / "in" / "a.png")
    (tmp_path / "in" / "loop.png").symlink_to("loop.png")
    with pytest.raises(PartlyDoneError, match=r"loop\.png cannot be read") as caught:
        predict_files([tmp_path / "in"], REQUEST, tmp_path / "out")
    assert [path.name for path in caught.value.done] == ["a_mask.tif"]
    with Project.create(tmp_path / "p") as project:
        added, refused = add_images(project, [tmp_path / "in"])
    assert len(added) == len(refused) == 1
