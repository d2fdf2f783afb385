"""When presses were made, whatever clock their times are of."""

import pytest

from napari_medseg.widgets.event_clock import ROUND, EventClock


def told(events, now=1000.0, start=5_000):
    """How long before it came each event was made, s: events are (seconds since the first, seconds on the way)."""
    clock = EventClock()
    return [
        round(now + came - clock.made(int((start + (came - way) * 1000) % ROUND), now + came), 2)
        for came, way in events
    ]


@pytest.mark.parametrize("start", [1, 5_000, 2**31, ROUND - 500])
def test_what_waited_was_made_before_what_came_at_once(start):
    assert told([(0, 0), (1, 0.4), (1, 0), (2, 0.05)], start=start) == [0, 0.4, 0, 0.05]


def test_the_quickest_of_all_is_taken_for_none():
    # a hundredth of a second is on the way each time
    assert told([(0, 0.01), (1, 0.51), (2, 0.01)]) == [0, 0.5, 0]
    # an event that came late is found out by the next
    assert told([(0, 0.3), (1, 0.3), (2, 0), (3, 0.3)]) == [0, 0, 0, 0.3]


def test_without_a_time_nothing_is_told():
    assert EventClock().made(0, 7.0) is None


def test_times_of_another_clock_begin_anew():
    clock = EventClock()
    assert clock.made(900_000, 10.0) == 10.0
    assert clock.made(500, 11.0) == 11.0
    assert clock.made(600, 11.5) == pytest.approx(11.1)


def test_a_clock_that_slept_or_drifts_is_followed():
    # 20 s late from the second minute on: two minutes later that is how the clocks lie
    assert told([(0, 0), (30, 0), *((60.0 * n, 20) for n in range(1, 5))])[-2:] == [0, 0]
    # looked away for an hour
    assert told([(0, 0), (3600, 5), (3601, 5)]) == [0, 0, 0]
