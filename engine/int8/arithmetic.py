"""Whole-number arithmetic of int8 networks, as TensorFlow Lite Micro and CMSIS-NN do it.

A real number r is held as q with ``r = scale · (q - zero_point)``. Sums of products are int32; a
*requantization* brings them back to int8: times a Q31 multiplier, rounded, then shifted right, rounded again.
That double rounding is part of the contract: exported C gives the same bits everywhere because these
functions say which.

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
SMALLEST_SCALE = 1e-30  # below, a range is nothing but 0
MAX_SHIFT = 31

Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]


def round_half_away(x: NDArray[Any]) -> NDArray[np.float64]:
    """Round to whole numbers, halves away from zero, as C's ``round``."""
    wide = np.asarray(x, np.float64)
    result: NDArray[np.float64] = np.copysign(np.floor(np.abs(wide) + 0.5), wide)
    return result


@dataclass(frozen=True)
class Affine:
    """How the numbers of one tensor are held as int8.

    Attributes
    ----------
    scale : float
        Difference between neighbours, in real units; positive.
    zero_point : int
        The int8 that stands for 0, -128 … 127.
    """

    scale: float
    zero_point: int

    @classmethod
    def of(cls, low: float, high: float) -> Affine:
        """Return how to hold numbers from `low` to `high`, exactly 0 among them.

        A range that is nothing but 0 is held like that of an image.
        """
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / (HIGH - LOW)
        if scale < SMALLEST_SCALE:
            return cls(1 / (HIGH - LOW), LOW)
        return cls(scale, int(np.clip(math.floor(LOW - low / scale + 0.5), LOW, HIGH)))

    def coarser(self, scale: float) -> Affine:
        """Return this with neighbours at least `scale` apart."""
        return self if self.scale >= scale else Affine(scale, self.zero_point)

    def clamp(self, low: float, high: float) -> tuple[int, int]:
        """Return the int8 that `low` and `high` (infinite where there is no limit) are held as."""
        q = self.quantize(np.array((low, high)))
        return int(q[0]), int(q[1])

    def quantize(self, x: NDArray[Any]) -> Int8s:
        """Return real numbers `x` as int8, saturated."""
        q = round_half_away(np.asarray(x, np.float64) / self.scale) + self.zero_point
        return np.clip(q, LOW, HIGH).astype(np.int8)

    def dequantize(self, q: Int8s) -> NDArray[np.float32]:
        """Return the real numbers that `q` stands for."""
        return (np.float32(self.scale) * (q.astype(np.int32) - self.zero_point)).astype(np.float32)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift) with ``real ≈ multiplier · 2^-31 · 2^-shift``.

    Parameters
    ----------
    real : float
        In [0, 0.5): a network is built so that none is larger.

    Returns
    -------
    multiplier : int
        In [2^30, 2^31), or 0 for numbers too small to matter.
    shift : int
        1 … `MAX_SHIFT`: how far to the right.
    """
    assert 0 <= real < 0.5, real
    mantissa, exponent = math.frexp(real)  # real = mantissa · 2^exponent, mantissa in [0.5, 1)
    if real == 0 or -exponent > MAX_SHIFT:
        return 0, MAX_SHIFT
    return min(math.floor(mantissa * (1 << 31) + 0.5), (1 << 31) - 1), -exponent


def high_multiply(x: Int32s, multiplier: Int32s) -> Int32s:
    """Return ``x · multiplier / 2^31``, rounded to nearest, halves up."""
    product = x.astype(np.int64) * multiplier.astype(np.int64)
    return ((product + (1 << 30)) >> 31).astype(np.int32)


def divide_by_power(x: Int32s, shift: Int32s) -> Int32s:
    """Return ``x / 2^shift``, rounded to nearest, halves away from zero."""
    wide, n = x.astype(np.int64), shift.astype(np.int64)
    half = (np.int64(1) << n) >> 1
    return ((wide + half - (wide < 0)) >> n).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Requantization:
    """From int32 sums, (..., channels), to the int8 of an output.

    Attributes
    ----------
    multiplier, shift : ndarray of int32, shape (channels,)
        See `quantize_multiplier`.
    zero_point : int
        Added after scaling.
    low, high : int
        What the result is clamped to: the int8 range, or that of a rectifier.
    table : ndarray of int8, shape (256,), or None
        A function of the result, at index ``q + 128``, for activations that clamping cannot express.
    """

    multiplier: Int32s
    shift: Int32s
    zero_point: int
    low: int = LOW
    high: int = HIGH
    table: Int8s | None = None

    def __call__(self, sums: Int32s) -> Int8s:
        """Return the int8 outputs of `sums`."""
        scaled = divide_by_power(high_multiply(sums, self.multiplier), self.shift)
        q = np.clip(scaled + self.zero_point, self.low, self.high)
        return q.astype(np.int8) if self.table is None else self.table[q + 128]
