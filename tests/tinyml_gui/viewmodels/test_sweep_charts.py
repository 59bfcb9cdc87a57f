"""What the charts of a sweep show of its results."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from engine.boards.boards import BOARDS
from engine.sweep.outcome import EpochScores
from tests.tinyml_gui.sweeps import RATES, UNITS, described, made, row
from tinyml_gui.viewmodels.sweep.chart_table import csv_of
from tinyml_gui.viewmodels.sweep.front import points
from tinyml_gui.viewmodels.sweep.heat_map import heat_map
from tinyml_gui.viewmodels.sweep.parallel import lines
from tinyml_gui.viewmodels.sweep.results import FLASH, INSTRUCTIONS, RAM, SECONDS, VALIDATION, SweepResults
from tinyml_gui.viewmodels.sweep.surface import Side, surface
from tinyml_gui.viewmodels.sweep.ticks import measure_ticks, ticks

NANO = BOARDS["nano-33-ble"]


def three() -> SweepResults:
    """Return three networks of 2, 4 and 8 units: at chance level, good, and too large for a board."""
    results = made(UNITS)
    for number, (accuracy, flash) in enumerate([(0.2, 1024), (0.8, 2048), (0.9, 5_000_000)]):
        cells = {"flash": flash, "ram": 100 * number, "instructions": 1000, "seconds": 0.5 * (number + 1)}
        results.end(row(results, number, accuracy, **cells))
    return results


# Heat map


def test_the_map_lies_over_the_two_longest_axes_and_shows_the_best_of_a_cell() -> None:
    results = made(UNITS, RATES, ("train.seed", "0, 1"))
    results.judge(EpochScores(1, 2, {run.number: run.number / 100 for run in results.runs}))
    found = heat_map(results)
    assert found is not None
    assert (found.across.values, found.down.values) == (("2", "4", "8"), ("0.1", "0.2"))
    assert (found.across.title, found.down.title) == ("units", "learning rate")
    assert found.numbers.min() >= 6  # those of the second seed
    np.testing.assert_allclose(found.accuracy, found.numbers / 100)
    assert found.best == 11
    assert found.words(11) == "units 8, learning rate 0.2: 11.00 %"
    assert found.words(0) == ""


def test_the_map_of_the_preset_is_layers_by_neurons() -> None:
    sweep = described(preset="361 relu")
    found = heat_map(SweepResults(sweep, sweep.runs(), 4, {}))
    assert found is not None
    assert found.accuracy.shape == (19, 19)
    assert (found.across.title, found.down.title) == ("layers", "units")
    assert found.best is None
    assert np.isnan(found.accuracy).all()
    assert sorted(found.numbers.ravel()) == list(range(361))


def test_a_single_field_is_a_map_of_one_row() -> None:
    found = heat_map(three())
    assert found is not None
    assert found.numbers.tolist() == [[0, 1, 2]]
    assert found.words(1) == "units 4: 80.00 %"


# Front


def test_the_front_is_what_no_other_network_beats() -> None:
    results = made(("layers.1.units", "1..6"))
    figures = [(0.9, 100), (0.8, 50), (0.85, 200), (0.95, 300), (0.2, 10), (0.99, 5_000_000)]
    for number, (accuracy, flash) in enumerate(figures):
        results.end(row(results, number, accuracy, flash=flash, ram=1))
    found = points(results, FLASH, NANO)
    assert found.numbers.tolist() == [4, 1, 0, 2, 3, 5]  # those that take least first
    assert found.numbers[found.front].tolist() == [1, 0, 3]
    assert found.numbers[found.greyed].tolist() == [4, 5]  # at chance level; too large for the board
    assert found.words == "6 networks, 3 of them on the front"
    assert results.at_chance == 1


def test_of_two_networks_that_take_the_same_only_the_better_one_is_on_the_front() -> None:
    results = made(UNITS)
    for number, accuracy in enumerate((0.7, 0.9, 0.9)):
        results.end(row(results, number, accuracy, flash=100))
    found = points(results, FLASH, None)
    assert found.numbers[found.front].tolist() == [1]


def test_without_figures_there_is_no_point() -> None:
    results = made(UNITS)
    results.end(row(results, 0, 0.9))
    assert points(results, RAM, None).words == "No network has ended yet"


# Surface


def test_the_surface_is_the_ratio_of_the_published_work() -> None:
    found = surface(three(), NANO)
    assert found is not None
    np.testing.assert_allclose(found.height, [[20**2 / 0.5, 80**2 / 1.0, 90**2 / 1.5]])
    assert found.top == 6400
    assert found.greyed.tolist() == [[True, False, True]]
    assert found.words == "3 networks, the highest at 6,400 %²/s"


def test_before_a_run_has_ended_there_is_no_height() -> None:
    results = made(UNITS, RATES)
    results.judge(EpochScores(1, 2, {0: 0.5}))
    found = surface(results, None)
    assert found is not None
    assert np.isnan(found.height).all()
    assert (found.top, found.words) == (0.0, "No network has ended yet")


@pytest.mark.parametrize("azimuth", [-135.0, -40.0, 0.0, 90.0])
@pytest.mark.parametrize("elevation", [0.0, 28.0, 90.0])
def test_turning_keeps_lengths(azimuth: float, elevation: float) -> None:
    """Right, up and away are at right angles, so what is seen and how far away it is are the cube, turned."""
    cube = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    seen, depth = Side(azimuth, elevation).project(cube)
    turned = np.column_stack([seen, depth])
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(cube, axis=1))


def test_higher_is_seen_higher_and_from_above_it_is_nearer() -> None:
    low, high = np.array([0.1, 0.2, -0.5]), np.array([0.1, 0.2, 0.5])
    (before, _), (after, _) = Side(30, 20).project(low), Side(30, 20).project(high)
    assert after[1] > before[1]
    assert after[0] == pytest.approx(before[0])
    assert Side(30, 90).project(high)[1] < Side(30, 90).project(low)[1]


def test_the_floor_is_never_seen_from_below() -> None:
    assert Side().turned(0, -500).elevation == 0
    assert Side().turned(0, 500).elevation == 90
    assert Side(170).turned(20, 0).azimuth == -170


# Parallel axes


def test_lines_go_through_fields_and_figures() -> None:
    found = lines(three(), NANO)
    assert [axis.title for axis in found.axes] == [
        "units",
        "Validation",
        "Flash",
        "RAM",
        "Instructions",
        "Time",
    ]
    assert found.axes[0].ticks == ((0.0, "2"), (0.5, "4"), (1.0, "8"))
    assert found.axes[1].ticks == ((0.0, "20.00 %"), (1.0, "90.00 %"))
    assert found.axes[4].ticks == ((0.5, "1 k"),)  # all take the same
    assert found.numbers.tolist() == [0, 2, 1]  # greyed ones are behind the others
    np.testing.assert_allclose(found.shares[2], [0.5, 6 / 7, 1024 / (5_000_000 - 1024), 0.5, 0.5, 0.5])


def test_the_line_under_the_pointer_is_found_between_the_axes() -> None:
    found = lines(three(), None)
    assert found.nearest(0.0, 0.4) == (1, pytest.approx(0.1))
    assert found.nearest(0.5, (0.5 + 6 / 7) / 2) == (1, pytest.approx(0.0))
    assert found.nearest(99.0, 1.0) == (2, pytest.approx(0.0))  # beyond the last axis
    assert lines(made(UNITS), None).nearest(0.0, 0.5) is None


def test_a_figure_that_is_not_known_leaves_a_gap() -> None:
    results = made(UNITS)
    results.end(row(results, 0, 0.9, seconds=1.0))
    found = lines(results, None)
    assert np.isnan(found.shares[0]).tolist() == [False, False, True, True, True, False]
    assert found.nearest(2.5, 0.5) is None


def test_of_very_many_networks_the_best_are_shown() -> None:
    results = made(("train.seed", "0..2004"))
    for run in results.runs:
        results.end(row(results, run.number, 0.5 + run.number / 10_000, seconds=1.0))
    found = lines(results, None)
    assert found.numbers.tolist() == list(range(5, 2005))
    assert found.words == "the best 2,000 networks; 5 others are not shown"


# Axes


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 100, 6, [0, 20, 40, 60, 80, 100]),
        (17, 88, 4, [50]),
        (0.0, 0.3, 4, [0, 0.1, 0.2, 0.3]),
        (5, 5, 4, []),
        (0, math.nan, 4, []),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, expected: list[float]) -> None:
    assert ticks(low, high, most) == pytest.approx(expected)


@pytest.mark.parametrize("high", [0.003, 1, 7, 99, 1234, 8.5e9])
@pytest.mark.parametrize("most", range(2, 9))
def test_there_are_never_more_ticks_than_asked_for(high: float, most: int) -> None:
    assert len(ticks(0, high, most)) <= most


def test_ticks_are_in_the_unit_of_the_axis() -> None:
    assert measure_ticks(FLASH, 0, 20_000, 3) == [(0, "0 KB"), (10_240, "10 KB")]
    assert measure_ticks(INSTRUCTIONS, 0, 2e6, 3) == [(0, "0 M"), (1e6, "1 M"), (2e6, "2 M")]
    assert measure_ticks(SECONDS, 0, 1, 3) == [(0, "0 s"), (0.5, "0.5 s"), (1, "1 s")]
    assert measure_ticks(VALIDATION, 0, 100, 3) == [(0, "0"), (50, "50"), (100, "100")]
    assert measure_ticks(RAM, 0, 0, 3) == []


# Numbers


def test_the_numbers_behind_the_charts_are_a_table() -> None:
    results = three()
    results.judge(EpochScores(1, 2, {0: 0.2}))
    head, *found = csv.reader(csv_of(results).decode().splitlines())
    assert head[:4] == ["Run", "units", "Validation accuracy", "Accuracy"]
    assert head[-1] == "Accuracy²/time (%²/s)"
    assert found[1] == ["2", "4", "80", "80", "2048", "100", "1000", "1", "6400"]


def test_runs_of_which_nothing_is_known_are_not_in_the_table() -> None:
    results = made(UNITS)
    results.judge(EpochScores(1, 2, {2: 0.5}))
    (line,) = csv_of(results).decode().splitlines()[1:]
    assert line == "3,8,50,,,,,,"
