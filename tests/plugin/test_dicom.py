"""DICOM in napari: as bright as the file says, where the patient lay, and its words told."""

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QProgressDialog

from napari_medseg.app.layer_keys import GRID_KEY
from napari_medseg.io import fit_mask, read_image, read_mask
from napari_medseg.plugin.readers import get_reader
from napari_medseg.widgets.layers import show_image
from napari_medseg.widgets.series_dialog import SeriesDialog
from tests.io.dicom_files import US, write, write_series

DATA = np.random.default_rng(0).integers(-900, 2000, (4, 6, 7)).astype(np.int16)


@pytest.fixture
def series(tmp_path):
    affine = np.array([[0.5, 0, 0, -100], [0, 0.6, 0.7, -120], [0, 0, 2.5, 40], [0, 0, 0, 1.0]])
    return write_series(tmp_path / "SE1", DATA, affine, WindowCenter=40, WindowWidth=400)


def test_a_series_opens_in_its_window_and_on_its_grid(series):
    ((data, look, kind),) = get_reader(str(series))(str(series))
    assert (kind, look["name"], look["contrast_limits"]) == ("image", "CT-4slices", (-160, 239))
    grid = look["metadata"][GRID_KEY]
    assert grid.shape == data.shape
    np.testing.assert_allclose(look["scale"], grid.spacing)


def test_a_window_can_be_made_wider(series):
    layer = show_image(ViewerModel(), read_image(series), name="SE1")
    assert layer.contrast_limits == [-160, 239]
    assert layer.contrast_limits_range == [DATA.min(), DATA.max()]


def test_words_on_how_a_file_was_read_are_told(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr("napari.utils.notifications.show_info", told.append)
    path = write(tmp_path / "IM1", (DATA[0] > 0).astype(np.uint8) * 255, kind=US, ImagerPixelSpacing=[0.2, 0.2])
    assert len(get_reader(str(path))(str(path))) == 1
    assert [line.startswith("IM1: the size of its pixels") for line in told] == [True]


def test_a_folder_that_is_no_series_is_left_to_others(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    assert get_reader(str(tmp_path)) is None


@pytest.fixture
def mixed(tmp_path):
    affine = np.diag([0.5, 0.6, 2.5, 1.0])
    for number in (1, 2):
        names = [f"{number} {n}" for n in range(4)]
        write_series(tmp_path / "in", DATA + number, affine, names=names, SeriesNumber=number)
    return str(tmp_path / "in")


def test_without_a_window_all_series_of_a_folder_are_opened(mixed, monkeypatch):
    monkeypatch.setattr("napari_medseg.widgets.ask_series.has_window", lambda: False)
    names = [look["name"] for _, look, _ in get_reader(mixed)(mixed)]
    assert names == ["CT-series1-4slices", "CT-series2-4slices"]


@pytest.mark.gui
@pytest.mark.parametrize(
    ("keys", "opened"),
    [((Qt.Key.Key_Space, Qt.Key.Key_Return), ["CT-series2-4slices"]), ((Qt.Key.Key_Escape,), None)],
)
def test_in_a_window_napari_s_own_dialog_asks_too(mixed, qtbot, monkeypatch, keys, opened):
    monkeypatch.setattr("napari_medseg.widgets.ask_series.has_window", lambda: True)

    def answer():
        dialogs = [one for one in QApplication.topLevelWidgets() if isinstance(one, SeriesDialog) and one.isVisible()]
        if not dialogs:
            QTimer.singleShot(20, answer)
        for key in keys if dialogs else ():
            qtbot.keyClick(dialogs[0].table, key)

    QTimer.singleShot(20, answer)
    layers = get_reader(mixed)(mixed)
    # napari's own word for nothing
    assert layers == [(None,)] if opened is None else [look["name"] for _, look, _ in layers] == opened


@pytest.mark.gui
def test_what_is_read_for_napari_can_be_cancelled_and_its_errors_are_told(qtbot, mixed, monkeypatch):
    from napari_medseg.errors import ImageReadError
    from napari_medseg.widgets import ask_series

    def cancel():
        bars = [one for one in QApplication.topLevelWidgets() if isinstance(one, QProgressDialog)]
        for bar in bars:
            bar.canceled.emit()

    def endless(step):
        while True:
            step(0.5)

    QTimer.singleShot(50, cancel)
    assert ask_series.wait_for(endless) is None
    with pytest.raises(ImageReadError, match="cannot be read"):
        ask_series.wait_for(lambda step: read_image(f"{mixed}/none.dcm"))


@pytest.mark.gui
def test_a_mask_is_saved_as_dicom_seg_onto_the_series_it_lies_on(make_napari_viewer, series, tmp_path):
    viewer = make_napari_viewer()
    (image,) = viewer.open(str(series), plugin="napari-medseg")
    labels = np.zeros(image.data.shape, np.uint8)
    labels[1, 2:5, 3:6] = 1
    layer = viewer.add_labels(labels, scale=image.scale, units=image.units)
    written = layer.save(str(tmp_path / "m.seg.dcm"), plugin="napari-medseg")
    assert written == [str(tmp_path / "m.seg.dcm")]
    path = tmp_path / "m.seg.dcm"
    mask, _ = fit_mask(read_image(series), read_mask(path), image_path=series, mask_path=path)
    np.testing.assert_array_equal(mask, labels)
    assert b"ZZMARKER" not in (tmp_path / "m.seg.dcm").read_bytes()
