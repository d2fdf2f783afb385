"""COCO: a JSON file of objects, each by its class, box, area and pixels in runs; of one image or of many."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_medseg.atomic import atomic_path
from napari_medseg.errors import ImageReadError
from napari_medseg.io.coco_runs import damaged, in_runs, shapes, unpacked
from napari_medseg.io.colours import colour_in, names_of, palette_of
from napari_medseg.io.format import Format, Gives, Keeps, Kept, Takes
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.json_file import read_json, to_json, write_json
from napari_medseg.io.outlines import corners
from napari_medseg.io.painted import Canvas, facts_of, objects_in, provenance_in, spacing_in
from napari_medseg.names import name_key

# what only this program writes and reads stands below one name
OURS = "medseg"
_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{1,4}$", re.IGNORECASE)


def write_mask(
    path: Path,
    labels: np.ndarray,
    *,
    grid: Grid,
    provenance: Mapping[str, Any] | None = None,
    parts: np.ndarray | None = None,
) -> None:
    """Write labels (Y, X) as objects: connected pieces, or what ``parts`` numbers.

    The image is called as the provenance's ``image`` says; where it says none, as the mask's file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    facts = dict(provenance or {})
    height, width = labels.shape
    objects, label_of = objects_in(labels, parts)
    document = {
        "info": _info(facts),
        "licenses": [],
        "images": [
            {
                "id": 1,
                "file_name": str(facts.get("image") or _stem(path)),
                "height": height,
                "width": width,
                OURS: facts_of(grid, facts),
            }
        ],
        "categories": _categories(facts, label_of.values()),
        "annotations": [
            {"id": number, "image_id": 1, "category_id": label_of[one], "iscrowd": 0, **shape}
            for number, (one, shape) in enumerate(shapes(objects), start=1)
        ],
    }
    write_json(path, document)


def _info(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": "Masks of medical images. Research use only, no medical device.",
        "contributor": f"napari-medseg {facts.get('version', '')}".strip(),
        "date_created": facts.get("exported", ""),
    }


def _categories(facts: Mapping[str, Any], labels: Any) -> list[dict[str, Any]]:
    """A category for each class that there is, its number the label's."""
    names, palette = names_of(facts), palette_of(facts)
    return [
        {
            "id": label,
            "name": names.get(label, f"label {label}"),
            "supercategory": "",
            "color": colour_in(palette, label),
        }
        for label in sorted(names.keys() | set(labels))
    ]


def join(path: Path, files: Sequence[Path]) -> None:
    """Make one file of many that :func:`write_mask` wrote; of classes that differ in name, the names are all told.

    Images of one name are told apart by the names of their masks' files.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    images, categories = list[Any](), dict[int, dict[str, Any]]()
    info: dict[str, Any] = {}
    names: set[str] = set()
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="ascii") as stream:
        stream.write('{"annotations":[')
        for number, file in enumerate(files, start=1):
            one = read_json(file)
            info = info or one["info"]
            images += [{**image, "id": number, "file_name": _own_name(image, file, names)} for image in one["images"]]
            for category in one["categories"]:
                known = categories.setdefault(category["id"], category)
                if category["name"] not in known["name"].split(" / "):
                    known["name"] += f" / {category['name']}"
            for annotation in one["annotations"]:
                stream.write("," if count else "")
                count += 1
                stream.write(to_json({**annotation, "id": count, "image_id": number}))
        rest = {
            "info": info,
            "licenses": [],
            "images": images,
            "categories": [categories[label] for label in sorted(categories)],
        }
        stream.write(f"],{to_json(rest)[1:]}")


def apart(path: Path, folder: Path) -> list[str] | None:
    """Write a file for each image of a file of several, called as the image; none for an image without an object.

    Returns
    -------
    list of str or None
        Images without an object. None: it holds one image, and nothing was written.

    Raises
    ------
    ImageReadError
        If it is not whole, or two images have one name.
    OutputError
        If a file cannot be written.
    """
    document = read_json(path)
    images, annotations = _images_of(document, path), document.get("annotations")
    if len(images) == 1:
        return None
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise ImageReadError(f"{path} has no list of annotations; expected a COCO file. Export it again.")
    of = {json_key(image.get("id")): list[Any]() for image in images}
    for one in annotations:
        if json_key(one.get("image_id")) not in of:
            raise damaged(path, "an annotation of no image")
        of[json_key(one.get("image_id"))].append(one)
    names, empty = dict[str, str](), list[str]()
    for image in images:
        name = file_name_in(image)
        # not every file is called by its whole name: what stands behind a dot may be part of it
        stem = _SUFFIX.sub("", name)
        if not stem or name_key(stem) in names:
            other = f"as '{names[name_key(stem)]:.60}'" if stem else "nothing"
            raise ImageReadError(
                f"{path} has an image called '{name:.60}', {other}; expected a file name of its own for each image. "
                "Export a file for each folder of images."
            )
        names[name_key(stem)] = name
        mine = of[json_key(image.get("id"))]
        if mine:
            write_json(folder / f"{stem}{FORMAT.suffix}", {**document, "images": [image], "annotations": mine})
        else:
            empty.append(name)
    return empty


def file_name_in(image: Mapping[str, Any]) -> str:
    """The name of an image's file, without the folder that somebody had it in; empty where none is told."""
    name = image.get("file_name")
    return re.split(r"[/\\]", name)[-1] if isinstance(name, str) else ""


