"""Every network as a line through one axis for each field and each figure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.boards.boards import Board
from tinyml_gui.viewmodels.sweep.results import COSTS, VALIDATION, Field, Measure, SweepResults

__all__ = ["Lines", "ParallelAxis", "lines"]

_MOST_FIELDS = 4  # those with the most values
_MOST_WORDS = 5  # at an axis of a field
_MOST_LINES = 2000  # more cannot be told apart; the most accurate are shown


@dataclass(frozen=True)
class ParallelAxis:
    """An axis: its title, and the words at its places, 0 at the lower end and 1 at the upper one."""

    title: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, eq=False)
class Lines:
    """Networks that have ended, the most accurate ones last.

    Attributes
    ----------
    axes : tuple of ParallelAxis
    numbers : ndarray of int, shape (n,)
    shares : ndarray of float, shape (n, axes)
        Where a line crosses each axis, 0 to 1; nan where the figure is not known.
    colour : ndarray of float, shape (n,)
        The accuracy, 0 for the least and 1 for the greatest.
    greyed : ndarray of bool, shape (n,)
        At chance level, or too large for the board.
    left_out : int
        How many less accurate networks are not shown.
    """

    axes: tuple[ParallelAxis, ...]
    numbers: NDArray[np.intp]
    shares: NDArray[np.float64]
    colour: NDArray[np.float64]
    greyed: NDArray[np.bool_]
    left_out: int = 0

    @property
    def words(self) -> str:
        """What is to be seen."""
        shown = f"{len(self.numbers):,} networks"
        return f"the best {shown}; {self.left_out:,} others are not shown" if self.left_out else shown

    def nearest(self, place: float, share: float) -> tuple[int, float] | None:
        """Return the line nearest to a point, and how far it is; None where there is none.

        Parameters
        ----------
        place : float
            0 at the first axis, 1 at the second, and so on.
        share : float
        """
        before = min(max(int(place), 0), len(self.axes) - 2)
        part = min(max(place - before, 0.0), 1.0)
        height = (1 - part) * self.shares[:, before] + part * self.shares[:, before + 1]
        far = np.where(np.isnan(height), math.inf, np.abs(height - share))
        if not np.isfinite(far).any():
            return None
        at = len(far) - 1 - int(np.argmin(far[::-1]))  # where several are as near, the one drawn on top
        return int(self.numbers[at]), float(far[at])


def lines(results: SweepResults, board: Board | None) -> Lines:
    """Return a line for each network that has ended; those that `board` cannot hold are greyed."""
    accuracy = results.figures(VALIDATION)
    numbers = np.flatnonzero(results.ended & ~np.isnan(accuracy))
    greyed = results.greyed(board)[numbers]
    order = np.lexsort((accuracy[numbers], ~greyed))[-_MOST_LINES:]
    left_out = len(numbers) - len(order)
    numbers, greyed = numbers[order], greyed[order]
    fields = sorted(results.fields, key=lambda field: -len(field.values))[:_MOST_FIELDS]
    measured = [_of_measure(results, measure, numbers) for measure in (VALIDATION, *COSTS)]
    found = [*(_of_field(results, field, numbers) for field in fields), *measured]
    axes, shares = zip(*found, strict=True)
    colour = measured[0][1]
    return Lines(tuple(axes), numbers, np.stack(shares, axis=1), colour, greyed, left_out)


Crossed = tuple[ParallelAxis, NDArray[np.float64]]


def _of_field(results: SweepResults, field: Field, numbers: NDArray[np.intp]) -> Crossed:
    last = len(field.values) - 1
    some = range(last + 1) if last < _MOST_WORDS else (0, last)
    ticks = tuple((at / last, field.values[at]) for at in some)
    return ParallelAxis(field.title, ticks), results.places(field)[numbers] / last


def _of_measure(results: SweepResults, measure: Measure, numbers: NDArray[np.intp]) -> Crossed:
    values = results.figures(measure)[numbers]
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if high == low:
        ticks = ((0.5, measure.words(low)),) if len(known) else ()
        return ParallelAxis(measure.title, ticks), np.where(np.isnan(values), math.nan, 0.5)
    ends = ((0.0, measure.words(low)), (1.0, measure.words(high)))
    return ParallelAxis(measure.title, ends), (values - low) / (high - low)
