"""Round numbers to write at the axis of a chart."""

from __future__ import annotations

import math

from tinyml_gui.viewmodels.sweep.results import Measure

__all__ = ["measure_ticks", "ticks"]

_ROUND = (1.0, 2.0, 5.0, 10.0)
_KIB = 1024.0


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round numbers, one step apart, from `low` to `high`; at least none."""
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return []
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in _ROUND if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * n for n in range(first, last + 1)]


def measure_ticks(measure: Measure, low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return values of a measure to write at its axis, and their words: round ones in the unit of `high`."""
    unit, name = _unit(measure, high)
    return [(unit * at, f"{at:g}{name}") for at in ticks(low / unit, high / unit, most)]


def _unit(measure: Measure, high: float) -> tuple[float, str]:
    if measure.kind == "percent":
        return 1.0, ""
    if measure.kind == "seconds":
        return 1.0, " s"
    factor, names = (
        (_KIB, (" B", " KB", " MB", " GB")) if measure.kind == "bytes" else (1e3, ("", " k", " M", " G"))
    )
    power = min(len(names) - 1, int(math.log(high, factor))) if high >= 1 else 0
    return factor**power, names[power]
