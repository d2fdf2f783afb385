"""Spotlights fall on what is wrong, worst first, and go out where a person has been."""

import numpy as np
import pytest
from scipy import ndimage

from napari_medseg.editing.spots import Spot, after_seen, doubt_map, find_spots


def scene():
    """A sure object, a large doubtful blob and a small one."""
    probability = np.zeros((120, 160))
    probability[20:60, 20:60] = 1.0
    probability = ndimage.gaussian_filter(probability, 1.0)
    probability[80:110, 100:140] = 0.5
    probability[20:30, 120:130] = 0.45
    return probability


def test_the_largest_doubt_comes_first_and_a_sharp_rim_is_none():
    spots = find_spots(doubt_map(scene(), labels=scene() > 0.5))
    # a large region may be several spots
    inside = [80 <= s.point[0] < 110 and 100 <= s.point[1] < 140 for s in spots]
    assert inside[0]
    assert not inside[-1]
    assert 18 <= spots[-1].point[0] < 32
    assert 118 <= spots[-1].point[1] < 132
    assert [s.score for s in spots] == sorted((s.score for s in spots), reverse=True)
    assert not any(s.point[0] < 75 and s.point[1] < 75 for s in spots)


def test_where_a_person_drew_nothing_is_doubtful():
    touched = np.zeros((120, 160), bool)
    touched[70:, 90:] = True
    (spot,) = find_spots(doubt_map(scene(), labels=scene() > 0.5, touched=touched))
    assert spot.point[0] < 40


def test_a_mask_against_a_sure_network_is_doubtful():
    probability = np.zeros((60, 60))
    labels = np.zeros((60, 60), np.uint8)
    labels[20:40, 20:40] = 1
    (spot, *_) = find_spots(doubt_map(probability, labels=labels))
    assert labels[spot.point]
    assert find_spots(doubt_map(labels.astype(float), labels=labels)) == []


def test_other_opinions_and_a_rim_without_an_edge_are_spots():
    sure = np.zeros((100, 100))
    labels = np.zeros((100, 100), np.uint8)
    labels[20:80, 20:80] = 1
    mean = labels.astype(float)
    mean[50:60, 45:55] = 0.55  # two of four mirrored copies find nothing here
    (spot,) = find_spots(doubt_map(mean, labels=labels))
    assert 50 <= spot.point[0] < 60
    edges = np.zeros((100, 100))
    edges[20, 20:80] = edges[20:80, 20] = edges[20:80, 79] = 1  # none along the lower rim
    spots = find_spots(doubt_map(labels.astype(float), labels=labels, edges=edges))
    assert spots
    assert all(s.point[0] > 70 for s in spots)
    assert find_spots(doubt_map(sure, labels=labels * 0, edges=edges * 0)) == []


def test_volumes_and_the_number_of_spots():
    doubt = np.zeros((4, 80, 80))
    for z, y in ((0, 10), (1, 30), (3, 60)):
        doubt[z, y : y + 10, y : y + 10] = 1
    spots = find_spots(doubt)
    assert sorted(s.point[0] for s in spots) == [0, 1, 3]
    assert len(find_spots(doubt, most=2)) == 2


def test_regions_in_slices_far_apart_are_separate_places_and_neighbouring_slices_one():
    doubt = np.zeros((14, 80, 80))
    for z in (2, 3, 12):
        doubt[z, 30:40, 30:40] = 1
    doubt[12, 32:38, 60:66] = 0.6
    spots = find_spots(doubt)
    assert sorted(s.point[0] in (2, 3) for s in spots) == [False, False, True]
    assert sum(s.pixels for s in spots) > 300
    # a doubtful column through all slices is no spot in each of them
    doubt[:, 30:40, 30:40] = 1
    assert 3 <= len(find_spots(doubt)) <= 6


A, B, C = Spot((10, 10), 5, 9.0), Spot((50, 50), 5, 8.0), Spot((90, 10), 5, 7.0)


@pytest.mark.parametrize(
    ("spots", "seen", "stays", "points"),
    [
        ([A, B, C], [], None, [A, B, C]),
        # seen ones first, in the order in which they were seen
        ([A, B, C], [C, A], None, [C, A, B]),
        # a little aside is the same place, which keeps its point
        ([Spot((53, 48), 9, 20.0), A], [B], B, [B, A]),
        # two parts of it are one
        ([Spot((45, 50), 3, 5.0), Spot((60, 50), 3, 4.0)], [B], None, [B]),
        # nothing there any more: it goes, but for the one that is looked at
        ([C], [A, B], B, [B, C]),
        ([C], [A, B], None, [C]),
        # other slices are other places
        ([Spot((9, 10, 10), 5, 1.0)], [Spot((5, 10, 10), 5, 1.0)], None, [Spot((9, 10, 10), 5, 1.0)]),
    ],
)
def test_a_better_opinion_moves_nothing_that_was_looked_at(spots, seen, stays, points):
    assert [spot.point for spot in after_seen(spots, seen, stays=stays)] == [spot.point for spot in points]
