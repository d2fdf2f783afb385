"""To which side of the patient the axes of a volume run, as its file says."""

from __future__ import annotations

from napari_medseg.io.image import Grid

OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}
Letters = tuple[str, str, str]


def letters_of(grid: Grid) -> Letters | None:
    """The sides to which the axes (z, y, x) of an array run: R or L, A or P, S or I, each by its nearest direction.

    Parameters
    ----------
    grid : Grid
        Of the array.

    Returns
    -------
    tuple of str or None
        None where the file says nothing of it, see :func:`why_none`.
    """
    if grid.affine is None or why_none(grid) is not None:
        return None
    import nibabel

    x, y, z = map(str, nibabel.orientations.aff2axcodes(grid.affine))
    return z, y, x


def why_none(grid: Grid) -> str | None:
    """Why nobody knows to which side the axes run; None where the file says it."""
    nifti = grid.header.get("nifti")
    if grid.affine is None or not grid.header or (nifti is not None and not nifti.get("sides", 1)):
        return "No file says how this volume lies in the patient, so no sides are shown."
    if nifti is not None and not any(int(nifti[name]) > 0 for name in ("sform_code", "qform_code")):
        return "The file does not say how it lies in the patient (its sform and qform are 0), so no sides are shown."
    return None
