"""What a sweep has found. Validation accuracy chooses; the test accuracy of what was chosen is only told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.sweep.columns import ACCURACY, CHOOSE_BY, Row

__all__ = ["Summary", "summary"]

CHANCE = 1.5  # times the share that guessing gets right: up to here a network has learned nothing
SHOWN = 5


@dataclass(frozen=True)
class Summary:
    """The rows of a sweep, judged.

    Attributes
    ----------
    best : tuple of mapping
        The rows with the highest validation accuracy, the best first.
    at_chance : int
        How many networks classify test images hardly better than guessing, those that diverged included.
    """

    best: tuple[Row, ...]
    at_chance: int


def summary(rows: Iterable[Row], classes: int) -> Summary:
    """Return the summary of the rows of runs that have ended well."""
    known = list(rows)
    ranked = sorted(
        (row for row in known if row[CHOOSE_BY] is not None), key=lambda row: -_number(row, CHOOSE_BY)
    )
    guessing = 100 * CHANCE / classes
    return Summary(tuple(ranked[:SHOWN]), sum(_number(row, ACCURACY) <= guessing for row in known))


def _number(row: Row, name: str) -> float:
    value = row[name]
    return float(value) if isinstance(value, (int, float)) else 0.0
