"""What a sweep of the window consists of, and what is known of its runs."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import FieldError, FileError, TrainingError
from engine.nn.layers import LAYERS
from engine.sweep.columns import KEY
from engine.sweep.description import Sweep
from engine.sweep.grid import Axis
from engine.sweep.outcome import EpochScores
from tests.tinyml_gui.sweeps import RATES, SPEC, UNITS, described, made, row
from tests.tinyml_gui.tiny import spots
from tinyml_gui.viewmodels.sweep.definition import (
    GRID,
    Definition,
    choices,
    fields_of,
    sampled,
    size_words,
    sweep_of,
)
from tinyml_gui.viewmodels.sweep.earlier import check_data, description, read_earlier
from tinyml_gui.viewmodels.sweep.results import MEASURES
from tinyml_gui.viewmodels.sweep.status import bar_words, ending_words, status_words
from tinyml_gui.viewmodels.sweep.stopwatch import Stopwatch

SHORT = [
    ("seed", 0, 1),
    ("epochs", 1, 2),
    ("batch_size", 8, 16),
    ("learning_rate", 0.1, 0.2),
    ("momentum", 0.0, 0.9),
    ("patience", 0, 1),
    ("weight_decay", 0.0, 0.1),
    ("smoothing", 0.0, 0.1),
    ("validation", 0.1, 0.2),
]


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


def test_the_size_of_a_large_sweep_is_said_without_making_all_its_networks() -> None:
    """It is said at each key that is typed."""
    many = described(("layers.1.units", "1..100"), ("train.seed", "0..199"))
    assert sampled(many).count <= 400
    assert size_words(many, spots()).startswith("20,000 networks on 320 images")


def test_a_million_networks_by_mistake_are_one_sentence() -> None:
    with pytest.raises(FieldError, match=r"1,000,000 runs .* leave out values"):
        described(("layers.1.units", "1..1000"), ("train.seed", "0..999"))


def test_the_estimate_of_a_sample_is_near_that_of_all_runs() -> None:
    many = described(("layers.1.units", "1..100"), ("train.seed", "0..9"))
    all_macs = sum(run.spec.macs for run in many.runs())
    some = sampled(many)
    assert sum(run.spec.macs for run in some.runs()) / some.count == pytest.approx(
        all_macs / many.count, rel=0.05
    )


def test_a_sweep_of_many_short_axes_is_sampled_too() -> None:
    axes = tuple(Axis((f"train.{name}",), ((low,), (high,))) for name, low, high in SHORT)
    assert sampled(Sweep("short", described(UNITS).recipe, axes)).count <= 400


@pytest.mark.parametrize("kind", LAYERS)
def test_examples_of_every_field_of_every_layer_are_values_that_it_takes(kind: str) -> None:
    """The form proposes them, so the sweep must understand them."""
    spec = replace(SPEC, layers=(LAYERS[kind](),))
    for choice in fields_of(spec):
        definition = Definition(GRID, 1, ((choice.path, choice.example),))
        assert sweep_of(definition, spec, "cross_entropy", spots()).count >= 1, choice


def test_an_earlier_sweep_says_what_it_was_about_and_how_far_it_is(tmp_path: Path) -> None:
    sweep = described(preset="361 relu", epochs=4)
    name = f"361-{sweep.fingerprint(spots())}"
    (tmp_path / f"{name}.json").write_bytes(description(sweep, "/data/my spots"))
    (tmp_path / f"{name}.csv").write_text("head\nrow\nrow\n")
    found = read_earlier(tmp_path / f"{name}.json")
    assert found.sweep == sweep
    assert found.title == "Earlier: 361 relu, layers × units, 4 epochs on my spots, 2 of 361 networks"
    assert not found.is_complete
    check_data(name, found.sweep, spots())
    with pytest.raises(TrainingError, match="has changed since this sweep began"):
        check_data(name, found.sweep, spots(count=100))


def test_a_description_without_a_table_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(description(described(UNITS), "starter"))
    with pytest.raises(FileError):
        read_earlier(tmp_path / "a.json")


# Results


def test_accuracies_are_live_until_a_run_ends() -> None:
    results = made(UNITS)
    assert math.isnan(results.accuracies[0])
    assert results.best is None
    results.judge(EpochScores(1, 2, {0: 0.5, 1: 0.75}))
    assert results.best == 1
    results.end(row(results, 0, 0.9, seconds=0.25))
    assert results.accuracies[0] == pytest.approx(0.9)
    assert results.best == 0
    assert [results.words(0, column) for column in MEASURES[:2]] == ["90.00 %", "90.00 %"]
    assert results.words(0, MEASURES[-1]) == "0.25 s"
    assert results.words(2, MEASURES[0]) == "–"


def test_a_failed_run_is_said_and_counted() -> None:
    results = made(UNITS)
    results.end(row(results, 2, 0.0), "there was not enough memory.")
    assert results.words(2, MEASURES[0]) == "failed"
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


def test_settings_say_by_what_runs_differ() -> None:
    assert made(UNITS, RATES).settings(3) == "units 4, learning rate 0.2"
    twice = made(("layers.1.activation", "relu, tanh"), ("layers.2.activation", "linear, softmax"))
    assert twice.settings(0) == "dense 2 activation relu, dense 3 activation linear"
