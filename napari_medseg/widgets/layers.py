"""Layers made from images and predictions, in the image's own place."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import CyclicLabelColormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_medseg.app.export import layer_spacing
from napari_medseg.app.kinds import axis_across
from napari_medseg.app.layer_keys import (
    DISAGREEMENT_SUFFIX,
    EDGES_SUFFIX,
    GREYS_KEY,
    GRID_KEY,
    MASK_SUFFIX,
    OBJECTS_SUFFIX,
    OF_KEY,
    PREVIEW_SUFFIX,
    PROBABILITY_SUFFIX,
    PROGRESS_SUFFIX,
    SIZE_KEY,
    SLIDE_KEY,
    UNSIZED_KEY,
    WINDOW_KEY,
    WINDOWS_KEY,
    facts_of,
    number_of,
    shows,
)
from napari_medseg.app.places import grid_of, moved, name_of_unit, unit_of
from napari_medseg.classes import COLOURS
from napari_medseg.inference import Prediction
from napari_medseg.io import FORMATS
from napari_medseg.io.image import Image as ReadImage
from napari_medseg.io.table import suffixes
from napari_medseg.project import Box
from napari_medseg.project.labels import labels_sha256, stacked
from napari_medseg.project.shown import inside
from napari_medseg.words import tr

# of each map: its colours, and the value that is shown brightest
MAPS = {PROBABILITY_SUFFIX: ("magma", 1.0), EDGES_SUFFIX: ("cyan", 1.0), DISAGREEMENT_SUFFIX: ("red", 0.5)}
_IMAGES = tuple(one for one in FORMATS if one.read is not None and one.gives.images)
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units")


def image_filter() -> str:
    """Of dialogs that open files."""
    images = tr("Images ({suffixes})", suffixes=" ".join("*" + suffix for suffix in suffixes(_IMAGES)))
    # DICOM files are often called without a suffix
    return f"{images};;{tr('All files (*)')}"


def place_of(image: Layer) -> dict[str, Any]:
    """Where a layer lies: for a new layer to lie in the same place."""
    return {name: getattr(image, name) for name in PLACE}


def plain_image(layer: Image) -> np.ndarray | None:
    """The array of an image layer, (Y, X), (Y, X, C) or (Z, Y, X); None where it has other axes or several scales."""
    if layer.multiscale or layer.ndim not in (2, 3) or (layer.ndim == 3 and layer.rgb):
        return None
    return np.asarray(layer.data)


def spacing_of(layer: Image) -> tuple[float, ...] | None:
    """Size of a layer's voxels, mm; None where its unit is none of length."""
    spacing, unit = layer_spacing(layer.scale, layer.units)
    if spacing is None or unit_of(layer) == "px":
        return None
    return tuple(size / 1000 for size in spacing) if unit == "um" else spacing


def lie_of_layer(layer: Image) -> dict[str, Any]:
    """How a layer's image lies, as :func:`napari_medseg.app.kinds.lie_of` tells of one that was read."""
    if layer.ndim != 3:
        greys = {"window": layer.metadata[GREYS_KEY]} if GREYS_KEY in layer.metadata else {}
        return {"spacing": None, "volume": False, "axis": None, **greys}
    across = axis_across(grid_of(layer)) if moved(layer) is None else None
    return {"spacing": spacing_of(layer), "volume": True, "axis": across}


def made_for(image: Layer, suffix: str) -> dict[str, Any]:
    """Metadata of a layer made for an image: names change and come twice, so a layer is never found by its name."""
    return {OF_KEY: (number_of(image), suffix), **grid_facts(image)}


def grid_facts(image: Layer) -> dict[str, Any]:
    """What a layer that lies on an image takes over from its metadata, for whoever writes it."""
    return {key: image.metadata[key] for key in (GRID_KEY, SIZE_KEY, UNSIZED_KEY) if key in image.metadata}


