"""What is on images, in words: ids of tasks stay what files, weights and the command line call them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_medseg.words import mark, tr

TASKS: Mapping[str, str] = {
    "brain-mri": mark("Brain MR images"),
    "breast-ultrasound": mark("Breast ultrasound"),
    "dermoscopy": mark("Skin photographs (dermoscopy)"),
    "generalist": mark("Several kinds of images"),
    "hippocampus": mark("Hippocampus (MR volumes)"),
    "kidney-stones": mark("Kidney stones"),
    "nuclei": mark("Cell nuclei (microscopy)"),
    "polyp": mark("Polyps (endoscopy)"),
    "stained-nuclei": mark("Stained nuclei (tissue, H&E)"),
    "thyroid-ultrasound": mark("Thyroid ultrasound"),
}

# whose images are slices of volumes: on these, a network for images is offered too
IN_SLICES = frozenset({"brain-mri", "kidney-stones", "nuclei"})

# what the images of a task are taken with, as DICOM has it, where there is one answer
MODALITIES: Mapping[str, str] = {
    "brain-mri": "MR",
    "breast-ultrasound": "US",
    "hippocampus": "MR",
    "thyroid-ultrasound": "US",
}

# what is marked, where weights of several kinds have one word for all
THINGS: Mapping[str, str] = {
    "brain-mri": "tumour",
    "breast-ultrasound": "lesion",
    "dermoscopy": "lesion",
    "kidney-stones": "stone",
    "nuclei": "nucleus",
    "polyp": "polyp",
    "stained-nuclei": "nucleus",
    "thyroid-ultrasound": "nodule",
}


# side of a pixel, um, at which networks of a task know its images, where these have one: stained tissue as a scanner's
# 40x gives it, and where the cells of cultures are learned too, about half of that
PIXEL_UM: Mapping[str, float] = {"nuclei": 0.5, "stained-nuclei": 0.25}


def contradicts(tasks: Sequence[str], modality: str) -> bool:
    """Whether an image that says what it was taken with is of none of these tasks; not where either says nothing."""
    known = [MODALITIES.get(task) for task in tasks]
    return bool(modality and known and None not in known and modality not in known)


def task_words(task: str) -> str:
    """A task as a person reads it; one that is not in the table is a person's own, and stays as it was written."""
    return tr(TASKS[task]) if task in TASKS else task
