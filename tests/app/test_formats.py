"""What people are told of the formats, and what follows from the table of them."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManifest

from napari_medseg.app.export import export_losses, export_project
from napari_medseg.app.formats import COLUMNS, DEFAULT, advice, image_suffix, losses, names, suffix_for, written_as
from napari_medseg.app.formats import table as rows
from napari_medseg.app.images import add_images
from napari_medseg.app.losses import mask_losses
from napari_medseg.app.predict import PredictRequest
from napari_medseg.app.predict_files import predict_files
from napari_medseg.app.samples import samples_of
from napari_medseg.errors import InputError, PartlyDoneError
from napari_medseg.io import (
    FORMATS,
    WRITE_SUFFIXES,
    Format,
    Grid,
    Kept,
    formats_for,
    is_volume,
    read_mask,
    suffix_of,
    table,
    write_image,
)
from napari_medseg.io.format import Keeps, Takes
from napari_medseg.io.sidecar import facts_beside
from napari_medseg.io.table import suffixes
from napari_medseg.plugin.readers import get_reader
from napari_medseg.project import Project
from tests.io.test_contract import at_hand

REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")
ROOT = Path(__file__).parents[2]
each_mask = pytest.mark.parametrize("format", at_hand(formats_for("mask")), ids=lambda one: one.name)
# what refers to DICOM images has tests of its own: test_coding.py
each_of_any = pytest.mark.parametrize(
    "format", at_hand(one for one in formats_for("mask") if not one.takes.of_format), ids=lambda one: one.name
)


@each_of_any
def test_predicting_a_folder_twice_reads_the_same_images(tmp_path, format):
    """Results lie beside the images, in any format: the second time they are replaced, not segmented."""
    shutil.copy(samples_of("nuclei")[0].image, tmp_path / "a.png")
    wishes = {"probabilities": True, "objects": True, "format": format.name}
    first = predict_files([tmp_path], REQUEST, tmp_path, **wishes)
    suffixes = {suffix_for(format.name, volume=False, what=what) for what in ("mask", "map")}
    # without what stands beside some
    assert {suffix_of(path) for path in first if suffix_of(path) in WRITE_SUFFIXES} == suffixes
    assert predict_files([tmp_path], REQUEST, tmp_path, overwrite=True, **wishes) == first
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.png", *first])


@pytest.fixture
def project(tmp_path):
    """An image and a volume, both of known size, with an accepted mask each."""
    (tmp_path / "i").mkdir()
    data = np.random.default_rng(0).integers(0, 255, (4, 40, 50), np.uint8)
    write_image(tmp_path / "i" / f"flat{image_suffix(volume=False)}", data[0], spacing=(0.5, 0.25), unit="mm")
    write_image(
        tmp_path / "i" / f"deep{image_suffix(volume=True)}", data, spacing=(3, 0.5, 0.25), unit="mm", volume=True
    )
    with Project.create(tmp_path / "p") as project:
        for case in add_images(project, [tmp_path / "i"])[0]:
            project.commit_stroke(case.id, (data > 200).astype(np.uint8)[0 if len(case.shape) == 2 else ...])
            project.accept(case.id)
        yield project


def has_beside(format, *, volume):
    """Whether a mask of known size, and of a volume of known place, is written with a file beside it."""
    known = {"spacing": True, "position": volume, "classes": False, "provenance": True}
    return bool(facts_beside(written_as(format.name, volume=volume), known))


@each_of_any
def test_a_project_goes_out_in_any_format(project, tmp_path, format):
    files = export_project(project, tmp_path / "o", format=format.name)
    assert sorted(files) == sorted((tmp_path / "o").iterdir())
    beside = [path for path in files if suffix_of(path) not in WRITE_SUFFIXES]
    assert len(beside) == sum(has_beside(format, volume=volume) for volume in (False, True))
    written = {path.name.partition("_")[0]: path for path in files if path not in beside}
    for name, volume in (("flat", False), ("deep", True)):
        assert suffix_of(written[name]) == suffix_for(format.name, volume=volume)
        assert read_mask(written[name]).max() == 1
        assert is_volume(written[name]) or not volume


@each_mask
def test_what_is_told_of_images_is_what_is_written(project, tmp_path, format):
    """Who is told that masks are of DICOM images alone gets none of others, and nobody else is told or refused so."""
    alone = "DICOM images alone" in advice(format.name)
    told = " ".join(export_losses(project, format=format.name))
    assert ("2 images are no DICOM files: their masks are not written" in told) == alone
    assert ("PACS" in told) == alone
    shutil.copy(samples_of("nuclei")[0].image, tmp_path / "a.png")
    if alone:
        with pytest.raises(PartlyDoneError, match="2 masks were not written"):
            export_project(project, tmp_path / "o", format=format.name)
        with pytest.raises(InputError, match="DICOM images alone"):
            predict_files([tmp_path / "a.png"], REQUEST, tmp_path / "q", format=format.name)
        return
    # what a mask does not refer to may be gone, or another by now
    for n, case in enumerate(project.cases()):
        case.image.write_bytes(b"another") if n else case.image.unlink()
    assert len(export_project(project, tmp_path / "o", format=format.name)) >= 1
    said = []
    assert predict_files([tmp_path / "a.png"], REQUEST, tmp_path / "q", format=format.name, tell=said.append)
    assert "PACS" not in " ".join(said)


@each_mask
def test_what_is_lost_is_told_before_it_is(project, format):
    told = export_losses(project, format=format.name)
    one = written_as(format.name, volume=False)
    words = "the size of its pixels"
    assert any(f"{one.title} does not keep {words}" in line for line in told) == (one.keeps.spacing is not Kept.WHOLE)
    for volume in (False, True):
        apart = f"It goes into a file beside each mask, NAME_mask{suffix_for(format.name, volume=volume)}.json."
        assert any(apart in line for line in told) or not has_beside(format, volume=volume)
    assert all(line.endswith(".") for line in told)


def test_what_images_do_not_say_cannot_be_lost():
    poor = Format(name="poor", title="Poor", suffixes=(".poor",), takes=Takes(axes=(2, 3)))
    assert losses(poor) == [
        "the size of its pixels",
        "where its voxels lie",
        "the names of its classes",
        "where it comes from",
    ]
    assert losses(poor, [Grid((2, 3))], classes=False) == ["where it comes from"]
    text = Format(
        name="text", title="T", suffixes=(".t",), keeps=Keeps(**dict.fromkeys(Keeps.__slots__[:4], Kept.AS_TEXT))
    )
    assert losses(text) == ["the size of its pixels, for other programs"]
    assert losses(text, [Grid((2, 3))]) == []


@each_mask
def test_masks_that_some_programs_do_not_read_for_their_length_are_told(format):
    longest = format.takes.longest
    for side in (1, longest, longest + 1, 70_000):
        told = " ".join(mask_losses([Grid((side, 2))], format=format.name))
        assert ("px a side" in told) == (0 < longest < side)


def test_formats_are_chosen_by_what_they_take(monkeypatch):
    def write(*_, **__): ...

    flat = Format(name="flat", title="Flat", suffixes=(".flat",), write_mask=write)
    deep = Format(name="deep", title="Deep", suffixes=(".deep",), write_mask=write, takes=Takes(axes=(3,)))
    known = tuple(one for one in FORMATS if one.name in ("tiff", "png", "nifti"))
    monkeypatch.setattr(table, "FORMATS", (*known, flat, deep))
    assert names() == ("tiff", "png", "nifti", "flat", "deep")
    found = {(name, volume): suffix_for(name, volume=volume) for name in names() for volume in (False, True)}
    assert found == {
        **{("tiff", False): ".tif", ("png", False): ".png", ("nifti", False): ".nii.gz"},
        **{("flat", False): ".flat", ("deep", False): ".tif"},
        **{(name, True): ".nii.gz" for name in ("tiff", "png", "nifti", "flat")},
        ("deep", True): ".deep",
    }
    # a format of masks only leaves maps to another
    assert [suffix_for("flat", volume=volume, what="map") for volume in (False, True)] == [".tif", ".nii.gz"]
    with pytest.raises(InputError, match=r"format is 'gif'; expected one of: tiff, png, nifti, flat, deep\. "):
        suffix_for("gif", volume=False)
    assert "Images are written as TIFF." in advice("deep")
    assert "Volumes are written as NIfTI, onto the voxels of their image." in advice("flat")


def test_the_choice_is_told_in_words():
    assert advice("tiff") == (
        "TIFF keeps the size of its pixels, the names of its classes and where it comes from. Classes are shown in "
        "their colours; a viewer that knows no palettes shows their numbers, near black. Volumes are written as NIfTI, "
        "onto the voxels of their image."
    )
    apart = "In a file beside it, NAME.png.json: the size of its pixels, for other programs."
    assert f"{apart} One class is shown as 0 and 255." in advice("png")
    assert (
        "Lost: the size of its pixels, for other programs. Each connected piece is an object; numbered objects are "
        "parted where they touch. Masks of several images go into one file, masks.coco.json."
    ) in advice("coco")


# what stands in other files because it cannot be computed there


@pytest.fixture
def written():
    spec = importlib.util.spec_from_file_location("written", ROOT / "docs" / "formats.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_manifest_and_docs_say_what_the_table_says(written):
    """If not: ``make formats``."""
    for path, write in ((written.MANIFEST, written.manifest), (written.PAGE, written.page)):
        text = path.read_text(encoding="utf-8")
        assert write(text) == text, f"{path} is not what the table of formats says: run 'make formats'"


def test_a_format_of_the_table_that_is_forgotten_elsewhere_is_noticed(written, monkeypatch):
    more = Format(name="more", title="More", suffixes=(".more",), read=len, grid=len, write_mask=len, reader=True)
    for module in (written, table):
        monkeypatch.setattr(module, "FORMATS", (*FORMATS, more))
    monkeypatch.setattr(written, "WRITE_SUFFIXES", suffixes((*FORMATS, more)))
    monkeypatch.setattr(written, "table", lambda: [*rows(), ("More",) * len(COLUMNS)])
    manifest = written.manifest(written.MANIFEST.read_text())
    assert '"*.more"]' in manifest and '".more"]' in manifest
    assert "| More |" in written.page(written.PAGE.read_text())


def test_napari_finds_what_the_table_says():
    found = PluginManifest.from_distribution("napari-medseg").contributions
    for one in FORMATS:
        for suffix in one.suffixes:
            assert any(f"*{suffix}" in reader.filename_patterns for reader in found.readers) == one.reader
            assert any(suffix in w.filename_extensions for w in found.writers) == (one.write_mask is not None)
            assert (get_reader(f"a{suffix}") is not None) == one.reader
    assert get_reader([]) is None


def test_the_command_line_has_the_table_s_default():
    from napari_medseg.cli.output import DEFAULT_FORMAT

    assert DEFAULT_FORMAT == DEFAULT == names()[0]
