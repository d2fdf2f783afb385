"""Results are told in the order of the presses; what is pressed is at work at once, as one reads."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from napari_medseg.widgets.presses_told import MOST, PressesTold


def told():
    said = []
    return PressesTold(said.append), said


def test_a_press_is_at_work_at_once_and_the_next_ones_wait():
    row, said = told()
    first = row.press("Split", "a")
    assert said[-1] == "At work: Split..."
    second = row.press("Smooth", "a")
    row.press("Fill holes", "a")
    assert said[-1] == "At work: Split... Then: Smooth, Fill holes."
    row.done(first, "Split: nothing to change.")
    assert said[-1] == "Split: nothing to change. At work: Smooth... Then: Fill holes."
    row.done(second, "Smooth: 7 px.")
    assert said[-1] == "Split: nothing to change. Smooth: 7 px. At work: Fill holes..."


def test_a_row_is_over_when_nothing_is_at_work_and_on_another_image():
    row, said = told()
    row.done(row.press("Split", "a"), "Split: 1 px.")
    late = row.press("Smooth", "a")
    assert said[-1] == "At work: Smooth..."
    row.press("Smooth", "b")
    assert said[-1] == "At work: Smooth..."
    before = len(said)
    # of an image that is left
    row.done(late, "Smooth: 9 px.")
    assert len(said) == before


@given(st.lists(st.booleans(), max_size=30))
def test_whenever_results_come_they_stand_in_the_order_of_the_presses(events):
    """True: a press; False: the result of the oldest that waits."""
    row, said = told()
    waiting, count = [], 0
    for pressed in events:
        if pressed:
            count += 1
            waiting.append((row.press(f"p{count}.", "a"), count))
        elif waiting:
            press, number = waiting.pop(0)
            row.done(press, f"r{number}.")
        else:
            continue
        words = said[-1].split()
        numbers = [int(word[1:-1]) for word in words if word[0] == "r" and word[1:-1].isdigit()]
        assert all(low < high for low, high in pairwise(numbers)) and len(numbers) <= MOST
        assert ("At work:" in said[-1]) == bool(waiting)
