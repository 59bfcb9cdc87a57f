"""How far a sweep is, in words."""

from __future__ import annotations

import math

from tinyml_gui.viewmodels.quantities import duration_words
from tinyml_gui.viewmodels.sweep.results import SweepResults

__all__ = ["bar_words", "ending_words", "status_words"]


def status_words(
    results: SweepResults, seconds: float, left: float | None, warning: str, *, is_paused: bool = False
) -> str:
    """Return how far a sweep is, in one line; `left` is None once it has ended or while it is paused."""
    parts = [f"{results.done:,} of {len(results.runs):,} networks"]
    if results.failed:
        parts.append(f"{len(results.failed):,} failed")
    if results.done:
        parts.append(f"{results.at_chance:,} at chance level")
    if left is None:
        parts.append(f"{seconds:.1f} s")
    elif math.isfinite(left):
        parts.append(f"{duration_words(left)} left")
    if is_paused:
        parts.append("paused")
    return " · ".join(parts) + (f". {warning}" if warning else "")


def bar_words(results: SweepResults, left: float, is_paused: bool) -> str:
    """Return how far a sweep is that goes on, for the strip below other pages."""
    end = "paused" if is_paused else f"{duration_words(left)} left" if math.isfinite(left) else ""
    parts = ("Sweep", f"{results.done:,} of {len(results.runs):,} networks", end)
    return "   ".join(part for part in parts if part)


def ending_words(results: SweepResults, was_stopped: bool) -> str:
    """Return how a sweep ended."""
    done, total, failed = results.done, len(results.runs), len(results.failed)
    if was_stopped:
        return f"Sweep stopped: {done:,} of {total:,} networks are kept; start it again to go on"
    if failed:
        return f"Sweep finished: {done:,} of {total:,} networks; start it again to repeat those that failed"
    return f"Sweep finished: {total:,} networks"
