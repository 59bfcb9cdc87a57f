"""Functions of fixed-point numbers, to the bit as gemmlowp's ``fixedpoint.h`` computes them.

TensorFlow Lite Micro computes exponentials, tanh and the logistic function of int8 tensors with these
functions. A number of n bits before the point is an int32 in units of ``2^(n - 31)``; that of no bits is
called Q31 here. All functions work on arrays of any shape.

Source: gemmlowp (Apache License 2.0), ``fixedpoint/fixedpoint.h``, from which the constants are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Int32s, divide_by_power, high_multiply

__all__ = ["exp_of_negative", "logistic", "reciprocal", "tanh"]

LOWEST, HIGHEST = -(1 << 31), (1 << 31) - 1
EXP_MINUS_EIGHTH, THIRD = 1895147668, 715827883  # as Q31
FACTORS = {-2: 1672461947, -1: 1302514674, 0: 790015084, 1: 290630308, 2: 39332535, 3: 720401, 4: 242}
"""``exp(-2^n)`` as Q31, by n."""
FORTY_EIGHT_17THS, MINUS_32_17THS = 1515870810, -1010580540  # with two bits before the point

Wide = NDArray[np.int64]


def exp_of_negative(x: NDArray[Any], bits: int) -> Int32s:
    """Return the exponentials, as Q31, of numbers `x` ≤ 0 with `bits` bits before the point."""
    wide = np.asarray(x, np.int64)
    fraction = 31 - bits
    quarter = 1 << (fraction - 2)
    below = (wide & (quarter - 1)) - quarter  # in [-1/4, 0)
    result = _exp_of_last_quarter((below << bits).astype(np.int32))
    remainder = below - wide
    for power, factor in FACTORS.items():
        if power < bits:
            is_set = (remainder >> (fraction + power)) & 1 == 1
            result = np.where(is_set, _times(result, factor), result)
    return np.where(wide == 0, HIGHEST, result).astype(np.int32)


def logistic(x: NDArray[Any], bits: int) -> Int32s:
    """Return ``1 / (1 + exp(-x))`` as Q31, of numbers with `bits` bits before the point."""
    wide = np.asarray(x, np.int64)
    above = _one_over_one_plus(exp_of_negative(-np.abs(wide), bits)).astype(np.int64)
    return np.where(wide == 0, 1 << 30, np.where(wide > 0, above, HIGHEST - above)).astype(np.int32)


def tanh(x: NDArray[Any], bits: int) -> Int32s:
    """Return the hyperbolic tangent as Q31, of numbers with `bits` bits before the point."""
    wide = np.asarray(x, np.int64)
    e = exp_of_negative(-np.abs(wide), bits + 1)  # of twice the number: the same integer, one bit more
    above = _saturated((_newton(e).astype(np.int64) - (1 << 29)) << 2).astype(np.int64)
    return np.where(wide == 0, 0, np.where(wide > 0, above, -above)).astype(np.int32)


def reciprocal(x: Int32s, bits: int) -> tuple[Int32s, Int32s]:
    """Return (r, n) with ``1 / x = r · 2^-n``: r as Q31, x > 0 with `bits` bits before the point."""
    wide = np.asarray(x, np.int64)
    zeros = 32 - np.frexp(wide.astype(np.float64))[1]  # leading ones of 32 bits
    fraction = (wide << zeros) - (1 << 31)
    return _one_over_one_plus(fraction.astype(np.int32)), (bits - zeros).astype(np.int32)


def _times(a: NDArray[Any], b: NDArray[Any] | int) -> Int32s:
    return high_multiply(np.asarray(a), np.asarray(b))


def _saturated(x: Wide) -> Int32s:
    return np.clip(x, LOWEST, HIGHEST).astype(np.int32)


def _exp_of_last_quarter(a: Int32s) -> Int32s:
    """Return the exponentials of Q31 numbers in [-1/4, 0): a Taylor series around -1/8."""
    x = a + (1 << 28)
    square = _times(x, x)
    cube, fourth = _times(square, x), _times(square, square)
    quarter = divide_by_power(fourth, np.array(2))
    rest = divide_by_power(_times(quarter + cube, THIRD) + square, np.array(1))
    return EXP_MINUS_EIGHTH + _times(x + rest, EXP_MINUS_EIGHTH)


def _newton(a: Int32s) -> Int32s:
    """Return ``2 / (1 + a)`` of Q31 numbers in [0, 1], with two bits before the point."""
    half = ((a.astype(np.int64) + HIGHEST + 1) // 2).astype(np.int32)  # of the denominator, halves up
    x = FORTY_EIGHT_17THS + _times(half, MINUS_32_17THS)
    for _ in range(3):
        missing = (1 << 29) - _times(half, x)
        x = x + _saturated(_times(x, missing).astype(np.int64) << 2)
    return x


def _one_over_one_plus(a: Int32s) -> Int32s:
    return _saturated(_newton(a).astype(np.int64) << 1)