def json_key(value: object) -> str:
    """A number or a text of JSON, told apart from all others; lists and the like are none."""
    return repr(value) if isinstance(value, (int, str)) else ""


def _own_name(image: Mapping[str, Any], file: Path, taken: set[str]) -> str:
    """What an image is called that no other is."""
    name = str(image["file_name"])
    if name_key(name) in taken:
        name = _stem(file) + Path(name).suffix
    taken.add(name_key(name))
    return name


def _stem(path: Path) -> str:
    return re.sub(r"(_(mask|objects))?\.coco\.json$", "", path.name, flags=re.IGNORECASE)


def read(path: Path, *, mask: bool = False) -> Image:
    """Read a mask: of one image, and its objects by their pixels or polygons; the number of a category is the label.

    Raises
    ------
    ImageReadError
        If it holds several images, or is not whole.
    """
    document = read_json(path)
    image = _image_of(document, path)
    canvas = Canvas(path, [image.get("height"), image.get("width")])
    annotations = document.get("annotations")
    if not isinstance(annotations, list):
        raise ImageReadError(f"{path} has no list of annotations; expected a COCO file. Export it again.")
    known = _categories_in(document, path)
    for one in annotations:
        if not isinstance(one, dict) or one.get("image_id") != image.get("id"):
            raise damaged(path, "an annotation of no image")
        y, x = _pixels(one.get("segmentation"), canvas, path)
        canvas.paint(y, x, one.get("category_id"))
        if one["category_id"] not in known:
            raise ImageReadError(
                f"{path} has an object of category {one['category_id']}, which its list of categories does not have; "
                "expected each category in it. Add it to the list, or export the file again."
            )
    spacing, unit = spacing_in(image.get(OURS))
    return Image(canvas.labels, spacing, unit, path, numbered=True)


def read_grid(path: Path) -> Grid | None:
    """Size of the image; None where the file does not say it."""
    try:
        image = _image_of(read_json(path), path)
        shape = Canvas(path, [image.get("height"), image.get("width")]).labels.shape
    except ImageReadError:
        return None
    spacing, unit = spacing_in(image.get(OURS))
    return Grid(shape, spacing=spacing, unit=unit)


def read_names(path: Path) -> dict[int, str]:
    """Names of the categories; errors are those of :func:`read`."""
    return _categories_in(read_json(path), path)


def read_told(path: Path) -> object:
    """What this program wrote into a mask, else its image's ``file_name``; errors are those of :func:`read`."""
    image = _image_of(read_json(path), path)
    if OURS in image:
        # where that does not know the image, it is called as the mask's file was
        return provenance_in(image[OURS])
    name = file_name_in(image)
    return {"file_name": name} if name else None


def _images_of(document: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    images = document.get("images")
    if not isinstance(images, list) or not images or not all(isinstance(one, dict) for one in images):
        raise ImageReadError(f"{path} has no list of images; expected a COCO file. Export it again.")
    return images


def _image_of(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    images = _images_of(document, path)
    if len(images) != 1:
        raise ImageReadError(
            f"{path} holds the masks of {len(images)} images; expected those of one. Add it to a project with its "
            "images (medseg project add --masks, or the window), or export a file for each image."
        )
    return images[0]


def _categories_in(document: Mapping[str, Any], path: Path) -> dict[int, str]:
    """Names of the categories by their numbers.

    Raises
    ------
    ImageReadError
        If they are no list, or one is listed twice.
    """
    listed = document.get("categories") or []
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise damaged(path, "no list of categories")
    found = dict[Any, str]()
    for one in listed:
        number, name = one.get("id"), str(one.get("name") or "")
        if not isinstance(number, int) or isinstance(number, bool):
            raise damaged(path, "a category without a number")
        if number in found:
            raise ImageReadError(
                f"{path} lists category {number} twice, as '{found[number]:.60}' and '{name:.60}'; expected one name "
                "for each number. Correct the list."
            )
        found[number] = name
    return found


def _pixels(segmentation: object, canvas: Canvas, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of an object's pixels."""
    height, width = canvas.labels.shape
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [height, width]:
            raise damaged(path, f"an object of size {segmentation.get('size')} on an image of {[height, width]}")
        counts = segmentation.get("counts")
        runs = unpacked(counts, path) if isinstance(counts, str) else counts
        x, y = np.divmod(in_runs(runs, height * width, path), height)
        return y, x
    if isinstance(segmentation, list):
        parts = [canvas.pixels([_ring(one, path)]) for one in segmentation]
        if parts:
            y, x = (np.concatenate(axis) for axis in zip(*parts, strict=True))
            return y, x
    raise damaged(path, "an object without its pixels")


def _ring(numbers: object, path: Path) -> np.ndarray:
    """A polygon of COCO: x and y by turns."""
    found = corners(numbers, flat=True)
    if found is None:
        raise damaged(path, "a polygon that is none")
    return found


FORMAT = Format(
    name="coco",
    title="COCO",
    suffixes=(".coco.json",),
    read=read,
    grid=read_grid,
    names=read_names,
    told=read_told,
    write_mask=write_mask,
    join=join,
    apart=apart,
    gives=Gives(images=False),
    takes=Takes(parts=True),
    keeps=Keeps(spacing=Kept.AS_TEXT, classes=Kept.WHOLE, provenance=Kept.AS_TEXT),
    plain=True,
    judged="pycocotools",
)
