"""A sweep over its two fields with the most values: the best run in each cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml_gui.viewmodels.quantities import percent
from tinyml_gui.viewmodels.sweep.results import Field, SweepResults

__all__ = ["HeatMap", "heat_map"]

_NO_FIELD = Field("", "", ("",), {})


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Accuracies over two fields.

    Attributes
    ----------
    across, down : Field
        `down` has a single value, without words, where only one field changes.
    accuracy : ndarray of float, shape (rows, columns)
        The best of the runs in a cell, 0 to 1; nan where none is known yet.
    numbers : ndarray of int, shape (rows, columns)
        The number of that run; -1 where there is none.
    """

    across: Field
    down: Field
    accuracy: NDArray[np.float64]
    numbers: NDArray[np.intp]

    @property
    def best(self) -> int | None:
        """The number of the most accurate run; None where none is known."""
        if np.isnan(self.accuracy).all():
            return None
        return int(self.numbers.flat[np.nanargmax(self.accuracy)])

    def words(self, number: int) -> str:
        """Return where a run is and how accurate; empty where it is in no cell."""
        found = np.argwhere(self.numbers == number)
        if not len(found):
            return ""
        row, column = map(int, found[0])
        where = f"{self.across.title} {self.across.values[column]}"
        if self.down.title:
            where += f", {self.down.title} {self.down.values[row]}"
        return f"{where}: {percent(float(self.accuracy[row, column]), 2)}"


def heat_map(results: SweepResults) -> HeatMap | None:
    """Return the map of a sweep; None where nothing changes."""
    fields = sorted(results.fields, key=lambda field: -len(field.values))[:2]
    if not fields:
        return None
    across, down = (*fields, _NO_FIELD)[:2]
    shape = len(down.values), len(across.values)
    rows = results.places(down) if down.path else np.zeros(len(results.runs), np.intp)
    cells = rows * shape[1] + results.places(across)
    numbers, accuracy = np.full(shape, -1, np.intp), np.full(shape, math.nan)
    known = np.where(np.isnan(results.accuracies), -1.0, results.accuracies)
    order = np.lexsort((-np.arange(len(cells)), known))  # the last one to be written into a cell stays there
    numbers.flat[cells[order]] = order
    accuracy.flat[cells[order]] = results.accuracies[order]
    return HeatMap(across, down, accuracy, numbers)
