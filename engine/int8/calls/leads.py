"""Leads: how far the output must begin before the input if a kernel overwrites what it has read."""

from __future__ import annotations

import numpy as np

from engine.int8.calls.call import IntegerCall
from engine.int8.calls.window import Window
from engine.shapes import size

__all__ = ["pixel_lead", "row_lead"]


def row_lead(call: IntegerCall, window: Window, pool: int = 1, phases: int = 1) -> int:
    """Return the lead in bytes for a kernel that copies its input row by row.

    The kernel must copy each row of the input once, in order. It takes `phases` rows of windows at a time,
    and may write a row of the output when it has copied the last row that these windows see; with pooling,
    when it has taken the first windows of the pool. It reads the other windows of a pool afterwards, so rows
    that only the last pool reads must still be there.
    """
    rows, columns, channels = call.out_shape
    height, line = call.in_shape[0], size(call.in_shape[1:])

    def copied(place: int) -> int:
        """Return how many rows have been copied when the windows of row `place` are taken."""
        last = place // phases * phases + phases - 1
        return min(height, last * window.stride + window.kernel - window.top)

    before = [(i + 1) * columns * channels - copied(i * pool) * line for i in range(rows)]
    end = copied(rows * pool - 1)
    return max(0, *(n for i, n in enumerate(before) if copied(i * pool) < end), 0)


def pixel_lead(call: IntegerCall, window: Window, pool: int = 1) -> int:
    """Return the lead in bytes for a kernel that copies nothing and writes one pixel after the other."""
    rows, columns, channels = call.out_shape
    line, step = size(call.in_shape[1:]), pool * window.stride
    i, j = np.indices((rows, columns))
    first_row, first_column = np.maximum(i * step - window.top, 0), np.maximum(j * step - window.left, 0)
    first = (first_row * line + first_column * call.in_shape[2]).ravel()
    needed = np.minimum.accumulate(first[::-1])[::-1]  # by this window or a later one
    written = channels * np.arange(1, rows * columns + 1)
    return max(0, int((written - needed).max()))
