"""Whatever is done to a large case, it holds what plain arrays would."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medseg.errors import InputError
from napari_medseg.project import Project
from tests.project.large_cases import blocks, fill, full, make

kinds = ["draw", "draw", "suggest", "base", "done", "undo", "undo", "redo", "unlock", "again", "accept"]
steps = st.lists(
    st.tuples(
        st.sampled_from(kinds), st.tuples(*(st.integers(0, 500) for _ in range(4))), st.integers(0, 3), st.booleans()
    ),
    max_size=20,
)
SMALL = (520, 530)


@settings(max_examples=25, deadline=None)
@given(steps=steps)
def test_a_large_case_is_what_plain_arrays_say(steps, tmp_path_factory):
    """Against whole arrays, of a case as small as an ordinary one, and blocks of one tile."""
    folder = tmp_path_factory.mktemp("plain")
    patch = pytest.MonkeyPatch()
    for where in ("boxes", "label_store", "revision_store", "records"):
        patch.setattr(f"napari_medseg.project.{where}.large_shape", lambda shape: True)
    patch.setattr("napari_medseg.io.label_blocks.BLOCK", (256, 256))
    rng = np.random.default_rng(0)
    states = [(np.zeros(SMALL, np.uint8), np.zeros(SMALL, bool), None)]
    path, ahead, stores, revisions = [0], {}, [], []

    def now():
        return states[path[-1]]

    def follow(labels, touched, store):
        """Labels are those in tiles: what a store says of the rest is put in when it is asked for."""
        states.append((labels, touched, store))
        ahead[path[-1]] = len(states) - 1
        path.append(len(states) - 1)

    def shown(state):
        labels, touched, store = state
        return (
            labels
            if store is None
            else np.where(touched | (labels > 99), labels % 100, stores[store].read((0, 0, *SMALL)))
        )

    whole = (0, 0, *SMALL)
    try:
        with make(folder, SMALL) as project:
            for kind, (ya, xa, yb, xb), value, flag in steps:
                box = (min(ya, yb), min(xa, xb), max(ya, yb) + 1, max(xa, xb) + 1)
                inside = np.s_[box[0] : box[2], box[1] : box[3]]
                labels, touched, store = (None if one is None else np.copy(one) for one in now())
                store = now()[2]
                if kind == "draw":
                    part = full(value, box)
                    before = shown(now())
                    changed = np.zeros(SMALL, bool)
                    changed[inside] = before[inside] != value
                    number = project.commit_stroke(1, part, box=box)
                    assert (number is None) == (not changed.any())
                    if number is not None:
                        labels[changed], touched = value, touched | changed
                        follow(labels, touched, store)
                elif kind == "suggest":
                    project.set_proposal(1, full(value, box), {}, box=box)
                    free = np.zeros(SMALL, bool)
                    free[inside] = True
                    free &= ~touched
                    # set, and nobody's: 100 on top says so
                    labels[free] = value + (100 if store is not None else 0)
                    follow(labels, touched, store)
                elif kind == "base":
                    stores.append(blocks(project, f"s{len(stores)}", SMALL))
                    project.set_base(1, stores[-1].path, {})
                    follow(np.where(touched, labels, 0), touched, len(stores) - 1)
                elif kind == "done" and stores:
                    left = [index for index in stores[-1].blocks() if not stores[-1].done(index)]
                    if left:
                        fill(
                            stores[-1],
                            lambda b: rng.integers(0, 4, (b[2] - b[0], b[3] - b[1])).astype(np.uint8),
                            left[0],
                        )
                elif kind == "undo" and len(path) > 1:
                    project.undo(1)
                    path.pop()
                elif kind == "redo":
                    assert project.can_redo(1) == (path[-1] in ahead)
                    if path[-1] in ahead:
                        project.redo(1)
                        path.append(ahead[path[-1]])
                elif kind == "unlock":
                    project.unlock(1, box)
                    # what a person had set stays until the next proposal
                    marked = touched.copy()
                    marked[inside] = False
                    if store is not None:
                        labels[touched & ~marked] += 100
                    follow(labels, marked, store)
                elif kind == "again":
                    project.close()
                    project = Project.open(project.path)
                elif kind == "accept":
                    held = shown(now())[inside]
                    done = (
                        store is None
                        or project._drawn.sparse.held(
                            1, SMALL, project.case(1).id and project._drawn.current.place(1)[0], box
                        ).whole
                    )
                    if done:
                        revision = project.accept(1, box)
                        revisions.append((revision.id, held.copy(), now()[1][inside].copy()))
                        assert (revision.box, project.case(1).state) == (box, "accepted")
                    else:
                        with pytest.raises(InputError, match="not done within"):
                            project.accept(1, box)
                if flag:
                    assert np.array_equal(project.labels(1, box), shown(now())[inside])
                    assert np.array_equal(project.touched(1, box), now()[1][inside])
            assert np.array_equal(project.labels(1, whole), shown(now()))
            assert np.array_equal(project.touched(1, whole), now()[1])
            for number, labels, touched in revisions:
                assert np.array_equal(project.revision_labels(number), labels)
                assert np.array_equal(project.revision_touched(number), touched)
            assert project.verify() == []
            project.close()
    finally:
        patch.undo()
