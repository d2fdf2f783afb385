"""Where the voxels of a case lie: kept with the case, so that its masks need no image to lie on."""

from __future__ import annotations

from napari_medseg.errors import InputError
from napari_medseg.io import Grid, read_grid
from napari_medseg.project.damage import damage_told
from napari_medseg.project.files import fault
from napari_medseg.project.records import Case


def kept(grid: Grid | None) -> str | None:
    """What the project keeps of a grid beside size and spacing; None where these say all of it."""
    return None if grid is None or grid.affine is None else grid.to_json()


def case_grid(case: Case) -> Grid:
    """The grid that masks of a case are written on.

    Raises
    ------
    ProjectError
        If what the project keeps of it is damaged.
    InputError
        If an earlier version, which kept none, added the volume, and its image is not there to say it.
    """
    if case.grid is not None:
        with damage_told(f"The geometry of '{case.name}'"):
            grid = Grid.from_json(case.grid)
            if grid.shape != case.shape:
                raise ValueError(f"{grid.shape} instead of {case.shape}")
        return grid
    if len(case.shape) == 2:
        return Grid(case.shape, spacing=case.spacing, unit=case.unit)
    wrong = fault(case.image, case.sha256)
    if wrong is None:
        found = read_grid(case.image)
        if found is not None and found.shape == case.shape:
            return found
        wrong = "of another shape"
    raise InputError(
        f"'{case.name}' was added by an earlier version, which did not keep where its voxels lie, and {case.image} is "
        f"{wrong}; expected the file that was added. Bring it back, or add it again from where it is now."
    )
