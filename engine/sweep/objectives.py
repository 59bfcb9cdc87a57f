"""What networks are compared by, and which of them no other one beats.

Each objective is a column of the table of results; a search aims at some of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import FieldError
from engine.sweep.columns import CHOOSE_BY, Row
from engine.words import short

WORST = 1e12  # finite, as samplers measure volumes

__all__ = [
    "ACCURACY_ALONE",
    "ACCURACY_AND_COSTS",
    "OBJECTIVES",
    "Objective",
    "dominates",
    "front",
    "objectives_from_text",
]


@dataclass(frozen=True)
class Objective:
    """One aim of a search.

    Attributes
    ----------
    name : str
    title : str
        With its unit.
    column : str
        The column that has it.
    is_higher_better : bool
    """

    name: str
    title: str
    column: str
    is_higher_better: bool = False

    def of(self, row: Row) -> float:
        """Return the value in `row`; where there is none, as of a network that diverged, the worst one."""
        value = row[self.column]
        if isinstance(value, (int, float)):
            return float(value)
        return 0.0 if self.is_higher_better else WORST


OBJECTIVES: Mapping[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("accuracy", "validation accuracy (%)", CHOOSE_BY, True),
        Objective("balanced", "balanced validation accuracy (%)", "Validation balanced accuracy", True),
        Objective("flash", "flash in int8 (bytes)", "Flash int8 (bytes)"),
        Objective("ram", "RAM in int8 (bytes)", "RAM int8 (bytes)"),
        Objective("instructions", "instructions in int8", "Instructions int8"),
        Objective("training-time", "training time (s)", "Training Time (s)"),
    )
}
"""Every objective by name."""

ACCURACY_ALONE = (OBJECTIVES["accuracy"],)
ACCURACY_AND_COSTS = tuple(OBJECTIVES[name] for name in ("accuracy", "flash", "ram", "instructions"))


def objectives_from_text(text: str) -> tuple[Objective, ...]:
    """Return the objectives of ``accuracy,flash``."""
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in OBJECTIVES]
    if unknown:
        known = ", ".join(OBJECTIVES)
        raise FieldError(
            "objective", f"There is no objective {short(unknown[0], 40)!r}; choose from: {known}."
        )
    if len(set(names)) < len(names):
        raise FieldError(
            "objective", f"The objectives {short(text, 80)} name one of them twice; leave it out."
        )
    return tuple(OBJECTIVES[name] for name in names)


def dominates(row: Row, other: Row, objectives: Sequence[Objective]) -> bool:
    """Return whether `row` is nowhere worse than `other`, and better in one objective."""
    signed = [(-1 if aim.is_higher_better else 1, aim) for aim in objectives]
    pairs = [(sign * aim.of(row), sign * aim.of(other)) for sign, aim in signed]
    return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)


def front(rows: Sequence[Row], objectives: Sequence[Objective]) -> list[Row]:
    """Return the rows that no other row dominates, in their order."""
    return [row for row in rows if not any(dominates(other, row, objectives) for other in rows)]
