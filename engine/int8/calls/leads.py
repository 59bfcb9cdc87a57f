"""Leads: how far the output must begin before the input if a kernel overwrites what it has read."""

from __future__ import annotations

import numpy as np

from engine.int8.calls.call import IntegerCall
from engine.int8.calls.window import Window
from engine.shapes import size

__all__ = ["pixel_lead", "row_lead"]


def row_lead(call: IntegerCall, window: Window, pool: int = 1) -> int:
    """Return the lead in bytes for a kernel that copies its input row by row.

    The kernel must copy each row of the input once, in order. It may write a row of the output when it has
    copied the last row of the window; with pooling, the last row of the first window. It reads the other
    windows of a pool afterwards, so rows that only the last pool reads must still be there.
    """
    rows, columns, channels = call.out_shape
    height, line = call.in_shape[0], size(call.in_shape[1:])
    reach = window.kernel - window.top
    read = [min(height, i * pool * window.stride + reach) for i in range(rows)]
    all_read = min(height, (rows * pool - 1) * window.stride + reach)
    ahead = ((i + 1) * columns * channels - n * line for i, n in enumerate(read) if n < all_read)
    return max(0, *ahead, 0)


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
