"""The whole loop without a window, on sample images: propose, correct, retrain, export."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_data_path

from napari_medseg.app.export import check_folder, export_project
from napari_medseg.app.plan_round import RetrainOptions
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.review import Comparison
from napari_medseg.app.round import Round
from napari_medseg.app.samples import samples_of
from napari_medseg.app.trainer_process import show_epochs
from napari_medseg.io import read_image, read_mask
from napari_medseg.metrics import dice
from napari_medseg.project import Project
from napari_medseg.project.project import FILE_NAME
from napari_medseg.weights import resolve_weights

NETWORK, TASK = "cmunext-xxs", "nuclei"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demo did.

    Attributes
    ----------
    project : Path
    proposals : dict of str to float
        Dice of each proposal before it was corrected.
    comparison : list of Comparison
        Old and new weights on the held-out images.
    adopted : bool
        Whether the gate let the new weights in.
    written : list of Path
        The exported masks.
    """

    project: Path
    proposals: dict[str, float]
    comparison: list[Comparison]
    adopted: bool
    written: list[Path]


def sample_folder() -> Path:
    """Where the window keeps the project of the samples."""
    return user_data_path("napari-medseg", appauthor=False) / "sample-project"


def sample_project(folder: Path) -> Project:
    """Make a project of the samples in a folder; the images are copied beside it."""
    project = Project.create(folder)
    images = check_folder(folder / "images")
    for sample in samples_of(TASK):
        copy = images / sample.image.name
        shutil.copyfile(sample.image, copy)
        project.add_case(copy, shape=read_image(copy).shape, name=sample.name)
    project.adopt(resolve_weights(NETWORK, TASK)[0].id)
    return project


def run_demo(
    out: str | Path, *, epochs: int = 4, device: str = "auto", progress: Callable[[float, str], None] | None = None
) -> DemoResult:
    """Run the loop; the person who corrects is played by the makers' own masks.

    Parameters
    ----------
    out : path
        Folder, made if need be. Where it holds a project from before, the new one is made in ``project-2`` and so on.
    epochs : int
        Of the retraining.

    Raises
    ------
    OperationError
        If a step fails.
    """

    def tell(fraction: float, text: str) -> None:
        if progress is not None:
            progress(fraction, text)

    out = check_folder(out)
    truth = {sample.name: read_mask(sample.mask) for sample in samples_of(TASK)}
    request = PredictRequest(network=NETWORK, weights=TASK, device=device)
    proposals: dict[str, float] = {}
    with sample_project(_free_folder(out)) as project:
        cases = project.cases()
        for number, case in enumerate(cases):
            tell(0.3 * number / len(cases), f"proposing and correcting {case.name}")
            prediction = predict_array(read_image(case.image).data, request)
            project.set_proposal(case.id, prediction.labels, prediction.origin)
            proposals[case.name] = dice(prediction.labels > 0, truth[case.name] > 0)
            _correct(project, case.id, truth[case.name])
            project.accept(case.id)
        tell(0.3, "retraining")
        round_ = Round.new(project, RetrainOptions(network=NETWORK, weights=TASK, epochs=epochs, device=device))
        round_.told.connect(show_epochs(tell, 0.3, 0.8))
        round_.changed.connect(lambda state: tell(0.8, "comparing before and after") if state == "reviewing" else None)
        review = round_.run(adopt=True)
        tell(0.9, "exporting")
        written = [p for name in ("tiff", "png") for p in export_project(project, out / f"masks-{name}", format=name)]
        tell(1.0, "done")
        return DemoResult(
            project=project.path,
            proposals=proposals,
            comparison=review.rows,
            adopted=review.verdict.adopt,
            written=written,
        )


def _correct(project: Project, case_id: int, truth: np.ndarray) -> None:
    """Paint the reference over the proposal in four strokes, as someone going over the image would."""
    height, width = truth.shape
    for y0, y1 in ((0, height // 2), (height // 2, height)):
        for x0, x1 in ((0, width // 2), (width // 2, width)):
            project.commit_stroke(case_id, truth[y0:y1, x0:x1], box=(y0, x0, y1, x1))


def _free_folder(out: Path) -> Path:
    number = 1
    while True:
        folder = out / ("project" if number == 1 else f"project-{number}")
        if not (folder / FILE_NAME).exists():
            return folder
        number += 1
