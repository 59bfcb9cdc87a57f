"""Int8 calls that look up numbers in a table, or reorder them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.int8 import fixed_point
from engine.int8.arithmetic import HIGH, LOW, Int8s, Int32s, divide_by_power, high_multiply
from engine.int8.calls.as_bytes import table_bytes
from engine.int8.calls.call import IntegerCall
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["IntegerFixedSoftmax", "IntegerGather", "IntegerSoftmax", "IntegerTable", "softmax_table"]

SUM_BITS = 12  # before the point, of sums of exponentials


@dataclass(frozen=True, eq=False)
class IntegerTable(IntegerCall):
    """A pointwise function: ``table[q + 128]``.

    Attributes
    ----------
    table : ndarray of int8, shape (256,)
    """

    table: Int8s

    in_place: ClassVar[bool] = True

    def run(self, x: Int8s) -> Int8s:
        result: Int8s = self.table[x.astype(np.int32) + 128]
        return result

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode("table_s8", arrays={"table": table_bytes(self.table)})


def softmax_table(scale: float, channels: int) -> NDArray[np.uint32]:
    """Return ``exp(-scale · i) · 2^n``, rounded, for i = 0 … 255, as an array of shape (256,).

    n is 20, or less for more than 4,095 channels: a sum over all channels, plus half of it or 256 times any
    entry, fits into 32 bits.
    """
    bits = min(20, 32 - channels.bit_length())
    return np.floor(np.exp(-scale * np.arange(256.0)) * 2.0**bits + 0.5).astype(np.uint32)


@dataclass(frozen=True, eq=False)
class IntegerSoftmax(IntegerCall):
    """Softmax over the channels.

    With ``e = table[largest - q]`` the result is ``(256 e + sum / 2) / sum - 128`` in whole numbers, and at
    most 127.

    Attributes
    ----------
    table : ndarray of uint32, shape (256,)
        See `softmax_table`.
    """

    table: NDArray[np.uint32]

    in_place: ClassVar[bool] = True

    def run(self, x: Int8s) -> Int8s:
        wide = x.astype(np.int32)
        e = self.table[wide.max(axis=-1, keepdims=True) - wide].astype(np.int64)
        total = e.sum(axis=-1, keepdims=True)
        result: Int8s = np.minimum((256 * e + total // 2) // total - 128, 127).astype(np.int8)
        return result

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode("softmax_s8", arrays={"exponentials": self.table})


@dataclass(frozen=True, eq=False)
class IntegerFixedSoftmax(IntegerCall):
    """Softmax over the channels as TensorFlow Lite Micro computes it, with Q31 numbers throughout.

    Sums of exponentials are Q12.19 numbers; their reciprocal is found by three steps of Newton's method
    (`engine.int8.fixed_point`), and each exponential is multiplied by it.

    Attributes
    ----------
    table : ndarray of int32, shape (256,)
        Entry i is the exponential of a number i below the largest one, as a Q31 number.
    """

    table: Int32s

    in_place: ClassVar[bool] = True

    def run(self, x: Int8s) -> Int8s:
        wide = x.astype(np.int32)
        e = self.table[wide.max(axis=-1, keepdims=True) - wide]
        total = divide_by_power(e, np.array(SUM_BITS)).sum(axis=-1, keepdims=True)
        reciprocal, bits = fixed_point.reciprocal(total, SUM_BITS)
        parts = divide_by_power(high_multiply(e, reciprocal), bits + 31 - 8)
        result: Int8s = np.clip(parts + LOW, LOW, HIGH).astype(np.int8)
        return result

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode("softmax_fixed_s8", arrays={"exponentials": self.table})


@dataclass(frozen=True, eq=False)
class IntegerGather(IntegerCall):
    """The numbers of a flat vector in another order: ``y[i] = x[order[i]]``.

    Attributes
    ----------
    order : ndarray of int32, shape (features,)
    """

    order: Int32s

    def run(self, x: Int8s) -> Int8s:
        result: Int8s = x[:, self.order]
        return result

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode("gather_s8", arrays={"order": self.order})
