"""What napari finds by the manifest works."""

import json

import nibabel
import numpy as np
import pytest
import tifffile
from napari.settings import get_settings
from npe2 import PluginManifest
from qtpy.QtWidgets import QFileDialog

from napari_medseg.errors import InputError
from napari_medseg.io import WRITE_SUFFIXES, read_mask
from napari_medseg.plugin.writers import write_labels


@pytest.fixture
def manifest():
    return PluginManifest.from_distribution("napari-medseg")


def test_the_manifest_is_valid_and_every_name_exists(manifest):
    manifest.validate_imports()
    commands = {command.id for command in manifest.contributions.commands}
    used = {
        item.command
        for kind in ("widgets", "readers", "writers", "sample_data")
        for item in getattr(manifest.contributions, kind)
    }
    assert used <= commands
    assert "napari/layers/segment" in manifest.contributions.menus


@pytest.mark.gui
def test_every_sample_opens(make_napari_viewer, manifest):
    viewer = make_napari_viewer()
    for sample in manifest.contributions.sample_data:
        viewer.open_sample("napari-medseg", sample.key)
        layer = viewer.layers[-1]
        assert min(layer.data.shape[:2]) >= 128
        assert layer.metadata["licence"] in sample.display_name.replace(" ", "-").replace("CC0", "CC0-1.0")


@pytest.mark.gui
@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_the_save_dialog_writes_by_our_export(make_napari_viewer, tmp_path, suffix):
    viewer = make_napari_viewer()
    mask = np.zeros((20, 30), int)
    mask[4:8, 5:9] = 1
    layer = viewer.add_labels(mask, scale=(0.5, 0.25), units=("mm", "mm"))
    path = tmp_path / f"m.{suffix}"
    layer.save(str(path), plugin="napari-medseg")
    np.testing.assert_array_equal(read_mask(path), mask)
    if suffix == "tif":
        with tifffile.TiffFile(path) as file:
            assert json.loads(file.pages.first.description)["medseg"]["software"] == "napari-medseg"


@pytest.mark.gui
def test_a_volume_opens_by_napari_and_its_mask_is_saved(make_napari_viewer, tmp_path):
    data = np.random.default_rng(0).random((6, 8, 10)).astype(np.float32)
    nibabel.Nifti1Image(data.transpose(), np.diag((1.0, 2, 3, 1))).to_filename(tmp_path / "scan.nii.gz")
    viewer = make_napari_viewer()
    (layer,) = viewer.open(str(tmp_path / "scan.nii.gz"), plugin="napari-medseg")
    assert layer.name == "scan"
    np.testing.assert_array_equal(layer.data, data)
    np.testing.assert_allclose(layer.scale, (3, 2, 1))
    assert layer.source.path == str(tmp_path / "scan.nii.gz")
    labels = viewer.add_labels((data > 0.5).astype(int), scale=layer.scale, units=layer.units)
    labels.save(str(tmp_path / "m.nii.gz"), plugin="napari-medseg")
    found = nibabel.load(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(np.asarray(found.dataobj).transpose(), data > 0.5)
    np.testing.assert_allclose(found.header.get_zooms(), (1, 2, 3))


@pytest.mark.gui
def test_a_mask_of_ones_own_is_saved_onto_its_volume(make_napari_viewer, tmp_path):
    """Without the panel: a volume opened by napari, a Labels layer by its button, and File > Save."""
    data = np.random.default_rng(0).random((6, 8, 10)).astype(np.float32)
    scan = nibabel.Nifti1Image(data, None)
    scan.header.set_zooms((1, 2, 3))
    scan.header.set_sform(np.array([[-1, 0, 0.5, 90], [0, -2, 0, 126], [0.2, 0, 3, -72], [0, 0, 0, 1]]), 4)
    scan.header.set_qform(np.array([[-1.0, 0, 0, 80], [0, -2, 0, 116], [0, 0, 3, -62], [0, 0, 0, 1]]), 1)
    scan.to_filename(tmp_path / "scan.nii.gz")
    viewer = make_napari_viewer()
    viewer.open(str(tmp_path / "scan.nii.gz"), plugin="napari-medseg")
    viewer._new_labels()
    labels = viewer.layers[-1]
    labels.data = (np.asarray(viewer.layers[0].data) > 0.5).astype(np.uint8)
    labels.save(str(tmp_path / "m.nii.gz"), plugin="napari-medseg")
    found = nibabel.load(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(np.asarray(found.dataobj), data > 0.5)
    for name in ("qform_code", "sform_code", "pixdim", "quatern_c", "qoffset_x", "srow_x", "srow_y", "srow_z"):
        np.testing.assert_array_equal(found.header[name], scan.header[name])
    labels.translate = (0, 2, 0)
    with pytest.raises(InputError, match=r"has translate .* as its image 'scan'"):
        labels.save(str(tmp_path / "moved.nii.gz"), plugin="napari-medseg")
    assert not (tmp_path / "moved.nii.gz").exists()


def in_the_dialog(viewer, monkeypatch, path, filter_number=0):
    """File > Save Selected Layers, answered with a path under a filter; the filters that were offered."""
    offered = []

    def answer(*arguments, filter="", **options):
        offered.extend(filter.split(";;"))
        return str(path), offered[filter_number]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    viewer.window._qt_viewer._save_layers_dialog(selected=True)
    return offered


@pytest.mark.gui
@pytest.mark.parametrize("name", ["mask.png", "mask.tif", "mask", "scan 2.5 mask", "mask.nii.gz"])
def test_whatever_a_mask_is_saved_as_it_arrives_right_and_ours_is_offered_first(
    make_napari_viewer, tmp_path, monkeypatch, name
):
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget("napari-medseg", "MedSeg")
    mask = np.zeros((20, 30), np.int32)
    mask[4:8, 5:9] = 1
    labels = viewer.add_labels(mask)
    viewer.layers.selection = {labels}
    offered = in_the_dialog(viewer, monkeypatch, tmp_path / name)
    panel.shut_down()
    assert offered[0].startswith("MedSeg mask (*.tif *.tiff *.png")
    assert set(WRITE_SUFFIXES) == set(offered[0].partition("(")[2].rstrip(")").replace("*", "").split())
    (path,) = tmp_path.iterdir()
    assert path.name.startswith(name)
    np.testing.assert_array_equal(np.asarray(read_mask(path)).squeeze(), mask)
    # nothing of napari's own is gone, now or at its next start
    assert any("napari builtins labels" in text or text.startswith("napari") for text in offered[1:])
    assert not get_settings().plugins.disabled_plugins


@pytest.mark.gui
def test_a_mask_under_a_name_of_no_format_leaves_no_file(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.zeros((20, 30), int))
    with pytest.raises(InputError, match=r"jpg"):
        write_labels(str(tmp_path / "mask.jpg"), layer.data, layer.as_layer_data_tuple()[1])
    assert not list(tmp_path.iterdir())
