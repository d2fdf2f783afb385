"""A slide in the window: opened in a moment, drawn in where one looks closely, stored at its place in the whole."""

import threading

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels

from napari_medseg.app.greys import greys_of
from napari_medseg.app.images import add_images
from napari_medseg.app.layer_keys import TOLD_KEY
from napari_medseg.io import large
from napari_medseg.io.large_open import open_large
from napari_medseg.project import Project
from napari_medseg.widgets.greyed import why_not
from napari_medseg.widgets.layers import lie_of_layer
from napari_medseg.widgets.slide_layers import OpenedSlide
from tests.widgets.helpers import WAIT, stored
from tests.widgets.slide_helpers import SHAPE, SIDE, frame, open_slide, write

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("soon_large")]
FIRST, SECOND = (0, 0, SIDE, SIDE), (788, 2088, 1300, 2600)


@pytest.fixture
def reads(monkeypatch):
    """Threads on which pixels are read."""
    found, read = [], large.Large.read

    def watched(self, box, level=0):
        found.append(threading.current_thread())
        return read(self, box, level)

    monkeypatch.setattr(large.Large, "read", watched)
    return found


def test_it_is_shown_at_every_scale_and_the_window_reads_nothing_itself(seen, qtbot, tmp_path, reads):
    slides, data = open_slide(seen, qtbot, tmp_path, added=reads.clear)
    layer = slides.shown.layer
    assert layer.multiscale
    assert layer.data.shape == (*SHAPE, 3)
    assert tuple(layer.scale) == pytest.approx((0.0005, 0.0005))
    assert [level.shape[0] for level in layer.data] == [1300, 650, 325]
    seen.viewer.scene.camera.zoom = 4 / 0.0005
    seen.viewer.scene.camera.center = (0, 0.3, 0.3)
    qtbot.waitUntil(lambda: slides.box is not None, timeout=WAIT)
    layer.refresh()

    def painted():
        shown = layer._slicing_state._slice.image.raw if hasattr(layer, "_slicing_state") else layer._slice.image.raw
        return layer.data_level == 0 and (shown == 200).any()

    qtbot.waitUntil(painted, timeout=WAIT)
    assert reads
    assert threading.main_thread() not in reads
    # who asks for pixels, a script or another plugin, gets them as they are
    assert np.array_equal(np.asarray(layer.data[0][300:400, 500:700]), data[300:400, 500:700])


