"""Numbers that know how they were obtained. A sum is only as reliable as its least reliable part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Figure", "How", "counted", "estimated"]


class How(IntEnum):
    """How a figure was obtained, the most reliable last."""

    ROUGH = 0  # estimated from sizes alone: nothing like it was measured
    ESTIMATED = 1
    EMULATED = 2
    COMPILED = 3
    COUNTED = 4

    @property
    def word(self) -> str:
        """In words."""
        return "roughly estimated" if self is How.ROUGH else self.name.lower()


@dataclass(frozen=True)
class Figure:
    """A number of bytes, instructions or milliseconds, with how it was obtained."""

    value: float
    how: How

    def __add__(self, other: Figure) -> Figure:
        return Figure(self.value + other.value, min(self.how, other.how))

    def __str__(self) -> str:
        number = (
            f"{self.value:,.0f}"
            if self.value >= 10 or float(self.value).is_integer()
            else f"{self.value:.2g}"
        )
        return f"{number} ({self.how.word})"


def counted(value: float) -> Figure:
    """Return a figure that was counted, and so is exact."""
    return Figure(value, How.COUNTED)


def estimated(value: float, rough: bool = False) -> Figure:
    """Return a figure that a formula predicts; `rough` if nothing like it was measured."""
    return Figure(value, How.ROUGH if rough else How.ESTIMATED)
