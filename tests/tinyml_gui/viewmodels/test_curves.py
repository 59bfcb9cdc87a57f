from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.training.rate_finder import RatePoint
from tinyml_gui.viewmodels.curves import (
    BINS,
    Binned,
    accuracy_floor,
    curves_words,
    loss_ceiling,
    rates_words,
)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_binning_keeps_the_extremes_the_ends_and_the_order(values: list[float]) -> None:
    curve = Binned(bins=8)
    for x, y in enumerate(values):
        curve.append(x, y)
    x, y = curve.envelope
    assert len(x) == len(y) == 2 * len(curve) <= 16
    assert (y.min(), y.max()) == (min(values), max(values))
    assert x[-1] == len(values) - 1
    assert np.all(np.diff(x) >= 0)


def test_few_values_are_kept_as_they_are() -> None:
    curve = Binned()
    for x in range(BINS):
        curve.append(x, math.sin(x))
    np.testing.assert_array_equal(curve.values[1], np.sin(np.arange(BINS)))


def test_a_million_values_cost_no_more_points_than_a_thousand() -> None:
    curve = Binned(bins=64)
    for x in range(100_000):
        curve.append(x, x % 7)
    assert 32 <= len(curve) <= 64
    assert set(curve.envelope[1][:-2]) == {0.0, 6.0}


def test_the_smoothed_line_starts_at_the_first_value_and_follows() -> None:
    curve = Binned()
    curve.append(0, 5.0)
    assert curve.last == pytest.approx(5.0)
    for x in range(200):
        curve.append(x, 1.0)
    assert curve.last == pytest.approx(1.0, abs=1e-6)


def test_the_line_goes_through_means_and_is_smoothed_from_there_on() -> None:
    curve = Binned()
    for x, y in enumerate([3.0, 2.0, 1.0]):
        curve.append(x, y, smoothed=False)
    np.testing.assert_array_equal(curve.line[1], [3.0, 2.0, 1.0])
    curve.append(3, 2.0)
    assert curve.last == pytest.approx(1.1)


def test_values_that_are_no_numbers_are_left_out_and_clearing_forgets() -> None:
    curve = Binned()
    for y in (math.nan, math.inf, 1.0):
        curve.append(0, y)
    assert len(curve) == 1
    curve.clear()
    assert len(curve) == 0
    assert math.isnan(curve.last)


def test_the_loss_axis_moves_in_few_steps() -> None:
    ceilings, shown = [], 1.0
    for loss in np.geomspace(2.3, 0.01, 1000):
        shown = loss_ceiling(float(loss), shown)
        ceilings.append(shown)
        assert shown >= loss
    assert len(set(ceilings)) < 10
    assert loss_ceiling(math.nan, 3.0) == 3.0
    assert loss_ceiling(0.0, 3.0) == 3.0


def test_the_accuracy_axis_shows_the_whole_climb() -> None:
    assert accuracy_floor(0.97, 1.0) == 0.9
    assert accuracy_floor(0.97, 0.5) == 0.5  # what was lower before stays in sight
    shown = 1.0
    for accuracy in np.linspace(1, 0, 200):
        floor = accuracy_floor(float(accuracy), shown)
        assert floor <= min(shown, accuracy)
        shown = floor
    assert shown == 0.0
    assert accuracy_floor(math.nan, 0.5) == 0.5


def test_curves_are_told_by_their_newest_values() -> None:
    train, validation = Binned(), Binned()
    assert curves_words(train, validation, percent=False) == ""
    train.append(1, 0.5)
    assert curves_words(train, validation, percent=False) == "training 0.5"
    validation.append(1, 0.987, smoothed=False)
    assert curves_words(train, validation, percent=True) == "training 50.0 %, validation 98.7 %"


def test_a_search_for_a_rate_is_told_by_its_best_and_its_proposal() -> None:
    assert rates_words((), None) == "No rates tried yet"
    points = (RatePoint(0.01, 2.3), RatePoint(0.1, 1.25))
    assert rates_words(points, None) == "2 rates tried, lowest loss 1.25 at 0.1"
    assert rates_words(points, 0.05).endswith("; proposed rate 0.05")
