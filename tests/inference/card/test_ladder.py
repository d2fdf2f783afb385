"""Batches as large as there is memory for: every input once, in order, whatever fails."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from napari_medseg.inference.card import Ladder


class Memory:
    """Runs batches of numbers; there is room for so many at a time, by the number of the attempt."""

    def __init__(self, rooms, spare=0):
        self.rooms, self.spare, self.tried, self.done = rooms, spare, [], []

    def do(self, where):
        size = where.stop - where.start
        self.tried.append(size)
        if size > self.rooms[min(len(self.tried), len(self.rooms)) - 1]:
            raise torch.OutOfMemoryError(f"no memory for {size}")
        self.done += range(where.start, where.stop)

    def relieve(self):
        self.spare -= 1
        return self.spare >= 0

    def climb(self, ladder, count, room=10**6):
        ladder.climb(count, self.do, room=lambda: room, relieve=self.relieve)


@given(
    count=st.integers(0, 300),
    most=st.integers(1, 70),
    rooms=st.lists(st.integers(1, 80), min_size=1, max_size=12),
    guess=st.integers(1, 100),
    spare=st.integers(0, 3),
)
def test_every_input_is_done_once_and_in_order(count, most, rooms, guess, spare):
    memory = Memory(rooms, spare)
    memory.climb(Ladder(most), count, guess)
    assert memory.done == list(range(count))
    assert max(memory.tried, default=0) <= most


@given(count=st.integers(1, 300), most=st.integers(1, 70), room=st.integers(1, 80))
@example(count=2, most=2, room=1)  # the larger size was never tried by the first climb
def test_what_failed_is_not_tried_again_and_what_fitted_is_where_the_next_begins(count, most, room):
    ladder, memory = Ladder(most), Memory([room])
    memory.climb(ladder, count)
    assert len([size for size in memory.tried if size > room]) <= 1
    again = Memory([room])
    again.climb(ladder, count)
    assert again.done == list(range(count))
    # one more may fail: memory may be free again, or the size was never tried
    assert len([size for size in again.tried if size > room]) <= 1
    assert len(again.tried) <= len(memory.tried) + 1


def test_batches_double_to_what_is_known_to_fit():
    ladder, memory = Ladder(64), Memory([1000])
    memory.climb(ladder, 60, room=12)
    assert memory.tried == [1, 2, 4, 8, 12, 12, 12, 9]


def test_what_can_be_spared_is_given_back_before_batches_become_smaller():
    ladder, memory = Ladder(8), Memory([8, 8, 2, 8], spare=1)
    memory.climb(ladder, 20)
    assert memory.tried == [1, 2, 4, 4, 8, 5]


def test_where_there_is_no_memory_for_one_it_is_said():
    memory = Memory([4, 4, 0])
    with pytest.raises(torch.OutOfMemoryError, match="no memory for 1"):
        memory.climb(Ladder(8), 20)
    assert memory.done == [0, 1, 2]
    assert memory.tried == [1, 2, 4, 2, 1]
