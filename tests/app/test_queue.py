"""The next image: listed, drawn, or the one a network doubts and has not seen the like of."""

import numpy as np
import pytest

from napari_medseg.app.demo import sample_project
from napari_medseg.app.predict import PredictRequest, predict_array
from napari_medseg.app.queue import DOUBTFUL, LISTED, RANDOM, Queue, most_useful, opinion_of, shades
from napari_medseg.app.samples import samples_of
from napari_medseg.io import read_image, write_image
from napari_medseg.project import Project

REQUEST = PredictRequest(network="cmunext-xxs", weights="nuclei", device="cpu")


@pytest.fixture
def project(tmp_path):
    with sample_project(tmp_path / "p") as made:
        yield made


def drawn(project, order, request=REQUEST):
    """All images in the order in which the queue gives them, each accepted."""
    queue, ids, after = Queue(project), [], None
    while (case := queue.next(order, request, after=after)) is not None:
        ids.append(case.id)
        after = case.id
        project.commit_stroke(case.id, np.ones(case.shape, np.uint8))
        project.accept(case.id)
    return ids


@pytest.mark.parametrize("order", [LISTED, RANDOM, DOUBTFUL])
def test_every_image_comes_once(project, order):
    ids = [case.id for case in project.cases()]
    found = drawn(project, order)
    assert sorted(found) == ids
    assert (found == ids) == (order == LISTED)


def test_the_drawn_order_is_the_same_each_time_and_needs_no_network(project):
    assert Queue(project).next(RANDOM, None).id == Queue(project).next(DOUBTFUL, None).id
    assert Queue(project).next(RANDOM, None).id == Queue(project).next(RANDOM, REQUEST).id


def test_images_on_which_nothing_is_found_come_last_at_random(tmp_path):
    nuclei = sample_image()
    with Project.create(tmp_path / "p") as project:
        for number, image in enumerate([*(np.full((64, 64), n, np.uint8) for n in range(5)), nuclei]):
            project.add_case(write(tmp_path / f"{number}.tif", image), shape=image.shape[:2], group=f"{number}")
        assert Queue(project).next(RANDOM, REQUEST).id == project.cases()[-1].id


def test_doubt_is_what_the_network_is_unsure_of(tmp_path):
    image = sample_image()
    sure = opinion_of(predict_array(image, REQUEST))
    # in fog, the same nuclei are hard to tell
    grey = image.astype(float)
    fog = np.random.default_rng(0).normal(scale=12, size=grey.shape) + grey / 8
    assert 0 < sure.doubt < opinion_of(predict_array(fog.clip(0, 255).astype(np.uint8), REQUEST)).doubt
    assert sure.foreground


def test_doubt_counts_and_so_does_being_unlike_what_is_known():
    dark, bright, grey = (shades(np.full((8, 8), value, np.uint8)) for value in (10, 250, 128))
    assert most_useful([0.1, 0.4], [dark, bright], []) == 1
    assert most_useful([0.3, 0.4], [dark, bright], [bright, grey]) == 0
    assert most_useful([0.0, 0.4], [dark, grey], [bright]) == 1


def test_a_question_that_is_dropped_asks_no_network_and_unreadable_images_are_passed_over(project):
    first = Queue(project).next(DOUBTFUL, REQUEST, cancelled=lambda: True)
    assert first.id == Queue(project).next(RANDOM, None).id
    queue = Queue(project)
    chosen = queue.next(DOUBTFUL, REQUEST)
    chosen.image.write_bytes(b"not an image")
    assert Queue(project).next(DOUBTFUL, REQUEST).id != chosen.id


def test_patience_ends_and_what_was_said_is_remembered(project, monkeypatch):
    from napari_medseg.app import queue as module

    asked = []
    predict = module.predict_array
    monkeypatch.setattr(module, "predict_array", lambda *a, **k: asked.append(1) or predict(*a, **k))
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    queue = Queue(project)
    for number in (1, 2, 3):
        assert queue.next(DOUBTFUL, REQUEST) is not None
        assert len(asked) == number
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    assert queue.next(DOUBTFUL, REQUEST).id == Queue(project).next(DOUBTFUL, REQUEST).id


def sample_image():
    return read_image(samples_of("nuclei")[0].image).data


def write(path, image):
    write_image(path, image)
    return path
