"""What a sweep has found so far, run by run.

A `SweepResults` folds the events of a sweep. It knows nothing of processes or widgets: feed it, read it.
Figures are kept as arrays over all runs, because views read them often and there may be thousands of runs.
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
from engine.sweep.columns import ACCURACY, CHOOSE_BY, KEY, Row
from engine.sweep.description import Run, Sweep
from engine.sweep.fields import field_of
from engine.sweep.grid import Axis
from engine.sweep.outcome import EpochScores
from engine.sweep.summary import CHANCE
from tinyml_gui.viewmodels.quantities import bytes_words, count_words, percent

__all__ = ["COSTS", "MEASURES", "VALIDATION", "Field", "Measure", "SweepResults", "fields_of_sweep"]


@dataclass(frozen=True)
class Measure:
    """A figure of a run.

    Attributes
    ----------
    cell : str
        Its column in the engine's table; accuracies are in per cent there.
    title : str
    kind : {"percent", "bytes", "count", "seconds"}
    """

    cell: str
    title: str
    kind: str

    def words(self, value: float) -> str:
        """Return a value as people read it; a dash where there is none."""
        if math.isnan(value):
            return "–"
        if self.kind == "percent":
            return percent(value / 100, 2)
        if self.kind == "seconds":
            return f"{value:.2f} s"
        return bytes_words(value) if self.kind == "bytes" else count_words(round(value))


VALIDATION: Final = Measure(CHOOSE_BY, "Validation", "percent")
FLASH: Final = Measure("Flash int8 (bytes)", "Flash", "bytes")
RAM: Final = Measure("RAM int8 (bytes)", "RAM", "bytes")
INSTRUCTIONS: Final = Measure("Instructions int8", "Instructions", "count")
SECONDS: Final = Measure("Training Time (s)", "Time", "seconds")

COSTS: Final = (FLASH, RAM, INSTRUCTIONS, SECONDS)
"""What a network takes; memory and instructions are those of its int8 form."""

MEASURES: Final = (VALIDATION, Measure(ACCURACY, "Test", "percent"), *COSTS)
"""Every figure that the views show."""


@dataclass(frozen=True)
class Field:
    """An axis of the grid, by the one of its fields that tells its values apart.

    Attributes
    ----------
    path : str
    title : str
        For people; it names the layer where other fields have the same label.
    values : tuple of str
        In the order of the grid.
    places : dict of value to int
        The place of each value in that order.
    """

    path: str
    title: str
    values: tuple[str, ...]
    places: dict[Scalar, int]


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

    Attributes
    ----------
    fields : tuple of Field
        Those that change.
    accuracies : ndarray of float
        Validation accuracies, 0 to 1: the last that is known of each run, else nan.
    ended : ndarray of bool
        Which runs have ended well.
    chance : float
        Up to this accuracy a network has learned nothing.
    """

    def __init__(self, sweep: Sweep, runs: Sequence[Run], classes: int, rows: Mapping[str, Row]) -> None:
        self.runs = tuple(runs)
        self.fields = fields_of_sweep(sweep)
        self.chance = CHANCE / classes
        self.accuracies = np.full(len(self.runs), math.nan)
        self.ended = np.zeros(len(self.runs), np.bool_)
        self.failed: dict[int, str] = {}
        self.epochs = 0.0
        self._figures = {measure.cell: np.full(len(self.runs), math.nan) for measure in MEASURES[1:]}
        self._places = {field.path: _places(field, self.runs) for field in self.fields}
        self._by_key = {run.key: run.number for run in runs}
        for run in runs:
            if run.key in rows:
                self.end(rows[run.key])
        self.work = sum(run.config.epochs for run in runs if not self.ended[run.number])

    # Events

    def advance(self, epochs: float) -> None:
        """Take note of epochs of single networks."""
        self.epochs += epochs

    def judge(self, event: EpochScores) -> None:
        """Take note of the accuracies after an epoch."""
        self.accuracies[list(event.accuracies)] = list(event.accuracies.values())

    def end(self, row: Row, sentence: str = "") -> None:
        """Take note of a run that ended; with a `sentence` it failed."""
        number = self._by_key[str(row[KEY])]
        if sentence:
            self.failed[number] = sentence
            self.accuracies[number] = math.nan
            return
        self.failed.pop(number, None)
        self.ended[number] = True
        self.accuracies[number] = _number(row, CHOOSE_BY) / 100
        for cell, figures in self._figures.items():
            figures[number] = _number(row, cell)

    # Figures

    @property
    def done(self) -> int:
        """How many runs have ended well."""
        return int(self.ended.sum())

    @property
    def share(self) -> float:
        """How much of the work is done, 0 to 1."""
        return min(1.0, self.epochs / self.work) if self.work else 1.0

    @property
    def best(self) -> int | None:
        """The number of the run with the highest validation accuracy; None where none is known."""
        known = ~np.isnan(self.accuracies)
        return int(np.nanargmax(self.accuracies)) if known.any() else None

    @property
    def at_chance(self) -> int:
        """How many networks that have ended are hardly better than guessing."""
        return int((self.ended & (self.accuracies <= self.chance)).sum())

    def figures(self, measure: Measure) -> NDArray[np.float64]:
        """Return a figure of all runs; nan where it is not known."""
        return 100 * self.accuracies if measure is VALIDATION else self._figures[measure.cell]

    def greyed(self, board: Board | None) -> NDArray[np.bool_]:
        """Return which networks are at chance level, or too large for `board` in their int8 form."""
        greyed = self.accuracies <= self.chance
        if board is not None:
            greyed |= self.figures(FLASH) > board.flash_bytes
            greyed |= self.figures(RAM) > board.ram_bytes
        return greyed

    def settings(self, number: int) -> str:
        """Return by what a run differs from the others, in a few words."""
        words = (
            f"{field.title} {value}" for field, value in zip(self.fields, self.values(number), strict=True)
        )
        return ", ".join(words) or "the network"

    def values(self, number: int) -> tuple[str, ...]:
        """Return what each of `fields` is in a run."""
        at = dict(self.runs[number].settings)
        return tuple(field.values[field.places[at[field.path]]] for field in self.fields)

    def places(self, field: Field) -> NDArray[np.intp]:
        """Return for all runs the place of their value among those of `field`."""
        return self._places[field.path]

    def words(self, number: int, measure: Measure) -> str:
        """Return a figure of a run as the table shows it."""
        return "failed" if number in self.failed else measure.words(float(self.figures(measure)[number]))


