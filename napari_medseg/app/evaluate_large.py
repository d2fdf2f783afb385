"""How good are weights on an image larger than memory? Its blocks are counted one by one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_medseg.app.large_files import block_of, facts_for, plan_large, run_of
from napari_medseg.app.large_run import Progress, go_on
from napari_medseg.app.predict import PredictRequest
from napari_medseg.errors import InputError
from napari_medseg.io import LabelRule, stem_of
from napari_medseg.io.formats import read_grid
from napari_medseg.io.geometry import lay
from napari_medseg.io.label_blocks import LabelBlocks
from napari_medseg.io.large_numbers import LargeNumbers
from napari_medseg.io.large_open import open_large
from napari_medseg.io.pairs import check_sizes
from napari_medseg.metrics import Counts


def check_pairs(pairs: Sequence[tuple[Path, Path]], *, objects: bool) -> list[str]:
    """Make sure that masks of large images can be compared with them part by part.

    Returns
    -------
    list of str
        What to tell.

    Raises
    ------
    InputError, ShapeError, ImageReadError
        If objects are to be scored, or a mask does not lie on its image as it is stored.
    """
    for image, mask in pairs:
        if objects:
            raise InputError(
                f"{image} is larger than memory, and objects are numbered in whole images; expected smaller ones where "
                "objects are scored. Leave the objects out, or cut the image and its mask into parts."
            )
        grid, other = read_grid(image), read_grid(mask)
        if grid is None or other is None:
            continue
        turn = lay(grid, other, image_path=image, mask_path=mask)
        if turn.flipped or turn.slice or turn.planes or turn.axes != tuple(range(len(turn.axes))):
            raise InputError(
                f"mask {mask} is stored in another order of axes than its image {image}, which is larger than memory; "
                "expected the same order, as they are compared part by part. Write the mask anew on the image's grid."
            )
    if not pairs:
        return []
    left_out = (
        f"{pairs[0][0]} is larger than memory: it is compared part by part, and HD95, which needs the whole, is left "
        "out."
    )
    return [left_out, *check_sizes(pairs)]


def score_large(
    image: Path,
    truth: LargeNumbers,
    request: PredictRequest,
    *,
    classes: dict[int, str],
    rule: LabelRule,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """As :func:`napari_medseg.metrics.score_case`, but for HD95; memory does not grow with the image.

    Parameters
    ----------
    classes : mapping of int to str
        Of the weights.

    Raises
    ------
    InputError, OperationError
        If a part cannot be read or segmented, or holds a number that is no class.
    """
    single = len(classes) == 1
    numbers = (1,) if single else tuple(classes)
    # beside each other on the disk, compressed: a hundredth of the image
    with tempfile.TemporaryDirectory(prefix="medseg-") as folder, open_large(image) as large:
        plan = plan_large(large, request)
        store = LabelBlocks.create(
            Path(folder) / "proposal.ome.zarr", large.grid, facts_for(plan), block=block_of(plan)
        )
        started = time.perf_counter()
        go_on(run_of(large, plan, store), progress=progress)
        seconds = time.perf_counter() - started
        counts = None
        for index in store.blocks():
            box = store.box(index)
            found, mask = store.read(box), rule.apply(truth.read(box), classes=classes, path=truth.path)
            pred, true = (found > 0, mask.numbers > 0) if single else (found, mask.numbers)
            part = Counts.of(pred, true, numbers, mask.ignored)
            counts = part if counts is None else counts + part
    assert counts is not None
    return {"name": stem_of(image), **counts.scores(), "seconds": seconds}


def step_of(progress: Callable[[float, str], None] | None, number: int, of: int, name: str) -> Progress | None:
    """Progress of one of several images."""
    if progress is None:
        return None
    return lambda share, text: progress((number + share) / of, f"{name}: {text}")
