"""Dense layers in int8."""

from __future__ import annotations

from engine.export.int8.code import StageCode
from engine.export.int8.requantized import requantization_arrays, requantization_sizes, zero_byte
from engine.integer import IntegerDense

__all__ = ["dense"]


def dense(call: IntegerDense, fast: bool) -> StageCode:
    """Return the C of a dense layer with activation."""
    sizes = {"in_zero": zero_byte(call.source), **requantization_sizes(call.requantization)}
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, call.bias)}
    return StageCode("dense_s8", sizes, arrays)
