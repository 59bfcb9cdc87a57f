"""Numbers that say how they were obtained: a sum is worth no more than its weakest part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Figure", "How", "counted", "estimated"]


class How(IntEnum):
    """How a figure was obtained, the strongest last."""

    ESTIMATED = 0
    EMULATED = 1
    COMPILED = 2
    COUNTED = 3

    @property
    def word(self) -> str:
        """In words."""
        return self.name.lower()


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
    """Return a figure that follows from what is written."""
    return Figure(value, How.COUNTED)


def estimated(value: float) -> Figure:
    """Return a figure that a formula predicts."""
    return Figure(value, How.ESTIMATED)
