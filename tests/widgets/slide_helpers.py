"""A small image that is read in parts, as a slide is."""

import numpy as np
import tifffile

from tests.widgets.helpers import WAIT

SHAPE = (1300, 2600)
# of a frame here
SIDE = 512


def picture(shape=SHAPE):
    """Bright discs on a dark ground in the left half, and nothing in the right."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    near = ((y % 100 - 50) ** 2 + (x % 100 - 50) ** 2) < 30**2
    data = np.where(near & (x < shape[1] // 2), 200, 10).astype(np.uint8)
    return np.repeat(data[..., None], 3, axis=-1)


def write(path, levels=(1, 4), shape=SHAPE):
    """A tiled pyramid, 0.5 um per px; gives its pixels."""
    data = picture(shape)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, step in enumerate(levels):
            file.write(
                data[::step, ::step],
                tile=(256, 256),
                photometric="rgb",
                compression="zlib",
                resolution=(20_000 / step, 20_000 / step),
                resolutionunit="CENTIMETER",
                subifds=len(levels) - 1 if number == 0 else None,
                subfiletype=int(number > 0),
            )
    return data


def open_slide(panel, qtbot, tmp_path, added=lambda: None, **more):
    """The slide, opened from the list of a project; gives what shows it, and its pixels."""
    from napari_medseg.app.images import add_images
    from napari_medseg.project import Project

    data = write(tmp_path / "s.tif", **more)
    with Project.create(tmp_path / "p") as project:
        cases, refused = add_images(project, [tmp_path / "s.tif"])
        assert not refused
        assert cases[0].large
    added()
    panel.correct.open_project(tmp_path / "p")
    slides = panel.correct.view.slides
    qtbot.waitUntil(lambda: slides.shown is not None, timeout=WAIT)
    return slides, data


def frame(panel, qtbot, box):
    """Open a frame; gives what follows it."""
    slides = panel.correct.view.slides
    slides.go_to(box)
    qtbot.waitUntil(lambda: slides.box == box, timeout=WAIT)
    return panel.correct.view.current
