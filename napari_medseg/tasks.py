"""What is on images, in words: ids of tasks stay what files, weights and the command line call them by."""

from __future__ import annotations

from collections.abc import Mapping

TASKS: Mapping[str, str] = {
    "brain-mri": "Brain MR images",
    "breast-ultrasound": "Breast ultrasound",
    "dermoscopy": "Skin photographs (dermoscopy)",
    "generalist": "Several kinds of images",
    "hippocampus": "Hippocampus (MR volumes)",
    "kidney-stones": "Kidney stones",
    "nuclei": "Cell nuclei (microscopy)",
    "polyp": "Polyps (endoscopy)",
    "stained-nuclei": "Stained nuclei (tissue, H&E)",
    "thyroid-ultrasound": "Thyroid ultrasound",
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


def task_words(task: str) -> str:
    """A task as a person reads it; one that is not in the table is a person's own, and stays as it was written."""
    return TASKS.get(task, task)