def fields_of_sweep(sweep: Sweep) -> tuple[Field, ...]:
    """Return the fields that change in a sweep, one for each axis."""
    axes = [axis for axis in sweep.axes if len(axis.values) > 1]
    paths = [_seen_path(axis) for axis in axes]
    labels = [field_of(sweep.recipe, path).label.lower() for path in paths]
    titles = labels if len(set(labels)) == len(labels) else [_title(sweep, path) for path in paths]
    return tuple(map(_field, axes, paths, titles))


def _field(axis: Axis, path: str, title: str) -> Field:
    place = axis.paths.index(path)
    values = tuple(dict.fromkeys(row[place] for row in axis.values))
    return Field(path, title, tuple(map(_text, values)), {value: at for at, value in enumerate(values)})


def _places(field: Field, runs: Sequence[Run]) -> NDArray[np.intp]:
    return np.array([field.places[dict(run.settings)[field.path]] for run in runs], np.intp)


def _seen_path(axis: Axis) -> str:
    """Return the path of an axis by which its values are told apart: whole numbers if there are such."""
    different = [
        (path, column)
        for path, column in zip(axis.paths, zip(*axis.values, strict=True), strict=True)
        if len(set(column)) == len(column)
    ]
    whole = [path for path, column in different if all(type(value) is int for value in column)]
    return (whole or [path for path, _ in different] or list(axis.paths))[0]


def _title(sweep: Sweep, path: str) -> str:
    """Return what people call a field: its layer, where it has one, and its label."""
    _, *way = path.split(".")
    label = field_of(sweep.recipe, path).label.lower()
    if len(way) != 2 or not way[0].isdecimal():
        return label
    layer = sweep.recipe.layers[int(way[0])].layer
    return f"{type(layer).title.lower()} {int(way[0]) + 1} {label}"


def _text(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(row: Row, cell: str) -> float:
    value = row[cell]
    return float(value) if isinstance(value, (int, float)) else math.nan
