"""What a click on a place of a list counts."""

import pytest

from apps.recommendations import positions


def test_without_enough_explored_items_a_place_is_looked_at_by_the_logarithm():
    found, is_measured = positions.examination([300, 300, 300], [30, 10, 5])
    assert found == pytest.approx([1.0, 0.6309, 0.5], abs=1e-4)
    assert not is_measured


def test_with_enough_of_them_it_is_measured_and_never_rises_again():
    found, is_measured = positions.examination([1000, 1000, 1000, 1000], [100, 40, 60, 0])
    assert is_measured
    assert found[0] == 1.0
    # Forty and sixty are chance: both places get fifty.
    assert found[1] == found[2] == pytest.approx(0.5, abs=0.01)
    assert 0 < found[3] < 0.01


def test_nobody_who_never_clicks_the_first_place_tells_anything():
    assert not positions.examination([5000, 5000], [0, 10])[1]


def test_a_click_far_down_counts_ten_at_most():
    looked_at = [1.0, 0.5, 0.01]
    assert [positions.weight(place, looked_at) for place in (1, 2, 3, 9)] == [1.0, 2.0, 10.0, 10.0]


def test_methods_whose_items_stood_in_other_places_are_compared_as_if_all_stood_first():
    looked_at = [1.0, 0.5]
    top = positions.weighted_rate({1: 100}, {1: 20}, looked_at)
    below = positions.weighted_rate({2: 100}, {2: 10}, looked_at)
    assert top == below == 0.2
    assert positions.weighted_rate({}, {}, looked_at) is None
