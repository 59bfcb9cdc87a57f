"""Weights in the order in which the float C kernels read them, and the memory that these kernels need.

The layout decides in which order products are added, and so the last bits of a result. It is the same for
every target.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.nn.kernel_calls import Call
from engine.shapes import size
from engine.stage_code import FLOAT_BYTES

__all__ = ["Floats", "lines_bytes", "row_lead", "rows_in_turn", "weights"]

Floats = NDArray[np.float32]


def weights(call: Call) -> tuple[Floats, Floats]:
    """Return weight and bias of `call` as float32; their shapes are kept."""
    return (call.arrays["weight"].values.astype(np.float32), call.arrays["bias"].values.astype(np.float32))


def rows_in_turn(rows: Floats, bias: Floats, together: int) -> Floats:
    """Return rows (n, taps) and their biases (n,) as one vector, in groups of `together` rows.

    A group holds its biases, then the first number of each row, the second of each row, and so on. Rows that
    are left over form groups of one.
    """
    whole = len(rows) // together * together
    bounds = [*range(0, whole, together), *range(whole, len(rows) + 1)]
    return np.concatenate([np.vstack([bias[a:b], rows[a:b].T]).ravel() for a, b in pairwise(bounds)])


def lines_bytes(call: Call, pool: int, channels: int) -> int:
    """Return the bytes of a buffer for the padded input rows that one row of the output is computed from."""
    kernel, stride = call.sizes["kernel"], call.sizes["stride"]
    width = (call.out_shape[1] * pool - 1) * stride + kernel
    return FLOAT_BYTES * ((pool - 1) * stride + kernel) * width * channels


def row_lead(call: Call, pool: int) -> int:
    """Return how many bytes before its input the output must begin.

    The kernels copy each row of the input once, in order. They write a row of the output when all rows that
    it needs have been copied.
    """
    kernel, stride, top = (call.sizes[name] for name in ("kernel", "stride", "top"))
    rows, line, height = size(call.out_shape[1:]), size(call.in_shape[1:]), call.in_shape[0]
    reach = (pool - 1) * stride + kernel - top
    read = [min(height, i * pool * stride + reach) for i in range(call.out_shape[0])]
    ahead = ((i + 1) * rows - n * line for i, n in enumerate(read) if n < read[-1])
    return FLOAT_BYTES * max(0, *ahead, 0)