def test_from_afar_one_looks_and_does_not_draw(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    assert panel.state.case_id == 1
    assert slides.box is None
    assert not panel.correct.slide.isHidden()
    panel.correct.accept_and_next()
    assert "Zoom in" in panel.correct.status.text()
    frame(panel, qtbot, FIRST)
    assert "Zoom in" not in panel.correct.status.text()
    assert panel.correct.tools.buttons["smooth"].isEnabled()


def test_what_is_drawn_in_a_frame_is_stored_at_its_place(panel, qtbot, tmp_path):
    slides, data = open_slide(panel, qtbot, tmp_path)
    case = frame(panel, qtbot, SECOND)
    assert isinstance(case.image, Image)
    assert isinstance(case.labels, Labels)
    assert np.array_equal(case.image.data, data[788:1300, 2088:2600])
    # pixel by pixel over the slide
    assert case.image.data_to_world((0, 0)) == pytest.approx(slides.shown.layer.data_to_world((788, 2088)))
    case.labels.brush_size = 5
    case.labels.paint((100, 200), 1)
    stored(panel, qtbot)
    project = panel.state.project
    held = project.labels(1, (836, 2236, 936, 2336))
    assert held[52, 52] == 1
    assert (held > 0).sum() == (case.labels.data > 0).sum()
    assert project.touched(1, (886, 2286, 890, 2290)).any()
    # also what is shown of the whole knows it, but where the frame lies
    overview = slides.shown.overview.data[0]
    assert np.asarray(overview[888, 2288]) == 1


def test_the_next_frame_keeps_what_was_drawn_in_the_last(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    case = frame(panel, qtbot, FIRST)
    case.labels.paint((100, 100), 1)
    # at once
    other = frame(panel, qtbot, (0, 400, 512, 912))
    assert other is not case
    assert case.closed
    assert not other.labels.data.any()
    assert case.labels not in panel.viewer.layers
    again = frame(panel, qtbot, FIRST)
    assert again.labels.data[100, 100] == 1
    assert panel.state.project.case(1).strokes == 1


def test_an_undo_elsewhere_goes_there(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, FIRST).labels.paint((100, 100), 1)
    stored(panel, qtbot)
    frame(panel, qtbot, SECOND)
    panel.correct.view.undo()
    qtbot.waitUntil(lambda: slides.box is not None and slides.box[1] < 512, timeout=WAIT)
    assert not panel.state.project.labels(1, (0, 0, 300, 300)).any()
    assert "elsewhere" in panel.correct.status.text()
    panel.correct.view.redo()
    case = panel.correct.view.current
    qtbot.waitUntil(lambda: case.labels.data.any(), timeout=WAIT)


def test_a_frame_of_sixteen_bits_is_as_bright_for_networks_as_the_slide(panel, qtbot, tmp_path):
    data = write(tmp_path / "s.tif")[..., 0].astype(np.uint16) * 100
    data[:, SHAPE[1] // 2 :] = 60_000
    tifffile.imwrite(tmp_path / "deep.tif", data, tile=(256, 256))
    with Project.create(tmp_path / "q") as project:
        add_images(project, [tmp_path / "deep.tif"])
    panel.correct.open_project(tmp_path / "q")
    slides = panel.correct.view.slides
    qtbot.waitUntil(lambda: slides.shown is not None, timeout=WAIT)
    case = frame(panel, qtbot, FIRST)
    assert case.image.data.max() == 20_000
    with open_large(tmp_path / "deep.tif") as opened:
        assert lie_of_layer(case.image)["window"] == greys_of(opened) == (1000.0, 60_000.0)


def test_a_proposal_that_comes_into_the_frame_leaves_what_was_drawn(panel, qtbot, tmp_path):
    from tests.project.large_cases import blocks, fill

    slides, _ = open_slide(panel, qtbot, tmp_path)
    case = frame(panel, qtbot, FIRST)
    case.labels.brush_size = 1
    case.labels.paint((100, 100), 2)
    stored(panel, qtbot)
    project = panel.state.project
    store = blocks(project, shape=SHAPE)
    project.set_base(1, store.path, {"network": "n", "weights": "w", "sha256": "0"})
    slides.refresh()
    stored(panel, qtbot)
    assert (case.labels.data > 0).sum() == 1
    fill(store, 1, (0, 0))
    slides.refresh((0, 0, 1300, 2048))
    qtbot.waitUntil(lambda: case.labels.data[5, 5] == 1, timeout=WAIT)
    assert case.labels.data[100, 100] == 2
    # it is nobody's stroke
    stored(panel, qtbot)
    assert project.case(1).strokes == 1


def test_the_project_is_opened_where_one_was(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, SECOND).labels.paint((100, 100), 1)
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: slides.shown is None, timeout=WAIT)
    qtbot.waitUntil(lambda: slides.shown is not None, timeout=WAIT)
    assert panel.state.project.labels(1, SECOND).any()


def test_another_image_takes_its_place_and_nothing_is_left(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, FIRST).labels.paint((100, 100), 1)
    assert panel.correct.view.close_all()
    assert slides.shown is None
    assert not panel.viewer.layers
    assert panel.state.case_id is None
    assert panel.state.project.labels(1, FIRST).any()


def test_a_frame_that_was_removed_by_hand_opens_anew(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    case = frame(panel, qtbot, FIRST)
    case.labels.paint((100, 100), 1)
    panel.viewer.layers.remove(case.labels)
    qtbot.waitUntil(lambda: slides.box is None and panel.state.case_id == 1, timeout=WAIT)
    assert frame(panel, qtbot, FIRST).labels.data[100, 100] == 1


def test_without_its_image_a_slide_is_closed(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, FIRST).labels.paint((100, 100), 1)
    panel.viewer.layers.remove(slides.shown.layer)
    qtbot.waitUntil(lambda: slides.shown is None, timeout=WAIT)
    assert panel.state.project.labels(1, FIRST).any()


@pytest.mark.parametrize("way", ["panel", "napari", "dropped"])
def test_however_it_is_opened_it_is_shown_in_parts(panel, qtbot, tmp_path, reads, way):
    data = write(tmp_path / "s.svs" if way == "napari" else tmp_path / "s.tif")
    if way == "panel":
        panel.propose.open_images([tmp_path / "s.tif"])
    elif way == "napari":
        panel.viewer.open(tmp_path / "s.svs", plugin="napari-medseg")
    else:
        panel._take([tmp_path / "s.tif"])
    qtbot.waitUntil(lambda: len(panel.viewer.layers) > 0, timeout=WAIT)
    layer = next(layer for layer in panel.viewer.layers if isinstance(layer, Image))
    assert layer.multiscale
    qtbot.waitUntil(lambda: np.asarray(layer.data[-1]).any(), timeout=WAIT)
    reads.clear()
    layer.refresh()
    assert threading.main_thread() not in reads
    assert np.array_equal(np.asarray(layer.data[0][40:60, 40:60]), data[40:60, 40:60])
    if way != "dropped":
        # in no project yet: it is said what Propose does
        panel.propose.choice.choose("nuclei", "")
        assert panel.propose.current_image() == layer


def test_an_open_contour_keeps_its_frame(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    case = frame(panel, qtbot, FIRST)
    panel.correct.tools.row.use("live_wire")
    panel.correct.tools.wire._anchors.append((10.0, 10.0))
    slides.go_to(SECOND)
    qtbot.wait(slides._rest.interval() + 100)
    assert slides.box == FIRST
    assert not case.closed
    panel.correct.tools.wire.give_up()
    qtbot.waitUntil(lambda: slides.box not in (None, FIRST), timeout=WAIT)


def test_on_another_day_one_is_where_one_was(panel, qtbot, tmp_path):
    slides, _ = open_slide(panel, qtbot, tmp_path)
    frame(panel, qtbot, SECOND)
    camera = panel.viewer.scene.camera
    center, zoom = camera.center, camera.zoom
    panel.correct.open_project(tmp_path / "p")
    qtbot.waitUntil(lambda: slides.shown is None, timeout=WAIT)
    qtbot.waitUntil(lambda: slides.shown is not None, timeout=WAIT)
    assert camera.center == pytest.approx(center)
    assert camera.zoom == pytest.approx(zoom)


def test_a_volume_larger_than_memory_is_looked_at_slice_by_slice(panel, qtbot, tmp_path, monkeypatch, reads):
    import nibabel

    monkeypatch.setattr(large, "MOST_VOXELS", 1_000_000)
    data = np.random.default_rng(0).integers(0, 900, (160, 140, 60), np.int16)
    nibabel.save(nibabel.Nifti1Image(data, np.diag((0.7, 0.8, 2.0, 1.0))), tmp_path / "v.nii")
    panel._take([tmp_path / "v.nii"])
    slides = panel.correct.view.slides
    qtbot.waitUntil(lambda: slides.shown is not None, timeout=WAIT)
    reads.clear()
    layer = slides.shown.layer
    assert layer.data.shape == (60, 140, 160)
    assert layer.scale[0] == pytest.approx(2.0)
    panel.viewer.dims.set_current_step(0, 17)
    layer.refresh()
    wanted = np.asarray(layer.data[0][17])

    def painted():
        layer.refresh()
        shown = layer._slicing_state._slice.image.raw
        return shown.shape == wanted.shape and np.array_equal(shown, wanted)

    qtbot.waitUntil(painted, timeout=WAIT)
    # that is ours, above
    assert reads.count(threading.main_thread()) == 1
    assert "slice by slice" in panel.correct.slide.text.text()
    assert not panel.correct.slide.here.isEnabled()


def test_holes_of_a_slide_are_told_and_do_not_darken_it(tmp_path):
    data = np.random.default_rng(0).random((300, 400)).astype(np.float32) * 50
    data[:100], data[0, 0] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "s.tif", data, tile=(64, 64))
    slide = OpenedSlide(tmp_path / "s.tif")
    try:
        assert slide.limits == (pytest.approx(data[100:].min()), pytest.approx(data[100:].max()))
        (words,) = slide.layer_facts("s")["metadata"][TOLD_KEY]
        assert words.startswith("40000 of its 120000 pixels are NaN or infinite")
    finally:
        slide.close()


def test_what_a_slide_does_not_give_is_grey_and_says_why(panel, qtbot, tmp_path):
    open_slide(panel, qtbot, tmp_path)
    export = panel.export
    export.objects.setChecked(True)
    export.table.tick.setChecked(True)
    export.format.setCurrentText("ome-zarr")
    export.look()
    assert not export.objects.isEnabled() and "Choose GeoJSON" in why_not(export.objects)
    assert not export.table.tick.isEnabled() and "are not measured" in why_not(export.table.tick)
    export.format.setCurrentText("geojson")
    assert export.objects.isEnabled() and not export.table.tick.isEnabled()
    # of other masks it may be had
    export.whole.setChecked(True)
    assert export.table.tick.isEnabled()
