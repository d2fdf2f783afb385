"""A project with an image of 50 000 x 50 000 px, and proposals for it that come block by block."""

import numpy as np
from PIL import Image

from napari_medseg.io.image import Grid
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.project import Project

SHAPE = (50_000, 50_000)
# over four blocks and four tiles
BOX = (1900, 4000, 2300, 4300)


def make(folder, shape=SHAPE):
    """Only the header of an image counts here: its file may be any."""
    Image.new("L", (8, 8)).save(folder / "i.png")
    project = Project.create(folder / "p")
    project.add_case(folder / "i.png", shape=shape, spacing=(0.5,) * len(shape), unit="um")
    return project


def blocks(project, name="a", shape=SHAPE, **facts):
    """An empty store in the project's folder."""
    (project.path / "slides" / "1").mkdir(parents=True, exist_ok=True)
    return LabelBlocks.create(project.path / "slides" / "1" / f"{name}.zarr", Grid(shape), {"made": name, **facts})


def fill(store, label, *indices):
    """Write blocks, all of one label, or of what a function of their box says."""
    for index in indices:
        box = store.box(index)
        half = len(box) // 2
        sides = tuple(high - low for low, high in zip(box[:half], box[half:], strict=True))
        found = label(box) if callable(label) else np.full(sides, label, np.uint8)
        store.write(index, found)


AROUND = ((0, 1), (0, 2), (1, 1), (1, 2))


def full(value, box=BOX):
    return np.full((box[2] - box[0], box[3] - box[1]), value, np.uint8)
