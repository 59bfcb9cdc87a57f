"""What a sweep has found so far, and what table, heat map and chart show of it.

A `SweepResults` folds the events of a sweep. It knows nothing of processes or widgets: feed it, read it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.boards.boards import Board
from engine.knobs import Scalar
from engine.sweep.columns import ACCURACY, CHOOSE_BY, KEY, Cell, Row
from engine.sweep.description import Run, Sweep
from engine.sweep.fields import field_of
from engine.sweep.grid import Axis
from engine.sweep.outcome import EpochScores
from engine.sweep.summary import CHANCE
from tinyml_gui.viewmodels.quantities import bytes_words, count_words, duration_words, percent

__all__ = [
    "COLUMNS",
    "MEASURES",
    "Column",
    "HeatMap",
    "Measure",
    "Points",
    "SweepResults",
    "bar_words",
    "ending_words",
    "seen_path",
    "status_words",
]

FLASH, RAM, INSTRUCTIONS = "Flash int8 (bytes)", "RAM int8 (bytes)", "Instructions int8"
SECONDS: Final = "Training Time (s)"


@dataclass(frozen=True)
class Measure:
    """What a network takes, as an axis of the chart."""

    column: str
    title: str


MEASURES: Final = (
    Measure(FLASH, "Flash, int8"),
    Measure(RAM, "RAM, int8"),
    Measure(INSTRUCTIONS, "Instructions, int8"),
    Measure(SECONDS, "Training time, s"),
)


@dataclass(frozen=True)
class Column:
    """A column of the table: its heading, the cell of a row that it sorts by, and how that is shown."""

    title: str
    cell: str


COLUMNS: Final = (
    Column("Validation", CHOOSE_BY),
    Column("Test", ACCURACY),
    Column("Flash", FLASH),
    Column("RAM", RAM),
    Column("Instructions", INSTRUCTIONS),
    Column("Time", SECONDS),
)


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Accuracies over the two fields that change most.

    Attributes
    ----------
    columns, rows : tuple of str
        The values of the fields.
    titles : (str, str)
        The fields: across, down.
    accuracy : ndarray of float, shape (rows, columns)
        The best of the runs in a cell, 0 to 1; nan where there is none yet.
    numbers : ndarray of int, shape (rows, columns)
        The number of that run; -1 where there is none.
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    titles: tuple[str, str]
    accuracy: NDArray[np.float64]
    numbers: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Points:
    """The chart: what networks take and how accurate they are, by run.

    Attributes
    ----------
    numbers : ndarray of int, shape (n,)
    x, accuracy : ndarray of float, shape (n,)
    front : ndarray of bool, shape (n,)
        No other network is as accurate with less.
    greyed : ndarray of bool, shape (n,)
        At chance level, or too large for the board.
    """

    numbers: NDArray[np.intp]
    x: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    front: NDArray[np.bool_]
    greyed: NDArray[np.bool_]


class SweepResults:
    """The runs of a sweep with what is known of each.

    Parameters
    ----------
    sweep : Sweep
    runs : sequence of Run
        Those of the sweep.
    classes : int
    rows : mapping of str to row
        Of runs that had ended before, by their keys.
    """

    def __init__(self, sweep: Sweep, runs: Sequence[Run], classes: int, rows: Mapping[str, Row]) -> None:
        self.runs = tuple(runs)
        self._axes = tuple(axis for axis in sweep.axes if len(axis.values) > 1)
        paths = [seen_path(axis) for axis in self._axes]
        self._titles = {path: field_title(sweep, path) for path in paths}
        labels = [field_of(sweep.recipe, path).label.lower() for path in paths]
        are_unlike = len(set(labels)) == len(labels)
        self._short = dict(zip(paths, labels, strict=True)) if are_unlike else self._titles
        self.chance = CHANCE / classes
        self.rows: dict[int, Row] = {run.number: rows[run.key] for run in runs if run.key in rows}
        self.live: dict[int, float] = {}
        self.failed: dict[int, str] = {}
        self.epochs = 0.0
        left = [run for run in runs if run.number not in self.rows]
        self.work = sum(run.config.epochs for run in left)
        self._by_key = {run.key: run.number for run in runs}

    # Events

    def advance(self, epochs: float) -> None:
        """Take note of epochs of single networks."""
        self.epochs += epochs

    def judge(self, event: EpochScores) -> None:
        """Take note of the accuracies after an epoch."""
        self.live |= event.accuracies

    def end(self, row: Row, sentence: str = "") -> None:
        """Take note of a run that ended; with a `sentence` it failed."""
        number = self._by_key[str(row[KEY])]
        self.live.pop(number, None)
        if sentence:
            self.failed[number] = sentence
        else:
            self.failed.pop(number, None)
            self.rows[number] = row

    # Figures

    @property
    def done(self) -> int:
        """How many runs have ended well."""
        return len(self.rows)

    @property
    def share(self) -> float:
        """How much of the work is done, 0 to 1."""
        return min(1.0, self.epochs / self.work) if self.work else 1.0

    def accuracy(self, number: int) -> float:
        """Return the validation accuracy of a run, 0 to 1: the last that is known, else nan."""
        row = self.rows.get(number)
        return self.live.get(number, math.nan) if row is None else _share(row[CHOOSE_BY])

    @property
    def best(self) -> int | None:
        """The number of the run with the highest validation accuracy; None where none is known."""
        known = [run.number for run in self.runs if not math.isnan(self.accuracy(run.number))]
        return max(known, key=self.accuracy, default=None)

    @property
    def at_chance(self) -> int:
        """How many networks that have ended are hardly better than guessing."""
        return sum(self.accuracy(number) <= self.chance for number in self.rows)

    # Views

    def cell(self, number: int, column: Column) -> Cell:
        """Return what a cell of the table is sorted by."""
        if column.cell == CHOOSE_BY:
            accuracy = self.accuracy(number)
            return None if math.isnan(accuracy) else 100 * accuracy
        row = self.rows.get(number)
        return None if row is None else row[column.cell]

    def settings(self, number: int) -> str:
        """Return by what a run differs from the others, in a few words."""
        at = dict(self.runs[number].settings)
        return ", ".join(f"{title} {_text(at[path])}" for path, title in self._short.items()) or "the network"

    def words(self, number: int, column: Column) -> str:
        """Return what a cell of the table shows."""
        value = self.cell(number, column)
        if not isinstance(value, (int, float)):
            return "failed" if number in self.failed else "–"
        if column.cell in (CHOOSE_BY, ACCURACY):
            return percent(value / 100, 2)
        if column.cell == SECONDS:
            return f"{value:.2f} s"
        return count_words(round(value)) if column.cell == INSTRUCTIONS else bytes_words(value)

    def heat_map(self) -> HeatMap | None:
        """Return the accuracies over the two axes with the most values; None where nothing changes."""
        axes = sorted(self._axes, key=lambda axis: -len(axis.values))[:2]
        if not axes:
            return None
        paths = [seen_path(axis) for axis in axes]
        labels = [_values(axis, path) for axis, path in zip(axes, paths, strict=True)]
        if len(axes) == 1:
            paths, labels = [paths[0], ""], [labels[0], ("",)]
        accuracy = np.full((len(labels[1]), len(labels[0])), math.nan)
        numbers = np.full(accuracy.shape, -1, np.intp)
        for run in self.runs:
            at = dict(run.settings)
            column = labels[0].index(_text(at[paths[0]]))
            row = labels[1].index(_text(at[paths[1]])) if paths[1] else 0
            found = self.accuracy(run.number)
            if numbers[row, column] < 0 or found > accuracy[row, column]:
                numbers[row, column] = run.number
            if not found <= accuracy[row, column]:
                accuracy[row, column] = found
        across, down = (self._titles.get(path, "") for path in paths)
        return HeatMap(labels[0], labels[1], (across, down), accuracy, numbers)

    def points(self, measure: Measure, board: Board | None) -> Points:
        """Return what the chart shows over `measure`; networks that `board` cannot hold are greyed."""
        known = [
            number
            for number, row in self.rows.items()
            if isinstance(row[measure.column], (int, float)) and row[CHOOSE_BY] is not None
        ]
        x = np.array([float(self.rows[number][measure.column] or 0) for number in known])
        accuracy = np.array([self.accuracy(number) for number in known])
        greyed = np.array([self.is_greyed(number, board) for number in known], np.bool_)
        return Points(np.array(known, np.intp), x, accuracy, _front(x, accuracy, ~greyed), greyed)

    def is_greyed(self, number: int, board: Board | None) -> bool:
        """Return whether a network is at chance level, or too large for `board`."""
        return self.accuracy(number) <= self.chance or not self.fits(number, board)

    def fits(self, number: int, board: Board | None) -> bool:
        """Return whether the int8 form of a run has room on `board`, as far as that is known."""
        row = self.rows.get(number)
        if row is None or board is None:
            return True
        flash, ram = row[FLASH], row[RAM]
        return not (
            (isinstance(flash, (int, float)) and flash > board.flash_bytes)
            or (isinstance(ram, (int, float)) and ram > board.ram_bytes)
        )


def seen_path(axis: Axis) -> str:
    """Return the path of an axis by which its values are told apart: whole numbers if there are such."""
    different = [
        (path, column)
        for path, column in zip(axis.paths, zip(*axis.values, strict=True), strict=True)
        if len(set(column)) == len(column)
    ]
    whole = [path for path, column in different if all(type(value) is int for value in column)]
    return (whole or [path for path, _ in different] or list(axis.paths))[0]


def field_title(sweep: Sweep, path: str) -> str:
    """Return what people call a field: its layer, where it has one, and its label."""
    _, *way = path.split(".")
    label = field_of(sweep.recipe, path).label.lower()
    if len(way) != 2 or not way[0].isdecimal():
        return label
    layer = sweep.recipe.layers[int(way[0])].layer
    return f"{type(layer).title.lower()} {int(way[0]) + 1} {label}"


def _values(axis: Axis, path: str) -> tuple[str, ...]:
    place = axis.paths.index(path)
    return tuple(dict.fromkeys(_text(row[place]) for row in axis.values))


def _text(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _share(cell: Cell) -> float:
    return float(cell) / 100 if isinstance(cell, (int, float)) else math.nan


def _front(
    x: NDArray[np.float64], accuracy: NDArray[np.float64], wanted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of the `wanted` points no other one beats."""
    front, best = np.zeros(len(x), np.bool_), -math.inf
    for place in np.lexsort((-accuracy, x)):
        if wanted[place] and accuracy[place] > best:
            front[place], best = True, accuracy[place]
    return front


