"""Masks that come in are accepted, also where an earlier try was ended in between; what a person drew stays."""

import numpy as np
import pytest
from PIL import Image

from napari_medseg.app.images import add_images
from napari_medseg.app.masks import add_with_masks
from napari_medseg.project import Project

MASK = np.zeros((12, 16), np.uint8)
MASK[3:8, 4:10] = 1


@pytest.mark.parametrize("tools", [(), ("import",), ("brush",), ("import", "brush")])
def test_a_mask_that_was_stored_and_not_accepted_is_accepted_by_the_next_try(tmp_path, tools):
    images, masks = tmp_path / "i", tmp_path / "m"
    for folder, data in ((images, MASK * 90), (masks, MASK)):
        folder.mkdir()
        Image.fromarray(data).save(folder / "a.png")
    with Project.create(tmp_path / "p") as project:
        case = add_images(project, [images])[0][0]
        drawn = MASK.copy()
        for tool in tools:
            drawn[0, 0] = tool == "brush"
            project.commit_stroke(case.id, drawn, tool=tool)
        added = add_with_masks(project, [images], masks)
        begun = "brush" in tools
        assert (added.used, len(added.refused)) == ((0, 1) if begun else (1, 0))
        assert project.case(case.id).state == ("in progress" if begun else "accepted")
        if not begun:
            np.testing.assert_array_equal(project.revision_labels(project.revisions(case.id)[-1].id), MASK)
