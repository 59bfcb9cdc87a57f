"""Sweeps over the small network for bright spots, and rows of their results."""

from __future__ import annotations

from collections.abc import Mapping

from engine.sweep.columns import ACCURACY, CHOOSE_BY, COLUMNS, KEY, Cell, Row
from engine.sweep.description import Sweep
from tests.tinyml_gui.tiny import spot_model, spots
from tinyml_gui.viewmodels.sweep.definition import GRID, Definition, sweep_of
from tinyml_gui.viewmodels.sweep.results import FLASH, INSTRUCTIONS, RAM, SECONDS, SweepResults

SPEC = spot_model().spec
UNITS, RATES = ("layers.1.units", "2, 4, 8"), ("train.learning_rate", "0.1, 0.2")
NAMED = {"flash": FLASH, "ram": RAM, "instructions": INSTRUCTIONS, "seconds": SECONDS}


def described(*grid: tuple[str, str], preset: str = GRID, epochs: int = 2) -> Sweep:
    return sweep_of(Definition(preset, epochs, grid), SPEC, "cross_entropy", spots())


def made(*grid: tuple[str, str], rows: Mapping[str, Row] | None = None) -> SweepResults:
    sweep = described(*grid)
    return SweepResults(sweep, sweep.runs(), 4, rows or {})


def row(results: SweepResults, number: int, accuracy: float, **cells: Cell) -> Row:
    known = {NAMED[name].cell: value for name, value in cells.items()}
    shared = {KEY: results.runs[number].key, CHOOSE_BY: 100 * accuracy, ACCURACY: 100 * accuracy}
    return {name: {**shared, **known}.get(name) for name in COLUMNS}


def ended() -> SweepResults:
    """Return a sweep of six networks that have ended."""
    results = made(UNITS, RATES)
    for run in results.runs:
        n = run.number
        cells = {"flash": 3000 + 700 * n, "ram": 150, "instructions": 9000 + n, "seconds": 0.4 + 0.1 * n}
        results.end(row(results, n, 0.2 + 0.1 * n, **cells))
    return results
