"""Files on disk to arrays and back. Knows neither torch nor Qt."""

from napari_medseg.atomic import atomic_path, check_writable, write_text
from napari_medseg.io.boxes import read_boxes
from napari_medseg.io.format import Format, Kept
from napari_medseg.io.formats import (
    files_of,
    is_there,
    is_volume,
    name_of,
    names_of,
    read_grid,
    read_image,
    read_mask,
)
from napari_medseg.io.image import Grid, Image
from napari_medseg.io.labels import (
    PLAIN,
    LabelRule,
    MaskLabels,
    all_numbers,
    check_names,
    check_numbers,
    check_white,
    find_in,
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
from napari_medseg.io.table import FORMATS, READ_SUFFIXES, WRITE_SUFFIXES, format_of, formats_for, stem_of, suffix_of
from napari_medseg.io.writers import write_image, write_mask, write_probabilities

__all__ = [
    "FORMATS",
    "PLAIN",
    "READ_SUFFIXES",
    "RESULTS",
    "WRITE_SUFFIXES",
    "Format",
    "Grid",
    "Image",
    "Kept",
    "LabelRule",
    "MaskLabels",
    "all_numbers",
    "atomic_path",
    "by_stem",
    "check_names",
    "check_numbers",
    "check_sizes",
    "check_white",
    "check_writable",
    "files_of",
    "find_in",
    "find_pairs",
    "fit_mask",
    "format_of",
    "formats_for",
    "is_there",
    "is_volume",
    "list_images",
    "match_masks",
    "name_of",
    "names_of",
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
