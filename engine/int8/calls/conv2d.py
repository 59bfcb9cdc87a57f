"""Convolution in int8, with its weights in the order in which the C kernel reads them.

The kernel copies the image to strips (see ``kernels/conv2d_s8.c``); `_Strips` gives their size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Int8s
from engine.int8.calls.as_bytes import (
    LARGEST_BYTE,
    PACKED_SUM_LIMIT,
    requantization_arrays,
    requantization_sizes,
    zero_byte,
)
from engine.int8.calls.leads import pixel_lead, row_lead
from engine.int8.calls.pool import largest_of
from engine.int8.calls.weighted import IntegerWeighted
from engine.int8.calls.window import Window
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["IntegerConv2D"]


@dataclass(frozen=True, eq=False)
class IntegerConv2D(IntegerWeighted):
    """Convolution, weight (filters, kernel, kernel, channels), with max pooling of squares of side `pool`."""

    window: Window
    pool: int = 1

    @property
    def working_size(self) -> int:
        rows, columns, filters = self.out_shape
        return rows * columns * self.pool**2 * (self.taps + filters)

    def run(self, x: Int8s) -> Int8s:
        rows, columns, filters = self.out_shape
        windows = self.window.over(self.centred(x), rows * self.pool, columns * self.pool)
        taps = self.exact_weight.reshape(filters, -1)
        sums = windows.reshape(-1, taps.shape[1]) @ taps.T
        return self.finish(largest_of(sums.reshape(len(x), rows, self.pool, columns, self.pool, filters)))

    def code(self, variant: Variant = FAST) -> StageCode:
        if not variant.fast:
            return _small(self)
        return _code(self, packed=variant.compact and _largest(self) < PACKED_SUM_LIMIT)


@dataclass(frozen=True)
class _Strips:
    """How the kernel stores the image: `rows` × `depth` numbers a column, for `phases` rows of windows."""

    rows: int
    depth: int
    phases: int

    @classmethod
    def of(cls, call: IntegerConv2D) -> _Strips:
        """Return strips in which every window begins at an even index."""
        kernel, stride, channels = call.window.kernel, call.window.stride, call.in_shape[2]
        if channels == 1 and stride == 1 and call.pool <= 2:
            return cls(_even(kernel + 1), 1, 2)  # two rows at once
        if channels == 1 and stride % 2 == 0:
            return cls(_even(kernel), 1, 1)
        return cls(kernel, _even(channels), 1)

    def bytes(self, call: IntegerConv2D) -> int:
        """Return the size of the buffer."""
        height, width = (side * call.pool for side in call.out_shape[:2])
        kernel, stride = call.window.kernel, call.window.stride
        columns = (width - 1) * stride + kernel
        moved = self.phases * stride
        needed = kernel + (self.phases - 1) * stride
        moves = (-(-height // self.phases) - 1) * moved if moved < needed else 0
        return 2 * (columns * self.rows + moves) * self.depth


def _code(call: IntegerConv2D, packed: bool) -> StageCode:
    w, strips = call.window, _Strips.of(call)
    sizes = {
        **asdict(w),
        "pool": call.pool,
        "rows": strips.rows,
        "depth": strips.depth,
        "phases": strips.phases,
        "packed": int(packed),
        "in_zero": zero_byte(call.source),
        **requantization_sizes(call.requantization),
    }
    weight = _packed(call, strips) if packed else _laid_out(call, strips)
    arrays = {"weight": weight, **_scaling(call)}
    lead = row_lead(call, w, call.pool, strips.phases)
    return StageCode("conv2d_s8", sizes, arrays, strips.bytes(call), lead)


def _largest(call: IntegerConv2D) -> int:
    """Return the largest absolute value that a sum can have, over all possible inputs."""
    zero = zero_byte(call.source)
    positive, negative = (
        np.maximum(sign * call.weight.astype(np.int64), 0).sum(axis=(1, 2, 3)) for sign in (1, -1)
    )
    above, below = LARGEST_BYTE - zero, zero
    return int(max((positive * above + negative * below).max(), (negative * above + positive * below).max()))


def _pairs(call: IntegerConv2D, strips: _Strips) -> NDArray[np.int16]:
    """Return the weights in the order of the numbers of a window, (filters / 2, 2, numbers / 2, 2)."""
    filters, kernel, _, channels = call.weight.shape
    sets = np.zeros(
        (_even(filters) if strips.phases == 1 else filters, strips.phases, *_window(call, strips)), np.int16
    )
    for phase in range(strips.phases):
        sets[:filters, phase, :, phase : phase + kernel, :channels] = call.weight.transpose(0, 2, 1, 3)
    return sets.reshape(len(sets) * strips.phases // 2, 2, -1, 2)


def _laid_out(call: IntegerConv2D, strips: _Strips) -> NDArray[np.int16]:
    """Return twice the weights: two numbers for a filter, two for the next filter, then the next two."""
    return np.ascontiguousarray(2 * _pairs(call, strips).transpose(0, 2, 1, 3)).ravel()


def _packed(call: IntegerConv2D, strips: _Strips) -> NDArray[np.int16]:
    """Return numbers ``256 · b + a`` that hold the weights a and b of two filters."""
    pairs = _pairs(call, strips)
    return np.ascontiguousarray(pairs[:, 0] + 256 * pairs[:, 1]).ravel()


def _window(call: IntegerConv2D, strips: _Strips) -> tuple[int, int, int]:
    return call.window.kernel, strips.rows, strips.depth


def _scaling(call: IntegerConv2D) -> Mapping[str, NDArray[Any]]:
    """Return the table, if any, and for each filter twice the bias, the multiplier and the shift minus 1."""
    arrays = dict(requantization_arrays(call.requantization, call.bias))
    columns = [2 * arrays.pop("bias"), arrays.pop("multiplier"), arrays.pop("shift").astype(np.int32)]
    return {"scaling": np.stack(columns, axis=1).ravel(), **arrays}


def _even(n: int) -> int:
    return n + n % 2


def _small(call: IntegerConv2D) -> StageCode:
    """Return the C code that takes the least flash: plain loops, and weights of one byte each."""
    w = call.window
    sizes = {
        **asdict(w),
        "pool": call.pool,
        "in_zero": zero_byte(call.source),
        **requantization_sizes(call.requantization),
    }
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, call.bias)}
    return StageCode("conv2d_small_s8", sizes, arrays, lead=pixel_lead(call, w, call.pool))
