"""How the learning rate changes during a run: a factor of the chosen rate for progress 0 … 1.

Progress is the share of the run that is done, so every schedule is exactly as long as the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

__all__ = ["SCHEDULES", "Schedule"]

Schedule = Callable[[float], float]


def _constant(progress: float) -> float:
    return 1.0


def _step(progress: float) -> float:
    """A tenth after half of the run, a hundredth after three quarters."""
    return 1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01


def _between(start: float, end: float, progress: float) -> float:
    """Half a cosine from `start` to `end`."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))


def _cosine(progress: float) -> float:
    """Down to nothing along half a cosine (Loshchilov & Hutter 2017)."""
    return _between(1.0, 0.0, progress)


def _one_cycle(progress: float) -> float:
    """Up from 1/25 in the first 30 %, then down to 4e-6 (Smith & Topin 2018; PyTorch's defaults)."""
    peak = 0.3
    if progress < peak:
        return _between(1 / 25, 1.0, progress / peak)
    return _between(1.0, 4e-6, (progress - peak) / (1 - peak))


SCHEDULES: Mapping[str, Schedule] = {
    "constant": _constant,
    "step": _step,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
}
"""Every schedule by name."""