def image_of(viewer: Any, layer: Layer) -> Image | None:
    """The image that a layer was made for, if it is still in the viewer."""
    number = layer.metadata.get(OF_KEY, ("",))[0]
    return next((image for image in viewer.layers if number_of(image) == number), None)


def layers_of(viewer: Any, image: Layer) -> list[Layer]:
    """All layers made for an image."""
    return [layer for layer in viewer.layers if layer.metadata.get(OF_KEY, ("", ""))[0] == number_of(image)]


def images_in(viewer: Any) -> list[Image]:
    """The images that are open, without maps of ours."""
    return [layer for layer in viewer.layers if isinstance(layer, Image) and not is_map(layer)]


def find(viewer: Any, kind: type[Layer], image: Layer, suffix: str) -> Any:
    """The layer of this kind that shows this of an image, or None."""
    found = (layer for layer in layers_of(viewer, image) if isinstance(layer, kind) and shows(layer) == suffix)
    return next(found, None)


def is_mask(layer: Layer) -> bool:
    """Whether a layer shows an image's mask, or is a copy of one that does."""
    return shows(layer) == MASK_SUFFIX


def is_map(layer: Layer) -> bool:
    """Whether a layer is a map that we added, not an image to segment."""
    return shows(layer) in (*MAPS, PROGRESS_SUFFIX)


def is_part(layer: Layer | None) -> bool:
    """Whether a layer shows a part of a slide to draw in; it is proposed on as a whole."""
    return layer is not None and WINDOW_KEY in layer.metadata


def is_slide(layer: Layer | None) -> bool:
    """Whether a layer is an image that is read in parts."""
    return isinstance(layer, Image) and SLIDE_KEY in layer.metadata


def is_numbered(layer: Layer) -> bool:
    """Whether a layer shows a mask's objects, or what it may become: it is no mask of its own."""
    return shows(layer) in (OBJECTS_SUFFIX, PREVIEW_SUFFIX)


def closest_look(viewer: Any, layer: Image | None) -> Image | None:
    """What shows what is on an image: of a slide, the part that one looks at closely; None where there is none."""
    if layer is None or not is_slide(layer):
        return layer
    return next((one for one in layers_of(viewer, layer) if isinstance(one, Image) and is_part(one)), None)


def new_labels(image: Layer, labels: np.ndarray, *, name: str, metadata: dict[str, Any] | None = None) -> Labels:
    """A Labels layer that lies on an image."""
    colours = np.array([transform_color(colour)[0] for colour in ("transparent", *COLOURS)])
    return Labels(
        labels.copy(),
        name=name,
        opacity=0.5,
        colormap=CyclicLabelColormap(colors=colours),
        metadata={**made_for(image, MASK_SUFFIX), **(metadata or {})},
        **place_of(image),
    )


def show_part(layer: Labels, box: Box, shown: np.ndarray) -> None:
    """Show something else in a box of a mask, in its array where that can hold it: other pixels cost nothing.

    Parameters
    ----------
    layer : Labels
    box : tuple of int
        (y0, x0, y1, x1), half-open, px; rows of a volume count over its slices.
    shown : np.ndarray
        (rows, columns) of the box, integer.
    """
    data = layer.data
    if (
        type(data) is np.ndarray
        and data.flags.writeable
        and data.flags.c_contiguous
        and np.can_cast(np.uint8, data.dtype)
    ):
        data.reshape(stacked(data.shape))[inside(box)] = shown
        layer.refresh()
        return
    whole = np.array(data, np.result_type(data.dtype, np.uint8))
    whole.reshape(stacked(whole.shape))[inside(box)] = shown
    layer.data = whole


