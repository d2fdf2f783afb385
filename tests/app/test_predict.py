"""Predicting files replaces nobody's work and says at once what cannot be segmented."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_medseg import digest
from napari_medseg.app.kinds import check_kind
from napari_medseg.app.predict import PredictRequest, describe_plan, load_predictor, predict_array
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.prompts import prompts_of
from napari_medseg.app.samples import samples_of
from napari_medseg.digest import file_sha256
from napari_medseg.errors import InputError, PartlyDoneError, ShapeError, WeightsError
from napari_medseg.io import read_image, read_mask, walk_images, write_mask
from napari_medseg.networks import create_network
from napari_medseg.weights import WeightsEntry, resolve_weights, save_weights, store

REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")


@pytest.fixture
def folder(tmp_path):
    """An image with a mask that someone made beside it."""
    sample = samples_of("nuclei")[0]
    folder = tmp_path / "d"
    folder.mkdir()
    shutil.copy(sample.image, folder / "0001.png")
    shutil.copy(sample.mask, folder / "0001_mask.png")
    return folder


def test_a_mask_beside_its_image_is_never_replaced(folder):
    before = (folder / "0001_mask.png").read_bytes()
    for paths in ([folder], [folder / "0001.png"]):
        with pytest.raises(InputError, match=r"0001_mask\.png is there already; expected no file that"):
            predict_files(paths, REQUEST, folder / ".." / "d", format="png")
    assert (folder / "0001_mask.png").read_bytes() == before
    assert len(list(folder.iterdir())) == 2


def test_no_file_is_replaced_unasked(folder, tmp_path):
    (tmp_path / "out").mkdir()
    written = predict_files([folder / "0001.png"], REQUEST, tmp_path / "out", format="png")
    before = written[0].read_bytes()
    written[0].write_bytes(b"someone's work")
    with pytest.raises(InputError, match="is there already"):
        predict_files([folder / "0001.png"], REQUEST, tmp_path / "out", format="png")
    assert written[0].read_bytes() == b"someone's work"
    predict_files([folder / "0001.png"], REQUEST, tmp_path / "out", format="png", overwrite=True)
    assert len(written[0].read_bytes()) >= len(before) // 2
    dangling = tmp_path / "out" / "0001_mask.tif"
    dangling.symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="is there already"):
        predict_files([folder / "0001.png"], REQUEST, tmp_path / "out")


def test_one_bad_image_holds_up_no_other(folder, tmp_path):
    (folder / "0000.png").write_bytes(b"none")
    (folder / "0002.png").write_bytes(b"")
    with pytest.raises(PartlyDoneError, match=r"2 images were not segmented; the first: ") as caught:
        predict_files([folder], REQUEST, tmp_path / "out")
    assert [path.name for path in caught.value.done] == ["0001_mask.tif"] and caught.value.done[0].is_file()
    assert ["0000.png" in caught.value.problems[0], "0002.png" in caught.value.problems[1]] == [True, True]
    # what is wrong for all is told once
    with pytest.raises(PartlyDoneError, match="3 images were not segmented") as one:
        predict_files([folder], PredictRequest(network="cmunext-xxs", weights="none", device="cpu"), tmp_path / "o")
    assert ["0000.png" in one.value.problems[0], "weights" in one.value.problems[1]] == [True, True]
    assert len(one.value.problems) == 2


@pytest.mark.parametrize(("size", "used"), [(7, 16), (33, 48), (32, None), (None, None)])
def test_a_size_that_the_network_does_not_take_is_told(folder, tmp_path, size, used):
    said = []
    request = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu", size=size)
    predict_files([folder / "0001.png"], request, tmp_path / "out", tell=said.append)
    told = [text for text in said if "takes multiples of 16 px" in text]
    assert [f"The size is {size} px" in text and f"at {used} px" in text for text in told] == [True] * bool(used)


@pytest.mark.parametrize("shape", [(1, 1), (50, 1), (1, 50), (1, 1, 3), (50, 1, 3)])
def test_an_image_of_one_pixel_a_side_is_segmented(tmp_path, shape):
    Image.fromarray(np.full(shape, 90, np.uint8)).save(tmp_path / "a.png")
    (path,) = predict_files([tmp_path / "a.png"], REQUEST, tmp_path / "out")
    assert read_mask(path).shape == shape[:2]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
@pytest.mark.parametrize("name", ["肝" * 83, "x" * 251, "[left] eye", "a\nb", os.fsdecode(b"M\xfcller")])
def test_masks_are_written_for_names_of_any_kind(folder, tmp_path, name):
    (folder / "0001.png").rename(folder / f"{name}.png")
    (path,) = predict_files([folder / f"{name}.png"], REQUEST, tmp_path / "out")
    assert path.parent == tmp_path / "out" and path.is_file()


def test_masks_beside_their_images_are_not_segmented(folder):
    # another suffix than theirs replaces nothing
    assert predict_files([folder], REQUEST, folder) == [folder / "0001_mask.tif"]


def test_the_kind_of_a_file_is_checked_by_its_name(tmp_path):
    with pytest.raises(ShapeError, match=r"rgb\.jpg is of the wrong kind; lgms-net-3d expects \(Z, Y, X\), a volume"):
        check_kind("lgms-net-3d", [tmp_path / "rgb.jpg"])
    # it goes through a volume slice by slice, and learns from images alone
    check_kind("cmunext-xxs", [tmp_path / "a.png", tmp_path / "a.nii.gz"])
    with pytest.raises(ShapeError, match=r"a\.nii\.gz is of the wrong kind; .* Choose a network for volumes"):
        check_kind("cmunext-xxs", [tmp_path / "a.png", tmp_path / "a.nii.gz"], learns=True)
    # before weights are looked for
    request = PredictRequest(network="lgms-net-3d", weights="none", device="cpu")
    with pytest.raises(ShapeError, match=r"rgb\.jpg"):
        predict_files([tmp_path / "rgb.jpg"], request, tmp_path / "out")


def test_a_box_that_cannot_be_used_names_its_image(tmp_path):
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.json").write_text('{"a": [[100, 100, 200, 200]]}')
    request = PredictRequest(network="dcsnet-s", weights="generalist", device="cpu")
    with pytest.raises(InputError, match=r"a\.png: box 1 .* lies outside the image"):
        predict_files([tmp_path / "a.png"], request, tmp_path / "out", boxes=tmp_path / "b.json")


def test_networks_for_images_go_through_volumes_even_where_they_are_thin(tmp_path):
    # (Z, Y, X) of three columns could pass for a colour image
    write_mask(tmp_path / "thin.nii.gz", np.ones((8, 9, 3), np.uint8))
    told = []
    mask, edges = predict_files(
        [tmp_path / "thin.nii.gz"],
        REQUEST,
        tmp_path / "out",
        format="nifti",
        edges=True,
        progress=lambda share, text: told.append(text),
    )
    assert "thin.nii.gz: slices 0 to 7 of 7" in told
    assert read_image(mask).shape == read_image(edges).shape == (8, 9, 3)


def test_a_network_stays_loaded_as_long_as_its_file_stays_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    entry = WeightsEntry(id="cmunext-xxs/t@1", network="cmunext-xxs", task="t", input_size=(64, 64))
    request = PredictRequest(network="cmunext-xxs", weights=str(path), device="cpu")
    shas = []
    # a file that was just written is hashed each time, one that lies there is not: the same must come of both
    for settled in (digest.SETTLED, 0.0):
        monkeypatch.setattr(digest, "SETTLED", settled)
        for seed in range(2):
            torch.manual_seed(seed)
            save_weights(path, create_network("cmunext-xxs"), entry)
            # as copying programs do: neither size nor this time tells
            os.utime(path, (1, 1))
            first = load_predictor(request)
            assert load_predictor(request) is first
            shas.append(first.entry.sha256)
            assert shas[-1] == file_sha256(path)
    assert shas[0] != shas[1] and shas[2] != shas[3]


def test_bundled_weights_that_were_exchanged_are_refused_though_they_were_in_use(tmp_path, monkeypatch):
    shutil.copytree(store.bundled_folder(), tmp_path / "bundled")
    monkeypatch.setattr(store, "bundled_folder", lambda: tmp_path / "bundled")
    path = tmp_path / "bundled" / resolve_weights("cmunext-xxs", "nuclei")[0].file
    load_predictor(REQUEST)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="the file was changed or damaged"):
        load_predictor(REQUEST)


def test_choosing_weights_reads_no_more_of_them_than_what_they_say_of_themselves(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(
        path, create_network("cmunext-xxs"), WeightsEntry(id="cmunext-xxs/t@1", network="cmunext-xxs", task="t")
    )
    for module in (digest, store):
        monkeypatch.setattr(module, "file_sha256", None)
    request = PredictRequest(network="cmunext-xxs", weights=str(path), device="cpu")
    assert describe_plan((70, 90), request).network_size == (256, 256)


def test_a_box_goes_to_the_file_of_that_name_not_to_one_whose_stem_it_is(tmp_path):
    (tmp_path / "b.csv").write_text("image,y0,x0,y1,x1\na.png,1,1,9,9\n")
    images = [Path("a.png"), Path("a.png.tif")]
    assert (
        list(prompts_of(tmp_path / "b.csv", images)) == list(prompts_of(tmp_path / "b.csv", images[::-1])) == images[:1]
    )


def test_a_result_never_takes_the_place_of_an_image_that_is_read(tmp_path):
    for name in ("a.png", "a_mask.png"):
        Image.fromarray(np.full((40, 60), len(name), np.uint8)).save(tmp_path / name)
    before = (tmp_path / "a_mask.png").read_bytes()
    with pytest.raises(InputError, match=r"a_mask\.png is an image itself"):
        predict_files(sorted(tmp_path.iterdir()), REQUEST, tmp_path, format="png", overwrite=True)
    assert (tmp_path / "a_mask.png").read_bytes() == before


def test_of_several_classes_each_has_its_map(folder, tmp_path):
    entry = WeightsEntry(
        id="cmunext-xxs/two@1", network="cmunext-xxs", task="two", classes=("disc", "cup"), labels=(2, 4)
    )
    network = create_network("cmunext-xxs", classes=3)
    save_weights(tmp_path / "two.safetensors", network, entry)
    request = PredictRequest(network="cmunext-xxs", weights=str(tmp_path / "two.safetensors"), device="cpu", size=64)
    written = predict_files([folder / "0001.png"], request, tmp_path / "out", probabilities=True)
    assert [path.name for path in written] == ["0001_mask.tif", "0001_prob_2.tif", "0001_prob_4.tif"]
    result = load_predictor(request).predict(read_image(folder / "0001.png").data, size=64)
    for path, of_class in zip(written[1:], result.probabilities, strict=True):
        np.testing.assert_allclose(read_image(path).data, of_class, atol=1e-5)
    # beside their image they are results, and are not segmented
    for path in written:
        shutil.copy(path, folder)
    assert [path.name for path in walk_images([folder])[0]] == ["0001.png"]


@pytest.fixture
def ended(tmp_path):
    """Three images, of which two were done when the command was ended."""
    (tmp_path / "in").mkdir()
    for number, sample in enumerate(samples_of("nuclei")[:1] * 3):
        data = np.roll(read_image(sample.image).data, 30 * number, 0)
        Image.fromarray(data).save(tmp_path / "in" / f"{number}.png")
    predict_files([tmp_path / "in" / "0.png", tmp_path / "in" / "1.png"], REQUEST, tmp_path / "out")
    return tmp_path / "in", tmp_path / "out"


def test_an_ended_folder_goes_on_where_it_was(ended, capsys):
    images, out = ended
    stamps = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    with pytest.raises(InputError, match=r"2 files.*are there already.*add --skip-existing"):
        predict_files([images], REQUEST, out)
    said = []
    written = predict_files([images], REQUEST, out, skip_existing=True, tell=said.append)
    assert [path.name for path in written] == ["2_mask.tif"]
    assert said[0] == "2 images have their results there already, and were passed over."
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert predict_files([images], REQUEST, out, skip_existing=True) == []
    # what is missing beside a mask of these weights is made, with it
    written = predict_files([images], REQUEST, out, skip_existing=True, probabilities=True)
    assert len(written) == 6
    with pytest.raises(InputError, match="expected one of them"):
        predict_files([images], REQUEST, out, skip_existing=True, overwrite=True)


def test_what_others_made_is_not_gone_on_from(ended):
    images, out = ended
    other = PredictRequest(network="cmunext-xxs", weights="dermoscopy", device="cpu")
    with pytest.raises(InputError, match=r"0_mask\.tif.*made by cmunext-xxs/nuclei.*expected masks by"):
        predict_files([images], other, out, skip_existing=True)
    shutil.copy(images / "2.png", images / "0.png")
    with pytest.raises(InputError, match=r"0_mask\.tif.*another image than"):
        predict_files([images], REQUEST, out, skip_existing=True)
    assert not (out / "2_mask.tif").exists()
    # a person's mask says nothing of itself: with its map missing, it is not replaced
    write_mask(out / "0_mask.tif", np.ones(read_image(images / "0.png").shape[:2], np.uint8))
    with pytest.raises(InputError, match=r"0_mask\.tif is there already"):
        predict_files([images / "0.png"], REQUEST, out, skip_existing=True, probabilities=True)


def test_a_folder_that_nothing_came_into_is_not_left(folder, tmp_path):
    (folder / "0000.png").write_bytes(b"none")
    for out in (tmp_path / "new", tmp_path / "there"):
        if out.name == "there":
            out.mkdir()
        with pytest.raises(InputError):
            predict_files([folder / "0000.png"], REQUEST, out)
        assert out.exists() == (out.name == "there")


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (4, 20, 30)])
def test_an_array_without_a_number_is_refused_whoever_read_it(shape):
    with pytest.raises(InputError, match="The image holds no numbers"):
        predict_array(np.full(shape, np.nan), REQUEST)
