"""What a sweep of the window consists of, and what its views show of the results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from engine.boards.boards import BOARDS
from engine.errors import FieldError
from engine.nn.layers import LAYERS
from engine.sweep.columns import ACCURACY, CHOOSE_BY, COLUMNS, KEY, Cell, Row
from engine.sweep.description import Sweep
from engine.sweep.outcome import EpochScores
from tests.tinyml_gui.tiny import spot_model, spots
from tinyml_gui.viewmodels.sweep.definition import GRID, Definition, choices, fields_of, size_words, sweep_of
from tinyml_gui.viewmodels.sweep.results import COLUMNS as SHOWN
from tinyml_gui.viewmodels.sweep.results import (
    FLASH,
    INSTRUCTIONS,
    MEASURES,
    RAM,
    SECONDS,
    SweepResults,
    bar_words,
    ending_words,
    status_words,
)
from tinyml_gui.viewmodels.sweep.stopwatch import Stopwatch

SPEC = spot_model().spec
UNITS, RATES = ("layers.1.units", "2, 4, 8"), ("train.learning_rate", "0.1, 0.2")


def described(*grid: tuple[str, str], preset: str = GRID, epochs: int = 2) -> Sweep:
    return sweep_of(Definition(preset, epochs, grid), SPEC, "cross_entropy", spots())


# Definition


def test_a_grid_changes_fields_of_the_open_network() -> None:
    sweep = described(UNITS, RATES, ("", ""))
    assert sweep.count == 6
    assert {run.spec.layers[1].units for run in sweep.runs()} == {2, 4, 8}
    assert {run.config.epochs for run in sweep.runs()} == {2}


def test_epochs_of_the_grid_win() -> None:
    assert {run.config.epochs for run in described(("train.epochs", "1, 3")).runs()} == {1, 3}


@pytest.mark.parametrize("preset", [name for name, _ in choices() if name])
def test_each_preset_has_its_networks_for_the_data(preset: str) -> None:
    runs = described(preset=preset, epochs=4).runs()
    assert len(runs) == 361
    assert {run.spec.classes for run in runs} == {4}
    assert {run.config.epochs for run in runs} == {4}
    assert {run.spec.layers[1].activation for run in runs} == {preset.split(" ")[1]}


@pytest.mark.parametrize(
    ("grid", "words"),
    [((), "give its values"), ((("layers.1.units", "0"),), "Units must be"), ((UNITS, UNITS), "twice")],
)
def test_a_grid_that_makes_no_sense_is_one_sentence(grid: tuple[tuple[str, str], ...], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        described(*grid)


def test_the_size_is_said_before_anything_is_trained() -> None:
    assert size_words(described(UNITS, RATES), spots()).startswith("6 networks on 320 images · very roughly")


@pytest.mark.parametrize("kind", LAYERS)
def test_examples_of_every_field_of_every_layer_are_values_that_it_takes(kind: str) -> None:
    """The form proposes them, so the sweep must understand them."""
    spec = replace(SPEC, layers=(LAYERS[kind](),))
    for choice in fields_of(spec):
        definition = Definition(GRID, 1, ((choice.path, choice.example),))
        assert sweep_of(definition, spec, "cross_entropy", spots()).count >= 1, choice


# Results


def made(*grid: tuple[str, str], rows: Mapping[str, Row] | None = None) -> SweepResults:
    sweep = described(*grid)
    return SweepResults(sweep, sweep.runs(), 4, rows or {})


def row(results: SweepResults, number: int, accuracy: float, **cells: Cell) -> Row:
    named = {"flash": FLASH, "ram": RAM, "instructions": INSTRUCTIONS, "seconds": SECONDS}
    known = {named[name]: value for name, value in cells.items()}
    shared = {KEY: results.runs[number].key, CHOOSE_BY: 100 * accuracy, ACCURACY: 100 * accuracy}
    return {name: {**shared, **known}.get(name) for name in COLUMNS}


def test_accuracies_are_live_until_a_run_ends() -> None:
    results = made(UNITS)
    assert math.isnan(results.accuracy(0))
    assert results.best is None
    results.judge(EpochScores(1, 2, {0: 0.5, 1: 0.75}))
    assert results.best == 1
    results.end(row(results, 0, 0.9, seconds=0.25))
    assert results.accuracy(0) == pytest.approx(0.9)
    assert results.best == 0
    assert [results.words(0, column) for column in SHOWN[:2]] == ["90.00 %", "90.00 %"]
    assert results.words(0, SHOWN[-1]) == "0.25 s"
    assert results.words(2, SHOWN[0]) == "–"


def test_a_failed_run_is_said_and_counted() -> None:
    results = made(UNITS)
    results.end(row(results, 2, 0.0), "there was not enough memory.")
    assert results.words(2, SHOWN[0]) == "failed"
    assert "1 failed" in status_words(results, 1.0, None, "")
    assert results.done == 0


def test_rows_of_an_earlier_start_count_as_done() -> None:
    before = made(UNITS)
    known = row(before, 1, 0.8)
    results = made(UNITS, rows={str(known[KEY]): known})
    assert results.done == 1
    assert results.work == 4
    results.advance(2.0)
    assert results.share == 0.5
    assert status_words(results, 3.0, 60.0, "") == "1 of 3 networks · 0 at chance level · 1 min left"
    paused = status_words(results, 3.0, None, "", is_paused=True)
    assert paused == "1 of 3 networks · 0 at chance level · 3.0 s · paused"


def test_the_strip_below_other_pages_is_short() -> None:
    results = made(UNITS)
    assert bar_words(results, math.inf, False) == "Sweep   0 of 3 networks"
    assert bar_words(results, 20.0, False) == "Sweep   0 of 3 networks   20 s left"
    assert bar_words(results, 20.0, True) == "Sweep   0 of 3 networks   paused"


def test_the_end_says_what_is_left_to_do() -> None:
    results = made(UNITS)
    for number in range(2):
        results.end(row(results, number, 0.9))
    assert ending_words(results, True).startswith("Sweep stopped: 2 of 3 networks are kept")
    results.end(row(results, 2, 0.0), "there was not enough memory.")
    assert "repeat those that failed" in ending_words(results, False)
    results.end(row(results, 2, 0.9))
    assert ending_words(results, False) == "Sweep finished: 3 networks"


def test_a_stopwatch_leaves_pauses_out() -> None:
    times = iter([10.0, 13.0, 20.0, 21.0])
    clock = Stopwatch(lambda: next(times))
    assert clock.seconds == 0.0
    clock.restart()
    clock.stop()
    clock.go_on()
    assert clock.seconds == 4.0


def test_the_map_lies_over_the_two_longest_axes_and_shows_the_best_of_a_cell() -> None:
    results = made(UNITS, RATES, ("train.seed", "0, 1"))
    results.judge(EpochScores(1, 2, {run.number: run.number / 100 for run in results.runs}))
    found = results.heat_map()
    assert found is not None
    assert (found.columns, found.rows) == (("2", "4", "8"), ("0.1", "0.2"))
    assert found.titles == ("dense 2 units", "learning rate")
    assert found.numbers.min() >= 6  # those of the second seed
    assert (found.accuracy == found.numbers / 100).all()


def test_the_map_of_the_preset_is_layers_by_neurons() -> None:
    sweep = described(preset="361 relu")
    found = SweepResults(sweep, sweep.runs(), 4, {}).heat_map()
    assert found is not None
    assert found.accuracy.shape == (19, 19)
    assert found.titles == ("dense 2 repeat", "dense 2 units")
    assert np.isnan(found.accuracy).all()


def test_the_front_is_what_no_other_network_beats() -> None:
    results = made(("layers.1.units", "1..6"))
    figures = [(0.9, 100), (0.8, 50), (0.85, 200), (0.95, 300), (0.2, 10), (0.99, 5_000_000)]
    for number, (accuracy, flash) in enumerate(figures):
        results.end(row(results, number, accuracy, flash=flash, ram=1))
    points = results.points(MEASURES[0], BOARDS["nano-33-ble"])
    assert points.numbers[points.front].tolist() == [0, 1, 3]
    assert points.numbers[points.greyed].tolist() == [4, 5]  # at chance level; too large for the board
    assert results.at_chance == 1


def test_without_figures_there_is_no_point() -> None:
    results = made(UNITS)
    results.end(row(results, 0, 0.9))
    assert len(results.points(MEASURES[1], None).x) == 0


def test_settings_say_by_what_runs_differ() -> None:
    assert made(UNITS, RATES).settings(3) == "units 4, learning rate 0.2"
    twice = made(("layers.1.activation", "relu, tanh"), ("layers.2.activation", "linear, softmax"))
    assert twice.settings(0) == "dense 2 activation relu, dense 3 activation linear"
