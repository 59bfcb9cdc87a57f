"""Reading an image row by row, and writing over the rows that have been read."""

from __future__ import annotations

from engine.integer import IntegerCall, Window
from engine.specs import size

__all__ = ["row_lead"]


def row_lead(call: IntegerCall, window: Window, pool: int = 1) -> int:
    """Return how many bytes before its input the output must begin.

    The kernel must copy each row of the input away once, in order, and write a row of the output only when
    the window's last row has been copied; with pooling, when the last row of the first window has been.
    """
    rows, columns, channels = call.out_shape
    height, line = call.in_shape[0], size(call.in_shape[1:])
    read = [min(height, i * pool * window.stride - window.top + window.kernel) for i in range(rows)]
    ahead = ((i + 1) * columns * channels - n * line for i, n in enumerate(read) if n < read[-1])
    return max(0, *ahead, 0)
