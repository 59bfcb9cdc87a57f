"""Pooling in int8: one number for each rectangle of pixels; the output may overwrite the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Int8s, Requantization
from engine.int8.calls.as_bytes import requantization_arrays, requantization_sizes, zero_byte
from engine.int8.calls.call import IntegerCall
from engine.shapes import Shape
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["IntegerAvgPool", "IntegerMaxPool", "IntegerMean", "largest_of"]


def squares_of(x: Int8s, out: Shape, height: int, width: int) -> NDArray[Any]:
    """View the part of `x` that pooling reads as (images, rows, height, columns, width, channels)."""
    rows, columns = out[:2] if len(out) == 3 else (1, 1)
    kept = x[:, : rows * height, : columns * width]
    return kept.reshape(len(x), rows, height, columns, width, x.shape[-1])


def largest_of(squares: NDArray[Any]) -> NDArray[Any]:
    """Return the largest number of each square of (images, rows, height, columns, width, channels)."""
    first, *others = (squares[:, :, i, :, j] for i, j in np.ndindex(squares.shape[2], squares.shape[4]))
    result = first.copy()
    for other in others:
        np.maximum(result, other, out=result)
    return result


@dataclass(frozen=True, eq=False)
class IntegerMaxPool(IntegerCall):
    """The largest number of each square; input and output have the same scale and zero point."""

    size: int

    def run(self, x: Int8s) -> Int8s:
        result: Int8s = largest_of(squares_of(x, self.out_shape, self.size, self.size))
        return result

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode("max_pool_s8", {"size": self.size}, lead=0)


@dataclass(frozen=True, eq=False)
class IntegerAvgPool(IntegerCall):
    """The mean of each window, halves away from zero; input and output have the same scale and zero point."""

    window_height: int
    window_width: int

    def run(self, x: Int8s) -> Int8s:
        squares = squares_of(x, self.out_shape, self.window_height, self.window_width)
        sums = squares.sum(axis=(2, 4), dtype=np.int32)
        count = self.window_height * self.window_width
        mean = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
        result: Int8s = mean.astype(np.int8).reshape(len(x), *self.out_shape)
        return result

    def code(self, variant: Variant = FAST) -> StageCode:
        sizes = {"window_height": self.window_height, "window_width": self.window_width}
        return StageCode("avg_pool_s8", sizes, lead=0)


@dataclass(frozen=True, eq=False)
class IntegerMean(IntegerCall):
    """The mean of each channel with another scale than that of the input: a requantized sum.

    Attributes
    ----------
    requantization : Requantization
        Of the sums of ``q - zero_point``, with one multiplier for all channels.
    """

    requantization: Requantization

    def run(self, x: Int8s) -> Int8s:
        centred = x.astype(np.int32) - self.source.zero_point
        return self.requantization(centred.sum(axis=(1, 2), dtype=np.int32))

    def code(self, variant: Variant = FAST) -> StageCode:
        arrays = requantization_arrays(self.requantization, np.zeros(1, np.int32))
        scaling = np.array([arrays["multiplier"][0], arrays["shift"][0]], np.int32)
        sizes = {"in_zero": zero_byte(self.source), **requantization_sizes(self.requantization)}
        return StageCode("mean_s8", sizes, {"scaling": scaling})
