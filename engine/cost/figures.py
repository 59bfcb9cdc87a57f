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
    """A number of bytes, instructions or milliseconds, with how it was obtained.

    Attributes
    ----------
    value : float
    how : How
    off : float
        How far the true number may lie above or below; 0 where that is known to be little.
    """

    value: float
    how: How
    off: float = 0.0

    def __add__(self, other: Figure) -> Figure:
        return Figure(self.value + other.value, min(self.how, other.how), self.off + other.off)

    def times(self, factor: float) -> Figure:
        """Return the figure in another unit, `factor` times as large."""
        return Figure(self.value * factor, self.how, self.off * factor)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most that the true number may be."""
        return max(0.0, self.value - self.off), self.value + self.off

    @property
    def range_words(self) -> str:
        """The range, ``800 to 1,200``; empty where there is none."""
        return f"{_digits(self.range[0])} to {_digits(self.range[1])}" if self.off else ""

    def __str__(self) -> str:
        return f"{_digits(self.value)} ({', '.join(filter(None, (self.how.word, self.range_words)))})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or float(value).is_integer() else f"{value:.2g}"


def counted(value: float) -> Figure:
    """Return a figure that was counted, and so is exact."""
    return Figure(value, How.COUNTED)


def estimated(value: float, share: float = 0.0) -> Figure:
    """Return a figure that a formula predicts.

    It is a rough one if nothing like it was measured: it may then be off by `share` of it.
    """
    return Figure(value, How.ROUGH if share else How.ESTIMATED, share * value)
