"""Bytes, times and counts as people read them, in three digits that do not flicker."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["bytes_words", "count_words", "duration_words", "how_tip", "percent", "time_words"]

_KIB: Final = 1024
_HOW_TIPS: Final = {
    "counted": "Counted: follows from what is written, to the byte",
    "compiled": "Compiled: read from the program that the compiler made",
    "emulated": "Emulated: counted while the program ran on an emulated core",
    "estimated": "Estimated: predicted by a formula; verify to know",
    "roughly estimated": "Roughly estimated: from sizes alone, nothing like it was measured; verify to know",
}


def count_words(n: int) -> str:
    """Return a count of operations in three digits, ``693 k``."""
    for factor, unit in ((1_000_000_000, " G"), (1_000_000, " M"), (1_000, " k")):
        if n >= factor:
            return f"{n / factor:.3g}{unit}" if n < 999.5 * factor else f"{round(n / factor):,}{unit}"
    return str(n)


def bytes_words(count: float) -> str:
    """Return a number of bytes in the units of data sheets, 1 KB = 1,024 bytes, three digits."""
    for factor, unit in ((_KIB**3, "GB"), (_KIB**2, "MB"), (_KIB, "KB")):
        if count >= factor:
            share = count / factor
            return f"{share:.3g} {unit}" if share < 999.5 else f"{round(share):,} {unit}"
    return f"{round(count):,} B"


def time_words(milliseconds: float) -> str:
    """Return a duration in three digits, from microseconds to seconds."""
    for factor, unit in ((1000.0, "s"), (1.0, "ms")):
        if milliseconds >= 0.9995 * factor:
            share = milliseconds / factor
            return f"{share:.3g} {unit}" if share < 999.5 else f"{round(share):,} {unit}"
    return f"{1000 * milliseconds:.3g} µs"


def percent(share: float, digits: int = 1) -> str:
    """Return `share` (0 … 1) as a percentage; a dash when unknown."""
    return "–" if math.isnan(share) else f"{100 * share:.{digits}f} %"


def duration_words(seconds: float) -> str:
    """Return `seconds` as people say it, coarse enough not to flicker; empty when unknown."""
    if not math.isfinite(seconds):
        return ""
    if seconds < 5:
        return "a few seconds"
    if seconds < 55:
        return f"{5 * math.ceil(seconds / 5)} s"
    if seconds < 3570:
        return f"{max(1, round(seconds / 60))} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def how_tip(how: str) -> str:
    """Return what it means that a figure was obtained in this way."""
    return _HOW_TIPS.get(how, "")
