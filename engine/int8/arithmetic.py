"""Whole-number arithmetic of int8 networks, as TensorFlow Lite Micro and CMSIS-NN do it.

A real number r is stored as q with ``r = scale · (q - zero_point)``. Sums of products are int32; a
*requantization* brings them back to int8: it multiplies by a Q31 multiplier and rounds, then shifts right and
rounds again. This double rounding is part of the contract: these functions define every bit of the result,
and exported C gives the same bits on every target.

Sources: Jacob et al. 2018 (arXiv:1712.05877); gemmlowp's SaturatingRoundingDoublingHighMul and
RoundingDivideByPOT.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HIGH",
    "LOW",
    "MAX_SHIFT",
    "Affine",
    "Requantization",
    "divide_by_power",
    "high_multiply",
    "quantize_multiplier",
    "round_half_away",
]

LOW, HIGH = -128, 127
SMALLEST_SCALE = 1e-30  # a range with a smaller scale counts as empty
MAX_SHIFT = 31

Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]


def round_half_away(x: NDArray[Any]) -> NDArray[np.float64]:
    """Round to whole numbers, halves away from zero, like C's ``round``; `x` may have any shape."""
    wide = np.asarray(x, np.float64)
    result: NDArray[np.float64] = np.copysign(np.floor(np.abs(wide) + 0.5), wide)
    return result


@dataclass(frozen=True)
class Affine:
    """How the real numbers of one tensor are stored as int8: ``r = scale · (q - zero_point)``.

    Attributes
    ----------
    scale : float
        Difference between two adjacent int8 values, in real units; positive.
    zero_point : int
        The int8 value that stands for 0, -128 … 127.
    """

    scale: float
    zero_point: int

    @classmethod
    def of(cls, low: float, high: float) -> Affine:
        """Return scale and zero point for numbers from `low` to `high`; 0 is represented exactly.

        If both are 0, the result is that of images, `engine.int8.ranges.IMAGE`.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / (HIGH - LOW)
        if scale < SMALLEST_SCALE:
            return cls(1 / (HIGH - LOW), LOW)
        return cls(scale, int(np.clip(math.floor(LOW - low / scale + 0.5), LOW, HIGH)))

    def coarser(self, scale: float) -> Affine:
        """Return this with a scale of at least `scale`."""
        return self if self.scale >= scale else Affine(scale, self.zero_point)

    def clamp(self, low: float, high: float) -> tuple[int, int]:
        """Return `low` and `high` as int8; each may be infinite, which means no limit."""
        q = self.quantize(np.array((low, high)))
        return int(q[0]), int(q[1])

    def quantize(self, x: NDArray[Any]) -> Int8s:
        """Return real numbers `x`, of any shape, as int8; numbers out of range are saturated."""
        q = round_half_away(np.asarray(x, np.float64) / self.scale) + self.zero_point
        return np.clip(q, LOW, HIGH).astype(np.int8)

    def dequantize(self, q: Int8s) -> NDArray[np.float32]:
        """Return the real numbers that `q`, of any shape, stands for."""
        return (np.float32(self.scale) * (q.astype(np.int32) - self.zero_point)).astype(np.float32)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift) with ``real ≈ multiplier · 2^-31 · 2^-shift``.

    Parameters
    ----------
    real : float
        In [0, 0.5): scales are chosen so that no multiplier is larger.

    Returns
    -------
    multiplier : int
        In [2^30, 2^31), or 0 for numbers too small to matter.
    shift : int
        Number of bits to shift to the right, 1 … `MAX_SHIFT`.
    """
    assert 0 <= real < 0.5, real
    mantissa, exponent = math.frexp(real)  # real = mantissa · 2^exponent, mantissa in [0.5, 1)
    if real == 0 or -exponent > MAX_SHIFT:
        return 0, MAX_SHIFT
    multiplier = math.floor(mantissa * (1 << 31) + 0.5)
    if multiplier < 1 << 31:
        return multiplier, -exponent
    return (1 << 30, -exponent - 1) if exponent < -1 else ((1 << 31) - 1, 1)


def high_multiply(x: Int32s, multiplier: Int32s) -> Int32s:
    """Return ``x · multiplier / 2^31``, rounded to nearest, halves up; the arrays are broadcast."""
    product = x.astype(np.int64) * multiplier.astype(np.int64)
    return ((product + (1 << 30)) >> 31).astype(np.int32)


def divide_by_power(x: Int32s, shift: Int32s) -> Int32s:
    """Return ``x / 2^shift``, rounded to nearest, halves away from zero; the arrays are broadcast."""
    wide, n = x.astype(np.int64), shift.astype(np.int64)
    half = (np.int64(1) << n) >> 1
    return ((wide + half - (wide < 0)) >> n).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Requantization:
    """The step from int32 sums to int8 outputs.

    Attributes
    ----------
    multiplier, shift : ndarray of int32, shape (channels,)
        See `quantize_multiplier`.
    zero_point : int
        Added after scaling.
    low, high : int
        Limits to which the result is clamped: those of int8, or of a function such as ReLU.
    table : ndarray of int8, shape (256,), or None
        Applied to the result q, at index ``q + 128``, for functions that are more than a clamp.
    scale : float
        Scale of the result before the table: what the multiplier is relative to.
    """

    multiplier: Int32s
    shift: Int32s
    zero_point: int
    low: int = LOW
    high: int = HIGH
    table: Int8s | None = None
    scale: float = 1.0

    def __call__(self, sums: Int32s) -> Int8s:
        """Return the int8 outputs of `sums`, (…, channels)."""
        scaled = divide_by_power(high_multiply(sums, self.multiplier), self.shift)
        q = np.clip(scaled + self.zero_point, self.low, self.high)
        return q.astype(np.int8) if self.table is None else self.table[q + 128]
