"""Accuracy against what networks take, and which of them no other one beats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.boards.boards import Board
from tinyml_gui.viewmodels.sweep.results import VALIDATION, Measure, SweepResults

__all__ = ["Points", "points"]


@dataclass(frozen=True, eq=False)
class Points:
    """Networks as points, those that take least first.

    Attributes
    ----------
    cost : Measure
        What lies across.
    numbers : ndarray of int, shape (n,)
    x, y : ndarray of float, shape (n,)
        What it takes, and its validation accuracy in per cent.
    front : ndarray of bool, shape (n,)
        No other network is as accurate with less.
    greyed : ndarray of bool, shape (n,)
        At chance level, or too large for the board.
    """

    cost: Measure
    numbers: NDArray[np.intp]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    front: NDArray[np.bool_]
    greyed: NDArray[np.bool_]

    @property
    def words(self) -> str:
        """What is to be seen."""
        if not len(self.numbers):
            return "No network has ended yet"
        return f"{len(self.numbers):,} networks, {int(self.front.sum()):,} of them on the front"


def points(results: SweepResults, cost: Measure, board: Board | None) -> Points:
    """Return the networks that have ended, over `cost`; those that `board` cannot hold are greyed."""
    x, y = results.figures(cost), results.figures(VALIDATION)
    numbers = np.flatnonzero(results.ended & ~np.isnan(x) & ~np.isnan(y))
    numbers = numbers[np.lexsort((-y[numbers], x[numbers]))]
    greyed = results.greyed(board)[numbers]
    return Points(cost, numbers, x[numbers], y[numbers], _front(y[numbers], ~greyed), greyed)


def _front(y: NDArray[np.float64], wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the `wanted` points, ordered by what they take, are higher than all before them."""
    best = np.maximum.accumulate(np.where(wanted, y, -math.inf))
    before = np.concatenate([[-math.inf], best[:-1]])
    return wanted & (y > before)
