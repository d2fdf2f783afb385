"""Files on disk to arrays and back. Knows neither torch nor Qt."""

from napari_medseg.atomic import atomic_path, check_writable, write_text
from napari_medseg.io.boxes import read_boxes
from napari_medseg.io.formats import (
    READ_SUFFIXES,
    WRITE_SUFFIXES,
    is_volume,
    read_grid,
    read_image,
    read_mask,
    stem_of,
    suffix_of,
    write_image,
    write_mask,
    write_probabilities,
)
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.labels import (
    PLAIN,
    LabelRule,
    MaskLabels,
    all_numbers,
    check_numbers,
    parse_rule,
    read_numbers,
    survey,
)
from napari_medseg.io.pairs import (
    RESULTS,
    by_stem,
    check_sizes,
    find_pairs,
    fit_mask,
    list_images,
    match_masks,
    walk_images,
)

__all__ = [
    "PLAIN",
    "READ_SUFFIXES",
    "RESULTS",
    "WRITE_SUFFIXES",
    "Grid",
    "Image",
    "LabelRule",
    "MaskLabels",
    "all_numbers",
    "atomic_path",
    "by_stem",
    "check_numbers",
    "check_sizes",
    "check_writable",
    "find_pairs",
    "fit_mask",
    "is_volume",
    "list_images",
    "match_masks",
    "parse_rule",
    "read_boxes",
    "read_grid",
    "read_image",
    "read_mask",
    "read_numbers",
    "stem_of",
    "suffix_of",
    "survey",
    "walk_images",
    "write_image",
    "write_mask",
    "write_probabilities",
    "write_text",
]
