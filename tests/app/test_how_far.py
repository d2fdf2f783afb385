"""How much of a project is accepted, in words."""

from napari_medseg.app.how_far import all_accepted_text, progress_text
from tests.listed import cases


def test_how_far_a_project_is_counts_frames_apart():
    assert progress_text([]) == "0 of 0 accepted"
    assert progress_text([*cases(2), *cases(1, state="accepted")]) == "1 of 3 accepted"
    slide = cases(1, shape=(9000, 9000), frames=3, state="accepted")
    assert progress_text(slide) == "3 frames accepted"
    assert progress_text([*cases(2), *slide]) == "0 of 2 accepted, 3 frames accepted"
    known = cases(1, shape=(9000, 9000), frames=3, frames_of=31, state="in progress")
    assert progress_text(known) == "3 frames accepted of 31 with tissue"
    assert progress_text([*slide, *known]) == "6 frames accepted"
    # a slide of which nothing is accepted is none of the images either
    assert progress_text([*cases(2), *cases(1, shape=(9000, 9000))]) == "0 of 2 accepted, 0 frames accepted"


def test_that_all_is_accepted_is_said_of_frames_too():
    done = cases(2, state="accepted")
    assert all_accepted_text(done) == "All images are accepted. Retrain, or export the masks."
    slide = cases(1, shape=(9000, 9000), frames=3, frames_of=31, state="in progress")
    told = all_accepted_text([*done, *slide])
    assert told.startswith("All images are accepted; of slides 3 frames accepted of 31 with tissue. Go on")
    assert all_accepted_text(slide).startswith("3 frames accepted of 31 with tissue. Go on")