def show_objects(viewer: Any, image: Image, numbered: np.ndarray, *, visible: bool = True) -> Labels:
    """Show the objects of a mask, each in a colour of its own; those that were shown before are replaced.

    Without ``visible`` their layer stays out of sight where it is.
    """
    layer = find(viewer, Labels, image, OBJECTS_SUFFIX)
    if layer is not None:
        layer.data = numbered
        layer.visible = layer.visible or visible
        return layer
    name, metadata = image.name + OBJECTS_SUFFIX, made_for(image, OBJECTS_SUFFIX)
    layer = Labels(numbered, name=name, opacity=0.7, metadata=metadata, **place_of(image))
    layer.contour = 2
    viewer.add_layer(layer)
    return layer


def show_image(viewer: Any, image: ReadImage, *, name: str) -> Image:
    """Add an image as it was read, in its own pixel size, as bright as its file says."""
    facts = facts_of(image)
    layer = Image(
        image.data,
        rgb=image.data.ndim == 3 and not image.volume,
        name=name,
        scale=image.spacing or (1.0,) * len(image.shape),
        units=(name_of_unit(image.unit),) * len(image.shape),
        # None: as bright as its values go
        contrast_limits=image.window,
        metadata=facts,
    )
    if image.window is not None:
        # the sliders reach all values, else a window could only be made narrower
        ends = (*image.window, *facts[WINDOWS_KEY][2])
        layer.contrast_limits_range = (min(ends), max(ends))
    viewer.add_layer(layer)
    return layer


def remove_all(viewer: Any, image: Image, mask: Labels, *, keep: bool = False) -> None:
    """Nothing of an image may lie over the next one: maps, boxes, objects go with it, and its own two unless kept."""
    going = [layer for layer in (*layers_of(viewer, image), mask, image) if layer in viewer.layers]
    going = [layer for layer in dict.fromkeys(going) if not (keep and layer in (image, mask))]
    if not going:
        return
    # together: after each removal of its own, napari collects garbage and waits for the graphics card
    with viewer.layers.batched_update():
        for layer in going:
            if is_mask(layer) and layer != mask:
                # a copy that the person made is theirs: it stays, out of sight
                layer.visible = False
            elif layer in viewer.layers:
                viewer.layers.remove(layer)


def show_labels(viewer: Any, image: Image, prediction: Prediction) -> Labels:
    """Show a proposal on an image: in the layer of the last one, unless someone has drawn in it since."""
    name, facts = image.name + MASK_SUFFIX, dict(prediction.origin)
    facts["labels_sha256"] = labels_sha256(prediction.labels)
    layer = find(viewer, Labels, image, MASK_SUFFIX)
    # a mask that a person drew in, or brought along, is never drawn over: it keeps its layer
    if layer is not None and layer.metadata.get("medseg", {}).get("labels_sha256") == labels_sha256(layer.data):
        layer.data = prediction.labels.copy()
        layer.metadata["medseg"] = facts
        for key, value in place_of(image).items():
            setattr(layer, key, value)
    else:
        layer = new_labels(image, prediction.labels, name=name, metadata={"medseg": facts})
        viewer.add_layer(layer)
    viewer.layers.selection.active = layer
    return layer


def show_map(viewer: Any, image: Image, data: np.ndarray, *, suffix: str, index: tuple[int, ...] = ()) -> None:
    """Add a map right above its image, or replace the one that is there; at ``index`` (z,) that of one slice."""
    layer = find(viewer, Image, image, suffix)
    place = place_of(image)
    if index:
        data = data[np.newaxis]
        origin, here = (np.array(image.data_to_world((z, 0, 0))) for z in (0, *index))
        # before the layer's affine, as napari applies it last
        place["translate"] = image.translate + np.linalg.solve(image.affine.linear_matrix, here - origin)
    if layer is None:
        colours, brightest = MAPS[suffix]
        look: dict[str, Any] = {"colormap": colours, "blending": "additive", "opacity": 0.6}
        look.update(name=image.name + suffix, contrast_limits=(0, brightest), metadata=made_for(image, suffix))
        layer = Image(data, **look, **place)
        viewer.layers.insert(viewer.layers.index(image) + 1, layer)
    else:
        layer.data = data
        layer.translate = place["translate"]
