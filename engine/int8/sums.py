"""Quantize weighted sums: choose int8 weights, int32 biases and multipliers for real numbers.

Weights are symmetric, each output channel with a scale of its own, ``max|w| / 127`` as in TensorFlow Lite.
The scale of a channel is larger if its bias, or its largest possible sum, would exceed 2^29. So a sum with
its bias stays below 2^30, and all intermediate sums of a kernel stay below 2^31, whether zero points are
folded into the bias or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import QuantizationError
from engine.int8.arithmetic import Int8s, Int32s, quantize_multiplier, round_half_away

__all__ = ["LARGEST_INPUT", "IntegerSum", "RealSum"]

Floats = NDArray[np.float64]

SUM_LIMIT = 1 << 29  # of a bias, and of a sum without it
LARGEST_WEIGHT = 127
LARGEST_INPUT = 255  # largest distance of an int8 from its zero point
LARGEST_MULTIPLIER = 0.499  # below a half, so that the shift to the right is at least 1
DEAD_CHANNEL = 2.0**-16  # scale of the sums of a channel that is always 0, relative to that of the output


@dataclass(frozen=True, eq=False)
class IntegerSum:
    """The integers of a weighted sum; see `engine.int8.calls.weighted.IntegerWeighted`.

    Attributes
    ----------
    weight : ndarray of int8
        Of the shape of the real weight.
    bias, multiplier, shift : ndarray of int32, shape (channels,)
        See `engine.int8.arithmetic.Requantization` for the last two.
    """

    weight: Int8s
    bias: Int32s
    multiplier: Int32s
    shift: Int32s


@dataclass(frozen=True, eq=False)
class RealSum:
    """``Σ weight · x + bias`` in real numbers, with the scales that its int8 weights will have.

    Attributes
    ----------
    weight : ndarray of float64
        With the output channels as the last axis.
    bias : ndarray of float64, shape (channels,)
    scales : ndarray of float64, shape (channels,)
        Of the int8 weights; 0 for channels that are always 0.
    source_scale : float
        Scale of the input.
    axis : int
        The axis of the int8 weights that runs over the output channels.
    """

    weight: Floats
    bias: Floats
    scales: Floats
    source_scale: float
    axis: int

    @classmethod
    def of(cls, weight: NDArray[Any], bias: NDArray[Any], axis: int, source_scale: float) -> RealSum:
        """Choose the scales for a `weight` whose `axis` runs over the output channels."""
        wide, offset = np.moveaxis(weight, axis, -1).astype(np.float64), bias.astype(np.float64)
        if not (np.isfinite(wide).all() and np.isfinite(offset).all()):
            raise QuantizationError("the parameters hold numbers that are not finite; train the model again.")
        others = tuple(range(wide.ndim - 1))
        scales = np.abs(wide).max(axis=others, initial=0) / LARGEST_WEIGHT
        scales = np.maximum(scales, np.abs(offset) / (source_scale * SUM_LIMIT))
        while True:
            sums = np.abs(_rounded(wide, scales)).sum(axis=others) * LARGEST_INPUT
            if (sums <= SUM_LIMIT).all():
                return cls(wide, offset, scales, source_scale, axis)
            scales = scales * np.maximum(sums / SUM_LIMIT, 1) * np.where(sums > SUM_LIMIT, 1.01, 1)

    @property
    def smallest_scale(self) -> float:
        """The smallest scale of the output for which all multipliers are below 0.5."""
        return float(self.scales.max() * self.source_scale / LARGEST_MULTIPLIER)

    def scaled_to(self, scale: float) -> IntegerSum:
        """Return the integers for an output with this `scale`, which is at least `smallest_scale`."""
        units = np.where(self.scales > 0, self.scales * self.source_scale, scale * DEAD_CHANNEL)
        pairs = [quantize_multiplier(float(unit / scale)) for unit in units]
        multiplier, shift = np.array(pairs, np.int32).T
        weight = np.moveaxis(_rounded(self.weight, self.scales), -1, self.axis)
        bias = round_half_away(self.bias / units)
        return IntegerSum(
            np.ascontiguousarray(weight, np.int8),
            bias.astype(np.int32),
            np.ascontiguousarray(multiplier),
            np.ascontiguousarray(shift),
        )


def _rounded(weight: Floats, scales: Floats) -> Floats:
    return np.clip(round_half_away(weight / np.where(scales > 0, scales, 1)), -LARGEST_WEIGHT, LARGEST_WEIGHT)
