"""Tasks in words."""

from napari_medseg.tasks import MODALITIES, TASKS, THINGS, contradicts, task_words
from napari_medseg.weights import list_weights


def test_all_that_ships_has_words_of_its_own():
    tasks = {task for entry in list_weights() for task in entry.tasks}
    assert tasks <= set(TASKS)
    assert len(set(TASKS.values())) == len(TASKS)
    assert all(words[0].isupper() and words != task for task, words in TASKS.items())


def test_a_persons_own_task_stays_as_it_was_written():
    assert task_words("my-own_task 2") == "my-own_task 2"


def test_what_is_marked_has_a_word_for_each_kind_that_weights_of_several_know():
    assert {task for entry in list_weights() for task in entry.kinds} <= set(THINGS) <= set(TASKS)


def test_an_image_that_says_what_it_was_taken_with_is_of_no_task_of_another_device():
    assert set(MODALITIES) <= set(TASKS)
    assert contradicts(["hippocampus"], "CT") and not contradicts(["hippocampus"], "MR")
    # where either says nothing, or there are several answers, nobody knows
    assert not any((contradicts([], "CT"), contradicts(["hippocampus"], ""), contradicts(["polyp"], "CT")))
    assert not contradicts(["hippocampus", "polyp"], "CT")
