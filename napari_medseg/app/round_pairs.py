"""Accepted masks as the pairs of a round: written into its folder, as the project has them by then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_medseg.app.accepted import AcceptedMask
from napari_medseg.app.export import check_folder
from napari_medseg.app.formats import suffix_for
from napari_medseg.app.greys import Greys, greys_for
from napari_medseg.app.large_pairs import open_checked, pieces, side_for, write_piece
from napari_medseg.app.round_stages import extent
from napari_medseg.io import Grid, LabelRule, write_mask
from napari_medseg.io.labels import Found
from napari_medseg.io.large import Large
from napari_medseg.project import Project
from napari_medseg.project.boxes import inside_box
from napari_medseg.project.grids import case_grid
from napari_medseg.project.run_spec import Pair, RunSpec
from napari_medseg.weights import WeightsEntry

# a correction that was not trained on yet is drawn so often against one that was
NEW_WEIGHT = 2.0
# a corrected rim is so wide, px
RIM = 5
# what a run's masks are written as, where they are no volumes: any program shows it
MASKS = "png"


class PairWriter:
    """Writes pairs and remembers what was drawn on them.

    Attributes
    ----------
    drawn : dict of str to Found
        Labels that were drawn, by a name of their mask.
    ignoring : bool
        Some pixels do not count.
    extents : list of float
        Of each pair's mask, where something is marked: see :func:`extent`.

    Parameters
    ----------
    project : Project
    folder : Path
        The run's.
    rule : LabelRule
    entry : WeightsEntry
        Of the weights that it starts from.
    task : str
    """

    def __init__(self, project: Project, folder: Path, rule: LabelRule, entry: WeightsEntry, task: str) -> None:
        self._project, self._folder, self._rule = project, folder, rule
        self._entry, self._task = entry, task
        self._known = trained_before(project)
        self._masks = check_folder(folder / "masks")
        self.drawn: dict[str, Found] = {}
        self.ignoring = False
        self.extents: list[float] = []
        # by case: black and white of a large image
        self._greys: dict[int, Greys | None] = {}

    def pairs(self, mask: AcceptedMask) -> Iterator[Pair]:
        """The pair of a mask; of an accepted box, one for each piece of it, whose image is written too.

        Raises
        ------
        InputError
            If the labels cannot be mapped, or the image of a large case cannot be read.
        ProjectError
            If a mask is damaged.
        OutputError
            If a file cannot be written.
        """
        labels = self._project.revision_labels(mask.revision.id)
        self.drawn[f"the mask of '{mask.case.name}'"] = self._rule.find(labels)
        found = self._rule.apply(labels)
        labels, self.ignoring = self._rule.drawn(found), self.ignoring or found.ignored is not None
        touched = self._project.revision_touched(mask.revision.id) if labels.ndim == 2 else None
        if mask.box is None:
            # of an image, the size of its pixels is no matter here, and the person may know it better than the file
            grid = None if labels.ndim == 2 else case_grid(mask.case)
            stem = f"{mask.case.id}-r{mask.revision.number}"
            yield self._pair(mask, mask.case.name, str(mask.case.image), stem, labels, touched, grid)
            return
        images = check_folder(self._folder / "images")
        with open_checked(mask) as image:
            # an earlier version accepted all of it
            box = mask.revision.box or (*(0 for _ in image.shape), *image.shape)
            side = side_for(self._project, mask, self._entry, self._task, image.pixel_um)
            for part in pieces(mask.box, side):
                at = part[: len(part) // 2]
                # of the same place: whoever looked again at a piece that was suspected, and accepted it, settled it
                stem = f"{mask.case.id}-{'-'.join(map(str, at))}-r{mask.revision.number}"
                path = write_piece(image, part, images / stem)
                inside = inside_box(part, box)
                grid = None
                if image.volume:
                    grid = Grid(labels[inside].shape, spacing=image.grid.spacing, unit=image.grid.unit)
                yield self._pair(
                    mask,
                    f"{mask.case.name} ({', '.join(map(str, at))})",
                    str(path.relative_to(self._folder)),
                    stem,
                    labels[inside],
                    None if touched is None else touched[inside],
                    grid,
                    self._window(mask, image),
                )

    def _window(self, mask: AcceptedMask, image: Large) -> Greys | None:
        """Black and white as the proposal on the whole has them; None: of eight bits, they are everywhere."""
        case = mask.case.id
        if case not in self._greys:
            plain = image.dtype == np.uint8 and not image.volume
            self._greys[case] = None if plain else greys_for(image, self._entry)
        return self._greys[case]

    def _pair(
        self,
        mask: AcceptedMask,
        name: str,
        image: str,
        stem: str,
        labels: np.ndarray,
        touched: np.ndarray | None,
        grid: Grid | None,
        window: Greys | None = None,
    ) -> Pair:
        if labels.any():
            self.extents.append(extent(labels))
        suffix = suffix_for(MASKS, volume=labels.ndim == 3)
        path = write_mask(self._masks / f"{stem}{suffix}", labels, grid=grid, numbers=True)
        rim = None if touched is None else corrected_rim(labels, touched)
        focus = ""
        if rim is not None and rim.any():
            focus = str(write_mask(self._masks / f"{stem}-rim{suffix}", rim.astype(np.uint8)).relative_to(self._folder))
        return Pair(
            name=name,
            image=image,
            mask=str(path.relative_to(self._folder)),
            group=mask.case.group,
            weight=1.0 if path.name in self._known else NEW_WEIGHT,
            focus=focus,
            as_proposed=not self._project.corrected(mask.revision.id),
            window=window,
        )


def corrected_rim(labels: np.ndarray, touched: np.ndarray) -> np.ndarray:
    """Pixels near the rim of a mask (Y, X) that lie near what a person changed: bool."""
    from scipy.ndimage import binary_dilation
    from skimage.segmentation import find_boundaries

    return binary_dilation(find_boundaries(labels), iterations=RIM // 2) & binary_dilation(touched, iterations=RIM)


def trained_before(project: Project) -> set[str]:
    """Names of the masks, each of one revision, that adopted weights were trained on."""
    adopted = [run for run in project.runs() if run.state == "adopted"]
    return {Path(pair.mask).name for run in adopted for pair in RunSpec.from_json(run.spec).data.train}
