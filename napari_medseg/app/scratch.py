"""The project that takes in what is proposed while no other is open, so that no stroke goes unstored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from napari_medseg.app.images import keep_proposal
from napari_medseg.errors import OutputError, ProjectError
from napari_medseg.project import Case, Project
from napari_medseg.project.database import FILE_NAME
from napari_medseg.words import tr

if TYPE_CHECKING:
    import numpy as np

    from napari_medseg.app.case_labels import CaseLabels
    from napari_medseg.inference import Prediction

MOST = 20


def open_scratch() -> Project:
    """Open or make this user's ``my-images``; ``my-images-2`` and so on where another window holds it.

    Raises
    ------
    ProjectError
        If none of them can be opened.
    OutputError
        If the user's data folder cannot be written to.
    """
    base = user_data_path("napari-medseg", appauthor=False)
    refused: ProjectError | None = None
    for number in range(1, MOST + 1):
        folder = base / ("my-images" if number == 1 else f"my-images-{number}")
        try:
            if not (folder / FILE_NAME).exists():
                return Project.create(folder)
            project = Project.open(folder)
            if not project.read_only:
                return project
            project.close()
            raise OutputError(
                tr(
                    "{folder} cannot be written: no permission, or a read-only disk. Open another project.",
                    folder=folder,
                )
            )
        except ProjectError as error:
            refused = error
    raise ProjectError(tr("{base} holds no project that can be opened: {refused}", base=base, refused=refused))


def keep_somewhere(
    project: Project | None, image: np.ndarray, prediction: Prediction, **facts: Any
) -> tuple[Project, Case, CaseLabels]:
    """Keep a proposal in this project or, where none is open, in that of :func:`open_scratch`, which is then open.

    The other parameters and the errors are those of :func:`napari_medseg.app.images.keep_proposal`.
    """
    into = project or open_scratch()
    try:
        case, stored = keep_proposal(into, image, prediction, **facts)
    except BaseException:
        if project is None:
            into.close()
        raise
    return into, case, stored
