"""Convolution in int8."""

from __future__ import annotations

from engine.export.int8.code import StageCode
from engine.export.int8.requantized import requantization_arrays, requantization_sizes, zero_byte
from engine.integer import IntegerConv2D

__all__ = ["conv2d"]


def conv2d(call: IntegerConv2D, fast: bool) -> StageCode:
    """Return the C of a convolution with activation and max pooling."""
    w = call.window
    sizes = {
        "kernel": w.kernel,
        "stride": w.stride,
        "top": w.top,
        "left": w.left,
        "pool": call.pool,
        "in_zero": zero_byte(call.source),
        **requantization_sizes(call.requantization),
    }
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, call.bias)}
    return StageCode("conv2d_s8", sizes, arrays)
