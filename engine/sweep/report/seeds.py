"""Runs that differ in their seed alone, as one line: the mean, and an interval for it."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from engine.sweep.columns import Row
from engine.sweep.grid import SEED

__all__ = ["OverSeeds", "over_seeds"]

# The 97.5 % point of Student's t with 1, 2, … degrees of freedom; the normal distribution's beyond them.
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145)
NORMAL = 1.96


@dataclass(frozen=True)
class OverSeeds:
    """A column over the seeds of one description.

    Attributes
    ----------
    settings : str
        What the grid chose, without the seed.
    row : row
        The one of the first seed.
    count : int
    mean : float
    half : float
        Half the width of the 95 % interval of the mean.
    """

    settings: str
    row: Row
    count: int
    mean: float
    half: float


def over_seeds(rows: Iterable[Row], column: str) -> list[OverSeeds]:
    """Return each description that ran with several seeds, the one with the highest mean first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        settings = json.loads(str(row["Settings"]))
        if settings.pop(SEED, None) is not None and row[column] is not None:
            groups.setdefault(json.dumps(settings), []).append(row)
    found = [_over(name, group, column) for name, group in groups.items() if len(group) > 1]
    return sorted(found, key=lambda item: -item.mean)


def _over(settings: str, rows: list[Row], column: str) -> OverSeeds:
    values = [float(value) for row in rows if isinstance(value := row[column], (int, float))]
    freedom = len(values) - 1
    t = STUDENT[freedom - 1] if freedom <= len(STUDENT) else NORMAL
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return OverSeeds(settings, rows[0], len(values), statistics.fmean(values), half)
