"""How long the rest of a large image takes, by what was done so far."""

from types import SimpleNamespace

import pytest

from napari_medseg.app.large_run import seconds_left, told


@pytest.mark.parametrize(
    ("passed", "began", "finished", "left"),
    [(10, 0.0, 0.5, 10), (10, 0.5, 0.75, 10), (32, 0.0, 0.56, 32 * 0.44 / 0.56), (5, 0.3, 0.3, None), (9, 0.0, 1.0, 0)],
)
def test_the_time_left_is_by_what_was_done_since_it_began(passed, began, finished, left):
    found = seconds_left(passed, began, finished)
    assert found == (None if left is None else pytest.approx(left))


def test_it_is_told_while_it_is_known():
    run = SimpleNamespace(count=84)
    assert told(run, 0.5, 32.0) == "42 of 84 tiles, about 32 seconds left"
    assert told(run, 0.5) == "42 of 84 tiles"
    assert told(run, 1.0, 0.0) == "84 of 84 tiles"
