"""Files on disk to arrays and back. Knows neither torch nor Qt."""

from napari_medseg.atomic import atomic_path, write_text
from napari_medseg.io.boxes import read_boxes
from napari_medseg.io.formats import (
    READ_SUFFIXES,
    WRITE_SUFFIXES,
    read_image,
    read_mask,
    stem_of,
    suffix_of,
    write_image,
    write_mask,
    write_probabilities,
)
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.pairs import check_pair, find_pairs, list_images

__all__ = [
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "Grid",
    "Image",
    "atomic_path",
    "check_pair",
    "find_pairs",
    "list_images",
    "read_boxes",
    "read_image",
    "read_mask",
    "stem_of",
    "suffix_of",
    "write_image",
    "write_mask",
    "write_probabilities",
    "write_text",
]