def status_words(
    results: SweepResults, seconds: float, left: float | None, warning: str, *, is_paused: bool = False
) -> str:
    """Return how far a sweep is, in one line; `left` is None once it has ended or while it is paused."""
    parts = [f"{results.done:,} of {len(results.runs):,} networks"]
    if results.failed:
        parts.append(f"{len(results.failed):,} failed")
    if results.done:
        parts.append(f"{results.at_chance:,} at chance level")
    if left is None:
        parts.append(f"{seconds:.1f} s")
    elif math.isfinite(left):
        parts.append(f"{duration_words(left)} left")
    if is_paused:
        parts.append("paused")
    return " · ".join(parts) + (f". {warning}" if warning else "")


def bar_words(results: SweepResults, left: float, is_paused: bool) -> str:
    """Return how far a sweep is that goes on, for the strip below other pages."""
    end = "paused" if is_paused else f"{duration_words(left)} left" if math.isfinite(left) else ""
    parts = ("Sweep", f"{results.done:,} of {len(results.runs):,} networks", end)
    return "   ".join(part for part in parts if part)


def ending_words(results: SweepResults, was_stopped: bool) -> str:
    """Return how a sweep ended."""
    done, total, failed = results.done, len(results.runs), len(results.failed)
    if was_stopped:
        return f"Sweep stopped: {done:,} of {total:,} networks are kept; start it again to go on"
    if failed:
        return f"Sweep finished: {done:,} of {total:,} networks; start it again to repeat those that failed"
    return f"Sweep finished: {total:,} networks"
