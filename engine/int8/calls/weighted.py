"""The base of int8 calls that compute weighted sums: convolutions and dense layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Int8s, Int32s, Requantization
from engine.int8.calls.call import IntegerCall
from engine.int8.sums import LARGEST_INPUT

__all__ = ["IntegerWeighted"]

Floats = NDArray[np.floating[Any]]  # represent the integers of sums exactly; their matrix product is fast
EXACT = 1 << 24  # float32 represents every integer up to this


@dataclass(frozen=True, eq=False)
class IntegerWeighted(IntegerCall):
    """A weighted sum: ``requantization(Σ weight · (q - zero_point) + bias)``.

    Attributes
    ----------
    weight : ndarray of int8
        Symmetric, -127 … 127; its axis `channel_axis` runs over the output channels.
    bias : ndarray of int32, shape (channels,)
        In units of the sums; no zero point is folded in.
    requantization : Requantization
    """

    weight: Int8s
    bias: Int32s
    requantization: Requantization

    channel_axis: ClassVar[int] = 0

    @property
    def taps(self) -> int:
        return self.weight.size // len(self.bias)

    @cached_property
    def exact_weight(self) -> Floats:
        """The weight in floats that represent all of its sums exactly."""
        others = tuple(i for i in range(self.weight.ndim) if i != self.channel_axis)
        largest = np.abs(self.weight.astype(np.int64)).sum(axis=others).max(initial=0) * LARGEST_INPUT
        return self.weight.astype(np.float32 if largest < EXACT else np.float64)

    def centred(self, x: Int8s) -> Floats:
        """Return ``x - zero_point``, of the shape of `x`, with the dtype of `exact_weight`."""
        dtype = self.exact_weight.dtype
        result: Floats = x.astype(dtype) - dtype.type(self.source.zero_point)
        return result

    def finish(self, sums: Floats) -> Int8s:
        """Return the int8 outputs of `sums`, (…, channels), to which the bias is added first."""
        return self.requantization(sums.astype(np.int32) + self.bias)
